//! Joins a classic group, or joins it again for a rebalance.
//!
//! * 1: a rebalance timeout. 4 (KIP-394): an unknown member is sent back with the id to join with.
//! * 5 (KIP-345): static members. 7 (KIP-559): the response names the protocol type. 8 (KIP-800):
//!   reasons.
//! * 9 (KIP-814): the leader may be told to skip the assignment.

api! {
    /// Joins a classic group, or joins it again for a rebalance.
    JoinGroup = 11, versions 0..=9, flexible 6;

    request JoinGroupRequest {
        group_id: String, 0..;
        session_timeout_ms: i32, 0..;
        rebalance_timeout_ms: i32, 1.., default -1, ignorable;
        member_id: String, 0..;
        group_instance_id: Option<String>, 5.., null 5.., default None;
        protocol_type: String, 0..;
        protocols: Vec<JoinGroupRequestProtocol>, 0..;
        reason: Option<String>, 8.., null 8.., default None, ignorable;
    }

    struct JoinGroupRequestProtocol {
        name: String, 0..;
        metadata: Bytes, 0..;
    }

    response JoinGroupResponse {
        throttle_time_ms: i32, 2.., ignorable;
        error_code: i16, 0..;
        generation_id: i32, 0.., default -1;
        protocol_type: Option<String>, 7.., null 7.., default None, ignorable;
        protocol_name: Option<String>, 0.., null 7..;
        leader: String, 0..;
        skip_assignment: bool, 9..;
        member_id: String, 0..;
        members: Vec<JoinGroupResponseMember>, 0..;
    }

    struct JoinGroupResponseMember {
        member_id: String, 0..;
        group_instance_id: Option<String>, 5.., null 5.., default None, ignorable;
        metadata: Bytes, 0..;
    }
}
