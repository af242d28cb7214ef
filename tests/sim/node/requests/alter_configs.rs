//! AlterConfigs: checked only, so that it does not undo what others set.

use strandlog::kafka::messages::AlterConfigsRequest;
use strandlog::kafka::messages::AlterConfigsResource;
use strandlog::kafka::messages::AlterableConfig;

use super::any_topic;
use super::error_of;
use super::incremental_alter_configs::KNOB;
use super::incremental_alter_configs::TOPIC;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(name) = any_topic(stage) else { return };
    let floor = stage.truth.floor(&(name.clone(), 0));
    let config = AlterableConfig {
        name: KNOB.to_owned(),
        value: Some("1000000".to_owned()),
        ..AlterableConfig::default()
    };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name,
        configs: vec![config],
        ..AlterConfigsResource::default()
    };
    let request = AlterConfigsRequest {
        resources: vec![resource],
        validate_only: true,
        ..AlterConfigsRequest::default()
    };
    probe(stage, &request, move |stage, response| {
        let [result] = response.responses.as_slice() else { panic!("answers: {response:?}") };
        if result.error_code != 0 {
            stage.truth.bear(&floor, error_of(result.error_code), "AlterConfigs");
        }
    });
}
