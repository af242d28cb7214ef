use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteRecordsPartition;
use strandlog::kafka::messages::DeleteRecordsRequest;
use strandlog::kafka::messages::DeleteRecordsTopic;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsPartitionResponse;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;
use strandlog::kafka::messages::OffsetForLeaderEpochRequest;
use strandlog::kafka::messages::OffsetForLeaderPartition;
use strandlog::kafka::messages::OffsetForLeaderTopic;
use strandlog::record::BatchBuilder;
use strandlog::record::Codec;
use strandlog::shard::limits;

use crate::batch;
use crate::batch_at;
use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;

/// One hour before the node's clock: timestamps near it are accepted.
const T: i64 = crate::harness::WALL_MS - 3_600_000;

fn list(
    node: &mut TestNode,
    client: &mut Client,
    version: i16,
    timestamp: i64,
) -> ListOffsetsPartitionResponse {
    let request = ListOffsetsRequest {
        replica_id: -1,
        timeout_ms: 10_000,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() }],
            ..ListOffsetsTopic::default()
        }],
        ..ListOffsetsRequest::default()
    };
    let answer = client.call(node, version, &request);
    answer.topics[0].partitions[0].clone()
}

fn delete(node: &mut TestNode, client: &mut Client, offset: i64) -> (i16, i64) {
    let request = DeleteRecordsRequest {
        timeout_ms: 10_000,
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                offset,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        }],
        ..DeleteRecordsRequest::default()
    };
    let answer = client.call(node, 2, &request);
    let answer = &answer.topics[0].partitions[0];
    (answer.error_code, answer.low_watermark)
}

fn compressed(codec: Codec, timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec, 3);
    for timestamp in timestamps {
        builder.push(*timestamp, None, Some(b"value"), &[]);
    }
    builder.finish()
}

#[test]
fn rule_75_an_empty_partition() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    for (timestamp, offset) in [(-1, 0), (-2, 0), (-3, -1), (-4, 0), (-5, -1), (-6, -1), (T, -1)] {
        let answer = list(&mut node, &mut client, 11, timestamp);
        let found = (answer.error_code, answer.offset, answer.timestamp);
        assert_eq!(found, (0, offset, -1), "timestamp {timestamp}");
        // Its start is where the present epoch begins.
        assert_eq!(answer.leader_epoch >= 0, offset == 0, "timestamp {timestamp}");
    }
}

#[test]
fn rule_75_the_first_record_at_or_after_a_timestamp() {
    for shards in [1, 2] {
        let mut node = TestNode::new(NodeOptions { shards, ..NodeOptions::default() });
        node.create_topic("t", 1, &[]);
        let mut client = node.connect(shards - 1);
        client.produce(&mut node, "t", 0, batch_at(&[T, T + 10]));
        client.produce(&mut node, "t", 0, compressed(Codec::Zstd, &[T + 30, T + 20, T + 40]));
        client.produce(&mut node, "t", 0, batch_at(&[T + 35, T + 50]));
        for (timestamp, offset, found) in [
            (0, 0, T),
            (T, 0, T),
            (T + 1, 1, T + 10),
            (T + 11, 2, T + 30),
            (T + 31, 4, T + 40),
            (T + 41, 6, T + 50),
            (-3, 6, T + 50),
        ] {
            let answer = list(&mut node, &mut client, 7, timestamp);
            assert_eq!((answer.offset, answer.timestamp), (offset, found), "at {timestamp}");
            assert_eq!(answer.leader_epoch, 0);
        }
        let answer = list(&mut node, &mut client, 7, T + 51);
        assert_eq!((answer.error_code, answer.offset, answer.timestamp), (0, -1, -1));
    }
}

#[test]
fn rule_75_special_timestamps_have_their_versions() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    for (timestamp, from) in [(-3, 7), (-4, 8), (-5, 9), (-6, 11), (-7, 99)] {
        for version in 1..=11 {
            let answer = list(&mut node, &mut client, version, timestamp);
            let expected =
                if version >= from { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
            assert_eq!(answer.error_code, expected.code(), "{timestamp} in version {version}");
        }
    }
}

