//! What the owner of a partition answers.

use bytes::Bytes;

use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::group;

/// An answer to a [`Question`](crate::api::Question), as it crosses cores.
#[derive(Debug)]
pub enum Answer {
    Appended(Result<Appended, Rejection>),
    Fetched(Fetched<Bytes>),
    Grown,
    FoundOffset(Result<Option<FoundOffset>, Rejection>),
    /// The log start after the deletion, which is durable.
    DeletedRecords(Result<Offset, Rejection>),
    /// Bytes of each partition, in the order of the question; `None`: it is not here.
    Sizes(Vec<Option<u64>>),
    Producers(Result<Vec<ActiveProducer>, Rejection>),
    /// `None`: nothing is known of that epoch.
    EpochEnd(Result<Option<(LeaderEpoch, Offset)>, Rejection>),
    Group(group::Answer),
}

/// A producer that a partition remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActiveProducer {
    pub producer_id: i64,
    pub epoch: i16,
    pub last_sequence: i32,
    /// Largest timestamp of its newest batch, milliseconds; -1: not known.
    pub last_timestamp: i64,
}

/// A batch is durable, now or since long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    pub base_offset: Offset,
    /// Milliseconds, where the topic has LogAppendTime; else -1.
    pub append_time_ms: i64,
    pub log_start: Offset,
}

/// Parts in the order of the question. `D` is what holds stored bytes: memory of the owner where
/// it is the asker too, bytes that may cross cores elsewhere.
#[derive(Debug)]
pub struct Fetched<D> {
    pub parts: Vec<PartFetched<D>>,
}

/// What was read of one partition.
#[derive(Debug)]
pub struct PartFetched<D> {
    pub data: Result<Data<D>, Rejection>,
    /// Ends as of the read; -1 where the partition is not known here.
    pub high_watermark: Offset,
    pub log_start: Offset,
    pub leader_epoch: LeaderEpoch,
}

/// What a reader of a partition gets.
#[derive(Debug)]
pub enum Data<D> {
    /// Whole batches, in order; none: nothing is visible at that offset yet, or the budget ended.
    Batches { slices: Vec<D>, bytes: usize },
    /// The reader's log parted from this one: it agrees at most up to `end` in `epoch` (rule 72).
    Diverged { epoch: LeaderEpoch, end: Offset },
}

/// A record found by time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundOffset {
    pub offset: Offset,
    /// Milliseconds; -1: the place has none.
    pub timestamp: i64,
    /// -1: not known.
    pub leader_epoch: LeaderEpoch,
}

impl<D> PartFetched<D> {
    /// Nothing but a refusal.
    pub fn rejected(rejection: Rejection) -> Self {
        Self { data: Err(rejection), high_watermark: -1, log_start: -1, leader_epoch: -1 }
    }

    /// Bytes of the batches that were read.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Ok(Data::Batches { bytes, .. }) => *bytes,
            Ok(Data::Diverged { .. }) | Err(_) => 0,
        }
    }

    /// The same in another kind of memory.
    pub fn map<E>(self, change: impl Fn(D) -> E) -> PartFetched<E> {
        let data = self.data.map(|data| match data {
            Data::Batches { slices, bytes } => {
                Data::Batches { slices: slices.into_iter().map(change).collect(), bytes }
            }
            Data::Diverged { epoch, end } => Data::Diverged { epoch, end },
        });
        PartFetched {
            data,
            high_watermark: self.high_watermark,
            log_start: self.log_start,
            leader_epoch: self.leader_epoch,
        }
    }
}
