//! DescribeUserScramCredentials: there are none.

use strandlog::kafka::messages::DescribeUserScramCredentialsRequest;

use super::error_of;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DescribeUserScramCredentialsRequest::default();
    probe(stage, &request, |_, response| {
        error_of(response.error_code);
        assert!(response.results.is_empty(), "nobody has made any: {response:?}");
    });
}