#[test]
fn what_is_not_durable_has_no_offset() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[T]));
    node.hold_disk = true;
    let mut writer = node.connect(0);
    let request = crate::harness::produce_request("t", 0, batch_at(&[T + 9]), -1);
    writer.send(&mut node, 9, &request);
    node.run();
    assert_eq!(list(&mut node, &mut client, 7, -1).offset, 1);
    assert_eq!(list(&mut node, &mut client, 7, T + 1).offset, -1);
    assert_eq!(list(&mut node, &mut client, 7, -3).offset, -1);
}

#[test]
fn rule_87_records_are_deleted_up_to_the_high_watermark_and_not_beyond() {
    let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(1);
    for _ in 0..3 {
        client.produce(&mut node, "t", 0, batch(2));
    }
    let out_of_range = ErrorCode::OffsetOutOfRange.code();
    assert_eq!(delete(&mut node, &mut client, 7), (out_of_range, -1));
    assert_eq!(delete(&mut node, &mut client, -2), (out_of_range, -1));
    assert_eq!(delete(&mut node, &mut client, 3), (0, 3));
    assert_eq!(delete(&mut node, &mut client, 1), (0, 3), "it never moves back");
    assert_eq!(list(&mut node, &mut client, 7, -2).offset, 3);
    assert_eq!(client.fetch(&mut node, "t", 0, 2).error_code, out_of_range);
    let rest = client.fetch(&mut node, "t", 0, 3);
    assert_eq!((rest.error_code, rest.log_start_offset), (0, 3));
    assert_eq!(delete(&mut node, &mut client, -1), (0, 6));
    assert_eq!(client.produce(&mut node, "t", 0, batch(1)).base_offset, 6);
}

#[test]
fn rule_87_a_compacted_topic_keeps_its_records() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[("cleanup.policy", "compact")]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(2));
    assert_eq!(delete(&mut node, &mut client, 1), (ErrorCode::PolicyViolation.code(), -1));
}

#[test]
fn rule_87_a_deletion_is_answered_when_it_is_durable() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(2));
    node.hold_disk = true;
    let request = DeleteRecordsRequest {
        timeout_ms: 10_000,
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition { offset: 1, ..Default::default() }],
            ..DeleteRecordsTopic::default()
        }],
        ..DeleteRecordsRequest::default()
    };
    client.send(&mut node, 2, &request);
    node.run();
    assert!(client.answers::<DeleteRecordsRequest>(&mut node, 2).is_empty());
    node.hold_disk = false;
    node.run();
    assert_eq!(client.answers::<DeleteRecordsRequest>(&mut node, 2).len(), 1);
}

#[test]
fn rule_73_the_current_epoch_ends_where_the_log_does() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(5));
    let ask = |current_leader_epoch, leader_epoch| OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: vec![OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 0,
                current_leader_epoch,
                leader_epoch,
                ..OffsetForLeaderPartition::default()
            }],
            ..OffsetForLeaderTopic::default()
        }],
        ..OffsetForLeaderEpochRequest::default()
    };
    for (current, epoch, expected) in [
        (-1, 0, (0, 0, 5)),
        (0, 0, (0, 0, 5)),
        (-1, 1, (0, -1, -1)),
        (1, 0, (ErrorCode::UnknownLeaderEpoch.code(), -1, -1)),
    ] {
        let answer = client.call(&mut node, 4, &ask(current, epoch));
        let answer = &answer.topics[0].partitions[0];
        assert_eq!((answer.error_code, answer.leader_epoch, answer.end_offset), expected);
    }
}

