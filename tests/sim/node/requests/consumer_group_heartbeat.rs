//! ConsumerGroupHeartbeat: it is not served, and whoever asks is closed.

use strandlog::kafka::messages::ConsumerGroupHeartbeatRequest;
use strandlog::kafka::versions::ApiKey;

use super::STRANGERS;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = ConsumerGroupHeartbeatRequest {
        group_id: STRANGERS.to_owned(),
        ..ConsumerGroupHeartbeatRequest::default()
    };
    if ApiKey::ConsumerGroupHeartbeat.is_served() {
        probe(stage, &request, |_, _| {});
    } else {
        stage.send_refused(&request);
    }
}
