//! Produce: batches with and without sequences, for several partitions at once, now and then one
//! that is damaged.

use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::ProduceResponse;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::record::BatchBuilder;
use strandlog::record::BatchHeader;
use strandlog::record::Codec;

use super::any_place;
use super::error_of;
use crate::node::client::Stage;
use crate::node::mind::Unacked;
use crate::node::mind::WINDOW;
use crate::node::options::pick;
use crate::node::truth::Batch;
use crate::node::truth::BatchId;
use crate::node::truth::Floor;
use crate::node::truth::Order;
use crate::node::truth::Place;

/// The first version that names topics by their ids.
const TOPIC_IDS_FROM: i16 = 13;

/// One batch of a request.
struct Part {
    floor: Floor,
    id: BatchId,
}

pub fn ask(stage: &mut Stage<'_>) {
    if stage.mind.producing.idempotent && stage.mind.producing.id.is_none() {
        return super::init_producer_id::ask(stage);
    }
    let mut batches: Vec<(Place, BatchId, Bytes)> = Vec::new();
    for _ in 0..pick(stage.rng, &[1, 1, 2, 3]) {
        let Some(place) = next_place(stage) else { break };
        if batches.iter().all(|(other, _, _)| *other != place)
            && let Some((id, batch)) = next_batch(stage, &place)
        {
            batches.push((place, id, batch));
        }
    }
    if batches.is_empty() {
        return;
    }
    send(stage, batches);
}

/// What was begun comes first where the chaos is over.
fn next_place(stage: &mut Stage<'_>) -> Option<Place> {
    if !stage.healing {
        return any_place(stage);
    }
    let lanes = &stage.mind.producing.lanes;
    let open = lanes.iter().filter(|(_, lane)| lane.unacked.iter().any(|batch| !batch.in_flight));
    let open: Vec<&Place> = open.map(|(place, _)| place).collect();
    let count = open.len() as u64;
    (count > 0).then(|| open[stage.rng.below(count) as usize].clone())
}

fn next_batch(stage: &mut Stage<'_>, place: &Place) -> Option<(BatchId, Bytes)> {
    if !stage.mind.producing.idempotent {
        return (!stage.healing).then(|| plain_batch(stage, place));
    }
    let producing = &mut stage.mind.producing;
    let lane = producing.lanes.entry(place.clone()).or_default();
    if let Some(again) = lane.unacked.iter_mut().find(|batch| !batch.in_flight) {
        again.in_flight = true;
        return Some((again.id, again.batch.clone()));
    }
    if stage.healing || lane.unacked.len() >= WINDOW {
        return None;
    }
    let (sequence, number) = (lane.next_sequence, lane.next_number);
    let producer = producing.id.expect("an idempotent producer has its id first");
    let order = Order { domain: producer as u64, number };
    let (id, batch) = make(stage, place, order, Some((producer, sequence)), false);
    let count = stage.truth.batch(id).count;
    let lane = stage.mind.producing.lanes.entry(place.clone()).or_default();
    lane.next_sequence += count;
    lane.next_number += 1;
    lane.unacked.push_back(Unacked { id, batch: batch.clone(), in_flight: true });
    Some((id, batch))
}

/// A batch without a sequence: those of one connection stay in order.
fn plain_batch(stage: &mut Stage<'_>, place: &Place) -> (BatchId, Bytes) {
    stage.mind.producing.sent += 1;
    let domain = (1 << 63) | stage.conn().0;
    let order = Order { domain, number: stage.mind.producing.sent };
    let spoilt = stage.mind.producing.spoils && stage.rng.one_in(20);
    make(stage, place, order, None, spoilt)
}

fn make(
    stage: &mut Stage<'_>,
    place: &Place,
    order: Order,
    producer: Option<(i64, i32)>,
    is_spoilt: bool,
) -> (BatchId, Bytes) {
    let most = stage.mind.producing.value_bytes_max;
    let count = pick(stage.rng, &[1, 1, 2, 5]);
    let filling = stage.rng.below(most) as usize;
    let codec = pick(stage.rng, &[Codec::None, Codec::None, Codec::None, Codec::Lz4, Codec::Gzip]);
    let oldest_ms = stage.wall_ms - stage.rng.below(50) as i64;
    let mut made = Bytes::new();
    let id = stage.truth.make_batch(|id| {
        let mut builder = BatchBuilder::new().codec(codec, 1);
        if let Some((producer, sequence)) = producer {
            builder = builder.producer(producer, 0, sequence);
        }
        for index in 0..count {
            let mut value = id.0.to_be_bytes().to_vec();
            value.push(index);
            value.extend((0..filling / usize::from(count)).map(|at| at as u8 ^ id.0 as u8));
            builder.push(oldest_ms + i64::from(index), None, Some(&value), &[]);
        }
        let mut batch = builder.finish();
        let header = BatchHeader::parse(&batch).expect("a batch");
        if is_spoilt {
            let last = batch.len() - 1;
            batch[last] ^= 1;
        }
        made = batch.into();
        Batch {
            place: place.clone(),
            order,
            count: i32::from(count),
            bytes: made.len() as i64,
            crc: header.crc,
            oldest_ms,
            newest_ms: header.max_timestamp,
            is_spoilt,
        }
    });
    (id, made)
}

