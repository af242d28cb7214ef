//! DescribeTopicPartitions: what was confirmed is shown.

use strandlog::kafka::messages::DescribeTopicPartitionsRequest;
use strandlog::kafka::messages::DescribeTopicPartitionsTopic;

use super::any_topic;
use super::error_of;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(name) = any_topic(stage) else { return };
    let floor = stage.truth.floor(&(name.clone(), 0));
    let least = stage.truth.topic(&name).least();
    let topic = DescribeTopicPartitionsTopic {
        name: name.clone(),
        ..DescribeTopicPartitionsTopic::default()
    };
    let request = DescribeTopicPartitionsRequest {
        topics: vec![topic],
        ..DescribeTopicPartitionsRequest::default()
    };
    probe(stage, &request, move |stage, response| {
        let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
        if topic.error_code != 0 {
            stage.truth.bear(&floor, error_of(topic.error_code), "DescribeTopicPartitions");
            return;
        }
        let count = topic.partitions.len() as i32;
        assert!(count >= least, "metadata: {name} has {count} of {least} partitions");
        stage.truth.topic_mut(&name).see(topic.topic_id, count);
    });
}
