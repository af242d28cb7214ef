use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::PartitionProduceResponse;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::record::BatchBuilder;
use strandlog::record::Codec;
use strandlog::record::HEADER_BYTES;
use strandlog::shard::CloseReason;
use strandlog::shard::limits;

use crate::batch;
use crate::batch_at;
use crate::harness::NodeOptions;
use crate::harness::TestNode;
use crate::harness::WALL_MS;
use crate::harness::produce_request;
use crate::idempotent;

fn node_with_topic(configs: &[(&str, &str)]) -> TestNode {
    let mut node = TestNode::single();
    node.create_topic("t", 2, configs);
    node
}

#[track_caller]
fn assert_refused(answer: &PartitionProduceResponse, error: ErrorCode) {
    assert_eq!(ErrorCode::from_code(answer.error_code), Some(error), "{answer:?}");
    assert_eq!(answer.base_offset, -1);
}

#[test]
fn rule_8_offsets_are_contiguous_and_each_partition_has_its_own() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    for (partition, count, base) in [(0, 3, 0), (0, 1, 3), (1, 2, 0), (0, 2, 4)] {
        let answer = client.produce(&mut node, "t", partition, batch(count));
        assert_eq!((answer.error_code, answer.base_offset), (0, base));
        assert_eq!(answer.log_append_time_ms, -1);
        assert_eq!(answer.log_start_offset, 0);
    }
}

#[test]
fn an_append_is_answered_and_visible_only_when_it_is_durable() {
    for acks in [1, -1] {
        let mut node = node_with_topic(&[]);
        let mut client = node.connect(0);
        client.produce(&mut node, "t", 0, batch(1));
        node.hold_disk = true;
        client.send(&mut node, 9, &produce_request("t", 0, batch(1), acks));
        node.run();
        assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
        let mut reader = node.connect(0);
        assert_eq!(reader.fetch(&mut node, "t", 0, 0).high_watermark, 1);
        node.hold_disk = false;
        node.run();
        assert_eq!(client.answers::<ProduceRequest>(&mut node, 9).len(), 1);
        assert_eq!(reader.fetch(&mut node, "t", 0, 0).high_watermark, 2);
    }
}

#[test]
fn rule_15_acks_are_checked_before_anything_else() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    let request = produce_request("t", 0, batch(1), 2);
    let answer = client.call(&mut node, 9, &request);
    let answer = &answer.responses[0].partition_responses[0];
    assert_refused(answer, ErrorCode::InvalidRequiredAcks);
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 0);
}

#[test]
fn rule_15_what_is_not_durable_in_time_is_answered_so_and_stays() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    client.send(&mut node, 9, &produce_request("t", 0, batch(1), -1));
    node.advance_ms(29_999);
    assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
    node.advance_ms(2);
    let (_, answer) = client.answers::<ProduceRequest>(&mut node, 9).remove(0);
    assert_refused(&answer.responses[0].partition_responses[0], ErrorCode::RequestTimedOut);
    node.hold_disk = false;
    node.run();
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 1);
}

#[test]
fn unacknowledged_appends_have_no_answer_and_an_error_closes() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    client.send(&mut node, 9, &produce_request("t", 0, batch(1), 0));
    node.run();
    assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 1);
    client.send(&mut node, 9, &produce_request("nowhere", 0, batch(1), 0));
    node.run();
    assert!(matches!(node.closed(client.conn), Some(CloseReason::UnacknowledgedError(_))));
}

