//! Members leave a classic group.
//!
//! * 3 (KIP-345): several at once. 5 (KIP-800): with reasons.

api! {
    /// Members leave a classic group.
    LeaveGroup = 13, versions 0..=5, flexible 4;

    request LeaveGroupRequest {
        group_id: String, 0..;
        member_id: String, 0..=2;
        members: Vec<LeavingMember>, 3..;
    }

    struct LeavingMember {
        member_id: String, 3..;
        group_instance_id: Option<String>, 3.., null 3.., default None;
        reason: Option<String>, 5.., null 5.., default None, ignorable;
    }

    response LeaveGroupResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 0..;
        members: Vec<LeftMember>, 3..;
    }

    struct LeftMember {
        member_id: String, 3..;
        group_instance_id: Option<String>, 3.., null 3..;
        error_code: i16, 3..;
    }
}
