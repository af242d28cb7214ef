//! Produce requests that no producer sends: each is refused with Kafka's error, told in the log
//! once, and harms nobody.

use strandlog::kafka::errors::ErrorCode;
use strandlog::record::BatchBuilder;
use strandlog::record::Codec;
use strandlog::record::HEADER_BYTES;

use crate::broker::Broker;
use crate::broker::Setup;
use crate::wire::Connection;
use crate::wire::batch;
use crate::wire::now_ms;

/// Where these lie in a batch.
const LENGTH: std::ops::Range<usize> = 8..12;
const MAGIC: usize = 16;
const CRC: std::ops::Range<usize> = 17..21;

/// More than a shard of the tests' brokers opens at once, from a few KiB.
const BOMB_BYTES: usize = 64 << 20;

fn compressed(codec: Codec, value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec, 3);
    builder.push(now_ms(), Some(b"key"), Some(value), &[]);
    builder.finish()
}

/// With a CRC that holds.
fn sealed(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[CRC.end..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn with_magic(magic: u8) -> Vec<u8> {
    let mut batch = batch(b"value");
    batch[MAGIC] = magic;
    batch
}

/// Records that no codec wrote.
fn garbage(codec: Codec) -> Vec<u8> {
    let mut batch = compressed(codec, b"value");
    batch[HEADER_BYTES..].fill(0xa5);
    sealed(batch)
}

#[track_caller]
fn assert_refused(broker: &Broker, topic: &str, batch: Vec<u8>, expected: ErrorCode, what: &str) {
    let mut client = Connection::open(broker);
    for _ in 0..3 {
        let answer = client.produce(topic, 0, batch.clone());
        let error = ErrorCode::from_code(answer.error_code);
        assert_eq!((error, answer.base_offset), (Some(expected), -1), "{what}: {answer:?}");
    }
    // The connection goes on, and so does everybody else.
    assert_eq!(client.produce(topic, 0, crate::wire::batch(b"sound")).error_code, 0, "{what}");
    assert_eq!(broker.lines_about(&client), 1, "{what}: {}", broker.log());
}

#[test]
fn batches_that_do_not_add_up_are_refused_with_kafkas_errors() {
    let setup = Setup::new();
    let broker = setup.start();
    Connection::open(&broker).create_topic("t", 1, &[]);
    let mut wrong_crc = batch(b"value");
    *wrong_crc.last_mut().expect("a byte") ^= 1;
    let mut too_long = batch(b"value");
    let claimed = u32::try_from(too_long.len()).expect("a short batch");
    too_long[LENGTH].copy_from_slice(&claimed.to_be_bytes());
    let mut negative = batch(b"value");
    negative[LENGTH].copy_from_slice(&(-1i32).to_be_bytes());
    let mut miscounted = batch(b"value");
    miscounted[57..61].copy_from_slice(&2i32.to_be_bytes());
    for (batch, expected, what) in [
        (wrong_crc, ErrorCode::CorruptMessage, "a wrong CRC"),
        (with_magic(0), ErrorCode::InvalidRecord, "magic 0"),
        (with_magic(1), ErrorCode::InvalidRecord, "magic 1"),
        (with_magic(3), ErrorCode::CorruptMessage, "magic 3"),
        (with_magic(0xff), ErrorCode::CorruptMessage, "magic -1"),
        (batch(b"value")[..HEADER_BYTES].to_vec(), ErrorCode::InvalidRecord, "a header alone"),
        (batch(b"value")[..20].to_vec(), ErrorCode::InvalidRecord, "a torn header"),
        (too_long, ErrorCode::InvalidRecord, "a length beyond the end"),
        (negative, ErrorCode::CorruptMessage, "a negative length"),
        (Vec::new(), ErrorCode::InvalidRecord, "nothing"),
        (sealed(miscounted), ErrorCode::InvalidRecord, "a count that lies"),
        (batch(&vec![1; 1_100_000]), ErrorCode::MessageTooLarge, "too large a batch"),
        ([batch(b"1"), batch(b"2")].concat(), ErrorCode::InvalidRecord, "two batches"),
    ] {
        assert_refused(&broker, "t", batch, expected, what);
    }
    broker.stop();
}

#[test]
fn compressed_garbage_and_bombs_are_refused_where_they_are_opened() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    client.create_topic("keyed", 1, &[("cleanup.policy", "compact")]);
    client.create_topic("gzip", 1, &[("compression.type", "gzip")]);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let what = format!("{codec:?}");
        assert_refused(&broker, "keyed", garbage(codec), ErrorCode::InvalidRecord, &what);
        let bomb = compressed(codec, &vec![0; BOMB_BYTES]);
        // Snappy packs 64 bytes into 3 at best: what opens to so much is itself too large.
        assert_refused(&broker, "keyed", bomb, ErrorCode::MessageTooLarge, &what);
    }
    let bomb = compressed(Codec::Zstd, &vec![0; BOMB_BYTES]);
    assert_refused(&broker, "gzip", bomb, ErrorCode::MessageTooLarge, "to be compressed anew");
    let memory = broker.memory();
    assert!(memory.peak <= memory.bound, "{memory:?}");
    broker.stop();
}
