use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::ApiVersionsRequest;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::versions::ApiKey;
use strandlog::shard::CloseReason;
use strandlog::shard::limits;

use crate::batch;
use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::decode;
use crate::harness::fetch_request;
use crate::harness::produce_request;

fn header(api: i16, version: i16, correlation: i32) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&api.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&correlation.to_be_bytes());
    frame.extend_from_slice(&(-1_i16).to_be_bytes());
    frame
}

#[test]
fn api_versions_of_an_unknown_version_are_answered_in_version_0_with_error_35() {
    let mut node = TestNode::single();
    let client = node.connect(0);
    let mut frame = header(18, 77, 5);
    frame.extend_from_slice(&[0, 1, 2, 3]);
    node.send(client.conn, frame.into());
    node.run();
    let frame = node.take_frames(client.conn).remove(0);
    let (correlation, answer) = decode::<ApiVersionsRequest>(0, frame);
    assert_eq!(correlation, 5);
    assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion.code());
    let range: Vec<_> =
        answer.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
    assert_eq!(range, [(18, 0, 4)]);
    assert!(node.closed(client.conn).is_none());
}

#[test]
fn api_versions_show_produce_from_version_0_on() {
    let mut node = TestNode::single();
    let mut client = node.connect(0);
    let request = ApiVersionsRequest {
        client_software_name: "story".to_owned(),
        client_software_version: "1.0".to_owned(),
        ..ApiVersionsRequest::default()
    };
    for version in 0..=4 {
        let answer = client.call(&mut node, version, &request);
        assert_eq!(answer.error_code, 0);
        let produce = answer.api_keys.iter().find(|api| api.api_key == 0).expect("Produce");
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }
}

#[test]
fn what_is_no_request_closes_its_connection_and_no_other() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut other = node.connect(0);
    let unknown_api = header(ApiKey::Fetch.code() + 900, 0, 1);
    let unknown_version = header(1, 99, 1);
    let refused_version = header(0, 2, 1);
    let torn_body = [header(1, 4, 1), vec![0, 0]].concat();
    let lying_length = [header(1, 4, 1), vec![0x7f; 40]].concat();
    for frame in [
        Vec::new(),
        vec![0; 7],
        unknown_api,
        unknown_version,
        refused_version,
        torn_body,
        lying_length,
    ] {
        let client = node.connect(0);
        node.send(client.conn, Bytes::from(frame.clone()));
        node.run();
        let reason = node.closed(client.conn);
        assert!(matches!(reason, Some(CloseReason::Malformed(_))), "{frame:?}: {reason:?}");
    }
    assert_eq!(other.produce(&mut node, "t", 0, batch(1)).error_code, 0);
}

#[test]
fn bytes_behind_a_request_mean_nothing() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let client = node.connect(0);
    // All topics as librdkafka asks for them: a count of four bytes where version 12 has one.
    let question = [header(ApiKey::Metadata.code(), 12, 3), vec![0], vec![0; 7]].concat();
    node.send(client.conn, question.into());
    node.run();
    let frame = node.take_frames(client.conn).remove(0);
    let (correlation, answer) = decode::<MetadataRequest>(12, frame);
    assert_eq!(correlation, 3);
    assert_eq!(answer.topics.len(), 1);
    assert!(node.closed(client.conn).is_none());
}

#[test]
fn answers_leave_in_request_order_though_they_come_about_in_another() {
    let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    let mut sent = Vec::new();
    for partition in [0, 1, 0] {
        sent.push(client.send(&mut node, 9, &produce_request("t", partition, batch(1), -1)));
    }
    let versions = ApiVersionsRequest::default();
    sent.push(client.send(&mut node, 0, &versions));
    node.run();
    assert!(node.take_frames(client.conn).is_empty(), "what is ready waits for what came before");
    node.hold_disk = false;
    node.run();
    let frames = node.take_frames(client.conn);
    let correlations: Vec<_> = frames
        .iter()
        .map(|frame| i32::from_be_bytes(*frame.first_chunk().expect("a correlation id")))
        .collect();
    assert_eq!(correlations, sent);
}

#[test]
fn appends_of_one_connection_to_one_partition_keep_their_order() {
    for core in [0, 1] {
        let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
        node.create_topic("t", 2, &[]);
        let mut client = node.connect(core);
        for count in 1..=40 {
            client.send(&mut node, 9, &produce_request("t", 0, batch(count), -1));
        }
        node.run();
        let mut next = 0;
        for (index, (_, answer)) in
            client.answers::<ProduceRequest>(&mut node, 9).into_iter().enumerate()
        {
            let answer = &answer.responses[0].partition_responses[0];
            assert_eq!((answer.error_code, answer.base_offset), (0, next));
            next += index as i64 + 1;
        }
        assert_eq!(next, 820);
    }
}

