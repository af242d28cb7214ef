use super::*;
use crate::base::Rng;
use crate::record::HEADER_BYTES;
use crate::record::NO_SEQUENCE;
use crate::record::RefusalKind;
use crate::record::batch;

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn rules() -> Rules {
    Rules {
        max_message_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: HOUR,
        compacted: false,
        compression: Compression::Producer,
        zstd_allowed: true,
        now_ms: NOW,
    }
}

fn open(bytes: &[u8], rules: &Rules) -> Result<Opened, Refusal> {
    super::open(bytes, rules, OPENED_BYTES_MAX)
}

fn batch_at(codec: Codec, timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec, 3).producer(5, 0, 10);
    for &timestamp in timestamps {
        builder.push(timestamp, Some(b"key"), Some(b"value"), &[]);
    }
    builder.finish()
}

fn batch(codec: Codec) -> Vec<u8> {
    batch_at(codec, &[NOW, NOW + 5, NOW + 3])
}

/// `batch` with a field changed and the CRC made to fit.
fn with(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch::seal(&mut batch);
    batch
}

fn refused(bytes: &[u8], rules: &Rules) -> RefusalKind {
    validate(bytes, rules).unwrap_err().kind()
}

/// Stores `batch` as a broker does.
fn store(accepted: &Accepted, batch: &mut [u8], offset: i64, epoch: i32, time: i64) -> BatchHeader {
    let header = accepted.stored_header(batch, offset, epoch, time);
    batch[..HEADER_BYTES].copy_from_slice(&header.encode());
    assert!(Batch::parse(batch).unwrap().crc_holds());
    header
}

