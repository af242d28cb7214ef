use proptest::prelude::*;

use super::*;
use crate::log::Producer;
use crate::log::ProducerBatch;
use crate::log::Segment;
use crate::strand::EntryId;
use crate::strand::fixture::KEY;
use crate::strand::fixture::STRAND;
use crate::strand::fixture::hex;

fn log(seed: i64) -> LogImage {
    let batch = ProducerBatch {
        first_sequence: 4,
        last_sequence: 6,
        base_offset: seed,
        last_offset_delta: 2,
        timestamp: 99,
    };
    let segment = Segment {
        base: seed,
        bytes: 1000,
        first_timestamp: 5,
        max_timestamp: 7,
        created_ms: 8,
        appended_ms: 9,
    };
    LogImage {
        start: seed,
        end: seed + 10,
        applied: EntryId { sequence: 40, number: 2 },
        appended_ms: 1234,
        epochs: vec![(0, seed), (3, seed + 5)],
        segments: vec![segment, Segment { base: seed + 5, ..segment }],
        producers: vec![(70, Producer::new(1, 6, 55, &[batch]))],
    }
}

fn sample() -> Checkpoint {
    let extent = ExtentRecord {
        extent: ExtentId(2),
        use_number: 9,
        state: ExtentState::Sealed,
        first_sequence: 10,
        last_sequence: 20,
        killer: 0,
        index: Some(IndexId(5)),
    };
    let states = [ExtentState::Free, ExtentState::Open, ExtentState::Dead];
    let more = states.into_iter().map(|state| ExtentRecord { state, index: None, ..extent });
    let uses = vec![Use { number: 9, extent: ExtentId(2) }];
    Checkpoint {
        head: CheckpointHead {
            generation: 6,
            manifest: 1,
            from: 30,
            needs: 44,
            start: 2,
            next_use: 12,
            next_index: 6,
            wall_ms: 1_700_000_000_000,
            extents: [extent].into_iter().chain(more).collect(),
            indexes: vec![IndexRecord { index: IndexId(5), uses, bytes: 12288 }],
            truncations: vec![Truncation {
                partition: PartitionId(8),
                to: 17,
                entry: EntryId { sequence: 41, number: 2 },
            }],
        },
        logs: vec![(PartitionId(1), log(100)), (PartitionId(2), LogImage::default())],
    }
}

fn aligned(bytes: &[u8]) -> AlignedVec<16> {
    let mut aligned = AlignedVec::new();
    aligned.extend_from_slice(bytes);
    aligned
}

fn back(slot: &[u8]) -> Result<Checkpoint, SlotFault> {
    read_slot(slot, &KEY, STRAND)
}

#[test]
fn a_checkpoint_comes_back() {
    for checkpoint in [sample(), Checkpoint::default()] {
        let slot = encode_slot(&KEY, STRAND, &checkpoint);
        let header = SlotHeader::parse(&slot, &KEY, STRAND).unwrap();
        assert_eq!(header.generation, checkpoint.head.generation);
        assert_eq!(header.slot_bytes(), slot.len() as u64);
        assert_eq!(back(&slot), Ok(checkpoint));
    }
}

/// Ten partitions, the last of which has many producers.
fn many() -> Checkpoint {
    let mut checkpoint = sample();
    checkpoint.logs = (1..=10).map(|partition| (PartitionId(partition), log(100))).collect();
    let producers = &mut checkpoint.logs[9].1.producers;
    let known = producers[0].1;
    producers.extend((71..200).map(|id| (id, known)));
    checkpoint
}

#[test]
fn steps_of_any_length_write_the_same_slot() {
    let Checkpoint { head, logs } = many();
    let at_once = encode_slot(&KEY, STRAND, &many());
    for rows in [1, 2, 7, 50] {
        let mut encoder = SlotEncoder::new(&KEY, STRAND, &head, 0);
        for (partition, image) in &logs {
            let log = Log::from_image(image.clone());
            encoder.begin_log(*partition, &log);
            log.producers().iter().for_each(|(id, state)| encoder.producer(id, state));
            let mut steps = 1;
            while !encoder.end_log(rows) {
                steps += 1;
            }
            assert_eq!(steps, image.producers.len().div_ceil(rows));
        }
        let mut steps = 1;
        let slot = loop {
            match encoder.finish(head.needs, rows) {
                Some(slot) => break slot,
                None => steps += 1,
            }
        };
        assert_eq!(steps, logs.len().div_ceil(rows));
        assert_eq!(slot.len(), at_once.len());
        assert!(slot.concat() == at_once, "{rows} at a time");
    }
}

#[test]
fn a_slot_of_several_pieces_comes_back() {
    let mut checkpoint = many();
    checkpoint.logs = (1..=4000).map(|partition| (PartitionId(partition), log(100))).collect();
    let slot = encode_slot(&KEY, STRAND, &checkpoint);
    assert!(slot.len() > 2 * PIECE_BYTES);
    assert!(back(&slot) == Ok(checkpoint));
}

