use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchResponse;
use strandlog::record::BatchBuilder;
use strandlog::record::Batches;

use crate::batch;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::WALL_MS;
use crate::harness::fetch_request;

fn node_with_topic(shards: u16) -> TestNode {
    let mut node = TestNode::new(NodeOptions { shards, ..NodeOptions::default() });
    node.create_topic("t", 4, &[]);
    node
}

fn large_batch(bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(WALL_MS, None, Some(&vec![3; bytes]), &[]);
    builder.finish()
}

/// Base offsets of the batches in each partition, in the answer's order.
fn bases(response: &FetchResponse) -> Vec<(i32, Vec<i64>)> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| {
            let records = partition.records.clone().unwrap_or_default();
            let bases = Batches::new(&records).map(|batch| {
                let batch = batch.expect("a whole batch");
                assert!(batch.crc_holds());
                batch.header.base_offset
            });
            (partition.partition_index, bases.collect())
        })
        .collect()
}

#[test]
fn rule_65_batches_are_returned_whole_also_when_the_offset_lies_within() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    for count in [3, 2, 4] {
        client.produce(&mut node, "t", 0, batch(count));
    }
    for (from, expected) in [(0, vec![0, 3, 5]), (2, vec![0, 3, 5]), (4, vec![3, 5]), (9, vec![])] {
        let answer = client.call(&mut node, 12, &fetch_request("t", &[(0, from)], 0));
        assert_eq!(bases(&answer), [(0, expected)]);
    }
}

#[test]
fn rule_68_offsets_out_of_range_are_refused_with_nothing_else() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(3));
    for from in [-1, 4, i64::MAX] {
        let answer = client.fetch(&mut node, "t", 0, from);
        assert_eq!(answer.error_code, ErrorCode::OffsetOutOfRange.code());
    }
}

#[test]
fn rule_64_the_first_batch_comes_whatever_its_size_and_the_next_only_if_it_fits() {
    for shards in [1, 2] {
        let mut node = node_with_topic(shards);
        let mut client = node.connect(0);
        for partition in [0, 1] {
            client.produce(&mut node, "t", partition, large_batch(50_000));
        }
        let mut request = fetch_request("t", &[(3, 0), (1, 0), (0, 0)], 0);
        request.max_bytes = 10;
        let answer = client.call(&mut node, 12, &request);
        assert_eq!(bases(&answer), [(3, vec![]), (1, vec![0]), (0, vec![])], "{shards} shards");
        request.max_bytes = 1 << 20;
        let answer = client.call(&mut node, 12, &request);
        assert_eq!(bases(&answer), [(3, vec![]), (1, vec![0]), (0, vec![0])]);
    }
}

#[test]
fn rule_66_a_long_poll_ends_with_the_first_durable_byte() {
    for shards in [1, 3] {
        let mut node = node_with_topic(shards);
        let mut reader = node.connect(0);
        let mut writer = node.connect(0);
        reader.send(&mut node, 12, &fetch_request("t", &[(0, 0), (1, 0), (2, 0)], 5_000));
        node.advance_ms(1_000);
        assert!(reader.answers::<FetchRequest>(&mut node, 12).is_empty());
        node.hold_disk = true;
        writer.send(&mut node, 9, &crate::harness::produce_request("t", 1, batch(1), -1));
        node.run();
        assert!(reader.answers::<FetchRequest>(&mut node, 12).is_empty(), "not yet durable");
        node.hold_disk = false;
        node.run();
        let (_, answer) = reader.answers::<FetchRequest>(&mut node, 12).remove(0);
        assert_eq!(bases(&answer), [(0, vec![]), (1, vec![0]), (2, vec![])]);
    }
}

#[test]
fn rule_66_a_long_poll_ends_when_its_time_is_over() {
    let mut node = node_with_topic(2);
    let mut reader = node.connect(0);
    reader.send(&mut node, 12, &fetch_request("t", &[(0, 0), (1, 0)], 5_000));
    node.advance_ms(4_999);
    assert!(reader.answers::<FetchRequest>(&mut node, 12).is_empty());
    node.advance_ms(2);
    let (_, answer) = reader.answers::<FetchRequest>(&mut node, 12).remove(0);
    assert_eq!(bases(&answer), [(0, vec![]), (1, vec![])]);
}

#[test]
fn rule_66_an_unknown_partition_does_not_end_the_wait_for_others_but_an_offset_out_of_range_does() {
    let mut node = node_with_topic(2);
    let mut reader = node.connect(0);
    reader.send(&mut node, 12, &fetch_request("t", &[(9, 0), (0, 0)], 5_000));
    node.advance_ms(4_999);
    assert!(reader.answers::<FetchRequest>(&mut node, 12).is_empty());
    node.advance_ms(2);
    let (_, answer) = reader.answers::<FetchRequest>(&mut node, 12).remove(0);
    let unknown = answer.responses[0].partitions[0].error_code;
    assert_eq!(unknown, ErrorCode::UnknownTopicOrPartition.code());
    let at_once = reader.call(&mut node, 12, &fetch_request("t", &[(1, 7), (0, 0)], 5_000));
    let out_of_range = at_once.responses[0].partitions[0].error_code;
    assert_eq!(out_of_range, ErrorCode::OffsetOutOfRange.code());
}

