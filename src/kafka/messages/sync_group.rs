//! Hands the leader's assignment to the members of a generation.
//!
//! * 3 (KIP-345): static members. 5 (KIP-559): protocol type and name, which must match the
//!   group's.

api! {
    /// Hands the leader's assignment to the members of a generation.
    SyncGroup = 14, versions 0..=5, flexible 4;

    request SyncGroupRequest {
        group_id: String, 0..;
        generation_id: i32, 0..;
        member_id: String, 0..;
        group_instance_id: Option<String>, 3.., null 3.., default None;
        protocol_type: Option<String>, 5.., null 5.., default None, ignorable;
        protocol_name: Option<String>, 5.., null 5.., default None, ignorable;
        assignments: Vec<SyncGroupRequestAssignment>, 0..;
    }

    struct SyncGroupRequestAssignment {
        member_id: String, 0..;
        assignment: Bytes, 0..;
    }

    response SyncGroupResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 0..;
        protocol_type: Option<String>, 5.., null 5.., default None, ignorable;
        protocol_name: Option<String>, 5.., null 5.., default None, ignorable;
        assignment: Bytes, 0..;
    }
}
