use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteRecordsPartition;
use strandlog::kafka::messages::DeleteRecordsRequest;
use strandlog::kafka::messages::DeleteRecordsTopic;
use strandlog::kafka::messages::OffsetForLeaderEpochRequest;
use strandlog::kafka::messages::OffsetForLeaderPartition;
use strandlog::kafka::messages::OffsetForLeaderTopic;
use strandlog::record::Batches;

use crate::batch;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::Topics;
use crate::harness::fetch_request;
use crate::harness::produce_request;
use crate::idempotent;

fn node() -> TestNode {
    let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
    node.create_topic("t", 4, &[]);
    node
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_offsets_go_on() {
    let mut node = node();
    let mut client = node.connect(0);
    for partition in 0..4 {
        for count in 1..=5 {
            client.produce(&mut node, "t", partition, batch(count));
        }
    }
    // Taken and not written: nobody was told, and it is gone.
    node.hold_disk = true;
    client.send(&mut node, 9, &produce_request("t", 0, batch(9), -1));
    node.run();
    let mut node = node.kill_and_restart();
    assert!(node.is_ready());
    let mut client = node.connect(1);
    for partition in 0..4 {
        let read = client.fetch(&mut node, "t", partition, 0);
        assert_eq!((read.error_code, read.high_watermark), (0, 15));
        let records = read.records.expect("records");
        let bases: Vec<_> = Batches::new(&records)
            .map(|batch| batch.expect("a batch").header.base_offset)
            .collect();
        assert_eq!(bases, [0, 1, 3, 6, 10]);
        assert_eq!(client.produce(&mut node, "t", partition, batch(1)).base_offset, 15);
    }
}

#[test]
fn r11_offsets_of_a_partition_that_a_lost_table_held_whole_are_not_given_again() {
    let mut node = TestNode::single();
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(3));
    for _ in 0..8 {
        client.produce(&mut node, "t", 1, batch(1));
    }
    node.disk_mut(0).spoil_frame(0);
    for _ in 0..2 {
        node = node.kill_and_restart();
        assert!(node.is_ready());
    }
    let mut client = node.connect(0);
    assert_eq!(client.produce(&mut node, "t", 0, batch(1)).base_offset, 1 << 32);
    assert_eq!(client.produce(&mut node, "t", 1, batch(1)).base_offset, 8);
}

#[test]
fn rules_17_and_18_hold_across_restarts() {
    let mut node = node();
    let mut client = node.connect(0);
    for sequence in 0..3 {
        client.produce(&mut node, "t", 1, idempotent(7, 2, sequence, 1));
    }
    for _ in 0..2 {
        node = node.kill_and_restart();
        let mut client = node.connect(0);
        let again = client.produce(&mut node, "t", 1, idempotent(7, 2, 1, 1));
        assert_eq!((again.error_code, again.base_offset), (0, 1));
        let gap = client.produce(&mut node, "t", 1, idempotent(7, 2, 5, 1));
        assert_eq!(gap.error_code, ErrorCode::OutOfOrderSequenceNumber.code());
        let old = client.produce(&mut node, "t", 1, idempotent(7, 1, 3, 1));
        assert_eq!(old.error_code, ErrorCode::InvalidProducerEpoch.code());
    }
    let mut client = node.connect(0);
    let next = client.produce(&mut node, "t", 1, idempotent(7, 2, 3, 1));
    assert_eq!((next.error_code, next.base_offset), (0, 3));
}

#[test]
fn rule_71_every_start_raises_the_epoch_and_fences_who_believes_in_the_old_one() {
    let mut node = node().kill_and_restart();
    let mut client = node.connect(0);
    for (epoch, error) in [
        (0, ErrorCode::FencedLeaderEpoch),
        (1, ErrorCode::None),
        (2, ErrorCode::UnknownLeaderEpoch),
    ] {
        let mut request = fetch_request("t", &[(0, 0)], 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let answer = client.call(&mut node, 12, &request);
        assert_eq!(answer.responses[0].partitions[0].error_code, error.code(), "epoch {epoch}");
    }
}

#[test]
fn rules_73_and_77_each_start_writes_in_an_epoch_of_its_own() {
    let mut node = node();
    for _ in 0..3 {
        let mut client = node.connect(0);
        client.produce(&mut node, "t", 0, batch(10));
        node = node.kill_and_restart();
    }
    let mut client = node.connect(0);
    let mut end_of = |leader_epoch| {
        let request = OffsetForLeaderEpochRequest {
            replica_id: -1,
            topics: vec![OffsetForLeaderTopic {
                topic: "t".to_owned(),
                partitions: vec![OffsetForLeaderPartition {
                    leader_epoch,
                    ..OffsetForLeaderPartition::default()
                }],
                ..OffsetForLeaderTopic::default()
            }],
            ..OffsetForLeaderEpochRequest::default()
        };
        let answer = client.call(&mut node, 4, &request);
        let answer = &answer.topics[0].partitions[0];
        (answer.leader_epoch, answer.end_offset)
    };
    assert_eq!([end_of(0), end_of(1), end_of(2), end_of(3)], [(0, 10), (1, 20), (2, 30), (3, 30)]);
    let records = client.fetch(&mut node, "t", 0, 0).records.expect("records");
    let epochs: Vec<_> =
        Batches::new(&records).map(|batch| batch.expect("a batch").header.leader_epoch).collect();
    assert_eq!(epochs, [0, 1, 2]);
}

#[test]
fn rule_87_what_was_deleted_stays_deleted() {
    let mut node = node();
    let mut client = node.connect(0);
    for _ in 0..3 {
        client.produce(&mut node, "t", 0, batch(2));
    }
    let request = DeleteRecordsRequest {
        timeout_ms: 1000,
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                offset: 3,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        }],
        ..DeleteRecordsRequest::default()
    };
    client.call(&mut node, 2, &request);
    let mut node = node.kill_and_restart();
    let mut client = node.connect(0);
    let read = client.fetch(&mut node, "t", 0, 3);
    assert_eq!((read.error_code, read.log_start_offset, read.high_watermark), (0, 3, 6));
    let below = client.fetch(&mut node, "t", 0, 2);
    assert_eq!(below.error_code, ErrorCode::OffsetOutOfRange.code());
}

#[test]
fn a_deleted_topic_does_not_come_back_under_its_name() {
    let mut node = node();
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(5));
    node.delete_topic("t");
    let gone = client.produce(&mut node, "t", 0, batch(1));
    assert_eq!(gone.error_code, ErrorCode::UnknownTopicOrPartition.code());
    node.create_topic("t", 4, &[]);
    assert_eq!(client.produce(&mut node, "t", 0, batch(1)).base_offset, 0);
    let mut node = node.kill_and_restart();
    let mut client = node.connect(0);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 1);
}

#[test]
#[should_panic(expected = "which the metadata log has not reached")]
fn r14_nothing_is_dropped_on_the_word_of_metadata_that_went_back() {
    let mut node = node();
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(5));
    node.topics = Topics::new(2);
    node.kill_and_restart();
}

#[test]
fn a_stop_in_good_order_leaves_everything() {
    let mut node = node();
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, idempotent(7, 0, 0, 3));
    client.send(&mut node, 9, &produce_request("t", 0, idempotent(7, 0, 3, 3), -1));
    node.shut_down();
    let mut node = node.kill_and_restart();
    let mut client = node.connect(0);
    let again = client.produce(&mut node, "t", 0, idempotent(7, 0, 0, 3));
    assert_eq!((again.error_code, again.base_offset), (0, 0));
}