fn send(stage: &mut Stage<'_>, batches: Vec<(Place, BatchId, Bytes)>) {
    let mut version = stage.version::<ProduceRequest>();
    if batches.iter().any(|(place, _, _)| stage.truth.id_of(&place.0).is_none()) {
        version = version.min(TOPIC_IDS_FROM - 1);
    }
    let acks = match stage.mind.producing.idempotent {
        true => -1,
        false => pick(stage.rng, &[-1, -1, 1, 0]),
    };
    let topic = |(place, _, batch): &(Place, BatchId, Bytes)| TopicProduceData {
        name: if version < TOPIC_IDS_FROM { place.0.clone() } else { String::new() },
        topic_id: match version {
            TOPIC_IDS_FROM.. => stage.truth.id_of(&place.0).unwrap_or_default(),
            _ => Default::default(),
        },
        partition_data: vec![PartitionProduceData {
            index: place.1,
            records: Some(batch.clone()),
            ..PartitionProduceData::default()
        }],
        ..TopicProduceData::default()
    };
    let request = ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: batches.iter().map(topic).collect(),
        ..ProduceRequest::default()
    };
    if acks == 0 {
        return stage.send_unanswered(version, &request);
    }
    let part =
        |(place, id, _): (Place, BatchId, Bytes)| Part { floor: stage.truth.floor(&place), id };
    let parts: Vec<Part> = batches.into_iter().map(part).collect();
    stage.send(version, &request, move |stage, response| on_answer(stage, parts, response));
}

fn on_answer(stage: &mut Stage<'_>, parts: Vec<Part>, response: Option<ProduceResponse>) {
    let Some(response) = response else {
        return parts.iter().for_each(|part| put_back(stage, part));
    };
    assert_eq!(response.responses.len(), parts.len(), "answers: one for each topic of a produce");
    for (part, topic) in parts.iter().zip(&response.responses) {
        let [answer] = topic.partition_responses.as_slice() else {
            panic!("answers: one for each partition of a produce: {topic:?}");
        };
        assert_eq!(answer.index, part.floor.place.1, "answers: the partition of a produce");
        if answer.error_code != 0 {
            on_error(stage, part, error_of(answer.error_code));
            continue;
        }
        stage.truth.acknowledge(part.id, answer.base_offset);
        if answer.log_start_offset >= 0 {
            stage.truth.saw_start(stage.wall_ms, &part.floor, answer.log_start_offset);
        }
        settle(stage, part);
    }
}

fn on_error(stage: &mut Stage<'_>, part: &Part, error: ErrorCode) {
    let lane = stage.mind.producing.lanes.get_mut(&part.floor.place);
    lane.into_iter().for_each(|lane| lane.refused = Some(error));
    let batch = stage.truth.batch(part.id);
    if batch.is_spoilt && error == ErrorCode::CorruptMessage {
        return;
    }
    if error == ErrorCode::OutOfOrderSequenceNumber {
        // Of a batch behind one that was refused for a while. The first one is in order.
        let lane = stage.mind.producing.lanes.get(&part.floor.place);
        let first = lane.and_then(|lane| lane.unacked.front()).map(|batch| batch.id);
        assert_ne!(first, Some(part.id), "duplicates: the next batch is out of order: {batch:?}");
        return put_back(stage, part);
    }
    if stage.truth.bear(&part.floor, error, "a produce") {
        stage.mind.producing.lanes.remove(&part.floor.place);
    } else {
        put_back(stage, part);
    }
}

/// The batch is to be sent again, if it has a sequence.
fn put_back(stage: &mut Stage<'_>, part: &Part) {
    let Some(lane) = stage.mind.producing.lanes.get_mut(&part.floor.place) else { return };
    if let Some(batch) = lane.unacked.iter_mut().find(|batch| batch.id == part.id) {
        batch.in_flight = false;
    }
}

/// The batch is there.
fn settle(stage: &mut Stage<'_>, part: &Part) {
    let Some(lane) = stage.mind.producing.lanes.get_mut(&part.floor.place) else { return };
    lane.unacked.retain(|batch| batch.id != part.id);
}