#[test]
fn rules_4_5_10_batches_that_are_refused_at_the_door() {
    let mut node = node_with_topic(&[("max.message.bytes", "2000")]);
    let mut client = node.connect(0);
    let mut torn = batch(1);
    *torn.last_mut().expect("a byte") ^= 1;
    let mut magic = batch(1);
    magic[16] = 1;
    let twice = [batch(1), batch(1)].concat();
    let short = batch(1)[..HEADER_BYTES + 2].to_vec();
    for (records, error) in [
        (torn, ErrorCode::CorruptMessage),
        (magic, ErrorCode::InvalidRecord),
        (twice, ErrorCode::InvalidRecord),
        (short, ErrorCode::InvalidRecord),
        (Vec::new(), ErrorCode::InvalidRecord),
        (batch(300), ErrorCode::MessageTooLarge),
    ] {
        let answer = client.produce(&mut node, "t", 0, records);
        assert_refused(&answer, error);
        assert!(answer.error_message.is_some());
    }
    let mut zstd = BatchBuilder::new().codec(Codec::Zstd, 3);
    zstd.push(WALL_MS, None, Some(b"value"), &[]);
    let zstd = zstd.finish();
    let old = client.call(&mut node, 6, &produce_request("t", 0, zstd.clone(), -1));
    let old = &old.responses[0].partition_responses[0];
    assert_refused(old, ErrorCode::UnsupportedCompressionType);
    assert_eq!(client.produce(&mut node, "t", 0, zstd).error_code, 0);
    let unknown = client.produce(&mut node, "nowhere", 0, batch(1));
    assert_refused(&unknown, ErrorCode::UnknownTopicOrPartition);
    let unknown = client.produce(&mut node, "t", 2, batch(1));
    assert_refused(&unknown, ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn rule_11_timestamps_out_of_range_are_told_record_by_record() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    let late = WALL_MS + 3_600_001;
    let answer = client.produce(&mut node, "t", 0, batch_at(&[WALL_MS, late, -1, late]));
    assert_refused(&answer, ErrorCode::InvalidTimestamp);
    let indexes: Vec<_> = answer.record_errors.iter().map(|error| error.batch_index).collect();
    assert_eq!(indexes, [1, 3]);
}

#[test]
fn rule_12_and_r23_log_append_time_never_runs_backwards() {
    let mut node = node_with_topic(&[("message.timestamp.type", "LogAppendTime")]);
    let mut client = node.connect(0);
    let first = client.produce(&mut node, "t", 0, batch_at(&[5]));
    assert_eq!(first.log_append_time_ms, WALL_MS);
    node.now.wall_ms -= 10_000;
    let second = client.produce(&mut node, "t", 0, batch_at(&[5]));
    assert_eq!(second.log_append_time_ms, WALL_MS);
    let records = client.fetch(&mut node, "t", 0, 0).records.expect("records");
    let stored: Vec<_> = strandlog::record::Batches::new(&records).collect();
    for batch in stored {
        let batch = batch.expect("a batch");
        assert!(batch.crc_holds());
        assert_eq!(batch.header.max_timestamp, WALL_MS);
    }
}

#[test]
fn rule_13_a_compacted_topic_wants_keys() {
    let mut node = node_with_topic(&[("cleanup.policy", "compact")]);
    let mut client = node.connect(0);
    assert_eq!(client.produce(&mut node, "t", 0, batch(2)).error_code, 0);
    let answer = client.produce(&mut node, "t", 0, idempotent(1, 0, 0, 2));
    assert_refused(&answer, ErrorCode::InvalidRecord);
    assert_eq!(answer.record_errors.len(), 2);
}

#[test]
fn rules_17_to_21_over_the_wire() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    let first = client.produce(&mut node, "t", 0, idempotent(7, 1, 0, 3));
    assert_eq!((first.error_code, first.base_offset), (0, 0));
    let again = client.produce(&mut node, "t", 0, idempotent(7, 1, 0, 3));
    assert_eq!((again.error_code, again.base_offset, again.log_append_time_ms), (0, 0, WALL_MS));
    let gap = client.produce(&mut node, "t", 0, idempotent(7, 1, 4, 1));
    assert_refused(&gap, ErrorCode::OutOfOrderSequenceNumber);
    let old = client.produce(&mut node, "t", 0, idempotent(7, 0, 3, 1));
    assert_refused(&old, ErrorCode::InvalidProducerEpoch);
    let next = client.produce(&mut node, "t", 0, idempotent(7, 1, 3, 1));
    assert_eq!((next.error_code, next.base_offset), (0, 3));
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 4);
}

#[test]
fn r12_duplicates_and_gaps_wait_until_what_they_speak_of_is_durable() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    for sequence in [0, 0, 9] {
        let records = idempotent(7, 0, sequence, 2);
        client.send(&mut node, 9, &produce_request("t", 0, records, -1));
    }
    // Another connection asks for the same: nothing before it in its order holds it back.
    let mut other = node.connect(0);
    other.send(&mut node, 9, &produce_request("t", 0, idempotent(7, 0, 0, 2), -1));
    node.run();
    assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
    assert!(other.answers::<ProduceRequest>(&mut node, 9).is_empty());
    node.hold_disk = false;
    node.run();
    let errors: Vec<_> = client
        .answers::<ProduceRequest>(&mut node, 9)
        .iter()
        .map(|(_, answer)| answer.responses[0].partition_responses[0].error_code)
        .collect();
    assert_eq!(errors, [0, 0, ErrorCode::OutOfOrderSequenceNumber.code()]);
    assert_eq!(other.answers::<ProduceRequest>(&mut node, 9).len(), 1);
}

