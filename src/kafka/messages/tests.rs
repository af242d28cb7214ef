use bytes::Bytes;

use super::AbortedTransaction;
use super::DivergingEpoch;
use super::FetchEndpoint;
use super::FetchLeader;
use super::FetchPart;
use super::FetchResponse;
use super::FetchWriter;
use super::FetchedHead;
use super::FetchedPartition;
use super::FetchedTopic;
use super::PartitionProduceData;
use super::ProduceRequest;
use super::ProduceView;
use super::TopicProduceData;
use super::TopicRef;
use crate::base::Rng;
use crate::base::TopicId;
use crate::kafka::wire::Fault;
use crate::kafka::wire::Message;
use crate::kafka::wire::Refusal;
use crate::kafka::wire::Writer;
use crate::kafka::wire::encode_response;

fn bytes(rng: &mut Rng, most: u64) -> Bytes {
    (0..rng.below(most + 1)).map(|_| rng.next_u64() as u8).collect()
}

fn name(rng: &mut Rng) -> String {
    "orders-ä-".repeat(rng.below(3) as usize)
}

fn topic_id(rng: &mut Rng) -> TopicId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
    TopicId(id)
}

fn produce_request(rng: &mut Rng, version: i16) -> ProduceRequest {
    let topic = |rng: &mut Rng| TopicProduceData {
        name: if version < 13 { name(rng) } else { String::new() },
        topic_id: if version < 13 { TopicId::NONE } else { topic_id(rng) },
        partition_data: (0..rng.below(4))
            .map(|_| PartitionProduceData {
                index: rng.next_u64() as i32,
                records: (!rng.one_in(4)).then(|| bytes(rng, 300)),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let mut request = ProduceRequest {
        transactional_id: rng.one_in(2).then(|| name(rng)),
        acks: rng.next_u64() as i16,
        timeout_ms: rng.next_u64() as i32,
        topic_data: (0..rng.below(4)).map(|_| topic(rng)).collect(),
        ..Default::default()
    };
    if version >= 9 && rng.one_in(2) {
        request.unknown_tags.insert(7, bytes(rng, 9));
        for topic in &mut request.topic_data {
            topic.unknown_tags.insert(0, bytes(rng, 200));
            for partition in &mut topic.partition_data {
                partition.unknown_tags.insert(1 << 20, Bytes::new());
            }
        }
    }
    request
}

fn encoded<M: Message>(version: i16, message: &M) -> Bytes {
    let mut writer = Writer::new();
    message.encode(version, &mut writer).expect("a message of this version");
    writer.into_bytes()
}

#[test]
fn the_produce_view_sees_what_the_description_sees() {
    let mut rng = Rng::new(7);
    let mut view = ProduceView::default();
    for version in ProduceRequest::VERSIONS {
        for _ in 0..200 {
            let request = produce_request(&mut rng, version);
            let body = encoded(version, &request);
            view.decode(version, body.clone()).expect("what the description wrote");
            assert_eq!(view.transactional_id.as_deref(), request.transactional_id.as_deref());
            assert_eq!((view.acks, view.timeout_ms), (request.acks, request.timeout_ms));
            assert_eq!(view.topics().len(), request.topic_data.len());
            for ((topic, partitions), expected) in view.topics().zip(&request.topic_data) {
                match topic {
                    TopicRef::Name(name) => assert_eq!(name, expected.name.as_str()),
                    TopicRef::Id(id) => assert_eq!(*id, expected.topic_id),
                }
                let seen = partitions.iter().map(|seen| (seen.index, &seen.records));
                let said = expected.partition_data.iter().map(|said| (said.index, &said.records));
                assert!(seen.eq(said));
                for records in partitions.iter().filter_map(|partition| partition.records.as_ref())
                {
                    assert!(body.as_ptr_range().contains(&records.as_ptr()) || records.is_empty());
                }
            }
        }
    }
}

#[test]
fn the_produce_view_refuses_what_the_description_refuses() {
    let mut rng = Rng::new(8);
    let mut view = ProduceView::default();
    let mut refused = 0;
    for version in ProduceRequest::VERSIONS {
        for _ in 0..400 {
            let mut body = encoded(version, &produce_request(&mut rng, version)).to_vec();
            match rng.below(3) {
                0 => body.truncate(rng.below(body.len() as u64 + 1) as usize),
                1 => body.push(0),
                _ => {
                    let at = rng.below(body.len() as u64) as usize;
                    body[at] = rng.next_u64() as u8;
                }
            }
            let body = Bytes::from(body);
            let described = ProduceRequest::decode_whole(version, body.clone());
            let viewed = view.decode(version, body);
            assert_eq!(
                viewed.map_err(|error| error.fault),
                described.map(drop).map_err(|e| e.fault)
            );
            if viewed.is_err() {
                assert!(view.partitions().is_empty() && view.topics().len() == 0);
                refused += 1;
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn a_produce_of_a_version_below_the_floor_is_refused() {
    let error = ProduceView::default().decode(2, Bytes::new()).expect_err("2 is below the floor");
    assert_eq!(error.fault, Fault::Version(2));
}

fn fetched_partition(rng: &mut Rng, version: i16) -> FetchedPartition {
    let mut partition = FetchedPartition {
        partition_index: rng.next_u64() as i32,
        error_code: rng.next_u64() as i16,
        high_watermark: rng.next_u64() as i64,
        last_stable_offset: rng.next_u64() as i64,
        log_start_offset: rng.next_u64() as i64,
        aborted_transactions: (!rng.one_in(3)).then(|| {
            (0..rng.below(3))
                .map(|_| AbortedTransaction {
                    producer_id: rng.next_u64() as i64,
                    first_offset: rng.next_u64() as i64,
                    ..Default::default()
                })
                .collect()
        }),
        records: (!rng.one_in(4)).then(|| bytes(rng, 300)),
        ..Default::default()
    };
    if version >= 11 {
        partition.preferred_read_replica = rng.next_u64() as i32;
    }
    if version >= 12 && rng.one_in(2) {
        partition.diverging_epoch =
            DivergingEpoch { epoch: rng.next_u64() as i32, end_offset: 9, ..Default::default() };
    }
    if version >= 12 && rng.one_in(2) {
        partition.current_leader =
            FetchLeader { leader_id: 3, leader_epoch: rng.next_u64() as i32, ..Default::default() };
    }
    partition
}

fn fetch_response(rng: &mut Rng, version: i16) -> FetchResponse {
    let endpoint = |rng: &mut Rng| FetchEndpoint {
        node_id: rng.next_u64() as i32,
        host: name(rng),
        port: 9092,
        rack: rng.one_in(2).then(|| name(rng)),
        ..Default::default()
    };
    FetchResponse {
        throttle_time_ms: rng.next_u64() as i32,
        error_code: if version < 7 { 0 } else { rng.next_u64() as i16 },
        session_id: if version < 7 { 0 } else { rng.next_u64() as i32 },
        responses: (0..rng.below(4))
            .map(|_| FetchedTopic {
                topic: name(rng),
                topic_id: topic_id(rng),
                partitions: (0..rng.below(4)).map(|_| fetched_partition(rng, version)).collect(),
                ..Default::default()
            })
            .collect(),
        node_endpoints: (0..if version < 16 { 0 } else { rng.below(3) })
            .map(|_| endpoint(rng))
            .collect(),
        ..Default::default()
    }
}

/// Writes `response` by hand and puts the records where they belong.
fn assembled(version: i16, response: &FetchResponse) -> Vec<u8> {
    let topics = &response.responses;
    let mut writer = FetchWriter::new(
        version,
        77,
        response.throttle_time_ms,
        response.error_code,
        response.session_id,
        topics.len(),
    )
    .expect("a version of the response");
    let mut records = Vec::new();
    for topic in topics {
        writer.topic(&topic.topic, topic.topic_id, topic.partitions.len()).expect("a short name");
        for partition in &topic.partitions {
            records.push(partition.records.clone());
            let diverging = &partition.diverging_epoch;
            let leader = &partition.current_leader;
            let head = FetchedHead {
                partition_index: partition.partition_index,
                error_code: partition.error_code,
                high_watermark: partition.high_watermark,
                last_stable_offset: partition.last_stable_offset,
                log_start_offset: partition.log_start_offset,
                diverging: (*diverging != DivergingEpoch::default())
                    .then_some((diverging.epoch, diverging.end_offset)),
                current_leader: (*leader != FetchLeader::default())
                    .then_some((leader.leader_id, leader.leader_epoch)),
                aborted_transactions: partition.aborted_transactions.as_deref(),
                preferred_read_replica: partition.preferred_read_replica,
                records_bytes: partition.records.as_ref().map(Bytes::len),
            };
            writer.partition(&head).expect("short records");
        }
    }
    let frame = writer.finish(&response.node_endpoints).expect("a short frame");
    let mut whole = Vec::new();
    for part in &frame.parts {
        match part {
            FetchPart::Inline(bytes) => whole.extend_from_slice(bytes),
            FetchPart::Records(index) => {
                whole.extend_from_slice(records[*index].as_ref().expect("not null"));
            }
        }
    }
    assert_eq!(whole.len(), frame.bytes);
    whole
}

#[test]
fn the_fetch_writer_writes_what_the_description_writes() {
    let mut rng = Rng::new(9);
    for version in FetchResponse::VERSIONS {
        for _ in 0..200 {
            let response = fetch_response(&mut rng, version);
            let described = encode_response(version, 77, &response).expect("of this version");
            assert_eq!(assembled(version, &response), described, "version {version}: {response:?}");
        }
    }
}

#[test]
fn the_fetch_writer_loses_no_meaning_in_old_versions() {
    let refused = FetchWriter::new(6, 1, 0, 0, 5, 0).expect_err("no sessions before 7");
    assert_eq!(refused.field, "FetchResponse.session_id");
    let refused = FetchWriter::new(19, 1, 0, 0, 0, 0).expect_err("18 is the last");
    assert_eq!(refused.refusal, Refusal::Version(19));
    for (head, field) in [
        (
            FetchedHead { preferred_read_replica: 1, ..Default::default() },
            "FetchedPartition.preferred_read_replica",
        ),
        (
            FetchedHead { diverging: Some((1, 2)), ..Default::default() },
            "FetchedPartition.diverging_epoch",
        ),
        (
            FetchedHead { current_leader: Some((1, 2)), ..Default::default() },
            "FetchedPartition.current_leader",
        ),
    ] {
        let mut writer = FetchWriter::new(10, 1, 0, 0, 0, 1).expect("a version");
        writer.topic("t", TopicId::NONE, 1).expect("a short name");
        assert_eq!(writer.partition(&head).expect_err("10 lacks it").field, field);
    }
    let writer = FetchWriter::new(15, 1, 0, 0, 0, 0).expect("a version");
    let refused = writer.finish(&vec![FetchEndpoint::default()]).expect_err("from 16 on");
    assert_eq!(refused.field, "FetchResponse.node_endpoints");
}

#[test]
#[should_panic(expected = "fewer partitions than announced")]
fn a_fetch_response_keeps_its_announced_counts() {
    let mut writer = FetchWriter::new(4, 1, 0, 0, 0, 1).expect("a version");
    writer.topic("t", TopicId::NONE, 1).expect("a short name");
    drop(writer.finish(&Vec::new()));
}
