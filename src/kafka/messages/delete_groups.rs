//! Deletes groups that have no members.

api! {
    /// Deletes groups that have no members.
    DeleteGroups = 42, versions 0..=2, flexible 2;

    request DeleteGroupsRequest {
        groups_names: Vec<String>, 0..;
    }

    response DeleteGroupsResponse {
        throttle_time_ms: i32, 0..;
        results: Vec<DeletableGroupResult>, 0..;
    }

    struct DeletableGroupResult {
        group_id: String, 0..;
        error_code: i16, 0..;
    }
}
