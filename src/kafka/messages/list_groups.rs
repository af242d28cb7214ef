//! The groups of a coordinator.
//!
//! * 4 (KIP-518): by state. 5 (KIP-848): by type.

api! {
    /// The groups of a coordinator.
    ListGroups = 16, versions 0..=5, flexible 3;

    request ListGroupsRequest {
        states_filter: Vec<String>, 4..;
        types_filter: Vec<String>, 5..;
    }

    response ListGroupsResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 0..;
        groups: Vec<ListedGroup>, 0..;
    }

    struct ListedGroup {
        group_id: String, 0..;
        protocol_type: String, 0..;
        group_state: String, 4.., ignorable;
        group_type: String, 5.., ignorable;
    }
}
