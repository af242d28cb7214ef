//! What the storage knows of a record batch v2: the fields outside its CRC, which are stamped at
//! the append and checked at every read, and the CRCs.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;

/// Bytes of a batch's header, up to its record count.
pub(super) const HEADER: usize = 61;

/// Where what the batch's own CRC covers begins.
const COVERED: usize = 21;

/// What a stored batch's header says, of what the storage needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchHead {
    pub(super) base_offset: Offset,
    /// Whole length with the header.
    pub(super) bytes: u32,
    pub(super) crc: u32,
    pub(super) last_offset_delta: i32,
    pub(super) max_timestamp: i64,
}

impl BatchHead {
    /// Reads the header at the front of `bytes`. `None`: cut off, or lengths and offsets that no
    /// stored batch has. Says nothing about the CRCs.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEADER>()?;
        let length = u32::try_from(i32::from_be_bytes(field(head, 8))).ok()?.checked_add(12)?;
        let base_offset = Offset::from_be_bytes(field(head, 0));
        let last_offset_delta = i32::from_be_bytes(field(head, 23));
        base_offset.checked_add(i64::from(last_offset_delta))?.checked_add(1)?;
        if (length as usize) < HEADER || base_offset < 0 || last_offset_delta < 0 || head[16] != 2 {
            return None;
        }
        Some(Self {
            base_offset,
            bytes: length,
            crc: u32::from_be_bytes(field(head, 17)),
            last_offset_delta,
            max_timestamp: i64::from_be_bytes(field(head, 35)),
        })
    }

    /// Exclusive end: the offset of whatever follows.
    pub(super) fn end(&self) -> Offset {
        self.base_offset + Offset::from(self.last_offset_delta) + 1
    }
}

fn field<const N: usize>(head: &[u8; HEADER], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[at..at + N]);
    field
}

/// CRC-32C of a batch's header, seeded with the partition's identity: a batch that lies where
/// another partition's batch should lie is found out (R21).
pub(super) fn header_crc(partition: PartitionId, header: &[u8; HEADER]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&partition.0.to_le_bytes()), header)
}

/// The CRC-32C that the batch's own CRC field must hold.
pub(super) fn body_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(COVERED..).unwrap_or_default())
}

/// The header of `batch` with base offset and leader epoch as given.
pub(super) fn stamped_header(
    batch: &[u8],
    base_offset: Offset,
    epoch: LeaderEpoch,
) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header.copy_from_slice(&batch[..HEADER]);
    header[..8].copy_from_slice(&base_offset.to_be_bytes());
    header[12..16].copy_from_slice(&epoch.to_be_bytes());
    header
}
