//! ConsumerGroupDescribe: it is not served, and whoever asks is closed.

use strandlog::kafka::messages::ConsumerGroupDescribeRequest;
use strandlog::kafka::versions::ApiKey;

use super::STRANGERS;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![STRANGERS.to_owned()],
        ..ConsumerGroupDescribeRequest::default()
    };
    if ApiKey::ConsumerGroupDescribe.is_served() {
        probe(stage, &request, |_, _| {});
    } else {
        stage.send_refused(&request);
    }
}