#[test]
fn a_pipeline_is_bounded_and_the_rest_stops_being_read() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    let count = limits::PIPELINE_MAX + limits::INBOX_FRAMES_MAX;
    for _ in 0..count {
        assert!(!node.is_paused(client.conn));
        client.send(&mut node, 9, &produce_request("t", 0, batch(1), -1));
        node.run();
    }
    assert!(node.is_paused(client.conn));
    node.hold_disk = false;
    node.run();
    assert!(!node.is_paused(client.conn));
    assert_eq!(client.answers::<ProduceRequest>(&mut node, 9).len(), count);
}

#[test]
fn a_client_that_never_reads_is_not_served_any_more_and_then_closed() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    let mut builder = strandlog::record::BatchBuilder::new();
    builder.push(crate::harness::WALL_MS, None, Some(&vec![1; 600_000]), &[]);
    assert_eq!(client.produce(&mut node, "t", 0, builder.finish()).error_code, 0);
    node.set_deaf(client.conn, true);
    let mut deaf = client;
    for _ in 0..20 {
        deaf.send(&mut node, 12, &fetch_request("t", &[(0, 0)], 0));
    }
    node.run();
    let held = node.unread_bytes(deaf.conn);
    assert!(held < limits::OUTBOX_BYTES_MAX + 700_000, "{held} bytes");
    node.advance_ms(29_000);
    assert!(node.closed(deaf.conn).is_none());
    node.advance_ms(2_500);
    assert_eq!(node.closed(deaf.conn), Some(&CloseReason::Slow));
}

/// A node of two cores, each with room for answers of three megabytes, and a batch of most of one
/// in a partition of the first core.
fn node_with_little_room() -> TestNode {
    let mut options = NodeOptions { shards: 2, ..NodeOptions::default() };
    options.shard.answer_bytes_max = 3 << 20;
    let mut node = TestNode::new(options);
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(1);
    let mut builder = strandlog::record::BatchBuilder::new();
    builder.push(crate::harness::WALL_MS, None, Some(&vec![1; 800_000]), &[]);
    assert_eq!(client.produce(&mut node, "t", 0, builder.finish()).error_code, 0);
    node
}

/// A reader on the other core, whose answer is therefore a copy and not the storage's memory.
fn deaf_reader(node: &mut TestNode) -> Client {
    let mut client = node.connect(1);
    node.set_deaf(client.conn, true);
    client.send(node, 12, &fetch_request("t", &[(0, 0)], 0));
    node.advance_ms(1);
    client
}

#[test]
fn r19_fetches_wait_in_line_while_answers_hold_all_the_memory_that_they_may() {
    let mut node = node_with_little_room();
    let deaf: Vec<_> = (0..8).map(|_| deaf_reader(&mut node)).collect();
    let unread: Vec<_> = deaf.iter().map(|client| node.unread_bytes(client.conn) > 0).collect();
    assert_eq!(unread, [true, true, true, false, false, false, false, false]);
    let figures = node.figures(1);
    assert!(figures.answer_bytes <= 3 << 20, "{figures:?}");
    assert_eq!((figures.fetches_waiting, figures.reserved_bytes), (5, 0));
    for client in &deaf {
        node.set_deaf(client.conn, false);
    }
    node.run();
    for client in &deaf {
        assert_eq!(node.take_frames(client.conn).len(), 1, "each in its turn");
        assert!(node.closed(client.conn).is_none());
    }
    let figures = node.figures(1);
    let left = (figures.answer_bytes, figures.reserved_bytes, figures.fetches_waiting);
    assert_eq!(left, (0, 0, 0), "everything is given back");
}

#[test]
fn r19_who_reads_nothing_while_others_wait_for_the_memory_is_closed() {
    let mut node = node_with_little_room();
    let deaf: Vec<_> = (0..3).map(|_| deaf_reader(&mut node)).collect();
    let mut healthy = node.connect(1);
    healthy.send(&mut node, 12, &fetch_request("t", &[(0, 0)], 0));
    node.advance(limits::STUCK_US - 10_000);
    assert!(deaf.iter().all(|client| node.closed(client.conn).is_none()));
    node.advance(limits::SWEEP_US);
    let closed: Vec<_> = deaf.iter().map(|client| node.closed(client.conn).cloned()).collect();
    assert_eq!(closed, [Some(CloseReason::Overload), None, None], "no more than need be");
    assert_eq!(node.take_frames(healthy.conn).len(), 1);
}

