//! Questions to the owner of a partition.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::group::Command;
use crate::record::Accepted;
use crate::record::Rules;

/// One thing asked of the owner of one or more partitions.
#[derive(Debug)]
pub enum Question {
    Append(Append),
    /// Batches of several partitions of this owner, in the order in which they are wanted.
    Fetch(Fetch),
    /// Say [`Answer::Grown`](crate::api::Answer::Grown) once `bytes` more became visible in these
    /// partitions together, or one of them cannot be read any more. Asked once, answered at most
    /// once.
    Watch {
        parts: Vec<WatchPart>,
        bytes: u64,
    },
    /// Nobody waits for the watch of this request any more.
    Unwatch,
    /// The offset at a place in time.
    FindOffset {
        partition: PartitionId,
        current_epoch: LeaderEpoch,
        at: At,
    },
    /// Everything below `to` may go; `None`: everything visible.
    DeleteRecords {
        partition: PartitionId,
        to: Option<Offset>,
    },
    /// How large partitions are.
    Sizes {
        partitions: Vec<PartitionId>,
    },
    /// Who appended with a producer id.
    Producers {
        partition: PartitionId,
    },
    /// Where `epoch` ended (rule 73).
    EpochEnd {
        partition: PartitionId,
        current_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    },
    /// Something of a group whose coordinator keeps its state in `partition`.
    Group {
        partition: PartitionId,
        group: Arc<str>,
        command: Command,
    },
    /// The groups of all coordinators of this owner.
    ListGroups,
}

/// One batch for the end of a partition. Header, CRC and framing were checked by the asker.
#[derive(Debug)]
pub struct Append {
    pub partition: PartitionId,
    /// The whole batch, as it came.
    pub batch: Bytes,
    pub readiness: Readiness,
}

/// Whether a batch can be appended as it is.
#[derive(Debug)]
pub enum Readiness {
    Checked(Accepted),
    /// It has to be opened off-core before, by these rules, in the partition's order.
    Unopened(Box<Rules>),
}

/// What a reader wants of one owner.
#[derive(Debug)]
pub struct Fetch {
    pub parts: Vec<FetchPart>,
    /// Bytes of all parts together; a first batch may be larger than this (rule 64).
    pub max_bytes: u32,
}

/// What a reader wants of one partition.
#[derive(Clone, Copy, Debug)]
pub struct FetchPart {
    pub partition: PartitionId,
    pub from: Offset,
    pub max_bytes: u32,
    /// The epoch that the reader believes current; -1: it does not say (rule 71).
    pub current_epoch: LeaderEpoch,
    /// The epoch of the last record that the reader has; -1: it does not say (rule 72).
    pub last_epoch: LeaderEpoch,
}

/// A partition that is waited on, and how far it was visible when there was too little.
#[derive(Clone, Copy, Debug)]
pub struct WatchPart {
    pub partition: PartitionId,
    pub seen: Offset,
}

/// Places in a partition that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// The end of what is visible.
    Latest,
    /// The log start.
    Earliest,
    /// The first record of the greatest timestamp.
    MaxTimestamp,
    /// The first record at or after this, in milliseconds.
    Timestamp(i64),
}