fn appended(bytes: &[u8], rules: &Rules) -> Accepted {
    match validate(bytes, rules) {
        Ok(Verdict::Append(accepted)) => accepted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_batch_is_appended_as_it_is() {
    for codec in Codec::ALL {
        let mut bytes = batch(codec);
        let accepted = appended(&bytes, &rules());
        assert_eq!((accepted.time, accepted.bytes), (TimeStamp::Keep, bytes.len()));
        let before = bytes[17..].to_vec();
        let stored = store(&accepted, &mut bytes, 1000, 4, 0);
        assert_eq!((stored.base_offset, stored.end_offset(), stored.leader_epoch), (1000, 1003, 4));
        assert_eq!(bytes[17..], before);
    }
}

#[test]
fn one_batch_of_format_2_and_no_more() {
    let one = batch(Codec::None);
    let two = [one.clone(), one.clone()].concat();
    assert_eq!(validate(&two, &rules()), Err(Refusal::SeveralBatches));
    assert_eq!(validate(&[], &rules()), Err(Refusal::NoBatch));
    assert_eq!(validate(&one[..one.len() - 1], &rules()), Err(Refusal::NoBatch));
    // A cut-off second batch is left out, as Kafka does.
    assert_eq!(appended(&two[..two.len() - 1], &rules()).bytes, one.len());
    assert_eq!(validate(&with(one.clone(), MAGIC_AT, &[1]), &rules()), Err(Refusal::OldMagic(1)));
    assert_eq!(refused(&with(one.clone(), MAGIC_AT, &[3]), &rules()), RefusalKind::CorruptMessage);
    let short = with(one.clone(), 8, &13_i32.to_be_bytes());
    assert_eq!(validate(&short, &rules()), Err(Refusal::RecordSize(13)));
    let headless = with(one, 8, &20_i32.to_be_bytes());
    assert_eq!(refused(&headless, &rules()), RefusalKind::CorruptMessage);
}

#[test]
fn a_header_that_does_not_add_up_is_refused() {
    let cases: [(usize, &[u8], Refusal); 6] = [
        (0, &1_i64.to_be_bytes(), Refusal::BaseOffset(1)),
        (23, &(-1_i32).to_be_bytes(), Refusal::OffsetRange { last_offset_delta: -1 }),
        (23, &3_i32.to_be_bytes(), Refusal::CountMismatch { last_offset_delta: 3, count: 3 }),
        (57, &0_i32.to_be_bytes(), Refusal::Count(0)),
        (21, &0x20_i16.to_be_bytes(), Refusal::Control),
        (53, &(-1_i32).to_be_bytes(), Refusal::Sequence { base_sequence: -1, producer_id: 5 }),
    ];
    for (at, bytes, refusal) in cases {
        assert_eq!(refusal.kind(), RefusalKind::InvalidRecord);
        assert_eq!(validate(&with(batch(Codec::None), at, bytes), &rules()), Err(refusal));
    }
}

#[test]
fn a_batch_without_producer_needs_no_sequence() {
    let mut builder = BatchBuilder::new();
    builder.push(NOW, None, None, &[]);
    let bytes = builder.finish();
    assert_eq!(appended(&bytes, &rules()).header.base_sequence, NO_SEQUENCE);
}

#[test]
fn a_wrong_crc_is_a_corrupt_message() {
    for codec in Codec::ALL {
        let mut bytes = batch(codec);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert_eq!(refused(&bytes, &rules()), RefusalKind::CorruptMessage);
    }
}

#[test]
fn size_limits_are_inclusive() {
    let bytes = batch(Codec::None);
    let exact = Rules { max_message_bytes: bytes.len(), segment_bytes: bytes.len(), ..rules() };
    appended(&bytes, &exact);
    let less = Rules { max_message_bytes: bytes.len() - 1, ..exact };
    assert_eq!(refused(&bytes, &less), RefusalKind::MessageTooLarge);
    let less = Rules { segment_bytes: bytes.len() - 1, ..exact };
    assert_eq!(refused(&bytes, &less), RefusalKind::RecordListTooLarge);
}

#[test]
fn codecs_unknown_or_too_early_are_unsupported() {
    let early = Rules { zstd_allowed: false, ..rules() };
    assert_eq!(refused(&batch(Codec::Zstd), &early), RefusalKind::UnsupportedCompressionType);
    appended(&batch(Codec::Lz4), &early);
    for id in 5..8 {
        let bytes = with(batch(Codec::Lz4), 21, &[0, id]);
        assert_eq!(validate(&bytes, &rules()), Err(Refusal::UnknownCodec(id)));
    }
}

#[test]
fn timestamps_out_of_bounds_are_refused_by_record() {
    let bytes = batch_at(Codec::None, &[NOW, NOW + HOUR, NOW + HOUR + 1, -1]);
    let refusal = validate(&bytes, &rules()).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::InvalidTimestamp);
    let fault =
        RecordFault::Timestamp { timestamp: NOW + HOUR + 1, from: NOW - i64::MAX, to: NOW + HOUR };
    assert_eq!(refusal.record_faults(), [RecordRefusal { index: 2, fault }]);
    let old = Rules { timestamp_before_max_ms: 10, ..rules() };
    let bytes = batch_at(Codec::None, &[NOW - 10, NOW - 11, -1]);
    assert_eq!(validate(&bytes, &old).unwrap_err().record_faults()[0].index, 1);
    appended(&batch_at(Codec::None, &[NOW - 10, -1]), &old);
}

#[test]
fn a_header_that_lies_about_the_max_timestamp_is_put_right() {
    let mut bytes = with(batch(Codec::None), 35, &(NOW + 9000).to_be_bytes());
    let accepted = appended(&bytes, &rules());
    assert_eq!(accepted.time, TimeStamp::Create { max_timestamp: NOW + 5 });
    let stored = store(&accepted, &mut bytes, 0, 0, 0);
    assert_eq!(stored.max_timestamp, NOW + 5);
}

#[test]
fn log_append_time_stamps_the_header() {
    let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    for codec in Codec::ALL {
        let mut bytes = batch_at(codec, &[NOW - 1, NOW + 10 * HOUR]);
        let accepted = appended(&bytes, &rules);
        assert_eq!(accepted.time, TimeStamp::LogAppend);
        let stored = store(&accepted, &mut bytes, 7, 1, NOW + 2);
        assert_eq!(stored.max_timestamp, NOW + 2);
        assert_eq!(stored.attributes.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(stored.attributes.codec(), Ok(codec));
    }
}

#[test]
fn a_producer_may_not_set_log_append_time() {
    let append_time = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    for codec in Codec::ALL {
        let marked = with(batch(codec), 21, &(8 | i16::from(codec.id())).to_be_bytes());
        let refusal = validate(&marked, &append_time).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::InvalidTimestamp);
        assert_eq!(refusal.record_faults().len(), 3);
        assert_eq!(refusal.record_faults()[2].fault, RecordFault::LogAppendTime);
        // Kafka: on a CreateTime topic the mark is taken off where the time is in bounds.
        let accepted = appended(&marked, &rules());
        assert_eq!(accepted.time, TimeStamp::Create { max_timestamp: NOW + 5 });
    }
}

#[test]
fn a_marked_batch_that_claims_two_billion_records_is_refused_at_once() {
    let append_time = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    let mut bytes = with(batch(Codec::Lz4), 21, &0x0b_i16.to_be_bytes());
    bytes = with(bytes, 23, &(i32::MAX - 1).to_be_bytes());
    bytes = with(bytes, 57, &i32::MAX.to_be_bytes());
    let refusal = validate(&bytes, &append_time).unwrap_err();
    assert_eq!(refusal.record_faults().len(), FAULTS_MAX);
    assert!(matches!(refusal, Refusal::Records { total: 2_147_483_647, .. }));
}

#[test]
fn framing_of_uncompressed_records_is_checked_at_the_door() {
    let bytes = batch(Codec::None);
    let third_delta = HEADER_BYTES + 2 * ((bytes.len() - HEADER_BYTES) / 3) + 3;
    assert_eq!(bytes[third_delta], 4, "zigzag of 2");
    let gap = with(bytes.clone(), third_delta, &[6]);
    let refusal = Refusal::Malformed(RecordsError::OffsetDelta { index: 2, found: 3 });
    assert_eq!(validate(&gap, &rules()), Err(refusal));
    let mut fewer = with(bytes, 57, &2_i32.to_be_bytes());
    fewer = with(fewer, 23, &1_i32.to_be_bytes());
    let refusal = Refusal::Malformed(RecordsError::Remaining { bytes: 15 });
    assert_eq!(validate(&fewer, &rules()), Err(refusal));
}

#[test]
fn a_compacted_topic_needs_keys_and_opens_compressed_batches() {
    let compacted = Rules { compacted: true, ..rules() };
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new().codec(codec, 3);
        builder.push(NOW, Some(b""), None, &[]);
        builder.push(NOW, None, Some(b"v"), &[]);
        let bytes = builder.finish();
        let refusal = match validate(&bytes, &compacted) {
            Ok(Verdict::Open) => open(&bytes, &compacted).unwrap_err(),
            Err(refusal) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal.kind(), RefusalKind::InvalidRecord);
        let expected = RecordRefusal { index: 1, fault: RecordFault::NoKey };
        assert_eq!(refusal.record_faults(), [expected]);
        assert!(refusal.message("t-0").contains("without key in topic partition t-0"));
        if codec != Codec::None {
            let keyed = batch(codec);
            assert_eq!(validate(&keyed, &compacted), Ok(Verdict::Open));
            let Ok(Opened::AsItIs(accepted)) = open(&keyed, &compacted) else { panic!() };
            assert_eq!((accepted.bytes, accepted.time), (keyed.len(), TimeStamp::Keep));
        }
    }
}

