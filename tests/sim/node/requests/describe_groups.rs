//! DescribeGroups, of a group that nobody joined.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DescribeGroupsRequest;

use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DescribeGroupsRequest {
        groups: vec![STRANGERS.to_owned()],
        ..DescribeGroupsRequest::default()
    };
    probe(stage, &request, |_, response| {
        let allowed = [
            ErrorCode::None,
            ErrorCode::GroupIdNotFound,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
        ];
        let [group] = response.groups.as_slice() else { panic!("answers: {response:?}") };
        expect(group.error_code, &allowed, "DescribeGroups");
        assert!(group.members.is_empty(), "groups: nobody joined {group:?}");
    });
}
