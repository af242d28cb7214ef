use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::Entry;
use crate::strand::ExtentId;
use crate::strand::Place;
use crate::strand::entry::Append;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::KEY;
use crate::strand::fixture::batch;
use crate::strand::fixture::hex;
use crate::strand::key::StoreKey;

fn parse<'a>(bytes: &'a [u8], place: &FramePlace) -> Result<Frame<'a>, FrameFault> {
    Frame::parse(bytes, &KEY, place)
}

/// One entry of each kind, two with batches.
fn one_of_each() -> Vec<(Entry, Vec<u8>)> {
    let partition = PartitionId(0x0102_0304_0506_0708);
    let (first, second) = (batch(2, 5, 1), batch(1, 3, 2));
    let relocated = Append {
        producer_id: 77,
        producer_epoch: 3,
        first_sequence: 12,
        count: 1,
        last_offset_delta: 4,
        rolls: true,
        attributes: 0x14,
        ..fixture::append(6, 900, &second)
    };
    let from = Place { extent: ExtentId(8), use_number: 21, position: 8192 };
    let facts = [
        Entry::Truncate { partition, to: 55 },
        Entry::LogStart { partition, to: 66 },
        Entry::EpochStart { partition, epoch: 5, at: 77 },
        Entry::Drop { partition },
        Entry::Lost { partition, from: 88, to: 99 },
        Entry::Seal { extent: ExtentId(9), use_number: 22 },
    ];
    let mut items = vec![(Entry::Append(fixture::append(5, 10, &first)), first)];
    items.push((Entry::Relocate { batch: relocated, from }, second));
    items.extend(facts.into_iter().map(|fact| (fact, Vec::new())));
    items
}

fn sample() -> (FramePlace, Vec<u8>) {
    let mut extent = Extent::new(1, 5, 50, 1 << 20);
    let place = extent.frame_place();
    let (_, bytes) = extent.frame(&one_of_each());
    (place, bytes)
}

#[test]
fn a_frame_gives_back_what_was_put_in() {
    let (place, bytes) = sample();
    let frame = parse(&bytes, &place).unwrap();
    let items = one_of_each();
    assert_eq!(frame.table().len(), items.len());
    for (number, (entry, batch)) in items.iter().enumerate() {
        assert_eq!(frame.table()[number].entry, *entry);
        assert_eq!(frame.batch(number).len(), batch.len());
        if !batch.is_empty() {
            let append = entry.batch().unwrap();
            let stored = frame.batch(number);
            assert_eq!(stored[..8], append.base_offset.to_be_bytes());
            assert_eq!(stored[8..12], batch[8..12]);
            assert_eq!(stored[12..16], append.leader_epoch.to_be_bytes());
            assert_eq!(stored[16..], batch[16..]);
        }
    }
    assert_eq!(frame.header().sequence, 50);
    assert_eq!(frame.header().proven, 49);
    assert_eq!(frame.header().in_flight, 2);
    assert_eq!(frame.header().next_position() as usize, PAGE + bytes.len());
    assert!(frame.padding_is_zero());
}

/// The frame of `sample` in format 1. If this fails, the format has changed: what is on people's
/// disks cannot be read any more.
#[test]
fn the_format_of_a_frame_is_frozen() {
    let (_, bytes) = sample();
    let end = FRAME_HEADER + 254;
    assert_eq!(
        hex(&bytes[..end]),
        "534c667201000200050000000000000032000000000000003100000000000000\n\
         010000000300000000100000fe0000009c00000008000000d694207b287145af\n\
         0100000005000000000000000a00000000000000040000000100000055000000\n\
         94ed0b043f145baee90300000000000088130000000000000607140006000000\n\
         0000000084030000000000000400000004000000470000002c711bc0bf1843e9\n\
         ea030000000000008813000000000000010000004d0000000000000003000c00\n\
         0000080000001500000000000000002000000200080706050403020137000000\n\
         0000000003000807060504030201420000000000000004000807060504030201\n\
         050000004d000000000000000500080706050403020107000807060504030201\n\
         580000000000000063000000000000000800090000001600000000000000"
    );
    assert_eq!(crc32c::crc32c(&bytes), 0x4bd4ebe4, "payload and padding");
}

#[test]
fn any_flipped_bit_is_seen() {
    let (place, bytes) = sample();
    let is_seen = |bytes: &[u8]| match parse(bytes, &place) {
        Err(_) => true,
        Ok(frame) => !frame.damaged().is_empty() || !frame.padding_is_zero(),
    };
    assert!(!is_seen(&bytes));
    assert_eq!(fixture::unseen_flips(&bytes, is_seen), [0; 0]);
}

