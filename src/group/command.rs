//! What is asked of a coordinator.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::Offset;
use crate::base::ShardId;
use crate::base::TopicId;
use crate::group::bounds;

/// Who waits for an answer: a part of a request at its home shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket {
    pub home: ShardId,
    pub request: u64,
    pub part: u32,
}

/// One thing asked of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    Join(Join),
    Sync(Sync),
    Heartbeat(Presence),
    Leave(Vec<Leaving>),
    Commit(Commit),
    FetchOffsets(FetchOffsets),
    Describe,
    ConsumerHeartbeat(Box<ConsumerHeartbeat>),
    /// Of a group of the consumer protocol.
    DescribeConsumers,
    /// Delete the group and all its offsets.
    Delete,
    DeleteOffsets(Vec<TopicPartitions>),
}

impl Command {
    /// Bytes that it takes up on its way, about.
    pub fn bytes(&self) -> usize {
        let parts: usize = match self {
            Self::Commit(commit) => commit.topics.iter().map(CommitTopic::bytes).sum(),
            Self::FetchOffsets(FetchOffsets { topics: Some(topics), .. })
            | Self::DeleteOffsets(topics) => {
                let topic = |topic: &TopicPartitions| {
                    bounds::OFFSET_BYTES + topic.topic.len() + 4 * topic.partitions.len()
                };
                topics.iter().map(topic).sum()
            }
            Self::ConsumerHeartbeat(beat) => beat.bytes(),
            _ => 0,
        };
        bounds::MEMBER_BYTES + parts
    }
}

/// The epoch by which a member of a consumer group leaves.
pub const LEAVE: i32 = -1;

/// The epoch by which a static member says that it leaves and will be back.
pub const AWAY: i32 = -2;

/// A member of the consumer protocol joins, lives, or leaves. `None`: as it said before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerHeartbeat {
    /// Empty: it is to be given one.
    pub member: Arc<str>,
    /// 0: it joins; [`LEAVE`], [`AWAY`].
    pub epoch: i32,
    /// `group.instance.id`.
    pub instance: Option<Arc<str>>,
    pub rack: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub rebalance_timeout_ms: Option<i32>,
    pub topics: Option<Arc<BTreeSet<Arc<str>>>>,
    /// A regular expression for further topics; empty: none.
    pub pattern: Option<Arc<str>>,
    pub assignor: Option<Arc<str>>,
    /// What it has.
    pub owned: Option<Vec<(TopicId, Vec<i32>)>>,
}

impl ConsumerHeartbeat {
    fn bytes(&self) -> usize {
        let topics = self.topics.iter().flat_map(|topics| topics.iter());
        let topics = topics.map(|topic| bounds::NAME_BYTES + topic.len());
        let owned = self.owned.iter().flatten();
        let owned = owned.map(|(_, partitions)| bounds::partitions(partitions.len()));
        let pattern = self.pattern.as_ref().map_or(0, |pattern| pattern.len());
        topics.sum::<usize>() + owned.sum::<usize>() + pattern
    }
}

/// A member wants to be in the next generation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Join {
    /// Empty: it has none yet.
    pub member: Arc<str>,
    /// `group.instance.id`.
    pub instance: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocol_type: Arc<str>,
    /// By falling preference.
    pub protocols: Vec<Protocol>,
    /// A member without an id is told one first, and joins again with it (KIP-394).
    pub must_know_id: bool,
    /// The leader can be told to keep its assignment (KIP-814).
    pub may_skip_assignment: bool,
}

/// A protocol that a member speaks, with what it says of itself in it: opaque.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    pub name: Arc<str>,
    pub metadata: Bytes,
}

/// Who a member says it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    pub member: Arc<str>,
    pub instance: Option<Arc<str>>,
    pub generation: i32,
}

/// A member wants its assignment; the leader brings everybody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sync {
    pub who: Presence,
    /// Whether type and name of the protocol have to be said (KIP-559: from version 5 on).
    pub must_say_protocol: bool,
    /// `None`: it does not say.
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub assignments: Vec<(Arc<str>, Bytes)>,
}

/// A member that leaves, by its id, or by its `group.instance.id` where the id is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    pub member: Arc<str>,
    pub instance: Option<Arc<str>>,
}

/// Offsets to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Generation -1: no member, but somebody who only keeps offsets here.
    pub who: Presence,
    /// How long they are to be kept whatever the group does; `None`: as long as all others.
    pub retention_ms: Option<i64>,
    /// The asker speaks a version that has member epochs, and knows the code for a group that does
    /// not exist.
    pub knows_epochs: bool,
    pub topics: Vec<CommitTopic>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitTopic {
    pub topic: Arc<str>,
    pub id: TopicId,
    pub partitions: Vec<CommitPartition>,
}

impl CommitTopic {
    fn bytes(&self) -> usize {
        let metadata = self.partitions.iter().map(|part| part.metadata.len());
        let partitions: usize = metadata.map(|bytes| bounds::OFFSET_BYTES + bytes).sum();
        bounds::OFFSET_BYTES + self.topic.len() + partitions
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitPartition {
    pub partition: i32,
    pub offset: Offset,
    /// -1: not known.
    pub leader_epoch: i32,
    pub metadata: Arc<str>,
}

/// Which offsets are wanted; `None`: all of the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchOffsets {
    /// A member of a consumer group and its epoch; `None`: anybody.
    pub who: Option<(Arc<str>, i32)>,
    pub topics: Option<Vec<TopicPartitions>>,
}

/// Partitions of a topic. An id tells topics of one name apart; [`TopicId::NONE`]: by name alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicPartitions {
    pub topic: Arc<str>,
    pub id: TopicId,
    pub partitions: Vec<i32>,
}
