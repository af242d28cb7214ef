//! ApiVersions: in versions from the future, too.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::ApiVersionsRequest;
use strandlog::kafka::versions::SERVED;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = ApiVersionsRequest {
        client_software_name: "sim".to_owned(),
        client_software_version: "1".to_owned(),
        ..ApiVersionsRequest::default()
    };
    probe(stage, &request, |_, response| {
        expect(response.error_code, &[ErrorCode::None], "ApiVersions");
        let keys = response.api_keys.iter().map(|api| api.api_key);
        assert!(keys.eq(SERVED.iter().map(|api| api.code())), "ApiVersions shows what is served");
    });
}