#[test]
fn a_damaged_batch_is_told_apart_from_its_neighbours() {
    let (place, mut bytes) = sample();
    let position = parse(&bytes, &place).unwrap().table()[1].position - place.position;
    bytes[position as usize + 70] ^= 8;
    assert_eq!(parse(&bytes, &place).unwrap().damaged(), [1]);
}

#[test]
fn a_damaged_table_names_the_frame_it_belongs_to() {
    let (place, mut bytes) = sample();
    bytes[FRAME_HEADER + 3] ^= 1;
    assert_eq!(parse(&bytes, &place).unwrap_err(), FrameFault::Table { sequence: 50 });
}

#[test]
fn a_frame_that_is_cut_off_is_no_frame() {
    let (place, bytes) = sample();
    for length in 0..bytes.len() {
        let fault = parse(&bytes[..length], &place).unwrap_err();
        let needs = bytes.len() as u32;
        let expected =
            if length < FRAME_HEADER { FrameFault::Absent } else { FrameFault::Short { needs } };
        assert_eq!(fault, expected, "{length} bytes");
    }
}

#[test]
fn frames_of_another_use_extent_strand_or_position_are_foreign() {
    let (place, bytes) = sample();
    let others = [
        FramePlace { use_number: 6, ..place },
        FramePlace { extent: ExtentId(2), ..place },
        FramePlace { strand: crate::base::StrandId(9), ..place },
        FramePlace { position: 8192, ..place },
    ];
    for other in others {
        assert_eq!(parse(&bytes, &other).unwrap_err(), FrameFault::Foreign(place));
    }
}

#[test]
fn a_frame_forged_in_a_payload_is_none() {
    let guess = StoreKey { secret: [0; 16], ..KEY };
    let mut gathering = Gathering::default();
    let bytes = batch(1, 10, 1);
    let entry = Entry::Append(fixture::append(5, 0, &bytes));
    gathering.push(entry, Bytes::from(bytes));
    let mut extent = Extent::new(1, 5, 50, 1 << 20);
    let forged_place = FramePlace { position: 8192, ..extent.frame_place() };
    let stamp = FrameStamp { place: forged_place, sequence: 51, proven: 50, in_flight: 2 };
    let mut forged = vec![0; gathering.frame_bytes()];
    gathering.encode(&stamp, &guess, &mut forged);
    assert!(Frame::parse(&forged, &guess, &forged_place).is_ok());
    // The client knows all but the secret, and makes its record so long that the forged frame
    // lies on a page.
    let mut value = vec![0; 3 * PAGE];
    let long = batch(1, value.len(), 0);
    let (position, _) = Extent::new(1, 5, 50, 1 << 20).append(&[(5, 0, long.clone())]);
    let payload = FRAME_HEADER + entry_bytes(&Entry::Append(fixture::append(5, 0, &long)));
    let record = long.len() - value.len();
    let in_value = 8192 - position as usize - payload - record;
    value[in_value + 1..in_value + 1 + forged.len()].copy_from_slice(&forged);
    let mut builder = crate::record::BatchBuilder::new();
    builder.push(1_000, None, Some(&value), &[]);
    extent.append(&[(5, 0, builder.finish())]);
    assert_eq!(extent.bytes[8192..8196], forged[..4], "it lies where a frame may begin");
    let found = parse(&extent.bytes[8192..], &forged_place);
    assert_eq!(found.unwrap_err(), FrameFault::Header);
}

