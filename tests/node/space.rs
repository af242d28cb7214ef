use strandlog::kafka::errors::ErrorCode;
use strandlog::record::BatchBuilder;

use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::WALL_MS;

/// About a fifth of an extent.
fn large_batch() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(WALL_MS, None, Some(&vec![7; 800_000]), &[]);
    builder.finish()
}

/// Produces until the disk is full and time does not help. Gives how many batches were taken.
fn fill(node: &mut TestNode, client: &mut Client, topic: &str, partition: i32) -> usize {
    let (mut taken, mut refused) = (0, 0);
    while refused < 10 {
        let answer = client.produce(node, topic, partition, large_batch());
        if answer.error_code == 0 {
            (taken, refused) = (taken + 1, 0);
        } else {
            assert_eq!(answer.error_code, ErrorCode::KafkaStorageError as i16);
            refused += 1;
            node.advance_ms(700);
        }
        assert!(taken < 1_000, "the disk never fills");
    }
    taken
}

/// Two cores, each with a strand, on a disk with room for sixteen extents.
fn two_cores() -> TestNode {
    let options = NodeOptions { shards: 2, extents_max: Some(16), ..NodeOptions::default() };
    let mut node = TestNode::new(options);
    node.create_topic("first", 1, &[]);
    node.create_topic("second", 2, &[]);
    let mut client = node.connect(0);
    for (topic, partition) in [("first", 0), ("second", 1)] {
        assert_eq!(client.produce(&mut node, topic, partition, large_batch()).error_code, 0);
    }
    node
}

#[test]
fn r16_what_one_core_frees_another_takes_without_a_restart() {
    let mut node = two_cores();
    let mut client = node.connect(0);
    let first = fill(&mut node, &mut client, "first", 0);
    assert!(first > 20, "most of the disk: {first}");
    let before = fill(&mut node, &mut client, "second", 1);
    node.delete_topic("first");
    node.advance_ms(5_000);
    let after = fill(&mut node, &mut client, "second", 1);
    assert!(after * 2 > first, "{before}, and then {after} in the place of {first}");
    let answer = client.fetch(&mut node, "second", 1, 0);
    assert_eq!((answer.error_code, answer.high_watermark), (0, (1 + before + after) as i64));
}

#[test]
fn r16_a_full_disk_is_no_obstacle_to_an_end_in_good_order_and_to_the_next_start() {
    let mut node = two_cores();
    let mut client = node.connect(0);
    let first = fill(&mut node, &mut client, "first", 0);
    fill(&mut node, &mut client, "second", 1);
    node.shut_down();
    let mut node = node.kill_and_restart();
    assert!(node.is_ready());
    let mut client = node.connect(0);
    let answer = client.fetch(&mut node, "first", 0, 0);
    assert_eq!((answer.error_code, answer.high_watermark), (0, 1 + first as i64));
    let refused = client.produce(&mut node, "first", 0, large_batch());
    assert_eq!(refused.error_code, ErrorCode::KafkaStorageError as i16);
    node.delete_topic("first");
    node.advance_ms(5_000);
    assert_eq!(client.produce(&mut node, "second", 0, large_batch()).error_code, 0);
}

#[test]
fn r16_a_full_disk_refuses_every_append_however_often_the_device_is_asked_again() {
    let mut node = two_cores();
    let mut client = node.connect(0);
    fill(&mut node, &mut client, "first", 0);
    for _ in 0..20 {
        let refused = client.produce(&mut node, "first", 0, large_batch());
        assert_eq!(refused.error_code, ErrorCode::KafkaStorageError as i16);
        node.advance_ms(300);
    }
}
