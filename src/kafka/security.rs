//! DescribeAcls (29), CreateAcls (30), DeleteAcls (31), DescribeUserScramCredentials (50) of a broker
//! that asks nobody who they are: as Kafka without an authorizer.

use std::collections::BTreeMap;

use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::AclCreationResult;
use crate::kafka::messages::CreateAclsRequest;
use crate::kafka::messages::CreateAclsResponse;
use crate::kafka::messages::DeleteAclsFilterResult;
use crate::kafka::messages::DeleteAclsRequest;
use crate::kafka::messages::DeleteAclsResponse;
use crate::kafka::messages::DescribeAclsResponse;
use crate::kafka::messages::DescribeUserScramCredentialsRequest;
use crate::kafka::messages::DescribeUserScramCredentialsResponse;
use crate::kafka::messages::DescribedScramUser;

const NO_AUTHORIZER: &str = "No Authorizer is configured.";

pub fn describe_acls() -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".to_owned()),
        ..DescribeAclsResponse::default()
    }
}

pub fn create_acls(request: &CreateAclsRequest) -> CreateAclsResponse {
    let refused = AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..AclCreationResult::default()
    };
    let results = vec![refused; request.creations.len()];
    CreateAclsResponse { results, ..CreateAclsResponse::default() }
}

pub fn delete_acls(request: &DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..DeleteAclsFilterResult::default()
    };
    let filter_results = vec![refused; request.filters.len()];
    DeleteAclsResponse { filter_results, ..DeleteAclsResponse::default() }
}

/// There are no credentials: everybody is nobody.
pub fn describe_scram(
    request: &DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for user in request.users.iter().flatten() {
        *times.entry(&user.name).or_default() += 1;
    }
    let results = times.into_iter().map(|(user, times)| {
        let (code, message) = if times > 1 {
            let what =
                "Cannot describe SCRAM credentials for the same user twice in a single request";
            (ErrorCode::DuplicateResource, format!("{what}: {user}"))
        } else {
            let what = "Attempt to describe a user credential that does not exist";
            (ErrorCode::ResourceNotFound, format!("{what}: {user}"))
        };
        DescribedScramUser {
            user: user.to_owned(),
            error_code: code.code(),
            error_message: Some(message),
            ..DescribedScramUser::default()
        }
    });
    DescribeUserScramCredentialsResponse {
        results: results.collect(),
        ..DescribeUserScramCredentialsResponse::default()
    }
}