/// A batch whose header claims a timestamp that none of its records has, of `bytes` or more.
fn liar(claimed: i64, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(Codec::Zstd, 1);
    let mut rng = strandlog::base::Rng::new(7);
    let noise: Vec<u8> = (0..bytes).map(|_| rng.below(256) as u8).collect();
    builder.push(T, None, Some(&noise), &[]);
    let mut batch = builder.finish();
    batch[MAX_TIMESTAMP].copy_from_slice(&claimed.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC.end..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Where these lie in a batch.
const CRC: std::ops::Range<usize> = 17..21;
const MAX_TIMESTAMP: std::ops::Range<usize> = 35..43;

#[test]
fn batches_that_lie_about_their_timestamps_are_passed_over_however_many() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    let bytes = limits::SEARCH_BYTES as usize + 1;
    let liars = i64::from(limits::SEARCH_READS_MAX) + 6;
    for _ in 0..liars {
        assert_eq!(client.produce(&mut node, "t", 0, liar(T + 1000, bytes)).error_code, 0);
    }
    client.produce(&mut node, "t", 0, batch_at(&[T + 600]));
    let answer = list(&mut node, &mut client, 7, T + 500);
    assert_eq!((answer.error_code, answer.offset, answer.timestamp), (0, liars, T + 600));
    let answer = list(&mut node, &mut client, 7, T + 700);
    assert_eq!((answer.error_code, answer.offset), (0, -1));
}

fn list_all(partitions: i32, timestamp: i64) -> ListOffsetsRequest {
    let partition = |partition_index| ListOffsetsPartition {
        partition_index,
        timestamp,
        ..ListOffsetsPartition::default()
    };
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: (0..partitions).map(partition).collect(),
            ..ListOffsetsTopic::default()
        }],
        ..ListOffsetsRequest::default()
    }
}

#[test]
fn searches_of_many_partitions_wait_in_line_and_beyond_the_line_are_refused() {
    let beyond = 5;
    let count = limits::SEARCHES_WAITING_MAX + beyond;
    let count = u16::try_from(count).expect("a topic may have so many");
    let mut node = TestNode::single();
    node.create_topic("t", count, &[]);
    let mut client = node.connect(0);
    for partition in 0..20 {
        let sent = compressed(Codec::Gzip, &[T, T + 10]);
        assert_eq!(client.produce(&mut node, "t", partition, sent).error_code, 0);
    }
    node.hold_jobs = true;
    client.send(&mut node, 7, &list_all(i32::from(count), T + 1));
    node.run();
    assert_eq!(node.held_jobs(), limits::JOBS_MAX, "batches are opened one after the other");
    let figures = node.figures(0);
    assert_eq!(figures.searches, limits::SEARCHES_MAX);
    assert_eq!(figures.searches_waiting, limits::SEARCHES_WAITING_MAX - limits::SEARCHES_MAX);
    node.hold_jobs = false;
    node.run();
    let (_, answer) = client.answers::<ListOffsetsRequest>(&mut node, 7).remove(0);
    let partitions = &answer.topics[0].partitions;
    assert!(partitions[..20].iter().all(|answer| (answer.error_code, answer.offset) == (0, 1)));
    let refused = |answer: &&ListOffsetsPartitionResponse| {
        answer.error_code == ErrorCode::RequestTimedOut.code()
    };
    assert_eq!(partitions.iter().filter(refused).count(), beyond);
    assert!(partitions[usize::from(count) - beyond..].iter().all(|answer| refused(&answer)));
}

#[test]
fn a_search_that_takes_too_long_is_told_so() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, liar(T + 1000, 100));
    client.produce(&mut node, "t", 0, liar(T + 1000, 100));
    node.hold_jobs = true;
    client.send(&mut node, 7, &list_all(1, T + 500));
    node.advance(limits::SEARCH_US);
    let (_, answer) = client.answers::<ListOffsetsRequest>(&mut node, 7).remove(0);
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::RequestTimedOut.code());
    node.hold_jobs = false;
    node.run();
    assert_eq!(list(&mut node, &mut client, 7, T).offset, 0, "the search is over");
}
