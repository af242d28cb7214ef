//! OffsetDelete, of a group that is not there.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::OffsetDeleteRequest;

use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request =
        OffsetDeleteRequest { group_id: STRANGERS.to_owned(), ..OffsetDeleteRequest::default() };
    probe(stage, &request, |_, response| {
        let allowed = [
            ErrorCode::GroupIdNotFound,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
        ];
        expect(response.error_code, &allowed, "OffsetDelete");
    });
}
