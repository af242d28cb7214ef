//! The facts that a frame can hold. Replay applies them as they ran live.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::record::BatchHeader;
use crate::strand::op::ExtentId;

/// Place of an entry in a strand: the sequence of its frame, and its number in the frame's table.
/// Ordered as the strand is; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EntryId {
    pub sequence: u64,
    pub number: u32,
}

/// Where bytes lie: an extent in one of its uses, and the position in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    pub extent: ExtentId,
    /// The filling of the extent; bytes of another use are not these bytes.
    pub use_number: u64,
    /// Bytes from the start of the extent.
    pub position: u32,
}

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A batch went to the end of its partition. Its bytes lie in this frame's payload.
    Append(Append),
    /// The log ends at `to` again (divergence from a leader).
    Truncate { partition: PartitionId, to: Offset },
    /// Everything below `to` is gone (retention, DeleteRecords).
    LogStart { partition: PartitionId, to: Offset },
    /// `epoch` begins at `at`; written with the first append of the epoch.
    EpochStart { partition: PartitionId, epoch: LeaderEpoch, at: Offset },
    /// The partition was deleted.
    Drop { partition: PartitionId },
    /// A live batch was copied into this frame's payload by evacuation; `from` is where it was.
    Relocate { batch: Append, from: Place },
    /// Offsets `from..to` may have existed and cannot be read any more (R11).
    Lost { partition: PartitionId, from: Offset, to: Offset },
    /// The last entry of a use: what follows is in `extent` under `use_number`.
    Seal { extent: ExtentId, use_number: u64 },
}

/// What is known of a stored batch without reading it. Everything the batch's own CRC-32C does
/// not cover (base offset, leader epoch) is here, and the CRC itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Append {
    pub partition: PartitionId,
    pub base_offset: Offset,
    pub leader_epoch: LeaderEpoch,
    /// Offset of the last record less the base offset; at least 0.
    pub last_offset_delta: i32,
    /// Records in the batch.
    pub count: i32,
    /// Whole length of the batch with its header.
    pub bytes: u32,
    /// The batch's own CRC-32C, as in its header.
    pub crc: u32,
    /// Milliseconds; -1 when the batch has none.
    pub max_timestamp: i64,
    /// Kafka's attribute bits: codec, timestamp type, transactional, control, delete horizon.
    pub attributes: i16,
    /// -1: not idempotent.
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub first_sequence: i32,
    /// A segment of the partition begins with this batch.
    pub rolls: bool,
    /// Wall clock at the append, milliseconds: the age of a segment without timestamps.
    pub appended_ms: i64,
}

impl Append {
    /// The facts of a batch that lies in the log as its header says; it begins no segment.
    pub fn of(partition: PartitionId, stored: &BatchHeader, appended_ms: i64) -> Self {
        Self {
            partition,
            base_offset: stored.base_offset,
            leader_epoch: stored.leader_epoch,
            last_offset_delta: stored.last_offset_delta,
            count: stored.count,
            bytes: u32::try_from(stored.total_bytes()).expect("a batch's length field has 31 bits"),
            crc: stored.crc,
            max_timestamp: stored.max_timestamp,
            attributes: stored.attributes.0,
            producer_id: stored.producer_id,
            producer_epoch: stored.producer_epoch,
            first_sequence: stored.base_sequence,
            rolls: false,
            appended_ms,
        }
    }

    /// Exclusive end: the offset that the next batch gets.
    pub fn end(&self) -> Offset {
        self.base_offset + Offset::from(self.last_offset_delta) + 1
    }
}

impl Entry {
    /// The batch that lies in the payload for this entry, if it has one.
    pub fn batch(&self) -> Option<&Append> {
        match self {
            Self::Append(append) => Some(append),
            Self::Relocate { batch, .. } => Some(batch),
            _ => None,
        }
    }

    /// The partition it is about; `Seal` is about none.
    pub fn partition(&self) -> Option<PartitionId> {
        match *self {
            Self::Append(Append { partition, .. })
            | Self::Relocate { batch: Append { partition, .. }, .. }
            | Self::Truncate { partition, .. }
            | Self::LogStart { partition, .. }
            | Self::EpochStart { partition, .. }
            | Self::Drop { partition }
            | Self::Lost { partition, .. } => Some(partition),
            Self::Seal { .. } => None,
        }
    }
}
