//! CreateTopics: with retention, with compression, for checking only.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::CreatableTopic;
use strandlog::kafka::messages::CreatableTopicConfig;
use strandlog::kafka::messages::CreateTopicsRequest;

use super::expect;
use crate::node::client::Stage;
use crate::node::options::pick;
use crate::node::truth::Topic;
use crate::node::truth::TopicKind;

/// Topics of one seed.
const TOPICS_MAX: usize = 12;

/// A topic that nobody asked for before; `None`: there are enough.
pub fn new_topic(stage: &mut Stage<'_>, kind: TopicKind, partitions: i32) -> Option<String> {
    let count = stage.truth.topics.len();
    let name = format!("t{count}");
    let mut topic = Topic::new(name.clone(), kind);
    topic.ask(partitions);
    (count < TOPICS_MAX).then(|| {
        stage.truth.topics.insert(name.clone(), topic);
        name
    })
}

pub fn ask(stage: &mut Stage<'_>) {
    let mut configs = Vec::new();
    let mut kind = TopicKind::default();
    let mut set = |name: &str, value: String| {
        configs.push(CreatableTopicConfig {
            name: name.to_owned(),
            value: Some(value),
            ..CreatableTopicConfig::default()
        });
    };
    let features = stage.truth.features;
    if features.retention && stage.rng.one_in(2) {
        set("segment.bytes", pick(stage.rng, &["1048576", "2000000"]).to_owned());
        set("segment.ms", pick(stage.rng, &["20", "100", "100000"]).to_owned());
        if stage.rng.one_in(2) {
            let ms = pick(stage.rng, &[200, 2_000, 20_000]);
            kind.retention_ms = Some(ms);
            set("retention.ms", ms.to_string());
        } else {
            let bytes = pick(stage.rng, &[1_000, 20_000]);
            kind.retention_bytes = Some(bytes);
            set("retention.bytes", bytes.to_string());
        }
    } else if stage.rng.one_in(4) {
        // It lies in the strand of what is kept for ever.
        set("retention.ms", "-1".to_owned());
    }
    if features.rewrites && stage.rng.one_in(3) {
        kind.rewrites = true;
        match stage.rng.one_in(2) {
            true => set("compression.type", "lz4".to_owned()),
            false => set("message.timestamp.type", "LogAppendTime".to_owned()),
        }
    }
    let partitions = 1 + stage.rng.below(3) as i32;
    let checks_only = stage.rng.one_in(10);
    let Some(name) = new_topic(stage, kind, if checks_only { 0 } else { partitions }) else {
        return;
    };
    let version = stage.version::<CreateTopicsRequest>();
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.clone(),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..CreatableTopic::default()
        }],
        timeout_ms: 20_000,
        validate_only: checks_only,
        ..CreateTopicsRequest::default()
    };
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
        let allowed = [ErrorCode::None, ErrorCode::RequestTimedOut];
        let error = expect(topic.error_code, &allowed, "CreateTopics");
        if error == ErrorCode::None && !checks_only {
            stage.truth.topic_mut(&name).confirm(topic.topic_id, partitions);
        }
    });
}
