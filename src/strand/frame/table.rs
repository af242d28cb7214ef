//! Entries as bytes: in a frame's table, and again in the extent's footer.
//!
//! An entry is its kind (u8), its flags (u8), then fixed little-endian fields. Fields that most
//! batches do not need are left out and a flag says so; unknown kinds and flags are refused.

use crate::base::PartitionId;
use crate::strand::entry::Append;
use crate::strand::entry::Entry;
use crate::strand::entry::Place;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::op::ExtentId;

/// Bytes of the shortest entry (`Drop`).
pub(super) const ENTRY_BYTES_MIN: usize = 10;

const APPEND: u8 = 1;
const TRUNCATE: u8 = 2;
const LOG_START: u8 = 3;
const EPOCH_START: u8 = 4;
const DROP: u8 = 5;
const RELOCATE: u8 = 6;
const LOST: u8 = 7;
const SEAL: u8 = 8;

/// A segment begins with the batch.
const ROLLS: u8 = 1;
/// Producer id, epoch and first sequence follow; without it they are -1.
const PRODUCER: u8 = 2;
/// A count follows; without it the batch has a record for each offset.
const SPARSE: u8 = 4;

/// An entry in its frame's table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableEntry {
    pub entry: Entry,
    /// Where its batch lies, in bytes from the start of the extent; for an entry without one,
    /// where the next entry's would. So entries of a use are ordered by it, a batch last.
    pub position: u32,
    /// CRC-32C of the batch's 61-byte header, seeded with the partition's identity (R21); 0
    /// without a batch.
    pub header_crc: u32,
}

/// Bytes that `entry` takes in a table.
pub(in crate::strand) fn entry_bytes(entry: &Entry) -> usize {
    match entry {
        Entry::Append(append) => append_bytes(append),
        Entry::Relocate { batch, .. } => append_bytes(batch) + 16,
        Entry::Truncate { .. } | Entry::LogStart { .. } => 18,
        Entry::EpochStart { .. } => 22,
        Entry::Drop { .. } => ENTRY_BYTES_MIN,
        Entry::Lost { .. } => 26,
        Entry::Seal { .. } => 14,
    }
}

fn append_bytes(append: &Append) -> usize {
    let flags = append_flags(append);
    let producer = if flags & PRODUCER != 0 { 14 } else { 0 };
    let count = if flags & SPARSE != 0 { 4 } else { 0 };
    56 + producer + count
}

fn append_flags(append: &Append) -> u8 {
    let rolls = if append.rolls { ROLLS } else { 0 };
    let no_producer =
        append.producer_id == -1 && append.producer_epoch == -1 && append.first_sequence == -1;
    let producer = if no_producer { 0 } else { PRODUCER };
    let is_dense = i64::from(append.count) == i64::from(append.last_offset_delta) + 1;
    let sparse = if is_dense { 0 } else { SPARSE };
    rolls | producer | sparse
}

/// Writes one entry; `header_crc` is the batch's, for entries that have one.
pub(in crate::strand) fn encode_entry(out: &mut Filling<'_>, entry: &Entry, header_crc: u32) {
    match *entry {
        Entry::Append(append) => encode_append(out, APPEND, &append, header_crc),
        Entry::Relocate { batch, from } => {
            encode_append(out, RELOCATE, &batch, header_crc);
            out.u32(from.extent.0);
            out.u64(from.use_number);
            out.u32(from.position);
        }
        Entry::Truncate { partition, to } => {
            begin(out, TRUNCATE, partition);
            out.i64(to);
        }
        Entry::LogStart { partition, to } => {
            begin(out, LOG_START, partition);
            out.i64(to);
        }
        Entry::EpochStart { partition, epoch, at } => {
            begin(out, EPOCH_START, partition);
            out.i32(epoch);
            out.i64(at);
        }
        Entry::Drop { partition } => begin(out, DROP, partition),
        Entry::Lost { partition, from, to } => {
            begin(out, LOST, partition);
            out.i64(from);
            out.i64(to);
        }
        Entry::Seal { extent, use_number } => {
            out.u8(SEAL);
            out.u8(0);
            out.u32(extent.0);
            out.u64(use_number);
        }
    }
}

