//! Room for what fetches read. Between the disk and the outbox batches belong to no cache and to no
//! connection yet: a fetch reserves what it may read before any owner is asked, and waits in line
//! where the memory for answers is used up.

use std::collections::VecDeque;

use super::super::Shard;
use crate::base::Now;
use crate::shard::Effects;
use crate::shard::RequestId;
use crate::shard::ShardFigures;

/// What fetches hold, and who waits. Bounded by connections: each has one fetch under way.
#[derive(Debug, Default)]
pub(in crate::shard) struct Reading {
    reserved: usize,
    waiting: VecDeque<RequestId>,
}

impl Reading {
    pub(super) fn give_back(&mut self, bytes: usize) {
        assert!(self.reserved >= bytes, "more given back than was reserved");
        self.reserved -= bytes;
    }

    pub(in crate::shard) fn count(&self, figures: ShardFigures) -> ShardFigures {
        let (reserved_bytes, fetches_waiting) = (self.reserved, self.waiting.len());
        ShardFigures { reserved_bytes, fetches_waiting, ..figures }
    }

    /// Whether a fetch waits for room.
    pub(in crate::shard) fn is_crowded(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Shard {
    /// The fetch reads when those before it have room.
    pub(super) fn read_in_turn(&mut self, request: RequestId) {
        let Some(fetching) = self.fetching(request) else { return };
        fetching.waits = true;
        self.home.reading.waiting.push_back(request);
    }

    /// Lets fetches read as far as there is room, in the order in which they came; false: none
    /// could.
    pub(in crate::shard) fn read_waiting(&mut self, now: Now, out: &mut Effects) -> bool {
        let home = self.config.id;
        let mut any = false;
        while let Some(&request) = self.home.reading.waiting.front() {
            if let Some(most) = self.fetching(request).map(|fetching| fetching.most(home)) {
                if !self.has_room(most) {
                    return any;
                }
                self.home.reading.reserved += most;
                if let Some(fetching) = self.fetching(request) {
                    fetching.reserved = most;
                    fetching.waits = false;
                }
                self.read_all(now, request, out);
                any = true;
            }
            self.home.reading.waiting.pop_front();
        }
        any
    }

    /// One fetch always goes on, however much it wants.
    fn has_room(&self, bytes: usize) -> bool {
        let held = self.clients.held_by_answers.own + self.home.reading.reserved;
        held == 0 || held.saturating_add(bytes) <= self.config.answer_bytes_max
    }
}
