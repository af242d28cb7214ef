//! FindCoordinator: makes the topic of the coordinators when it is asked first.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::FindCoordinatorRequest;

use super::STRANGERS;
use super::expect;
use crate::node::client::Stage;
use crate::node::mind::Role;

pub fn ask(stage: &mut Stage<'_>) {
    let version = stage.version::<FindCoordinatorRequest>();
    let name = match stage.mind.role {
        Role::Member => stage.mind.membership.group.clone(),
        _ => STRANGERS.to_owned(),
    };
    let request = match version {
        4.. => FindCoordinatorRequest {
            coordinator_keys: vec![name],
            ..FindCoordinatorRequest::default()
        },
        _ => FindCoordinatorRequest { key: name, ..FindCoordinatorRequest::default() },
    };
    stage.send(version, &request, |_, response| {
        let Some(response) = response else { return };
        let allowed = [ErrorCode::None, ErrorCode::CoordinatorNotAvailable];
        expect(response.error_code, &allowed, "FindCoordinator");
        for found in &response.coordinators {
            expect(found.error_code, &allowed, "FindCoordinator");
        }
    });
}