/// A header that says what it likes, under a CRC that fits.
fn keyed(fields: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let (_, mut bytes) = sample();
    fields(&mut bytes);
    let crc = KEY.crc(b"fram", &bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn lengths_that_lie_are_refused_even_under_a_fitting_crc() {
    let (place, _) = sample();
    for at in [44, 48, 52] {
        for value in [u32::MAX, u32::MAX - 63, 1 << 31, 1 << 20, 0] {
            let bytes = keyed(|bytes| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()));
            assert!(parse(&bytes, &place).is_err(), "{value} at {at}");
        }
    }
    let unaligned = keyed(|bytes| bytes[40] = 1);
    assert_eq!(parse(&unaligned, &place).unwrap_err(), FrameFault::Header);
    let unknown = keyed(|bytes| bytes[4] = 2);
    assert_eq!(parse(&unknown, &place).unwrap_err(), FrameFault::Version(2));
}

#[test]
fn only_padding_is_not_covered_and_it_is_zeroed() {
    let mut gathering = Gathering::default();
    assert!(gathering.is_empty());
    assert_eq!(gathering.frame_bytes(), PAGE, "an empty frame is a page");
    let bytes = batch(1, 10, 1);
    let entry = Entry::Append(fixture::append(5, 0, &bytes));
    assert_eq!(gathering.frame_bytes_with(&entry), PAGE);
    assert_eq!(gathering.push(entry.clone(), Bytes::from(bytes)), 0);
    assert_eq!(gathering.len(), 1);
    assert_eq!(gathering.entries().next(), Some(&entry));
    let place = Extent::new(1, 5, 50, 1 << 20).frame_place();
    let stamp = FrameStamp { place, sequence: 1, proven: 0, in_flight: 1 };
    let mut out = vec![0xff; PAGE];
    gathering.encode(&stamp, &KEY, &mut out);
    assert!(parse(&out, &place).unwrap().padding_is_zero());
}

fn any_append() -> impl Strategy<Value = (Append, Vec<u8>)> {
    let producer = prop_oneof![Just((-1, -1, -1)), any::<(i64, i16, i32)>()];
    let offsets = (0..i64::MAX / 2, 0..i32::MAX, any::<Option<i32>>());
    let rest = (any::<i64>(), any::<i16>(), any::<bool>(), any::<i64>(), any::<i32>());
    (any::<u64>(), 1_usize..4, 0_usize..300, offsets, producer, rest).prop_map(
        |(partition, records, value, (base, delta, count), producer, rest)| {
            let bytes = batch(records, value, partition as u8);
            let (max_timestamp, attributes, rolls, appended_ms, leader_epoch) = rest;
            let (producer_id, producer_epoch, first_sequence) = producer;
            let append = Append {
                leader_epoch,
                last_offset_delta: delta,
                count: count.unwrap_or_else(|| delta.saturating_add(1)),
                max_timestamp,
                attributes,
                producer_id,
                producer_epoch,
                first_sequence,
                rolls,
                appended_ms,
                ..fixture::append(partition, base, &bytes)
            };
            (append, bytes)
        },
    )
}

fn any_item() -> impl Strategy<Value = (Entry, Vec<u8>)> {
    let place = any::<(u32, u64, u32)>().prop_map(|(extent, use_number, position)| Place {
        extent: ExtentId(extent),
        use_number,
        position,
    });
    let fact =
        any::<(u64, i64, i64, i32, u8, u32)>().prop_map(|(id, one, two, epoch, kind, of)| {
            let partition = PartitionId(id);
            match kind % 6 {
                0 => Entry::Truncate { partition, to: one },
                1 => Entry::LogStart { partition, to: one },
                2 => Entry::EpochStart { partition, epoch, at: one },
                3 => Entry::Drop { partition },
                4 => Entry::Lost { partition, from: one, to: two },
                _ => Entry::Seal { extent: ExtentId(of), use_number: id },
            }
        });
    prop_oneof![
        any_append().prop_map(|(append, bytes)| (Entry::Append(append), bytes)),
        (any_append(), place)
            .prop_map(|((batch, bytes), from)| (Entry::Relocate { batch, from }, bytes)),
        fact.prop_map(|fact| (fact, Vec::new())),
    ]
}

proptest! {
    #[test]
    fn any_frame_comes_back(items in prop::collection::vec(any_item(), 0..40)) {
        let mut extent = Extent::new(1, 5, 50, 1 << 20);
        let place = extent.frame_place();
        let (_, bytes) = extent.frame(&items);
        let frame = parse(&bytes, &place).unwrap();
        let entries: Vec<Entry> = frame.table().iter().map(|of| of.entry.clone()).collect();
        let given: Vec<Entry> = items.into_iter().map(|(entry, _)| entry).collect();
        prop_assert_eq!(entries, given);
        prop_assert_eq!(frame.table(), extent.frames[0].2.as_slice(), "as encoding said");
        prop_assert!(frame.padding_is_zero());
    }

    #[test]
    fn hostile_bytes_are_refused_and_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        at in 0_usize..500,
    ) {
        let (place, mut frame) = sample();
        let end = (at + bytes.len()).min(frame.len());
        let differs = frame[at..end] != bytes[..end - at];
        frame[at..end].copy_from_slice(&bytes[..end - at]);
        let is_sound = parse(&frame, &place).is_ok_and(|found| {
            found.damaged().is_empty() && found.padding_is_zero()
        });
        prop_assert_eq!(is_sound, !differs);
    }

    #[test]
    fn hostile_tables_are_refused_and_never_panic(
        table in prop::collection::vec(0_u8..16, 0..200),
        count in any::<u32>(),
    ) {
        let entries = table_entries(&table, count, 4096);
        prop_assert!(entries.is_none_or(|(entries, _)| entries.len() == count as usize));
    }
}
