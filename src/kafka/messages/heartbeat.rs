//! A member of a classic group lives.
//!
//! * 3 (KIP-345): static members.

api! {
    /// A member of a classic group lives.
    Heartbeat = 12, versions 0..=4, flexible 4;

    request HeartbeatRequest {
        group_id: String, 0..;
        generation_id: i32, 0..;
        member_id: String, 0..;
        group_instance_id: Option<String>, 3.., null 3.., default None;
    }

    response HeartbeatResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 0..;
    }
}
