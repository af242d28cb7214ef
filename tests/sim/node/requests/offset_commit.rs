//! OffsetCommit: ever higher offsets, of partitions that the member owns.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::OffsetCommitResponse;

use super::AWAY;
use super::OUTDATED;
use super::expect;
use crate::node::client::Stage;
use crate::node::membership::Standing;
use crate::node::truth::Floor;

/// The first version that names topics by their ids.
const TOPIC_IDS_FROM: i16 = 10;

pub fn ask(stage: &mut Stage<'_>) {
    let membership = &stage.mind.membership;
    if membership.standing != Standing::Stable || membership.owned.is_empty() {
        return;
    }
    let (group, generation) = (membership.group.clone(), membership.generation);
    let member_id = membership.id.clone();
    let chosen = stage.rng.below(membership.owned.len() as u64) as usize;
    let place = membership.owned[chosen].clone();
    let offset = stage.truth.groups.next(&group, &place);
    let version = stage.version::<OffsetCommitRequest>().min(TOPIC_IDS_FROM - 1);
    let request = OffsetCommitRequest {
        group_id: group.clone(),
        generation_id_or_member_epoch: generation,
        member_id,
        topics: vec![OffsetCommitRequestTopic {
            name: place.0.clone(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: place.1,
                committed_offset: offset,
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    let floor = stage.truth.floor(&place);
    stage.send(version, &request, move |stage, response| {
        on_answer(stage, &group, generation, &floor, offset, response);
    });
}

fn on_answer(
    stage: &mut Stage<'_>,
    group: &str,
    generation: i32,
    floor: &Floor,
    offset: i64,
    response: Option<OffsetCommitResponse>,
) {
    let place = &floor.place;
    let Some(response) = response else { return stage.truth.groups.lost(group, place, offset) };
    let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
    let [part] = topic.partitions.as_slice() else { panic!("answers: {response:?}") };
    let gone = [ErrorCode::UnknownTopicOrPartition];
    let allowed = [AWAY, OUTDATED, &[ErrorCode::None], &gone].concat();
    match expect(part.error_code, &allowed, "OffsetCommit") {
        ErrorCode::None => stage.truth.groups.confirmed(group, place, offset),
        ErrorCode::UnknownTopicOrPartition => {
            stage.truth.bear(floor, ErrorCode::UnknownTopicOrPartition, "OffsetCommit");
        }
        error => {
            // A coordinator that was waited for too long may have written it.
            stage.truth.groups.lost(group, place, offset);
            let membership = &mut stage.mind.membership;
            let is_of_now =
                membership.generation == generation && membership.standing == Standing::Stable;
            if OUTDATED.contains(&error) && is_of_now && error != ErrorCode::RebalanceInProgress {
                membership.rejoin(error == ErrorCode::UnknownMemberId);
            }
        }
    }
}
