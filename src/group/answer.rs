//! What a coordinator answers.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::Offset;
use crate::base::TopicId;
use crate::group::Assignor;
use crate::group::Error;
use crate::group::MemberAbout;
use crate::group::Refused;

/// An answer to a [`Command`](crate::group::Command).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Joined(Joined),
    Synced(Result<Synced, Error>),
    Heartbeat(Result<(), Error>),
    /// One for each member that was named.
    Left(Result<Vec<Result<(), Error>>, Error>),
    /// One for each partition, by topic.
    Committed(Result<Vec<Vec<Result<(), Error>>>, Error>),
    Offsets(Result<Vec<TopicOffsets>, Error>),
    Described(Result<Description, Error>),
    ConsumerHeartbeat(Result<Heard, Refused>),
    ConsumersDescribed(Result<ConsumerDescription, Error>),
    Deleted(Result<(), Error>),
    /// One for each partition, by topic.
    OffsetsDeleted(Result<Vec<Vec<Result<(), Error>>>, Error>),
    /// The groups of the coordinators that were asked; or one of them cannot tell.
    Listed(Result<Vec<Listing>, Error>),
}

/// How a join ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// The id to go by; empty: none.
    pub member: Arc<str>,
    pub outcome: Result<JoinedGeneration, Error>,
}

/// The generation that the member is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedGeneration {
    pub generation: i32,
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub leader: Arc<str>,
    /// The leader keeps the assignment that it made before.
    pub skip_assignment: bool,
    /// For the leader alone.
    pub members: Vec<JoinedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedMember {
    pub id: Arc<str>,
    pub instance: Option<Arc<str>>,
    pub metadata: Bytes,
}

/// What a member was assigned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synced {
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub assignment: Bytes,
}

/// Committed offsets of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicOffsets {
    pub topic: Arc<str>,
    /// As the topic was when the offset was committed, or as asked for.
    pub id: TopicId,
    pub partitions: Vec<PartitionOffset>,
}

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionOffset {
    pub partition: i32,
    /// -1: there is none.
    pub offset: Offset,
    pub leader_epoch: i32,
    pub metadata: Arc<str>,
}

/// A group with its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    pub state: State,
    /// Empty: a group that only keeps offsets.
    pub protocol_type: Arc<str>,
    /// The selected protocol, where the group is stable.
    pub protocol: Arc<str>,
    pub members: Vec<DescribedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedMember {
    pub id: Arc<str>,
    pub instance: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    /// Both are empty unless the group is stable.
    pub metadata: Bytes,
    pub assignment: Bytes,
}

/// A group in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    pub group: Arc<str>,
    pub protocol_type: Arc<str>,
    /// As Kafka's tools show it.
    pub state: &'static str,
    /// It lives by the consumer protocol, else by the classic one.
    pub is_consumer: bool,
}

/// What a member of the consumer protocol is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// The id to go by.
    pub member: Arc<str>,
    pub epoch: i32,
    /// How often it is to be heard of.
    pub interval_ms: i32,
    /// What it is to have; `None`: as it was told before.
    pub assignment: Option<Vec<(TopicId, Vec<i32>)>>,
}

/// A group of the consumer protocol with its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerDescription {
    /// As Kafka's tools show it.
    pub state: &'static str,
    pub epoch: i32,
    /// Of the group when its target was made.
    pub target_epoch: i32,
    pub assignor: Assignor,
    pub members: Vec<DescribedConsumer>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedConsumer {
    pub id: Arc<str>,
    pub about: Arc<MemberAbout>,
    pub epoch: i32,
    /// What it has, or has not given up.
    pub assignment: Vec<NamedPartitions>,
    /// What it is to have.
    pub target: Vec<NamedPartitions>,
}

/// Partitions of a topic under both its names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedPartitions {
    pub topic: Arc<str>,
    pub id: TopicId,
    pub partitions: Vec<i32>,
}

/// Where a classic group stands (rule 44).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// No members; perhaps offsets.
    Empty,
    /// Members are asked to join.
    PreparingRebalance,
    /// All have joined; the leader's assignment is awaited.
    CompletingRebalance,
    /// Every member can have its assignment.
    Stable,
}

impl State {
    /// As Kafka's tools show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}
