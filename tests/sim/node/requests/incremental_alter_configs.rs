//! IncrementalAlterConfigs: a config of a topic, to ever higher values.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::IncrementalAlterConfigsRequest;
use strandlog::kafka::messages::IncrementalAlterConfigsResource;
use strandlog::kafka::messages::IncrementalAlterableConfig;

use super::any_topic;
use super::error_of;
use super::probe;
use crate::node::client::Stage;

/// A config without an effect, so that it may have any value.
pub const KNOB: &str = "flush.messages";
/// The resource type of topics.
pub const TOPIC: i8 = 2;
const SET: i8 = 0;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(name) = any_topic(stage).filter(|_| !stage.healing) else { return };
    let floor = stage.truth.floor(&(name.clone(), 0));
    let topic = stage.truth.topic_mut(&name);
    // One after the other, so that the highest is the last.
    if topic.knob_asked > topic.knob_set {
        return;
    }
    topic.knob_asked += 1;
    let value = topic.knob_asked;
    let config = IncrementalAlterableConfig {
        name: KNOB.to_owned(),
        config_operation: SET,
        value: Some(value.to_string()),
        ..IncrementalAlterableConfig::default()
    };
    let resource = IncrementalAlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name.clone(),
        configs: vec![config],
        ..IncrementalAlterConfigsResource::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..IncrementalAlterConfigsRequest::default()
    };
    probe(stage, &request, move |stage, response| {
        let [result] = response.responses.as_slice() else { panic!("answers: {response:?}") };
        match error_of(result.error_code) {
            ErrorCode::None => stage.truth.topic_mut(&name).knob_set = value,
            error => {
                stage.truth.bear(&floor, error, "IncrementalAlterConfigs");
            }
        }
    });
}
