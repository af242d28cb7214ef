//! Runs: what the index of the storage is made of.

mod map;
#[cfg(test)]
mod tests;

pub use map::PlacedRun;
pub use map::RunMap;
pub use map::Use;

use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::entry::Append;
use crate::strand::entry::Entry;
use crate::strand::frame::TableEntry;

/// Longest run of more than one batch: what a reader that wants one record of it has to read.
pub const RUN_LIMIT: u32 = 128 * 1024;

/// Neighbouring batches of one partition in one frame: back to back, with contiguous offsets.
///
/// Visible are its offsets `from..to`; it may hold more, which newer runs replaced. A run without
/// bytes is a *void*: it says that what older runs hold of `from..to` is gone (`Truncate`, `Drop`,
/// `Lost`). Its position is where the batch of the next entry lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    pub partition: PartitionId,
    pub from: Offset,
    /// Exclusive; `Offset::MAX` for a void without an end.
    pub to: Offset,
    /// Bytes from the start of the extent.
    pub position: u32,
    pub bytes: u32,
    pub batches: u32,
    /// Milliseconds; the greatest of its batches.
    pub max_timestamp: i64,
    /// CRC-32C over the seeded CRCs of its batches' headers, little-endian, in order.
    pub check: u32,
}

impl Run {
    pub fn is_void(&self) -> bool {
        self.bytes == 0
    }

    /// The run of an entry, if it says anything of where offsets lie.
    fn of(entry: &TableEntry) -> Option<Self> {
        let (partition, from, to) = match entry.entry {
            Entry::Append(append) | Entry::Relocate { batch: append, .. } => {
                return Some(Self::of_batch(&append, entry));
            }
            Entry::Truncate { partition, to } => (partition, to, Offset::MAX),
            Entry::Drop { partition } => (partition, 0, Offset::MAX),
            Entry::Lost { partition, from, to } => (partition, from, to),
            Entry::LogStart { .. } | Entry::EpochStart { .. } | Entry::Seal { .. } => return None,
        };
        let position = entry.position;
        let void = Self {
            partition,
            from,
            to,
            position,
            bytes: 0,
            batches: 0,
            max_timestamp: -1,
            check: 0,
        };
        (from < to).then_some(void)
    }

    fn of_batch(append: &Append, entry: &TableEntry) -> Self {
        Self {
            partition: append.partition,
            from: append.base_offset,
            to: append.end(),
            position: entry.position,
            bytes: append.bytes,
            batches: 1,
            max_timestamp: append.max_timestamp,
            check: chain_check(0, entry.header_crc),
        }
    }

    fn extend(&mut self, next: &Self, header_crc: u32) -> bool {
        let fits = !self.is_void()
            && !next.is_void()
            && self.partition == next.partition
            && self.to == next.from
            && u64::from(self.position) + u64::from(self.bytes) == u64::from(next.position)
            && u64::from(self.bytes) + u64::from(next.bytes) <= u64::from(RUN_LIMIT)
            && next.to - self.from < Offset::from(u32::MAX);
        if fits {
            self.to = next.to;
            self.bytes += next.bytes;
            self.batches += 1;
            self.max_timestamp = self.max_timestamp.max(next.max_timestamp);
            self.check = chain_check(self.check, header_crc);
        }
        fits
    }
}

/// [`Run::check`] with one batch more; 0 to begin with.
pub(super) fn chain_check(check: u32, header_crc: u32) -> u32 {
    crc32c::crc32c_append(check, &header_crc.to_le_bytes())
}

/// The runs of one frame, in its order.
pub fn runs_of(table: &[TableEntry]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for entry in table {
        let Some(next) = Run::of(entry) else { continue };
        let extended = runs.last_mut().is_some_and(|last| last.extend(&next, entry.header_crc));
        if !extended {
            runs.push(next);
        }
    }
    runs
}
