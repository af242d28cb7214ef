//! OffsetForLeaderEpoch: what a reader has read of an epoch was not cut off.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::OffsetForLeaderEpochRequest;
use strandlog::kafka::messages::OffsetForLeaderPartition;
use strandlog::kafka::messages::OffsetForLeaderTopic;

use super::error_of;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let following = stage.mind.reading.following.iter();
    let mut read = following.filter_map(|(place, at)| Some((place.clone(), at.next?, at.epoch?)));
    let Some((place, next, epoch)) = read.next() else { return };
    let version = stage.version::<OffsetForLeaderEpochRequest>();
    let request = OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: vec![OffsetForLeaderTopic {
            topic: place.0.clone(),
            partitions: vec![OffsetForLeaderPartition {
                partition: place.1,
                current_leader_epoch: -1,
                leader_epoch: epoch,
                ..OffsetForLeaderPartition::default()
            }],
            ..OffsetForLeaderTopic::default()
        }],
        ..OffsetForLeaderEpochRequest::default()
    };
    let floor = stage.truth.floor(&place);
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
        let [part] = topic.partitions.as_slice() else { panic!("answers: {response:?}") };
        let error = error_of(part.error_code);
        if error != ErrorCode::None {
            stage.truth.bear(&floor, error, "OffsetForLeaderEpoch");
        } else if part.leader_epoch == epoch {
            assert!(
                part.end_offset >= next,
                "durability: {place:?} was read to {next} in epoch {epoch}: {part:?}"
            );
        }
    });
}
