//! What can be asked of the controller, and what it answers: in no protocol's words.

use std::sync::Arc;

use crate::base::NodeId;
use crate::base::ShardId;
use crate::base::TopicId;
use crate::metadata::Described;
use crate::metadata::Resource;

/// Names a command of a shard; its outcome carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    pub shard: ShardId,
    pub number: u64,
}

/// What is to be changed. What is asked for in one command is decided on one state; each part of
/// it is done or refused alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    CreateTopics { topics: Vec<NewTopic>, validate_only: bool },
    DeleteTopics { topics: Vec<TopicRef> },
    GrowTopics { topics: Vec<Growth>, validate_only: bool },
    Alter { alterations: Vec<Alteration>, validate_only: bool },
    AllocateProducerIds,
}

/// A topic that somebody wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewTopic {
    pub name: String,
    /// `None`: as many as the node makes by default.
    pub partitions: Option<i32>,
    /// `None`: as many as the node makes by default.
    pub replicas: Option<i16>,
    /// Brokers by partition number, where somebody chose them.
    pub assignment: Vec<(i32, Vec<NodeId>)>,
    /// Configs to set; a null value is refused.
    pub configs: Vec<(String, Option<String>)>,
}

/// A topic by one of its names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicRef {
    Name(String),
    Id(TopicId),
}

/// A wish for more partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Growth {
    pub topic: String,
    /// Partitions that the topic shall have.
    pub partitions: i32,
    /// Brokers of each further partition, where somebody chose them.
    pub assignment: Option<Vec<Vec<NodeId>>>,
}

/// Whose configs change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Configured {
    Topic(String),
    Node(NodeId),
    /// Every node.
    Cluster,
    /// What is neither topic nor node.
    Resource(Resource),
}

/// Changes of the configs of one resource; all of them, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alteration {
    pub resource: Configured,
    /// What is not in the changes is removed.
    pub replaces: bool,
    pub changes: Vec<(String, Operation)>,
}

/// What happens to one config.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    Set(String),
    Delete,
    /// Adds the items that a list lacks.
    Append(String),
    /// Takes items from a list.
    Subtract(String),
}

/// How a command ended. Lists are as long as the command's, and in its order.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    Created(Vec<Result<CreatedTopic, Refusal>>),
    Deleted(Vec<Result<DeletedTopic, Refusal>>),
    Grown(Vec<Result<(), Refusal>>),
    Altered(Vec<Result<(), Refusal>>),
    /// The ids `first..first + count` are the asker's.
    ProducerIds {
        first: i64,
        count: u32,
    },
    /// Nothing was done: the controller has too much to do, or its log takes nothing.
    Unavailable,
    /// It was not done in time, and may still be.
    TimedOut,
}

/// A topic that exists, or would without `validate_only`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreatedTopic {
    pub id: TopicId,
    pub partitions: i32,
    pub replicas: i16,
    /// Every config in force, by name.
    pub configs: Arc<[Described]>,
}

/// A topic that is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedTopic {
    pub id: TopicId,
    pub name: String,
}

/// An expected no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// For people; `None` where the kind says it all.
    pub message: Option<String>,
}

/// Why something was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    InvalidTopicName,
    TopicExists,
    UnknownTopic,
    UnknownTopicId,
    InvalidPartitions,
    InvalidReplicationFactor,
    InvalidAssignment,
    InvalidConfig,
    InvalidRequest,
    /// One of the bounds of [`super::Controller`].
    TooMuch,
}

impl RefusalKind {
    pub(super) fn because(self, message: impl Into<String>) -> Refusal {
        Refusal { kind: self, message: Some(message.into()) }
    }
}