#[test]
fn rule_66_a_long_poll_waits_for_as_many_bytes_as_it_wants() {
    let mut node = node_with_topic(2);
    let mut reader = node.connect(0);
    let mut writer = node.connect(1);
    let mut request = fetch_request("t", &[(0, 0), (1, 0)], 5_000);
    request.min_bytes = 2_500;
    reader.send(&mut node, 12, &request);
    node.run();
    for (partition, arrived) in [(0, 0), (1, 0), (0, 1)] {
        writer.produce(&mut node, "t", partition, large_batch(1_000));
        assert_eq!(reader.answers::<FetchRequest>(&mut node, 12).len(), arrived);
    }
    reader.send(&mut node, 12, &FetchRequest { min_bytes: 100_000, ..request });
    node.advance_ms(5_001);
    let (_, answer) = reader.answers::<FetchRequest>(&mut node, 12).remove(0);
    assert_eq!(bases(&answer), [(0, vec![0, 1]), (1, vec![0])], "what is there when time is over");
}

#[test]
fn a_long_poll_ends_when_its_topic_is_deleted() {
    let mut node = node_with_topic(2);
    let mut reader = node.connect(0);
    reader.send(&mut node, 12, &fetch_request("t", &[(1, 0)], 60_000));
    node.run();
    node.delete_topic("t");
    let (_, answer) = reader.answers::<FetchRequest>(&mut node, 12).remove(0);
    let error = answer.responses[0].partitions[0].error_code;
    assert_eq!(error, ErrorCode::UnknownTopicOrPartition.code());
}

#[test]
fn rule_71_epochs_of_readers() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    for (epoch, error) in
        [(-1, ErrorCode::None), (0, ErrorCode::None), (1, ErrorCode::UnknownLeaderEpoch)]
    {
        let mut request = fetch_request("t", &[(0, 0)], 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let answer = client.call(&mut node, 12, &request);
        assert_eq!(answer.responses[0].partitions[0].error_code, error.code(), "epoch {epoch}");
    }
}

#[test]
fn rule_37_readers_of_committed_records_are_told_of_no_aborted_transactions() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(2));
    let mut request = fetch_request("t", &[(0, 0)], 0);
    let plain = client.call(&mut node, 12, &request);
    assert_eq!(plain.responses[0].partitions[0].aborted_transactions, None);
    request.isolation_level = 1;
    let committed = client.call(&mut node, 12, &request);
    let committed = &committed.responses[0].partitions[0];
    assert_eq!(committed.aborted_transactions, Some(Vec::new()));
    assert_eq!(committed.last_stable_offset, 2);
}

#[test]
fn rule_70_a_session_tells_only_what_changed() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(1));
    let mut request = fetch_request("t", &[(0, 0), (1, 0), (2, 0)], 0);
    request.session_epoch = 0;
    let full = client.call(&mut node, 12, &request);
    assert_ne!(full.session_id, 0);
    assert_eq!(bases(&full), [(0, vec![0]), (1, vec![]), (2, vec![])]);
    let mut next = FetchRequest {
        session_id: full.session_id,
        session_epoch: 1,
        ..fetch_request("t", &[(0, 1)], 0)
    };
    let quiet = client.call(&mut node, 12, &next);
    assert_eq!((quiet.error_code, quiet.session_id), (0, full.session_id));
    assert!(quiet.responses.is_empty(), "nothing changed: {quiet:?}");
    client.produce(&mut node, "t", 1, batch(1));
    next.session_epoch = 2;
    next.topics.clear();
    let changed = client.call(&mut node, 12, &next);
    assert_eq!(bases(&changed), [(1, vec![0])]);
    let stale = client.call(&mut node, 12, &next);
    assert_eq!(stale.error_code, ErrorCode::InvalidFetchSessionEpoch.code());
    next.session_id += 1;
    let unknown = client.call(&mut node, 12, &next);
    assert_eq!(unknown.error_code, ErrorCode::FetchSessionIdNotFound.code());
}

#[test]
fn topics_are_named_by_id_from_version_13_on() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(1));
    let mut request = fetch_request("", &[(0, 0)], 0);
    request.topics[0].topic_id = node.topics.id("t");
    let answer = client.call(&mut node, 16, &request);
    assert_eq!(bases(&answer), [(0, vec![0])]);
    request.topics[0].topic_id = strandlog::base::TopicId([9; 16]);
    let answer = client.call(&mut node, 16, &request);
    let error = answer.responses[0].partitions[0].error_code;
    assert_eq!(error, ErrorCode::UnknownTopicId.code());
}

#[test]
fn every_version_is_served() {
    let mut node = node_with_topic(1);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch(1));
    for version in 4..=18 {
        let mut request = fetch_request("t", &[(0, 0)], 0);
        request.topics[0].topic_id = node.topics.id("t");
        let answer = client.call(&mut node, version, &request);
        assert_eq!(bases(&answer), [(0, vec![0])], "version {version}");
    }
}

#[test]
fn what_is_not_in_memory_any_more_is_read_from_the_disk() {
    let mut options = NodeOptions { shards: 2, ..NodeOptions::default() };
    options.strand.cache_bytes = 64 << 10;
    let mut node = TestNode::new(options);
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    for _ in 0..10 {
        for partition in [0, 1] {
            client.produce(&mut node, "t", partition, large_batch(30_000));
        }
    }
    let reads = node.disk_mut(0).reads;
    let answer = client.call(&mut node, 12, &fetch_request("t", &[(0, 0), (1, 0)], 0));
    let all: Vec<i64> = (0..10).collect();
    assert_eq!(bases(&answer), [(0, all.clone()), (1, all)]);
    assert!(node.disk_mut(0).reads > reads);
}
