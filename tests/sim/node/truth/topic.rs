//! A topic: asked for, made, grown, deleted.

use std::collections::BTreeMap;

use strandlog::base::TopicId;

use super::Log;

/// What a topic was made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TopicKind {
    pub retention_ms: Option<i64>,
    pub retention_bytes: Option<i64>,
    /// Batches are not stored byte for byte: it has a compression or a time stamp of its own.
    pub rewrites: bool,
}

impl TopicKind {
    pub fn has_retention(&self) -> bool {
        self.retention_ms.is_some() || self.retention_bytes.is_some()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub kind: TopicKind,
    pub id: Option<TopicId>,
    /// Partitions that somebody was shown, and that every core must know.
    seen: i32,
    certain: i32,
    /// The most that anybody asked for.
    asked: i32,
    pub delete_asked: bool,
    deleted: bool,
    pub logs: BTreeMap<i32, Log>,
    /// `flush.messages`, as asked for and as confirmed.
    pub knob_asked: i64,
    pub knob_set: i64,
}

impl Topic {
    pub fn new(name: String, kind: TopicKind) -> Self {
        Self {
            name,
            kind,
            id: None,
            seen: 0,
            certain: 0,
            asked: 0,
            delete_asked: false,
            deleted: false,
            logs: BTreeMap::new(),
            knob_asked: 0,
            knob_set: 0,
        }
    }

    pub fn on_death(&mut self) {
        self.certain = self.certain.max(self.seen);
    }

    /// Clients use it.
    pub fn is_usable(&self) -> bool {
        self.seen > 0 && !self.delete_asked
    }

    /// Every core knows the partition, unless the topic is deleted.
    pub fn is_certain(&self, partition: i32) -> bool {
        partition < self.certain && !self.delete_asked
    }

    /// Partitions that every answer must show.
    pub fn least(&self) -> i32 {
        if self.delete_asked { 0 } else { self.certain }
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    pub fn count(&self) -> i32 {
        self.seen
    }

    /// Somebody asks for so many partitions.
    pub fn ask(&mut self, partitions: i32) {
        self.asked = self.asked.max(partitions);
    }

    /// An answer showed the topic.
    pub fn see(&mut self, id: TopicId, partitions: i32) {
        let name = &self.name;
        if id != TopicId::NONE {
            assert_eq!(*self.id.get_or_insert(id), id, "metadata: {name} has another id");
        }
        assert!(
            partitions <= self.asked,
            "metadata: {name} has {partitions} partitions, {} were asked for",
            self.asked
        );
        self.seen = self.seen.max(partitions);
        for partition in 0..self.seen {
            self.logs.entry(partition).or_default();
        }
    }

    /// So many partitions were confirmed.
    pub fn confirm(&mut self, id: TopicId, partitions: i32) {
        self.see(id, partitions);
        self.certain = self.certain.max(partitions);
    }

    pub fn confirm_deleted(&mut self) {
        assert!(self.delete_asked, "metadata: {} was deleted unasked", self.name);
        self.deleted = true;
    }
}