#[test]
fn a_compressed_batch_is_opened_when_its_header_is_out_of_bounds() {
    for timestamps in [[NOW, NOW + HOUR + 1], [NOW + HOUR + 1, NOW]] {
        let bytes = batch_at(Codec::Zstd, &timestamps);
        assert_eq!(validate(&bytes, &rules()), Ok(Verdict::Open));
        let refusal = open(&bytes, &rules()).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::InvalidTimestamp);
        let late = timestamps.iter().position(|&timestamp| timestamp != NOW).unwrap();
        assert_eq!(refusal.record_faults()[0].index as usize, late);
    }
}

#[test]
fn another_codec_means_to_build_the_batch_anew() {
    for source in Codec::ALL {
        for target in Codec::ALL {
            let compression = Compression::Fixed { codec: target, level: 3 };
            let rules = Rules { compression, ..rules() };
            let bytes = batch(source);
            if source == target {
                appended(&bytes, &rules);
                continue;
            }
            assert_eq!(validate(&bytes, &rules), Ok(Verdict::Open));
            let Ok(Opened::Rebuilt { accepted, batch }) = open(&bytes, &rules) else { panic!() };
            let rebuilt = Batch::parse(&batch).unwrap();
            assert!(rebuilt.crc_holds());
            assert_eq!(accepted.header, rebuilt.header);
            assert_eq!(rebuilt.header.attributes.codec(), Ok(target));
            assert_eq!((rebuilt.header.producer_id, rebuilt.header.base_sequence), (5, 10));
            assert_eq!(rebuilt.header.max_timestamp, NOW + 5);
            // What was built is what a producer with that codec would have sent.
            assert_eq!(batch, self::batch(target));
        }
    }
}

