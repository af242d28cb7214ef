//! Answers of one connection that are on their way to its client, and the storage memory that
//! they pin (R19).

use std::collections::VecDeque;

use crate::shard::Part;

/// What the socket has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parts: VecDeque<Unsent>,
    bytes: usize,
    pinned: usize,
    /// When the client last read something, or had nothing to read: `Now::mono_us`.
    progress_us: u64,
}

#[derive(Debug)]
struct Unsent {
    bytes: usize,
    pinned: usize,
}

impl Outbox {
    /// `part` was handed to the port at `now_us`. Returns the storage memory that it pins.
    pub(super) fn push(&mut self, part: &Part, now_us: u64) -> usize {
        if self.parts.is_empty() {
            self.progress_us = now_us;
        }
        let pinned = match part {
            Part::Bytes(_) => 0,
            Part::Stored(slice) => slice.block().len(),
        };
        self.parts.push_back(Unsent { bytes: part.bytes().len(), pinned });
        self.bytes += part.bytes().len();
        self.pinned += pinned;
        pinned
    }

    /// The socket took `bytes`. Returns the storage memory that is not pinned any more.
    pub(super) fn sent(&mut self, bytes: usize, now_us: u64) -> usize {
        self.progress_us = now_us;
        let mut rest = bytes;
        let mut released = 0;
        while let Some(first) = self.parts.front_mut() {
            if first.bytes > rest {
                first.bytes -= rest;
                self.bytes -= rest;
                return released;
            }
            rest -= first.bytes;
            self.bytes -= first.bytes;
            self.pinned -= first.pinned;
            released += first.pinned;
            self.parts.pop_front();
        }
        released
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn pinned(&self) -> usize {
        self.pinned
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Since when the client reads nothing although there is something.
    pub(super) fn stuck_since(&self) -> Option<u64> {
        (!self.parts.is_empty()).then_some(self.progress_us)
    }
}
