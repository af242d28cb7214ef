//! What one step of a produce costs on one core: decoding the request, CRC, the broker's checks, the
//! copy into a commit buffer with its stamps, encoding the answer. Prints nanoseconds and a digest of
//! what was computed, which must not change where nothing but speed should.
//!
//! Then how long single turns of a strand take (`turns.rs`).
//!
//! `cargo bench --bench micro`; `cargo test` runs each step a few times for its digest alone.

mod turns;

use bytes::Bytes;
use std::hint::black_box;
use std::time::Instant;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::PartitionProduceResponse;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::ProduceResponse;
use strandlog::kafka::messages::ProduceView;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::messages::TopicProduceResponse;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Writer;
use strandlog::kafka::wire::encode_response;
use strandlog::record::Batch;
use strandlog::record::BatchBuilder;
use strandlog::record::Compression;
use strandlog::record::HEADER_BYTES;
use strandlog::record::Rules;
use strandlog::record::TimestampType;
use strandlog::record::Verdict;
use strandlog::record::validate;

const VERSION: i16 = 12;
const NOW_MS: i64 = 1_700_000_000_000;
/// Records and bytes of a value: the shapes of the figures in tuning.md.
const SHAPES: [(i64, usize); 3] = [(1, 1024), (64, 1024), (160, 100)];
const ROUNDS: u64 = 20_000;
const ROUNDS_IN_TESTS: u64 = 3;
/// Partitions that a strand remembers, and batches that each gets.
const TURN_PARTITIONS: u64 = 10_000;
const TURN_PARTITIONS_IN_TESTS: u64 = 100;
const TURN_ROUNDS: u64 = 20;

fn main() {
    // `cargo test` runs benches without `--bench`.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let rounds = if measured { ROUNDS } else { ROUNDS_IN_TESTS };
    println!("{:<12} {:<16} {:>10} {:>8} {:>16}", "batch", "step", "ns", "GB/s", "digest");
    for (records, value_bytes) in SHAPES {
        let batch = batch(records, value_bytes);
        let name = format!("{records} x {value_bytes} B");
        let row = |step: &str, run: &mut dyn FnMut() -> u64| {
            let (nanos, digest) = time(rounds, run);
            let rate = batch.len() as f64 / nanos;
            println!("{name:<12} {step:<16} {nanos:>10.1} {rate:>8.2} {digest:>16x}");
        };
        let body = request(&batch);
        let mut view = ProduceView::default();
        row("decode", &mut || {
            view.decode(VERSION, body.clone()).expect("it was just encoded");
            view.partitions().len() as u64
        });
        row("crc", &mut || u64::from(crc32c::crc32c(&batch[21..])));
        let rules = rules();
        row("validate", &mut || match validate(&batch, &rules) {
            Ok(Verdict::Append(accepted)) => accepted.bytes as u64,
            other => panic!("a sound batch: {other:?}"),
        });
        let mut copy = vec![0; batch.len()];
        row("copy and stamp", &mut || copy_and_stamp(&batch, &mut copy));
        let response = response();
        row("answer", &mut || {
            let answer = encode_response(VERSION, 7, &response).expect("a version that can say it");
            answer.len() as u64
        });
    }
    let partitions = if measured { TURN_PARTITIONS } else { TURN_PARTITIONS_IN_TESTS };
    turns::print(partitions, TURN_ROUNDS, &Bytes::from(batch(1, 1024)));
}

/// Nanoseconds of one run, and a digest of what all gave.
fn time(rounds: u64, run: &mut dyn FnMut() -> u64) -> (f64, u64) {
    let begin = Instant::now();
    let mut digest = 0u64;
    for _ in 0..rounds {
        digest = digest.rotate_left(5) ^ black_box(run());
    }
    let nanos = begin.elapsed().as_nanos() as f64 / rounds as f64;
    assert_ne!(digest, 0, "a step computed nothing");
    (nanos, digest)
}

fn copy_and_stamp(batch: &[u8], copy: &mut [u8]) -> u64 {
    let header = Batch::parse(batch).expect("it was just built").header;
    copy.copy_from_slice(batch);
    let stored = strandlog::record::BatchHeader { base_offset: 1 << 33, leader_epoch: 4, ..header };
    copy[..HEADER_BYTES].copy_from_slice(&stored.encode());
    let back = Batch::parse(copy).expect("stamps leave it a batch").header;
    assert_eq!(back, stored);
    back.end_offset() as u64
}

fn batch(records: i64, value_bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(7, 0, 0);
    for at in 0..records {
        let value: Vec<u8> = (0..value_bytes).map(|byte| (byte as i64 * 31 + at) as u8).collect();
        builder.push(NOW_MS + at, Some(b"key"), Some(&value), &[]);
    }
    builder.finish()
}

fn request(batch: &[u8]) -> Bytes {
    let part = PartitionProduceData {
        index: 3,
        records: Some(Bytes::copy_from_slice(batch)),
        ..PartitionProduceData::default()
    };
    let topic = TopicProduceData {
        name: "micro".to_owned(),
        partition_data: vec![part],
        ..TopicProduceData::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..ProduceRequest::default()
    };
    let mut writer = Writer::new();
    request.encode(VERSION, &mut writer).expect("a version that can say it");
    writer.into_bytes()
}

fn response() -> ProduceResponse {
    let part = PartitionProduceResponse { index: 3, base_offset: 1 << 33, ..Default::default() };
    let topic = TopicProduceResponse {
        name: "micro".to_owned(),
        partition_responses: vec![part],
        ..Default::default()
    };
    ProduceResponse { responses: vec![topic], ..Default::default() }
}

fn rules() -> Rules {
    Rules {
        max_message_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        compacted: false,
        compression: Compression::Producer,
        zstd_allowed: true,
        now_ms: NOW_MS,
    }
}