#[test]
fn a_slot_may_lie_in_a_longer_file() {
    let mut slot = encode_slot(&KEY, STRAND, &sample());
    slot.extend_from_slice(&[0xee; 3 * PAGE]);
    assert_eq!(back(&slot), Ok(sample()));
    let slot = aligned(&slot);
    assert_eq!(SlotView::validate(&slot, &KEY, STRAND).unwrap().partitions(), 2);
}

#[test]
fn any_flipped_bit_is_seen() {
    let slot = aligned(&encode_slot(&KEY, STRAND, &sample()));
    let mut flipped = slot.clone();
    for at in 0..slot.len() {
        flipped[at] ^= 1 << (at % 8);
        assert!(SlotView::validate(&flipped, &KEY, STRAND).is_err(), "byte {at}");
        flipped[at] = slot[at];
    }
}

#[test]
fn what_is_not_a_slot_is_told_apart() {
    let slot = encode_slot(&KEY, STRAND, &sample());
    assert_eq!(back(&[0; PAGE]), Err(SlotFault::Empty));
    assert_eq!(back(&[]), Err(SlotFault::Empty), "just made");
    assert_eq!(back(&[1]), Err(SlotFault::Damaged));
    let needs = slot.len() as u64;
    assert_eq!(back(&slot[..slot.len() - PAGE]), Err(SlotFault::Short { needs }));
    let other = encode_slot(&KEY, StrandId(9), &sample());
    assert_eq!(back(&other), Err(SlotFault::Damaged), "another strand's");
    let mut unknown = slot;
    unknown[4] = 2;
    let crc = KEY.crc(&DOMAIN, &unknown[..CRC_AT]);
    unknown[CRC_AT..PAGE].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(back(&unknown), Err(SlotFault::Version(2)));
}

/// The state in format 1, and a slot written by it: every version after it must read this one.
#[test]
fn the_format_of_a_slot_is_frozen() {
    let slot = encode_slot(&KEY, STRAND, &sample());
    let header = SlotHeader::parse(&slot, &KEY, STRAND).unwrap();
    assert_eq!(
        hex(&slot[..32]),
        "534c636b010003000600000000000000d8020000000000000000000000000000"
    );
    let state = &slot[PAGE..PAGE + header.state_bytes as usize];
    assert_eq!(
        hex(state),
        "020000000200000009000000000000000a000000000000001400000000000000\n\
         0000000000000000010000000000000005000000000000000200000000000000\n\
         09000000000000000a0000000000000014000000000000000000000000000000\n\
         0000000000000000000000000000000002000000010000000900000000000000\n\
         0a00000000000000140000000000000000000000000000000000000000000000\n\
         0000000000000000020000000300000009000000000000000a00000000000000\n\
         1400000000000000000000000000000000000000000000000000000000000000\n\
         0900000000000000020000000000000005000000000000000030000000000000\n\
         e0ffffff01000000080000000000000011000000000000002900000000000000\n\
         0200000000000000000000000000000064000000000000000300000000000000\n\
         69000000000000006400000000000000e8030000000000000500000000000000\n\
         0700000000000000080000000000000009000000000000006900000000000000\n\
         e803000000000000050000000000000007000000000000000800000000000000\n\
         0900000000000000040000000600000064000000000000000200000000000000\n\
         6300000000000000460000000000000001000000060000003700000000000000\n\
         c8ffffff01000000010000000000000064000000000000006e00000000000000\n\
         28000000000000000200000000000000d20400000000000010ffffff02000000\n\
         28ffffff02000000a0ffffff0100000002000000000000000000000000000000\n\
         0000000000000000000000000000000000000000000000000000000000000000\n\
         88ffffff0000000080ffffff0000000078ffffff000000000600000000000000\n\
         01000000000000001e000000000000002c000000000000000200000000000000\n\
         0c0000000000000006000000000000000068e5cf8b01000048fdffff04000000\n\
         30feffff0100000040feffff0100000018ffffff02000000"
    );
}

proptest! {
    /// Whatever bytes stand in the archive under CRCs that fit: bytecheck refuses or the state
    /// can be walked.
    #[test]
    fn hostile_states_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 1..40),
        at in 0_usize..2000,
    ) {
        let mut slot = encode_slot(&KEY, STRAND, &sample());
        let header = SlotHeader::parse(&slot, &KEY, STRAND).unwrap();
        let at = PAGE + at % (header.state_bytes as usize - bytes.len());
        slot[at..at + bytes.len()].copy_from_slice(&bytes);
        let state_crc = crc32c::crc32c(&slot[PAGE..]);
        slot[STATE_CRC_AT..CRC_AT].copy_from_slice(&state_crc.to_le_bytes());
        let crc = KEY.crc(&DOMAIN, &slot[..CRC_AT]);
        slot[CRC_AT..PAGE].copy_from_slice(&crc.to_le_bytes());
        if let Ok(found) = back(&slot) {
            prop_assert!(found.logs.len() <= slot.len());
        }
    }

    #[test]
    fn hostile_pages_never_panic(page in prop::collection::vec(any::<u8>(), 0..PAGE + 10)) {
        prop_assert!(SlotHeader::parse(&page, &KEY, STRAND).is_err());
    }
}
