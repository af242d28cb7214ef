//! The cluster of stories: topics that come, grow and go.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::GroupSettings;
use crate::group::TopicFacts;

#[derive(Debug, Default)]
pub(super) struct World {
    topics: BTreeMap<Arc<str>, i32>,
    version: i64,
    pub(super) settings: GroupSettings,
    /// How often the rack was asked for: topics are hashed with it, and nothing else is done.
    pub(super) hashes: Cell<usize>,
}

/// Topics of names of different lengths are different topics.
pub(super) fn topic_id(topic: &str) -> TopicId {
    TopicId([topic.len() as u8; 16])
}

impl World {
    /// The topic has so many partitions from now on.
    pub(super) fn put(&mut self, topic: &str, partitions: i32) {
        self.version += 1;
        self.topics.insert(topic.into(), partitions);
    }

    pub(super) fn remove(&mut self, topic: &str) {
        self.version += 1;
        self.topics.remove(topic);
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.topics.keys().cloned().collect()
    }

    fn facts((name, partitions): (&Arc<str>, &i32)) -> TopicFacts {
        TopicFacts { id: topic_id(name), name: name.clone(), partitions: *partitions }
    }
}

impl Cluster for World {
    fn topic(&self, name: &str) -> Option<TopicFacts> {
        self.topics.get_key_value(name).map(Self::facts)
    }

    fn topic_by_id(&self, id: TopicId) -> Option<TopicFacts> {
        self.topics.iter().find(|(name, _)| topic_id(name) == id).map(Self::facts)
    }

    fn rack(&self) -> Option<&str> {
        self.hashes.set(self.hashes.get() + 1);
        None
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn group_settings(&self, _: &str) -> GroupSettings {
        self.settings
    }
}
