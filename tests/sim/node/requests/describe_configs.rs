//! DescribeConfigs: what was set is shown, on whatever core.

use strandlog::kafka::messages::DescribeConfigsRequest;
use strandlog::kafka::messages::DescribeConfigsResource;

use super::any_topic;
use super::error_of;
use super::incremental_alter_configs::KNOB;
use super::incremental_alter_configs::TOPIC;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(name) = any_topic(stage) else { return };
    let floor = stage.truth.floor(&(name.clone(), 0));
    let least = stage.truth.topic(&name).knob_set;
    let resource = DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: name.clone(),
        configuration_keys: stage.rng.one_in(2).then(|| vec![KNOB.to_owned()]),
        ..DescribeConfigsResource::default()
    };
    let request =
        DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    probe(stage, &request, move |stage, response| {
        let [result] = response.results.as_slice() else { panic!("answers: {response:?}") };
        if result.error_code != 0 {
            stage.truth.bear(&floor, error_of(result.error_code), "DescribeConfigs");
            return;
        }
        let knob = result.configs.iter().find(|config| config.name == KNOB);
        let knob = knob.and_then(|config| config.value.as_deref()?.parse::<i64>().ok());
        let most = stage.truth.topic(&name).knob_asked;
        let is_default = knob == Some(i64::MAX) && least == 0;
        assert!(
            is_default || knob.is_some_and(|knob| (least..=most).contains(&knob)),
            "metadata: {KNOB} of {name} is {knob:?}, set to {least}, asked for {most}"
        );
    });
}
