//! DeleteAcls: there is no authorizer.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteAclsFilter;
use strandlog::kafka::messages::DeleteAclsRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let filter = DeleteAclsFilter {
        resource_type_filter: 2,
        operation: 1,
        permission_type: 1,
        ..DeleteAclsFilter::default()
    };
    let request = DeleteAclsRequest { filters: vec![filter], ..DeleteAclsRequest::default() };
    probe(stage, &request, |_, response| {
        for result in response.filter_results {
            expect(result.error_code, &[ErrorCode::SecurityDisabled], "DeleteAcls");
        }
    });
}
