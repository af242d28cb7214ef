//! DescribeCluster: the node, or each of its cores.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DescribeClusterRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DescribeClusterRequest::default();
    probe(stage, &request, |_, response| {
        expect(response.error_code, &[ErrorCode::None], "DescribeCluster");
        assert!((1..=3).contains(&response.brokers.len()), "brokers: {response:?}");
    });
}
