//! The durable facts of one partition's log: its ends, its leader epochs, Kafka's logical segments
//! and the producers that wrote to it. [`Log::apply`] is the one state machine that runs live and
//! in replay; it never learns where bytes lie, and it never refuses: what may be appended is
//! decided before, with [`Producers::check`].

mod epochs;
mod image;
mod producers;
mod segments;

#[cfg(test)]
mod tests;

pub use epochs::EpochEnd;
pub use epochs::Epochs;
pub use image::LogImage;
pub use producers::Attempt;
pub use producers::PRODUCERS_MAX;
pub use producers::Producer;
pub use producers::ProducerBatch;
pub use producers::Producers;
pub use producers::RETAINED_BATCHES;
pub use producers::Verdict;
pub use producers::next_sequence;
pub use producers::sequence_after;
pub use segments::RollLimits;
pub use segments::Segment;
pub use segments::Segments;

use crate::base::Offset;
use crate::strand::Append;
use crate::strand::Entry;
use crate::strand::EntryId;

/// What is known of a partition's log without reading a batch. An idle one is a few hundred bytes:
/// its collections own memory only once they hold something.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    start: Offset,
    end: Offset,
    applied: EntryId,
    appended_ms: i64,
    epochs: Epochs,
    segments: Segments,
    producers: Producers,
}

impl Log {
    /// Applies one entry, live or in replay. Entries at or below [`Log::applied`] change nothing
    /// (R12), so that replay may begin anywhere before the checkpoint's state. Producer state is
    /// updated here and never validated against (rule 22).
    pub fn apply(&mut self, id: EntryId, entry: &Entry) {
        if id <= self.applied {
            return;
        }
        self.applied = id;
        match entry {
            Entry::Append(append) => self.apply_append(append),
            Entry::Truncate { to, .. } => self.apply_truncate(*to),
            Entry::LogStart { to, .. } => self.apply_start(*to),
            Entry::EpochStart { epoch, at, .. } => self.epochs.assign(*epoch, *at),
            Entry::Lost { to, .. } => self.end = self.end.max(*to),
            Entry::Drop { .. } => *self = Self { applied: id, ..Self::default() },
            // Facts about where bytes lie: the partition's own facts stay as they are.
            Entry::Relocate { .. } | Entry::Seal { .. } => {}
        }
        assert!(self.start <= self.end, "a log starts at or below its end");
    }

    fn apply_append(&mut self, append: &Append) {
        // A leader epoch is known from its first batch on, as on a Kafka follower (rule 77).
        self.epochs.assign(append.leader_epoch, append.base_offset);
        self.segments.append(append);
        self.producers.update(append);
        self.end = self.end.max(append.end());
        self.appended_ms = self.appended_ms.max(append.appended_ms);
    }

    fn apply_truncate(&mut self, to: Offset) {
        if to >= self.end {
            return;
        }
        self.epochs.truncate(to);
        self.segments.truncate(to, self.end);
        self.producers.truncate(to);
        self.end = to.max(0);
        self.start = self.start.min(self.end);
    }

    fn apply_start(&mut self, to: Offset) {
        if to <= self.start {
            return;
        }
        self.start = to;
        self.end = self.end.max(to);
        self.epochs.move_start(to);
        self.segments.move_start(to, self.end);
    }

    /// First offset that can be read.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Bytes of all segments, as Kafka counts a log's size.
    pub fn bytes(&self) -> u64 {
        self.segments.bytes()
    }

    /// The newest entry that this state contains.
    pub fn applied(&self) -> EntryId {
        self.applied
    }

    /// The highest wall time of an append, in milliseconds: time does not run backwards within a
    /// partition whatever the clock does (R23).
    pub fn appended_ms(&self) -> i64 {
        self.appended_ms
    }

    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Gives back the memory of producers that appended last before `ms` (rule 23). Nothing that
    /// is decided depends on it: [`Producers::check`] takes expired state for none.
    pub fn forget_producers(&mut self, before_ms: i64) {
        self.producers.forget(before_ms);
    }

    /// Gives back the memory of one producer, as if it had expired.
    pub fn forget_producer(&mut self, producer: i64) {
        self.producers.remove(producer);
    }
}