#[test]
fn a_connection_that_says_nothing_is_closed_after_its_time_but_not_one_that_waits() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let idle = node.connect(0);
    let mut waiting = node.connect(0);
    waiting.send(&mut node, 12, &fetch_request("t", &[(0, 0)], 700_000));
    node.advance_ms(598_000);
    assert!(node.closed(idle.conn).is_none());
    node.advance_ms(4_000);
    assert_eq!(node.closed(idle.conn), Some(&CloseReason::Idle));
    assert!(node.closed(waiting.conn).is_none());
}

#[test]
fn a_connection_that_goes_leaves_nothing_behind() {
    let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    client.send(&mut node, 12, &fetch_request("t", &[(0, 0), (1, 0)], 60_000));
    client.send(&mut node, 9, &produce_request("t", 0, batch(1), -1));
    node.hold_disk = true;
    node.run();
    node.hang_up(client.conn);
    node.hold_disk = false;
    node.run();
    let mut other = node.connect(1);
    assert_eq!(other.fetch(&mut node, "t", 0, 0).high_watermark, 1, "what was taken is done");
}

#[test]
fn small_requests_pass_large_ones() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[("max.message.bytes", "20000000")]);
    let mut large = node.connect(0);
    let mut small = node.connect(0);
    let mut builder = strandlog::record::BatchBuilder::new();
    builder.push(crate::harness::WALL_MS, None, Some(&vec![1; 900_000]), &[]);
    let records = builder.finish();
    for _ in 0..4 {
        large.send(&mut node, 9, &produce_request("t", 0, records.clone(), -1));
    }
    small.send(&mut node, 9, &produce_request("t", 0, batch(1), -1));
    node.run();
    let (_, answer) = small.answers::<ProduceRequest>(&mut node, 9).remove(0);
    assert_eq!(answer.responses[0].partition_responses[0].base_offset, 0);
    assert_eq!(large.answers::<ProduceRequest>(&mut node, 9).len(), 4);
}

#[test]
fn what_a_client_sent_before_it_hung_up_is_taken() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    for _ in 0..3 {
        client.send(&mut node, 9, &produce_request("t", 0, batch(1), 0));
    }
    // In the same turn as the last of them.
    node.hang_up(client.conn);
    assert_eq!(node.closed(client.conn), Some(&CloseReason::Ended));
    let mut other = node.connect(0);
    assert_eq!(other.fetch(&mut node, "t", 0, 0).high_watermark, 3);
}

#[test]
fn a_client_that_hung_up_while_its_requests_are_held_is_closed_when_they_were_taken() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    node.hold_disk = true;
    let mut client = node.connect(0);
    let count = i64::try_from(limits::UNDURABLE_BYTES_MAX / batch(1000).len() + 3).expect("few");
    for _ in 0..count {
        client.send(&mut node, 9, &produce_request("t", 0, batch(1000), 0));
    }
    node.hang_up(client.conn);
    assert_eq!(node.closed(client.conn), None, "the disk is behind: some are not taken yet");
    node.hold_disk = false;
    node.run();
    assert_eq!(node.closed(client.conn), Some(&CloseReason::Ended));
    let mut other = node.connect(0);
    assert_eq!(other.fetch(&mut node, "t", 0, 0).high_watermark, count * 1000);
}

#[test]
fn a_client_that_closed_its_own_direction_is_answered_before_it_is_closed() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    node.hold_disk = true;
    let mut client = node.connect(0);
    for _ in 0..3 {
        client.send(&mut node, 9, &produce_request("t", 0, batch(1), -1));
    }
    node.hang_up(client.conn);
    assert_eq!(node.closed(client.conn), None);
    node.hold_disk = false;
    node.run();
    assert_eq!(client.answers::<ProduceRequest>(&mut node, 9).len(), 3);
    assert_eq!(node.closed(client.conn), Some(&CloseReason::Ended));
}

#[test]
fn a_client_that_hung_up_is_not_kept_waiting_for_more_to_come() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let waits = fetch_request("t", &[(0, 0)], i32::MAX);
    let mut client = node.connect(0);
    client.send(&mut node, 12, &waits);
    client.send(&mut node, 12, &waits);
    node.hang_up(client.conn);
    assert_eq!(node.take_frames(client.conn).len(), 2, "the one that waits and the one behind it");
    assert_eq!(node.closed(client.conn), Some(&CloseReason::Ended));
}

#[test]
fn a_client_that_hung_up_does_not_hold_its_connection_for_ever() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    node.hold_disk = true;
    let mut client = node.connect(0);
    client.send(&mut node, 9, &produce_request("t", 0, batch(1), 0));
    node.hang_up(client.conn);
    node.advance_ms(28_000);
    assert_eq!(node.closed(client.conn), None);
    node.advance_ms(4_000);
    assert_eq!(node.closed(client.conn), Some(&CloseReason::Ended));
}
