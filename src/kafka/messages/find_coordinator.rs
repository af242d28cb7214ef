//! Who coordinates groups, transactional ids and share groups.
//!
//! * 1: key types: 0 group, 1 transaction, 2 (from version 6 on) share group.
//! * 4 (KIP-699): several keys at once. 5 (KIP-890): marks clients that know TRANSACTION_ABORTABLE.

api! {
    /// Who coordinates groups, transactional ids and share groups.
    FindCoordinator = 10, versions 0..=6, flexible 3;

    request FindCoordinatorRequest {
        key: String, 0..=3;
        key_type: i8, 1..;
        coordinator_keys: Vec<String>, 4..;
    }

    response FindCoordinatorResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 0..=3;
        error_message: Option<String>, 1..=3, null 1..=3, ignorable;
        node_id: i32, 0..=3;
        host: String, 0..=3;
        port: i32, 0..=3;
        coordinators: Vec<FoundCoordinator>, 4..;
    }

    struct FoundCoordinator {
        key: String, 4..;
        node_id: i32, 4..;
        host: String, 4..;
        port: i32, 4..;
        error_code: i16, 4..;
        error_message: Option<String>, 4.., null 4.., ignorable;
    }
}
