use super::*;
use crate::record::BatchBuilder;

fn batch(values: &[&[u8]]) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(7, 3, 40);
    for (at, value) in (1_700_000_000_000..).zip(values) {
        builder.push(at, None, Some(value), &[]);
    }
    builder.finish()
}

#[test]
fn a_header_comes_back_as_it_was_encoded() {
    let bytes = batch(&[b"a", b"b", b"c"]);
    let header = BatchHeader::parse(&bytes).unwrap();
    assert_eq!(header.encode(), bytes[..HEADER_BYTES]);
    assert_eq!(header.total_bytes(), bytes.len());
    assert_eq!((header.count, header.last_offset_delta, header.end_offset()), (3, 2, 3));
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, 40));
    assert_eq!(header.last_sequence(), 42);
    assert_eq!(header.max_timestamp - header.base_timestamp, 2);
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut bytes = batch(&[b"a"]);
    let whole = bytes.len();
    for cut in 0..HEADER_BYTES {
        let short = BatchError::Short { needed: HEADER_BYTES, present: cut };
        assert_eq!(BatchHeader::parse(&bytes[..cut]), Err(short));
    }
    let short = BatchError::Short { needed: whole, present: whole - 1 };
    assert_eq!(BatchHeader::parse(&bytes[..whole - 1]), Err(short));
    for length in [i32::MIN, -1, 0, 48] {
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length(length)));
    }
    bytes[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    assert!(matches!(BatchHeader::parse(&bytes), Err(BatchError::Short { .. })));
    bytes[MAGIC_AT] = 1;
    assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Magic(1)));
}

#[test]
fn sequences_wrap_to_zero() {
    let mut header = BatchHeader::parse(&batch(&[b"a", b"b", b"c"])).unwrap();
    header.base_sequence = i32::MAX - 1;
    assert_eq!(header.last_sequence(), 0);
    header.base_sequence = i32::MAX - 2;
    assert_eq!(header.last_sequence(), i32::MAX);
    header.base_sequence = NO_SEQUENCE;
    assert_eq!(header.last_sequence(), NO_SEQUENCE);
}

#[test]
fn offset_and_epoch_are_stamped_outside_the_crc() {
    let mut bytes = batch(&[b"a"]);
    stamp(&mut bytes, 1 << 40, 9);
    let batch = Batch::parse(&bytes).unwrap();
    assert!(batch.crc_holds());
    assert_eq!((batch.header.base_offset, batch.header.leader_epoch), (1 << 40, 9));
    assert_eq!(batch.header.end_offset(), (1 << 40) + 1);
}

#[test]
fn a_stamped_time_renews_the_crc_and_keeps_the_other_attributes() {
    let mut builder = BatchBuilder::new().attributes(Attributes::default().with_transactional());
    builder.push(5, None, None, &[]);
    let mut bytes = builder.finish();
    let before = Batch::parse(&bytes).unwrap();
    let after = before.header_at_time(TimestampType::LogAppendTime, 77);
    assert_ne!(after.crc, before.header.crc);
    assert_eq!(after.max_timestamp, 77);
    assert_eq!(after.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert!(after.attributes.is_transactional());
    assert_eq!(before.header_at_time(TimestampType::CreateTime, 5), before.header);
    bytes[..HEADER_BYTES].copy_from_slice(&after.encode());
    assert!(Batch::parse(&bytes).unwrap().crc_holds());
}

#[test]
fn every_flipped_bit_under_the_crc_is_seen() {
    let bytes = batch(&[b"some value"]);
    for at in CRC_AT..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(!Batch::parse(&flipped).unwrap().crc_holds(), "byte {at}");
    }
}

#[test]
fn batches_are_walked_up_to_the_one_cut_off() {
    let (one, two, three) = (batch(&[b"1"]), batch(&[b"2", b"2"]), batch(&[b"3"]));
    let mut bytes = [one.clone(), two.clone(), three].concat();
    bytes.truncate(bytes.len() - 1);
    let mut walk = Batches::new(&bytes);
    assert_eq!(walk.next().unwrap().unwrap().bytes, one);
    assert_eq!(walk.next().unwrap().unwrap().bytes, two);
    assert!(walk.next().is_none());
    assert_eq!(walk.rest().len(), bytes.len() - one.len() - two.len());
}

#[test]
fn a_walk_ends_at_the_first_bytes_that_are_no_batch() {
    let mut bytes = [batch(&[b"1"]), batch(&[b"2"])].concat();
    let second = bytes.len() / 2;
    bytes[second + MAGIC_AT] = 9;
    let mut walk = Batches::new(&bytes);
    assert!(walk.next().unwrap().is_ok());
    assert_eq!(walk.next().unwrap().unwrap_err(), BatchError::Magic(9));
    assert!(walk.next().is_none());
}
