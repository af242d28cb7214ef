//! What a shard holds at a moment, for logs and tests.

use crate::base::StrandId;
use crate::shard::Shard;
use crate::strand::StrandFigures;

/// What clients make a shard hold. Bytes unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShardFigures {
    /// Connections.
    pub connections: usize,
    /// Requests that wait for an owner, the disk, or more to read.
    pub requests: usize,
    /// Answers that no client has read, without what they pin.
    pub answer_bytes: usize,
    /// Storage memory that answers pin.
    pub pinned_bytes: usize,
    /// What fetches under way may yet read.
    pub reserved_bytes: usize,
    /// Fetches that wait for room.
    pub fetches_waiting: usize,
    /// Searches by time that read.
    pub searches: usize,
    /// Searches by time that wait.
    pub searches_waiting: usize,
    /// Jobs that run off-core.
    pub jobs: usize,
    /// Jobs that wait.
    pub jobs_waiting: usize,
    /// Appends that are not durable, those that wait included.
    pub undurable_bytes: usize,
    /// Idempotent producers.
    pub producers: usize,
    /// Partitions that are led here.
    pub partitions: usize,
}

impl Shard {
    pub fn figures(&self) -> ShardFigures {
        let (requests, connections) = (self.requests.by_id.len(), self.clients.conns.len());
        let held = self.clients.held_by_answers;
        let figures = ShardFigures {
            connections,
            requests,
            answer_bytes: held.own,
            pinned_bytes: held.pinned,
            ..ShardFigures::default()
        };
        self.owner.count(self.home.reading.count(figures))
    }

    /// Of each strand that is driven here.
    pub fn strand_figures(&self) -> impl Iterator<Item = (StrandId, StrandFigures)> {
        self.owner.strand_figures()
    }
}