fn begin(out: &mut Filling<'_>, kind: u8, partition: PartitionId) {
    out.u8(kind);
    out.u8(0);
    out.u64(partition.0);
}

fn encode_append(out: &mut Filling<'_>, kind: u8, append: &Append, header_crc: u32) {
    let flags = append_flags(append);
    out.u8(kind);
    out.u8(flags);
    out.i16(append.attributes);
    out.u64(append.partition.0);
    out.i64(append.base_offset);
    out.i32(append.leader_epoch);
    out.i32(append.last_offset_delta);
    out.u32(append.bytes);
    out.u32(append.crc);
    out.u32(header_crc);
    out.i64(append.max_timestamp);
    out.i64(append.appended_ms);
    if flags & SPARSE != 0 {
        out.i32(append.count);
    }
    if flags & PRODUCER != 0 {
        out.i64(append.producer_id);
        out.i16(append.producer_epoch);
        out.i32(append.first_sequence);
    }
}

/// Takes one entry off the front, with the CRC of its batch's header (0 without one). `None`:
/// not an entry of this version, or cut off.
pub(in crate::strand) fn parse_entry(fields: &mut Fields<'_>) -> Option<(Entry, u32)> {
    let kind = fields.u8()?;
    let flags = fields.u8()?;
    if kind == APPEND || kind == RELOCATE {
        let (append, header_crc) = parse_append(fields, flags)?;
        let entry = if kind == APPEND {
            Entry::Append(append)
        } else {
            Entry::Relocate { batch: append, from: parse_place(fields)? }
        };
        return Some((entry, header_crc));
    }
    if flags != 0 {
        return None;
    }
    let entry = if kind == SEAL {
        Entry::Seal { extent: ExtentId(fields.u32()?), use_number: fields.u64()? }
    } else {
        parse_fact(fields, kind)?
    };
    Some((entry, 0))
}

fn parse_fact(fields: &mut Fields<'_>, kind: u8) -> Option<Entry> {
    let partition = PartitionId(fields.u64()?);
    Some(match kind {
        TRUNCATE => Entry::Truncate { partition, to: fields.i64()? },
        LOG_START => Entry::LogStart { partition, to: fields.i64()? },
        EPOCH_START => Entry::EpochStart { partition, epoch: fields.i32()?, at: fields.i64()? },
        DROP => Entry::Drop { partition },
        LOST => Entry::Lost { partition, from: fields.i64()?, to: fields.i64()? },
        _ => return None,
    })
}

fn parse_place(fields: &mut Fields<'_>) -> Option<Place> {
    Some(Place {
        extent: ExtentId(fields.u32()?),
        use_number: fields.u64()?,
        position: fields.u32()?,
    })
}

fn parse_append(fields: &mut Fields<'_>, flags: u8) -> Option<(Append, u32)> {
    if flags & !(ROLLS | PRODUCER | SPARSE) != 0 {
        return None;
    }
    let attributes = fields.i16()?;
    let partition = PartitionId(fields.u64()?);
    let base_offset = fields.i64()?;
    let leader_epoch = fields.i32()?;
    let last_offset_delta = fields.i32()?;
    let bytes = fields.u32()?;
    let crc = fields.u32()?;
    let header_crc = fields.u32()?;
    let max_timestamp = fields.i64()?;
    let appended_ms = fields.i64()?;
    // Offsets beyond these could not have been given, and sums of them would overflow.
    let end = base_offset.checked_add(i64::from(last_offset_delta))?.checked_add(1)?;
    if base_offset < 0 || last_offset_delta < 0 || end == i64::MAX {
        return None;
    }
    let count =
        if flags & SPARSE != 0 { fields.i32()? } else { last_offset_delta.checked_add(1)? };
    let (producer_id, producer_epoch, first_sequence) = if flags & PRODUCER != 0 {
        (fields.i64()?, fields.i16()?, fields.i32()?)
    } else {
        (-1, -1, -1)
    };
    let append = Append {
        partition,
        base_offset,
        leader_epoch,
        last_offset_delta,
        count,
        bytes,
        crc,
        max_timestamp,
        attributes,
        producer_id,
        producer_epoch,
        first_sequence,
        rolls: flags & ROLLS != 0,
        appended_ms,
    };
    Some((append, header_crc))
}
