//! CreateAcls: there is no authorizer.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::AclCreation;
use strandlog::kafka::messages::CreateAclsRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let creation = AclCreation {
        resource_type: 2,
        resource_name: "t0".to_owned(),
        principal: "User:sim".to_owned(),
        host: "*".to_owned(),
        operation: 3,
        permission_type: 3,
        ..AclCreation::default()
    };
    let request = CreateAclsRequest { creations: vec![creation], ..CreateAclsRequest::default() };
    probe(stage, &request, |_, response| {
        for result in response.results {
            expect(result.error_code, &[ErrorCode::SecurityDisabled], "CreateAcls");
        }
    });
}
