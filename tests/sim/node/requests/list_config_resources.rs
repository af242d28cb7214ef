//! ListConfigResources: topics among them.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::ListConfigResourcesRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = ListConfigResourcesRequest::default();
    probe(stage, &request, |_, response| {
        expect(response.error_code, &[ErrorCode::None], "ListConfigResources");
    });
}
