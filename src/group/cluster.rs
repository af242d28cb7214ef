//! What a coordinator has to know of the cluster around it.

use std::sync::Arc;

use crate::base::TopicId;

/// The topics that there are, and what is configured for groups.
pub trait Cluster {
    fn topic(&self, name: &str) -> Option<TopicFacts>;
    fn topic_by_id(&self, id: TopicId) -> Option<TopicFacts>;
    /// Where the replicas of partitions stand; `None`: nobody said.
    fn rack(&self) -> Option<&str>;
    /// It rises with every change of the metadata.
    fn version(&self) -> i64;
    fn group_settings(&self, group: &str) -> GroupSettings;
}

/// A topic as far as groups need it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicFacts {
    pub id: TopicId,
    pub name: Arc<str>,
    pub partitions: i32,
}

/// The configs of one consumer group, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupSettings {
    /// `consumer.session.timeout.ms`: a member that is silent for longer is over.
    pub session_timeout_ms: i32,
    /// `consumer.heartbeat.interval.ms`: how often members are to be heard of.
    pub heartbeat_interval_ms: i32,
    /// `consumer.assignment.interval.ms`: targets are not made more often.
    pub assignment_interval_ms: i32,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
        }
    }
}
