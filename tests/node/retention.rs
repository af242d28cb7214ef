use crate::batch_at;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::WALL_MS;

const CONFIGS: &[(&str, &str)] = &[("retention.ms", "60000"), ("segment.ms", "1000")];

fn node() -> TestNode {
    let mut options = NodeOptions::default();
    options.shard.retention_check_ms = 5_000;
    TestNode::new(options)
}

#[test]
fn rules_88_and_90_segments_go_when_their_newest_record_is_too_old() {
    let mut node = node();
    node.create_topic("t", 1, CONFIGS);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS, WALL_MS + 500]));
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS + 5_000]));
    node.advance_ms(60_000);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).log_start_offset, 0);
    node.advance_ms(5_100);
    let start = client.fetch(&mut node, "t", 0, 2);
    assert_eq!((start.error_code, start.log_start_offset), (0, 2));
    node.advance_ms(10_000);
    let start = client.fetch(&mut node, "t", 0, 3);
    assert_eq!((start.error_code, start.log_start_offset), (0, 3), "the active one goes too");
    assert_eq!(client.produce(&mut node, "t", 0, batch_at(&[WALL_MS + 75_000])).base_offset, 3);
}

#[test]
fn a_log_start_is_shown_once_no_crash_can_undo_it() {
    let mut node = node();
    node.create_topic("t", 1, CONFIGS);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS, WALL_MS + 500]));
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS + 5_000]));
    node.hold_disk = true;
    node.advance_ms(65_100);
    assert_eq!(client.fetch(&mut node, "t", 0, 2).log_start_offset, 0, "it is not durable");
    node.hold_disk = false;
    node.run();
    assert_eq!(client.fetch(&mut node, "t", 0, 2).log_start_offset, 2);
}

#[test]
fn rule_90_a_timestamp_in_the_future_keeps_what_lies_behind_it() {
    let mut node = node();
    node.create_topic("t", 1, CONFIGS);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS + 3_000_000]));
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS + 3_100_000]));
    node.advance_ms(500_000);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).log_start_offset, 0);
}

#[test]
fn rule_91_without_a_cleanup_policy_everything_stays() {
    let mut node = node();
    node.create_topic("t", 1, &[("retention.ms", "1000"), ("cleanup.policy", "")]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS]));
    node.advance_ms(500_000);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).log_start_offset, 0);
}

#[test]
fn r23_retention_pauses_while_the_clocks_disagree() {
    let mut node = node();
    node.create_topic("t", 1, CONFIGS);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS]));
    node.now.wall_ms += 2 * 3_600_000;
    node.advance_ms(60_000);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).log_start_offset, 0, "a clock that jumped");
    node.now.wall_ms -= 2 * 3_600_000;
    node.advance_ms(10_000);
    assert_eq!(client.fetch(&mut node, "t", 0, 1).log_start_offset, 1);
}

#[test]
fn rule_90_by_size_whole_segments_go_while_the_rest_is_large_enough() {
    let mut node = node();
    let configs = [("retention.bytes", "2000000"), ("segment.bytes", "1048576")];
    node.create_topic("t", 1, &configs);
    let mut client = node.connect(0);
    let mut builder = strandlog::record::BatchBuilder::new();
    builder.push(WALL_MS, None, Some(&vec![1; 600_000]), &[]);
    let records = builder.finish();
    for _ in 0..6 {
        assert_eq!(client.produce(&mut node, "t", 0, records.clone()).error_code, 0);
    }
    node.advance_ms(6_000);
    // Six segments of 600 kB: 3.6 MB less 1.6 MB, rounded down to whole segments.
    assert_eq!(client.fetch(&mut node, "t", 0, 2).log_start_offset, 2);
}
