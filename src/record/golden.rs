//! Batches as Java's producer makes them (`MemoryRecordsBuilder` of kafka-clients 4.3.1): three
//! records, one with headers of which two share a key, one without key, one without value.

use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Codec;
use crate::record::Compression;
use crate::record::HEADER_BYTES;
use crate::record::Header;
use crate::record::Records;
use crate::record::Rules;
use crate::record::TimeStamp;
use crate::record::TimestampType;
use crate::record::Verdict;
use crate::record::decompress;
use crate::record::validate;

/// Key, value, timestamp delta.
type Fact = (Option<&'static [u8]>, Option<&'static [u8]>, i64);

const FIRST_MS: i64 = 1_700_000_000_000;
const SECOND_VALUE: &[u8] = b"no key, a value that repeats repeats repeats repeats";

const GOLDEN: [(Codec, &str); 5] = [
    (
        Codec::None,
        concat!(
            "000000000000000000000095ffffffff0242750fe70000000000020000018bcfe568000000018bcf",
            "e56807000000000000126700030000002a000000031c000000066b65790a76616c7565008601000e",
            "0201686e6f206b65792c20612076616c756520746861742072657065617473207265706561747320",
            "726570656174732072657065617473060268023102680100001e00060412746f6d6273746f6e6501",
            "00",
        ),
    ),
    (
        Codec::Gzip,
        concat!(
            "00000000000000000000008effffffff020ee501fe0001000000020000018bcfe568000000018bcf",
            "e56807000000000000126700030000002a000000031f8b08000000000000ff9361606060cb4eade4",
            "2a4bcc294d65686364e06362ccc8cb57008ae928242a8085154a32124b148a520b52134b8a71d16c",
            "4c194c864c198c0c0c720c6c2c4225f9b949c525f979a98c0c0016481a5364000000",
        ),
    ),
    (
        Codec::Snappy,
        concat!(
            "000000000000000000000095ffffffff023fa67c510002000000020000018bcfe568000000018bcf",
            "e56807000000000000126700030000002a0000000382534e41505059000000000100000001000000",
            "50647c1c000000066b65790a76616c7565008601000e0201686e6f206b65792c2061200517302074",
            "68617420726570656174735e080064060268023102680100001e00060412746f6d6273746f6e6501",
            "00",
        ),
    ),
    (
        Codec::Lz4,
        concat!(
            "000000000000000000000091ffffffff0299b1d0660003000000020000018bcfe568000000018bcf",
            "e56807000000000000126700030000002a0000000304224d1860408251000000f1111c000000066b",
            "65790a76616c7565008601000e0201686e6f206b65792c2061201700df2074686174207265706561",
            "7473080005f00b060268023102680100001e00060412746f6d6273746f6e65010000000000",
        ),
    ),
    (
        Codec::Zstd,
        concat!(
            "00000000000000000000008affffffff0283e7109f0004000000020000018bcfe568000000018bcf",
            "e56807000000000000126700030000002a0000000328b52ffd00586c02007284101890ab0d0f86b6",
            "32b4242ac102eceebafed42aae9cb1a44c01bf55ab19a2ac1e00f4e23fc60319116bdd65996ce5ce",
            "d434daa65c8a0f85dff36d127582b609fd270202002be04385f904010000",
        ),
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|c| (c as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn plain(batch: &Batch<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let codec = batch.header.attributes.codec().unwrap();
    decompress(codec, batch.payload(), 10_000, &mut records).unwrap();
    records
}

fn built(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec, -1).producer(4711, 3, 42);
    builder.push(FIRST_MS, Some(b"key"), Some(b"value"), &[]);
    let headers: [(&[u8], Option<&[u8]>); 3] = [(b"h", Some(b"1")), (b"h", None), (b"", Some(b""))];
    builder.push(FIRST_MS + 7, None, Some(SECOND_VALUE), &headers);
    builder.push(FIRST_MS + 3, Some(b"tombstone"), None, &[]);
    builder.finish()
}

#[test]
fn the_header_says_what_java_put_in() {
    for (codec, hex) in GOLDEN {
        let bytes = bytes(hex);
        let batch = Batch::parse(&bytes).unwrap();
        let header = batch.header;
        assert_eq!(batch.bytes.len(), bytes.len());
        assert!(batch.crc_holds(), "{codec:?}");
        assert_eq!(header.attributes.codec(), Ok(codec));
        assert_eq!(header.attributes.timestamp_type(), TimestampType::CreateTime);
        assert_eq!((header.base_offset, header.leader_epoch), (0, -1));
        assert_eq!((header.base_timestamp, header.max_timestamp), (FIRST_MS, FIRST_MS + 7));
        assert_eq!((header.producer_id, header.producer_epoch), (4711, 3));
        assert_eq!((header.base_sequence, header.last_sequence()), (42, 44));
        assert_eq!((header.count, header.last_offset_delta), (3, 2));
        assert_eq!(header.encode(), bytes[..HEADER_BYTES]);
    }
}

#[test]
fn the_records_are_those_that_java_put_in() {
    for (codec, hex) in GOLDEN {
        let bytes = bytes(hex);
        let batch = Batch::parse(&bytes).unwrap();
        let plain = plain(&batch);
        let records: Vec<_> = Records::new(&plain, 3).collect::<Result<_, _>>().unwrap();
        let facts = records.iter().map(|record| (record.key, record.value, record.timestamp_delta));
        let expected: [Fact; 3] = [
            (Some(b"key"), Some(b"value"), 0),
            (None, Some(SECOND_VALUE), 7),
            (Some(b"tombstone"), None, 3),
        ];
        assert_eq!(facts.collect::<Vec<_>>(), expected, "{codec:?}");
        let headers: Vec<_> = records[1].headers.collect();
        let one = |key: &'static [u8], value| Header { key, value };
        let expected = [one(b"h", Some(&b"1"[..])), one(b"h", None), one(b"", Some(b""))];
        assert_eq!(headers, expected);
    }
}

#[test]
fn what_is_built_here_holds_the_same_bytes() {
    for (codec, hex) in GOLDEN {
        let (ours, javas) = (built(codec), bytes(hex));
        let (ours, javas) = (Batch::parse(&ours).unwrap(), Batch::parse(&javas).unwrap());
        assert_eq!(plain(&ours), plain(&javas), "{codec:?}");
        if codec == Codec::None {
            assert_eq!(ours.bytes, javas.bytes);
        }
    }
}

#[test]
fn javas_batches_pass_the_door() {
    let rules = Rules {
        max_message_bytes: 1000,
        segment_bytes: 1000,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        compacted: false,
        compression: Compression::Producer,
        zstd_allowed: true,
        now_ms: FIRST_MS,
    };
    for (codec, hex) in GOLDEN {
        let bytes = bytes(hex);
        let Ok(Verdict::Append(accepted)) = validate(&bytes, &rules) else { panic!("{codec:?}") };
        assert_eq!((accepted.bytes, accepted.time), (bytes.len(), TimeStamp::Keep));
    }
}
