//! Identities. A bare integer never crosses a module border where one of these fits.

use std::fmt;

/// Position of a record in a partition. All ends are exclusive.
pub type Offset = i64;

/// Leader epoch of a partition, stamped into every batch. -1 means "not known".
pub type LeaderEpoch = i32;

/// Node id as Kafka clients see it.
pub type NodeId = i32;

/// One core's executor and all it owns. 0-based, dense.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// One log. Made when the store is formatted, never merged; the manifest maps it to a shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StrandId(pub u16);

impl StrandId {
    /// The strand that holds the metadata log; always driven by shard 0.
    pub const METADATA: Self = Self(u16::MAX);
}

/// A partition's identity on disk: handed out by metadata, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionId(pub u64);

/// A topic's UUID (KIP-516). All zeros means "none".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    pub const NONE: Self = Self([0; 16]);
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes(self.0), f)
    }
}

/// A client connection of one shard. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);
