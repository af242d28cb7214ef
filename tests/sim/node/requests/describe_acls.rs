//! DescribeAcls: there is no authorizer.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DescribeAclsRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DescribeAclsRequest {
        resource_type_filter: 2,
        pattern_type_filter: 3,
        operation: 1,
        permission_type: 1,
        ..DescribeAclsRequest::default()
    };
    probe(stage, &request, |_, response| {
        expect(response.error_code, &[ErrorCode::SecurityDisabled], "DescribeAcls");
    });
}
