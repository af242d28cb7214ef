//! The expected noes.

use crate::record::Refusal;

/// Why a partition's owner does not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// No such partition, or none any more.
    UnknownPartition,
    /// The topic's id is of no topic.
    UnknownTopicId,
    /// The partition is not led here, or its strand still recovers.
    NotLeader,
    /// The asker's leader epoch is older than the partition's.
    FencedEpoch,
    /// The asker's leader epoch is newer than the partition's.
    UnknownEpoch,
    /// Below the log start or above the end.
    OffsetOutOfRange,
    /// The batch itself cannot be accepted.
    Batch(Box<Refusal>),
    /// A batch of a transaction that no coordinator vouches for.
    Transaction,
    OutOfOrderSequence {
        expected: i32,
        found: i32,
    },
    OldProducerEpoch {
        current: i16,
        found: i16,
    },
    /// The batch is larger than an extent can hold.
    BatchTooLarge,
    /// The disk is full; appends are accepted again when something was freed (R16).
    StorageFull,
    /// What was asked for cannot be read from the disk (R21).
    StorageDamaged,
    /// Too much is under way for this partition; try again.
    Overloaded,
    /// `acks` is neither -1, 0 nor 1.
    InvalidAcks,
    /// Not done by the deadline. It may yet be done.
    TimedOut,
    /// The topic is the broker's own.
    InternalTopic,
    /// The topic's configuration forbids it.
    Policy,
}