#[test]
fn rule_9_a_topics_codec_is_made_off_core_and_in_order() {
    let mut node = node_with_topic(&[("compression.type", "gzip")]);
    let mut client = node.connect(0);
    node.hold_jobs = true;
    let mut gzip = BatchBuilder::new().codec(Codec::Gzip, 6);
    gzip.push(WALL_MS, Some(b"key"), Some(b"compressed"), &[]);
    client.send(&mut node, 9, &produce_request("t", 0, batch(3), -1));
    client.send(&mut node, 9, &produce_request("t", 0, gzip.finish(), -1));
    node.run();
    assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
    node.hold_jobs = false;
    node.run();
    let bases: Vec<_> = client
        .answers::<ProduceRequest>(&mut node, 9)
        .iter()
        .map(|(_, answer)| answer.responses[0].partition_responses[0].base_offset)
        .collect();
    assert_eq!(bases, [0, 3]);
    let records = client.fetch(&mut node, "t", 0, 0).records.expect("records");
    let codecs: Vec<_> = strandlog::record::Batches::new(&records)
        .map(|batch| batch.expect("a batch").header.attributes.codec())
        .collect();
    assert_eq!(codecs, [Ok(Codec::Gzip), Ok(Codec::Gzip)]);
}

#[test]
fn rule_32_a_batch_of_a_transaction_needs_a_coordinator() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    let attributes = strandlog::record::Attributes::default().with_transactional();
    let mut builder = BatchBuilder::new().producer(7, 0, 0).attributes(attributes);
    builder.push(WALL_MS, None, Some(b"value"), &[]);
    let answer = client.produce(&mut node, "t", 0, builder.finish());
    assert_refused(&answer, ErrorCode::InvalidTxnState);
}

#[test]
fn topics_are_named_by_id_from_version_13_on() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    let mut request = produce_request("", 1, batch(1), -1);
    request.topic_data[0].topic_id = node.topics.id("t");
    let answer = client.call(&mut node, 13, &request);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    request.topic_data[0].topic_id = strandlog::base::TopicId([9; 16]);
    let answer = client.call(&mut node, 13, &request);
    let answer = &answer.responses[0].partition_responses[0];
    assert_refused(answer, ErrorCode::UnknownTopicId);
}

#[test]
fn any_core_takes_appends_for_any_other() {
    let mut node = TestNode::new(NodeOptions { shards: 3, ..NodeOptions::default() });
    node.create_topic("t", 6, &[]);
    for core in 0..3 {
        let mut client = node.connect(core);
        for partition in 0..6 {
            let answer = client.produce(&mut node, "t", partition, batch(2));
            assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(core) * 2));
        }
    }
    assert!(node.messages > 0);
}

#[test]
fn r16_a_full_disk_refuses_appends_retriably_and_still_serves() {
    let mut node = TestNode::single();
    node.disk_mut(0).extents_max = Some(6);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    let mut builder = BatchBuilder::new();
    builder.push(WALL_MS, None, Some(&vec![7; 900_000]), &[]);
    let records = builder.finish();
    let mut appended = 0;
    let refused = loop {
        let answer = client.produce(&mut node, "t", 0, records.clone());
        if answer.error_code != 0 {
            break answer;
        }
        appended += 1;
        assert!(appended < 1000, "the disk never fills");
    };
    assert_refused(&refused, ErrorCode::KafkaStorageError);
    assert!(ErrorCode::KafkaStorageError.is_retriable());
    let served = client.fetch(&mut node, "t", 0, 0);
    assert_eq!((served.error_code, served.high_watermark), (0, appended));
}

#[test]
fn overload_from_other_cores_waits_in_order_and_is_not_refused() {
    let mut node = TestNode::new(NodeOptions { shards: 3, ..NodeOptions::default() });
    node.create_topic("t", 1, &[]);
    let mut builder = BatchBuilder::new();
    builder.push(WALL_MS, None, Some(&vec![1; 400_000]), &[]);
    let records = builder.finish();
    let mut clients: Vec<_> = (0..3).map(|core| node.connect(core)).collect();
    node.hold_disk = true;
    for _ in 0..20 {
        for client in &mut clients {
            client.send(&mut node, 9, &produce_request("t", 0, records.clone(), -1));
        }
        node.run();
    }
    node.hold_disk = false;
    node.run();
    let mut all = Vec::new();
    for client in &mut clients {
        let answers = client.answers::<ProduceRequest>(&mut node, 9);
        let bases: Vec<_> = answers
            .iter()
            .map(|(_, answer)| &answer.responses[0].partition_responses[0])
            .inspect(|answer| assert_eq!(answer.error_code, 0))
            .map(|answer| answer.base_offset)
            .collect();
        assert_eq!(bases.len(), 20);
        assert!(bases.is_sorted(), "in the connection's order: {bases:?}");
        all.extend(bases);
    }
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
}