#[test]
fn gaps_in_compressed_offset_deltas_are_closed() {
    let plain = batch(Codec::None);
    let third_delta = HEADER_BYTES + 2 * ((plain.len() - HEADER_BYTES) / 3) + 3;
    let gapped = with(plain.clone(), third_delta, &[6]);
    let header = BatchHeader::parse(&gapped).unwrap();
    let bytes = assemble(header, Codec::Gzip, -1, &gapped[HEADER_BYTES..]);
    let compacted = Rules { compacted: true, ..rules() };
    let Ok(Opened::Rebuilt { batch, .. }) = open(&bytes, &compacted) else { panic!() };
    let rebuilt = Batch::parse(&batch).unwrap();
    let mut records = Vec::new();
    decompress(Codec::Gzip, rebuilt.payload(), 1000, &mut records).unwrap();
    assert_eq!(records, plain[HEADER_BYTES..]);
}

#[test]
fn what_grows_over_the_limit_is_refused_after_all() {
    let mut builder = BatchBuilder::new().codec(Codec::Zstd, 3);
    builder.push(NOW, None, Some(&[0; 100_000]), &[]);
    let bytes = builder.finish();
    let compression = Compression::Fixed { codec: Codec::None, level: 0 };
    let rules = Rules { max_message_bytes: 50_000, compression, ..rules() };
    assert_eq!(validate(&bytes, &rules), Ok(Verdict::Open));
    let refusal = open(&bytes, &rules).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLargeRebuilt { bytes_max: 50_000, .. }));
    assert_eq!(refusal.kind(), RefusalKind::MessageTooLarge);
}

#[test]
fn compressed_garbage_is_an_invalid_record_when_opened() {
    let compacted = Rules { compacted: true, ..rules() };
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let header = BatchHeader::parse(&batch(codec)).unwrap();
        let mut bytes = assemble(header, Codec::None, 0, b"this is not compressed at all");
        bytes = with(bytes, 21, &[0, codec.id()]);
        assert_eq!(validate(&bytes, &compacted), Ok(Verdict::Open));
        assert_eq!(open(&bytes, &compacted).unwrap_err().kind(), RefusalKind::InvalidRecord);
    }
}

#[test]
fn faults_are_counted_beyond_those_listed() {
    let late = vec![NOW + 2 * HOUR; FAULTS_MAX + 50];
    let refusal = validate(&batch_at(Codec::None, &late), &rules()).unwrap_err();
    assert_eq!(refusal.record_faults().len(), FAULTS_MAX);
    assert!(matches!(refusal, Refusal::Records { total: 150, .. }));
}

#[test]
fn random_changes_never_panic_and_never_pass_the_crc() {
    let mut rng = Rng::new(11);
    let compacted = Rules { compacted: true, ..rules() };
    for round in 0..20_000 {
        let codec = Codec::ALL[round % Codec::ALL.len()];
        let mut bytes = batch(codec);
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
        }
        bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize + 20);
        let _ = validate(&bytes, &rules());
        if bytes.len() < HEADER_BYTES {
            continue;
        }
        // The same with a CRC that fits: everything behind it must hold by itself.
        batch::seal(&mut bytes);
        let length = bytes.len() as i32 - LENGTH_END as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        for rules in [&rules(), &compacted] {
            if let Ok(Verdict::Open) = validate(&bytes, rules) {
                let _ = open(&bytes, rules);
            }
        }
    }
}
