//! Kafka's segments as a partition's logical units of retention: not files. A segment begins
//! where an entry says so (`Append::rolls`), so that replay cuts the log as it was cut live.

use std::collections::VecDeque;

use crate::base::Offset;
use crate::strand::Append;

/// Neighbouring batches that expire together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Offset of the first batch.
    pub base: Offset,
    /// Bytes of its batches.
    pub bytes: u64,
    /// Timestamp of the first batch, milliseconds; -1: it has none. `segment.ms` counts from it.
    pub first_timestamp: i64,
    /// Largest timestamp of a record, milliseconds; -1: none has one.
    pub max_timestamp: i64,
    /// Wall clock of the first and the last append, milliseconds: the age of a segment whose
    /// records have no timestamps.
    pub created_ms: i64,
    pub appended_ms: i64,
}

/// When a segment is full (`segment.bytes`, `segment.ms` less its jitter).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RollLimits {
    pub bytes: u64,
    pub ms: i64,
}

/// All segments of a log, oldest first. The last one is active.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segments {
    list: VecDeque<Segment>,
    bytes: u64,
}

impl Segments {
    pub(super) fn from_list(list: Vec<Segment>) -> Self {
        let bytes = list.iter().map(|segment| segment.bytes).sum();
        Self { list: list.into(), bytes }
    }

    pub(super) fn append(&mut self, append: &Append) {
        let bytes = u64::from(append.bytes);
        self.bytes += bytes;
        match self.list.back_mut() {
            Some(active) if !append.rolls => {
                active.bytes += bytes;
                active.max_timestamp = active.max_timestamp.max(append.max_timestamp);
                active.appended_ms = active.appended_ms.max(append.appended_ms);
            }
            _ => self.push(Segment {
                base: append.base_offset,
                bytes,
                first_timestamp: append.max_timestamp,
                max_timestamp: append.max_timestamp,
                created_ms: append.appended_ms,
                appended_ms: append.appended_ms,
            }),
        }
    }

    fn push(&mut self, segment: Segment) {
        if self.list.len() == self.list.capacity() {
            self.list.reserve_exact(1 + self.list.len() / 4);
        }
        self.list.push_back(segment);
    }

    /// The log ends at `to` instead of `end`. Of the segment that is cut through, the share of its
    /// offsets that stays says how many bytes stay: only retention by size counts with it.
    pub(super) fn truncate(&mut self, to: Offset, end: Offset) {
        let mut cut_end = end;
        while let Some(last) = self.list.back_mut() {
            if last.base < to {
                let width = u128::from(cut_end.abs_diff(last.base).max(1));
                let kept = u128::from(to.abs_diff(last.base));
                let bytes = (u128::from(last.bytes) * kept / width) as u64;
                self.bytes -= last.bytes - bytes.min(last.bytes);
                last.bytes = bytes.min(last.bytes);
                return;
            }
            cut_end = last.base;
            self.bytes -= last.bytes;
            self.list.pop_back();
        }
    }

    /// The log starts at `to`: segments that lie wholly below are gone. One that is cut through
    /// stays whole, as Kafka's does.
    pub(super) fn move_start(&mut self, to: Offset, end: Offset) {
        while let Some(first) = self.list.front() {
            let first_end = self.list.get(1).map_or(end, |next| next.base);
            if first_end > to {
                return;
            }
            self.bytes -= first.bytes;
            self.list.pop_front();
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.list.iter()
    }

    pub fn active(&self) -> Option<&Segment> {
        self.list.back()
    }

    /// The largest timestamp of all records; -1: none has one.
    pub fn max_timestamp(&self) -> i64 {
        self.list.iter().map(|segment| segment.max_timestamp).max().unwrap_or(-1)
    }

    /// Rule 88: whether a batch of `bytes`, whose largest timestamp is `timestamp` and whose last
    /// offset is `last_offset`, begins a segment. Kafka's full indexes have no counterpart here.
    pub fn rolls(
        &self,
        bytes: u64,
        timestamp: i64,
        last_offset: Offset,
        now_ms: i64,
        limits: RollLimits,
    ) -> bool {
        let Some(active) = self.list.back() else { return true };
        let waited = if active.first_timestamp >= 0 {
            timestamp.saturating_sub(active.first_timestamp)
        } else {
            now_ms.saturating_sub(active.created_ms)
        };
        active.bytes.saturating_add(bytes) > limits.bytes
            || waited > limits.ms
            || last_offset.saturating_sub(active.base) > Offset::from(i32::MAX)
    }
}