#[test]
fn a_timeout_that_leaves_the_disk_no_time_is_taken_for_a_short_one() {
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    let mut request = produce_request("t", 0, batch(1), 1);
    request.timeout_ms = 0;
    client.send(&mut node, 9, &request);
    node.advance_ms(500);
    assert!(client.answers::<ProduceRequest>(&mut node, 9).is_empty());
    node.hold_disk = false;
    node.run();
    let (_, answer) = client.answers::<ProduceRequest>(&mut node, 9).remove(0);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

fn compressed_zeros(codec: Codec, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec, 3);
    builder.push(WALL_MS, Some(b"key"), Some(&vec![0; bytes]), &[]);
    builder.finish()
}

#[test]
fn a_batch_that_is_too_large_when_opened_is_refused_and_one_is_opened_at_a_time() {
    let mut options = NodeOptions::default();
    options.shard.opened_bytes_max = 1 << 20;
    let mut node = TestNode::new(options);
    node.create_topic("t", 1, &[("cleanup.policy", "compact")]);
    let mut client = node.connect(0);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let fits = compressed_zeros(codec, 1_000_000);
        assert_eq!(client.produce(&mut node, "t", 0, fits).error_code, 0, "{codec:?}");
        let answer = client.produce(&mut node, "t", 0, compressed_zeros(codec, 1 << 20));
        assert_refused(&answer, ErrorCode::MessageTooLarge);
    }
    node.hold_jobs = true;
    for _ in 0..10 {
        let sent = compressed_zeros(Codec::Gzip, 1_000_000);
        client.send(&mut node, 9, &produce_request("t", 0, sent, -1));
    }
    node.run();
    assert_eq!(node.held_jobs(), limits::JOBS_MAX);
    node.hold_jobs = false;
    node.run();
    assert_eq!(client.answers::<ProduceRequest>(&mut node, 9).len(), 10);
}

#[test]
fn what_becomes_of_small_batches_when_they_are_compressed_anew_is_bounded() {
    let mut node = node_with_topic(&[("compression.type", "uncompressed")]);
    let mut client = node.connect(0);
    node.hold_disk = true;
    for _ in 0..30 {
        let sent = compressed_zeros(Codec::Zstd, 900_000);
        client.send(&mut node, 9, &produce_request("t", 0, sent, -1));
    }
    node.run();
    // What the strand takes, what waits for it, and each one more.
    let most = (limits::UNDURABLE_BYTES_MAX + limits::REBUILT_BYTES_MAX) / 900_000 + 2;
    assert!(node.jobs <= most, "{} batches were opened, {most} may wait", node.jobs);
    node.hold_disk = false;
    node.run();
    let answers = client.answers::<ProduceRequest>(&mut node, 9);
    let bases: Vec<_> = answers
        .iter()
        .map(|(_, answer)| answer.responses[0].partition_responses[0].base_offset)
        .collect();
    assert_eq!(bases, (0..30).collect::<Vec<_>>());
}

#[test]
fn beyond_the_bound_the_producers_that_were_silent_for_longest_are_forgotten() {
    let mut options = NodeOptions::default();
    options.shard.producers_max = 3;
    let mut node = TestNode::new(options);
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    for (producer, partition, sequence) in [(1, 0, 0), (2, 1, 0), (3, 0, 0), (1, 0, 1), (4, 1, 0)] {
        let answer =
            client.produce(&mut node, "t", partition, idempotent(producer, 0, sequence, 1));
        assert_eq!(answer.error_code, 0, "producer {producer}");
        node.advance_ms(10);
    }
    assert_eq!(node.figures(0).producers, 3);
    let mut node = node.kill_and_restart();
    assert_eq!(node.figures(0).producers, 3);
    let mut client = node.connect(0);
    let gap = ErrorCode::OutOfOrderSequenceNumber.code();
    for (producer, partition, known) in [(1, 0, true), (3, 0, true), (4, 1, true), (2, 1, false)] {
        let answer = client.produce(&mut node, "t", partition, idempotent(producer, 0, 9, 1));
        assert_eq!(answer.error_code, if known { gap } else { 0 }, "producer {producer}");
    }
}

#[test]
fn r23_a_wall_clock_that_jumps_forgets_no_producer() {
    const DAY_MS: i64 = 86_400_000;
    let mut node = node_with_topic(&[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, idempotent(7, 0, 0, 3));
    for jump_ms in [2 * DAY_MS, -2 * DAY_MS - 1_800_000] {
        node.now.wall_ms += jump_ms;
        // The rounds of retention come by.
        node.advance_ms(400_000);
        let again = client.produce(&mut node, "t", 0, idempotent(7, 0, 0, 3));
        assert_eq!((again.error_code, again.base_offset), (0, 0), "after {jump_ms} ms");
    }
    assert_eq!(client.fetch(&mut node, "t", 0, 0).high_watermark, 3);
}
