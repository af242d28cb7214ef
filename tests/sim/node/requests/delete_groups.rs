//! DeleteGroups, of a group that is not there.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteGroupsRequest;

use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DeleteGroupsRequest {
        groups_names: vec![STRANGERS.to_owned()],
        ..DeleteGroupsRequest::default()
    };
    probe(stage, &request, |_, response| {
        let allowed = [
            ErrorCode::GroupIdNotFound,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
        ];
        let [result] = response.results.as_slice() else { panic!("answers: {response:?}") };
        expect(result.error_code, &allowed, "DeleteGroups");
    });
}
