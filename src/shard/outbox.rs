//! Answers of one connection that are on their way to its client, and the memory that they hold:
//! their own, or whole blocks of the storage's (R19).

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::ops::SubAssign;

use crate::shard::Part;

/// Memory that answers hold, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Weight {
    /// Of the answers themselves.
    pub(super) own: usize,
    /// Of the storage: the blocks that slices lie in.
    pub(super) pinned: usize,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, more: Self) {
        self.own += more.own;
        self.pinned += more.pinned;
    }
}

impl SubAssign for Weight {
    fn sub_assign(&mut self, less: Self) {
        self.own -= less.own;
        self.pinned -= less.pinned;
    }
}

/// What the socket has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parts: VecDeque<Unsent>,
    bytes: usize,
    weight: Weight,
    /// When the client last read something, or had nothing to read: `Now::mono_us`.
    progress_us: u64,
}

#[derive(Debug)]
struct Unsent {
    /// Of it the socket has not taken so many.
    bytes: usize,
    weight: Weight,
}

impl Outbox {
    /// `part` was handed to the port at `now_us`. Returns what it holds until it is sent whole.
    pub(super) fn push(&mut self, part: &Part, now_us: u64) -> Weight {
        if self.parts.is_empty() {
            self.progress_us = now_us;
        }
        let bytes = part.bytes().len();
        let weight = match part {
            Part::Bytes(_) => Weight { own: bytes, pinned: 0 },
            Part::Stored(slice) => Weight { own: 0, pinned: slice.block().len() },
        };
        self.parts.push_back(Unsent { bytes, weight });
        self.bytes += bytes;
        self.weight += weight;
        weight
    }

    /// The socket took `bytes`. Returns what is not held any more.
    pub(super) fn sent(&mut self, bytes: usize, now_us: u64) -> Weight {
        self.progress_us = now_us;
        let mut rest = bytes;
        let mut released = Weight::default();
        while let Some(first) = self.parts.front_mut() {
            if first.bytes > rest {
                first.bytes -= rest;
                self.bytes -= rest;
                return released;
            }
            rest -= first.bytes;
            self.bytes -= first.bytes;
            self.weight -= first.weight;
            released += first.weight;
            self.parts.pop_front();
        }
        released
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What all parts that were not sent whole hold.
    pub(super) fn weight(&self) -> Weight {
        self.weight
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Since when the client reads nothing although there is something.
    pub(super) fn stuck_since(&self) -> Option<u64> {
        (!self.parts.is_empty()).then_some(self.progress_us)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::HeapPool;

    #[test]
    fn a_part_is_held_until_its_last_byte_is_sent() {
        let mut outbox = Outbox::default();
        let own = outbox.push(&Part::Bytes(Bytes::from_static(b"12345")), 10);
        assert_eq!(own, Weight { own: 5, pinned: 0 });
        let slice = HeapPool::block(&[0; 100]).slice(10..20);
        assert_eq!(outbox.push(&Part::Stored(slice), 20), Weight { own: 0, pinned: 100 });
        assert_eq!((outbox.bytes(), outbox.stuck_since()), (15, Some(10)));
        assert_eq!(outbox.sent(4, 30), Weight::default());
        assert_eq!(outbox.sent(2, 40), Weight { own: 5, pinned: 0 });
        assert_eq!((outbox.bytes(), outbox.stuck_since()), (9, Some(40)));
        assert_eq!(outbox.sent(9, 50), Weight { own: 0, pinned: 100 });
        assert_eq!((outbox.bytes(), outbox.stuck_since()), (0, None));
        assert_eq!(outbox.weight(), Weight::default());
    }

    #[test]
    fn more_sent_than_there_was_is_no_harm() {
        let mut outbox = Outbox::default();
        outbox.push(&Part::Bytes(Bytes::from_static(b"1")), 0);
        assert_eq!(outbox.sent(usize::MAX, 1), Weight { own: 1, pinned: 0 });
        assert!(outbox.is_empty());
    }
}
