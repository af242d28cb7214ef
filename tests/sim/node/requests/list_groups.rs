//! ListGroups: those of all coordinators.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::ListGroupsRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    probe(stage, &ListGroupsRequest::default(), |_, response| {
        let allowed = [
            ErrorCode::None,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorNotAvailable,
        ];
        expect(response.error_code, &allowed, "ListGroups");
    });
}
