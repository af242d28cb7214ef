//! Record batches whose every byte is known: what the producers of the simulator send.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use strandlog::base::LeaderEpoch;
use strandlog::base::Offset;
use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::strand::Append;

/// Length of a batch's header (record batch v2).
pub const HEADER: usize = 61;
/// Everything before it is stamped by the broker: base offset, length, leader epoch, magic.
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;

/// The checksum of a batch names it: the workload never makes two with the same.
pub type BatchCrc = u32;

/// What a producer wants to say.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    pub count: i32,
    /// Bytes of each record's value, at the least.
    pub value_bytes: usize,
    pub timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub first_sequence: i32,
}

/// Every batch that was ever made, by its checksum.
#[derive(Clone, Default)]
pub struct Batches {
    made: BTreeMap<BatchCrc, Bytes>,
}

impl Batches {
    pub fn make(&mut self, draft: &Draft, rng: &mut Rng) -> Bytes {
        // Batches of empty records look alike; a byte more makes another one.
        for value_bytes in draft.value_bytes.. {
            let batch = build(&Draft { value_bytes, ..*draft }, rng);
            if let Entry::Vacant(entry) = self.made.entry(crc_of(&batch)) {
                entry.insert(batch.clone());
                return batch;
            }
        }
        unreachable!("there is always another batch")
    }

    /// As it left the producer: base offset 0, leader epoch -1.
    pub fn get(&self, crc: BatchCrc) -> Option<&Bytes> {
        self.made.get(&crc)
    }

    /// Every place in `block` at which one of the batches begins, whatever else is in it.
    pub fn find_in(&self, block: &[u8]) -> Vec<(usize, BatchCrc)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at + HEADER <= block.len() {
            let crc = (block[at + 16] == 2).then(|| crc_of(&block[at..]));
            match crc.and_then(|crc| Some((crc, self.made.get(&crc)?))) {
                Some((crc, batch)) if is_whole(&block[at..], batch) => {
                    found.push((at, crc));
                    at += batch.len();
                }
                _ => at += 1,
            }
        }
        found
    }
}

fn is_whole(block: &[u8], batch: &Bytes) -> bool {
    block.len() >= batch.len()
        && block[8..12] == batch[8..12]
        && block[16..batch.len()] == batch[16..]
}

/// Checksum, base offset, leader epoch and length of the batch that `bytes` begin with.
pub fn stamp_of(bytes: &[u8]) -> (BatchCrc, Offset, LeaderEpoch, usize) {
    let base = i64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
    let length = i32::from_be_bytes(bytes[8..12].try_into().expect("four bytes"));
    let epoch = i32::from_be_bytes(bytes[12..16].try_into().expect("four bytes"));
    (crc_of(bytes), base, epoch, 12 + length as usize)
}

/// Offset of the batch's last record less its base offset.
pub fn last_delta_of(batch: &[u8]) -> Offset {
    Offset::from(i32::from_be_bytes(batch[23..27].try_into().expect("four bytes")))
}

pub fn crc_of(batch: &[u8]) -> BatchCrc {
    u32::from_be_bytes(batch[CRC_AT..CRC_FROM].try_into().expect("four bytes"))
}

/// The facts of an append of this batch at `base`.
pub fn facts(
    batch: &Bytes,
    draft: &Draft,
    to: PartitionId,
    base: Offset,
    epoch: LeaderEpoch,
) -> Append {
    Append {
        partition: to,
        base_offset: base,
        leader_epoch: epoch,
        last_offset_delta: draft.count - 1,
        count: draft.count,
        bytes: batch.len() as u32,
        crc: crc_of(batch),
        max_timestamp: draft.timestamp,
        attributes: 0,
        producer_id: draft.producer_id,
        producer_epoch: draft.producer_epoch,
        first_sequence: draft.first_sequence,
        rolls: false,
        appended_ms: draft.timestamp,
    }
}

fn build(draft: &Draft, rng: &mut Rng) -> Bytes {
    let mut batch = vec![0; HEADER];
    for delta in 0..draft.count {
        push_record(&mut batch, delta, draft.value_bytes, rng);
    }
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[12..16].copy_from_slice(&(-1i32).to_be_bytes());
    batch[16] = 2;
    batch[23..27].copy_from_slice(&(draft.count - 1).to_be_bytes());
    batch[27..35].copy_from_slice(&draft.timestamp.to_be_bytes());
    batch[35..43].copy_from_slice(&draft.timestamp.to_be_bytes());
    batch[43..51].copy_from_slice(&draft.producer_id.to_be_bytes());
    batch[51..53].copy_from_slice(&draft.producer_epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&draft.first_sequence.to_be_bytes());
    batch[57..61].copy_from_slice(&draft.count.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(batch)
}

fn push_record(batch: &mut Vec<u8>, offset_delta: i32, value_bytes: usize, rng: &mut Rng) {
    let mut record = vec![0];
    push_varint(&mut record, 0);
    push_varint(&mut record, i64::from(offset_delta));
    push_varint(&mut record, -1);
    push_varint(&mut record, value_bytes as i64);
    let end = record.len() + value_bytes;
    while record.len() < end {
        record.extend_from_slice(&rng.next_u64().to_le_bytes());
    }
    record.truncate(end);
    push_varint(&mut record, 0);
    push_varint(batch, record.len() as i64);
    batch.append(&mut record);
}

/// Zigzag, seven bits a byte.
fn push_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
