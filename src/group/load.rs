//! A coordinator learns from its log what it knew before.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::classic::Classic;
use super::consumer::ConsumerGroup;
use super::context::Context;
use super::coordinator::Coordinator;
use super::kind::Group;
use super::kind::Kind;
use crate::base::Now;
use crate::group::Record;

impl Coordinator {
    /// Takes one record of the log over, in the log's order, before [`Coordinator::begin`].
    pub fn load(&mut self, now: Now, record: Record) {
        let group = record.group().clone();
        match record {
            Record::Group { value: None, .. } => {
                if matches!(self.kind(&group), Some(Kind::Classic(_))) {
                    self.end(&group, now);
                }
            }
            Record::Group { value: Some(value), .. } => {
                let classic = Classic::loaded(group.clone(), value, now);
                self.ensure(&group, now).kind = Kind::Classic(classic);
            }
            Record::Offset { topic, partition, value: Some(value), .. } => {
                self.ensure(&group, now).offsets.put(&topic, partition, value);
            }
            Record::Offset { topic, partition, value: None, .. } => {
                if let Some(found) = self.groups.get_mut(&group) {
                    found.offsets.remove(&topic, partition);
                    // A group that only kept offsets is no more than them.
                    let is_simple = match &found.kind {
                        Kind::Classic(classic) => {
                            classic.is_deserted() && classic.protocol_type().is_none()
                        }
                        Kind::Consumer(_) => false,
                    };
                    if found.offsets.is_empty() && is_simple {
                        self.forget(&group);
                    }
                }
            }
            record => self.load_consumer(&group, &record, now),
        }
        self.settle(&group);
    }

    fn kind(&self, group: &str) -> Option<&Kind> {
        self.groups.get(group).map(|found| &found.kind)
    }

    /// Offsets have tombstones of their own; those that have none are still the group's.
    fn end(&mut self, group: &Arc<str>, now: Now) {
        match self.groups.get_mut(group) {
            Some(found) if found.offsets.is_empty() => self.forget(group),
            Some(found) => found.kind = Kind::Classic(Classic::new(group.clone(), now)),
            None => {}
        }
    }

    /// A record of a group of the consumer protocol. What says something makes it one.
    fn load_consumer(&mut self, group: &Arc<str>, record: &Record, now: Now) {
        let is_consumer = matches!(self.kind(group), Some(Kind::Consumer(_)));
        if record.is_tombstone() && !is_consumer {
            return;
        }
        if matches!(record, Record::Epoch { value: None, .. }) {
            return self.end(group, now);
        }
        let empty = || Kind::Consumer(ConsumerGroup::empty(group.clone()));
        if !is_consumer {
            let found = self.groups.entry(group.clone()).or_insert_with(|| Group::new(empty()));
            found.kind = empty();
        }
        if let Some(consumer) = self.consumer_mut(group) {
            consumer.facts_mut().apply(record);
        }
    }

    /// The log was read to its end: from here on members must be heard of.
    pub fn begin(&mut self, cx: &mut Context<'_>) {
        self.topics_version = cx.cluster.version();
        self.expiry.begin(cx.now.mono_us, cx.config);
        let groups: Vec<_> = self.groups.keys().cloned().collect();
        for group in groups {
            match self.groups.get_mut(&group).map(|found| &mut found.kind) {
                Some(Kind::Classic(classic)) => classic.begin(cx),
                Some(Kind::Consumer(consumer)) => consumer.begin(cx),
                None => {}
            }
            self.settle(&group);
        }
    }

    /// Topics were made, grew, or are gone: groups look at their subscriptions again.
    pub fn on_topics_changed(&mut self, topics: &[Arc<str>], any_made: bool, version: i64) {
        if any_made {
            self.topics_version = version;
        }
        for found in self.groups.values_mut() {
            if let Kind::Consumer(consumer) = &mut found.kind {
                consumer.note_topics(topics);
            }
        }
    }

    /// A topic was deleted: what was committed for it is forgotten.
    pub fn on_topic_deleted(&mut self, topic: &str, cx: &mut Context<'_>) {
        self.forget_topic(topic, cx);
    }

    /// Topics that offsets are committed for.
    pub fn topics(&self) -> BTreeSet<Arc<str>> {
        let offsets = self.groups.values().flat_map(|found| found.offsets.iter());
        offsets.map(|(topic, _, _)| topic.clone()).collect()
    }

    /// Bytes of the state, about: what its log holds more than that is old.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
