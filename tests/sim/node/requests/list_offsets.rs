//! ListOffsets: both ends, and places in time.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsPartitionResponse;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;

use super::any_place;
use super::error_of;
use crate::node::client::Stage;
use crate::node::options::pick;
use crate::node::truth::Floor;
use crate::node::truth::Place;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

pub fn ask(stage: &mut Stage<'_>) {
    let lost = stage.mind.reading.following.iter().find(|(_, position)| position.next.is_none());
    let lost = lost.map(|(place, _)| (place.clone(), EARLIEST));
    let wanted = lost.or_else(|| {
        let place = any_place(stage)?;
        let recent = stage.wall_ms - stage.rng.below(2_000) as i64;
        Some((place, pick(stage.rng, &[LATEST, EARLIEST, recent])))
    });
    let Some((place, timestamp)) = wanted else { return };
    let version = stage.version::<ListOffsetsRequest>();
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: place.0.clone(),
            partitions: vec![ListOffsetsPartition {
                partition_index: place.1,
                timestamp,
                ..ListOffsetsPartition::default()
            }],
            ..ListOffsetsTopic::default()
        }],
        timeout_ms: 10_000,
        ..ListOffsetsRequest::default()
    };
    let floor = stage.truth.floor(&place);
    let known = known_at(stage, &place, timestamp);
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
        let [part] = topic.partitions.as_slice() else { panic!("answers: {response:?}") };
        assert_eq!((&topic.name, part.partition_index), (&place.0, place.1), "answers: whose");
        on_answer(stage, &floor, timestamp, known, part);
    });
}

/// The first offset of that time among what was known when it was asked for.
fn known_at(stage: &Stage<'_>, place: &Place, timestamp: i64) -> Option<i64> {
    let log = stage.truth.log(place);
    let fits = log.known(0, i64::MAX).find_map(|(base, id)| {
        let batch = stage.truth.batch(id);
        let later = (timestamp - batch.oldest_ms).max(0);
        (batch.newest_ms >= timestamp).then_some(base + later)
    });
    fits.filter(|_| timestamp >= 0 && !stage.truth.topic(&place.0).kind.rewrites)
}

fn on_answer(
    stage: &mut Stage<'_>,
    floor: &Floor,
    timestamp: i64,
    known: Option<i64>,
    part: &ListOffsetsPartitionResponse,
) {
    let place = &floor.place;
    let error = error_of(part.error_code);
    if error != ErrorCode::None {
        if stage.truth.bear(floor, error, "ListOffsets") {
            stage.mind.reading.following.remove(place);
        }
        return;
    }
    match timestamp {
        LATEST => stage.truth.saw_high(floor, part.offset),
        EARLIEST => {
            stage.truth.saw_start(stage.wall_ms, floor, part.offset);
            if let Some(position) = stage.mind.reading.following.get_mut(place)
                && position.next.is_none()
            {
                position.least = position.least.max(part.offset);
                position.next = Some(position.least);
            }
        }
        _ => {
            // What is there and fits is found, unless it was deleted meanwhile.
            let start = stage.truth.log(place).deletable;
            let may_be_gone = stage.truth.topic(&place.0).kind.has_retention();
            if let Some(known) = known.filter(|known| *known >= start && !may_be_gone) {
                assert!(
                    part.offset >= 0 && part.offset <= known,
                    "offsets by time: {place:?} has {known} at {timestamp}, found {part:?}"
                );
            }
        }
    }
}
