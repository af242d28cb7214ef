//! CreatePartitions.

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::CreatePartitionsRequest;
use strandlog::kafka::messages::CreatePartitionsTopic;

use super::any_topic;
use super::error_of;
use crate::node::client::Stage;

/// Partitions of a topic.
const PARTITIONS_MAX: i32 = 6;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(name) = any_topic(stage).filter(|_| !stage.healing) else { return };
    let topic = stage.truth.topic_mut(&name);
    let count = topic.count() + 1;
    if count > PARTITIONS_MAX {
        return;
    }
    topic.ask(count);
    let floor = stage.truth.floor(&(name.clone(), 0));
    let version = stage.version::<CreatePartitionsRequest>();
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: name.clone(),
            count,
            assignments: None,
            ..CreatePartitionsTopic::default()
        }],
        timeout_ms: 20_000,
        ..CreatePartitionsRequest::default()
    };
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [result] = response.results.as_slice() else { panic!("answers: {response:?}") };
        match error_of(result.error_code) {
            ErrorCode::None => stage.truth.topic_mut(&name).confirm(TopicId::NONE, count),
            // Somebody else was faster.
            ErrorCode::InvalidPartitions => {}
            error => {
                stage.truth.bear(&floor, error, "CreatePartitions");
            }
        }
    });
}
