//! State and members of classic groups.
//!
//! * 3: authorized operations. 4 (KIP-345): static members. 6 (KIP-1043): GROUP_ID_NOT_FOUND, and
//!   error messages.

api! {
    /// State and members of classic groups.
    DescribeGroups = 15, versions 0..=6, flexible 5;

    request DescribeGroupsRequest {
        groups: Vec<String>, 0..;
        include_authorized_operations: bool, 3..;
    }

    response DescribeGroupsResponse {
        throttle_time_ms: i32, 1.., ignorable;
        groups: Vec<DescribedGroup>, 0..;
    }

    struct DescribedGroup {
        error_code: i16, 0..;
        error_message: Option<String>, 6.., null 6.., default None;
        group_id: String, 0..;
        group_state: String, 0..;
        protocol_type: String, 0..;
        protocol_data: String, 0..;
        members: Vec<DescribedGroupMember>, 0..;
        authorized_operations: i32, 3.., default i32::MIN;
    }

    struct DescribedGroupMember {
        member_id: String, 0..;
        group_instance_id: Option<String>, 4.., null 4.., default None, ignorable;
        client_id: String, 0..;
        client_host: String, 0..;
        member_metadata: Bytes, 0..;
        member_assignment: Bytes, 0..;
    }
}
