//! Metadata: what was confirmed is shown by every core, what nobody asked for by none. Naming a
//! topic that is not there makes it.

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::MetadataRequestTopic;
use strandlog::kafka::messages::MetadataResponse;
use strandlog::kafka::messages::MetadataResponseTopic;
use strandlog::metadata::is_internal_topic;

use super::any_topic;
use super::create_topics::new_topic;
use super::expect;
use crate::node::client::Stage;
use crate::node::process::CORE_PORT;
use crate::node::truth::TopicKind;

/// Partitions of a topic that comes into being by being named (`num.partitions`).
const AUTO_PARTITIONS: i32 = 2;

pub fn ask(stage: &mut Stage<'_>) {
    let version = stage.version::<MetadataRequest>();
    let named = match stage.rng.below(8) {
        0 if !stage.healing => new_topic(stage, TopicKind::default(), AUTO_PARTITIONS),
        1..=3 => any_topic(stage),
        _ => None,
    };
    let topic = |name: &String| MetadataRequestTopic {
        name: Some(name.clone()),
        ..MetadataRequestTopic::default()
    };
    let all = if version == 0 { Some(Vec::new()) } else { None };
    let request = MetadataRequest {
        topics: named.as_ref().map_or(all, |name| Some(vec![topic(name)])),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    };
    // Topics and partitions that every core knows when it is asked.
    let topics = stage.truth.topics.values();
    let wanted = topics.filter(|topic| named.as_ref().is_none_or(|name| *name == topic.name));
    let certain: Vec<(String, i32)> = wanted
        .clone()
        .filter(|topic| topic.least() > 0)
        .map(|topic| (topic.name.clone(), topic.least()))
        .collect();
    let deleted: Vec<String> =
        wanted.filter(|topic| topic.is_deleted()).map(|topic| topic.name.clone()).collect();
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        on_answer(stage, version, &certain, &deleted, &response);
    });
}

fn on_answer(
    stage: &mut Stage<'_>,
    version: i16,
    certain: &[(String, i32)],
    deleted: &[String],
    response: &MetadataResponse,
) {
    for topic in &response.topics {
        let name = topic.name.clone().unwrap_or_default();
        if is_internal_topic(&name) {
            continue;
        }
        let allowed = [ErrorCode::None, ErrorCode::UnknownTopicOrPartition];
        if expect(topic.error_code, &allowed, "Metadata") == ErrorCode::None {
            assert!(!deleted.contains(&name), "metadata: {name} is back from the dead");
            see(stage, version, &name, topic);
        }
    }
    for (name, partitions) in certain {
        if stage.truth.topic(name).delete_asked {
            continue;
        }
        let shown = response.topics.iter().find(|topic| topic.name.as_ref() == Some(name));
        let count = shown.map_or(0, |topic| topic.partitions.len() as i32);
        assert!(count >= *partitions, "metadata: {name} has {count} of {partitions} partitions");
    }
    for broker in &response.brokers {
        let core = u16::try_from(broker.port).expect("a port").checked_sub(CORE_PORT);
        if core.is_some() && stage.rng.one_in(2) {
            stage.mind.wanted_core = core;
        }
    }
}

fn see(stage: &mut Stage<'_>, version: i16, name: &str, topic: &MetadataResponseTopic) {
    let id = if version >= 10 { topic.topic_id } else { TopicId::NONE };
    let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
    assert!(indexes.eq(0..topic.partitions.len() as i32), "metadata: partitions of {name}");
    stage.truth.topic(name);
    stage.truth.topic_mut(name).see(id, topic.partitions.len() as i32);
}
