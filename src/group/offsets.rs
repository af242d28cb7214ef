//! The committed offsets of one group.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::base::TopicId;
use crate::group::OffsetValue;
use crate::group::PartitionOffset;
use crate::group::TopicOffsets;
use crate::group::TopicPartitions;
use crate::group::bounds;

/// By topic and partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, OffsetValue>>,
    bytes: usize,
}

impl Offsets {
    pub(super) fn put(&mut self, topic: &Arc<str>, partition: i32, value: OffsetValue) {
        self.bytes += bytes(topic, &value);
        let partitions = self.topics.entry(topic.clone()).or_default();
        if let Some(before) = partitions.insert(partition, value) {
            self.bytes -= bytes(topic, &before);
        }
    }

    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        let Some(partitions) = self.topics.get_mut(topic) else { return };
        if let Some(before) = partitions.remove(&partition) {
            self.bytes -= bytes(topic, &before);
        }
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
    }

    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&OffsetValue> {
        self.topics.get(topic)?.get(&partition)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Bytes that they take up.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Partitions of `topic` that have one.
    pub(super) fn of_topic(&self, topic: &str) -> Vec<i32> {
        let partitions = self.topics.get(topic);
        partitions.map(|partitions| partitions.keys().copied().collect()).unwrap_or_default()
    }

    /// All of them, in order, after `place`.
    pub(super) fn after<'a>(
        &'a self,
        place: Option<&'a (Arc<str>, i32)>,
    ) -> impl Iterator<Item = (&'a Arc<str>, i32, &'a OffsetValue)> {
        let from: &str = place.map_or("", |(topic, _)| topic);
        let topics = self.topics.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        let all = topics.flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(&partition, value)| (topic, partition, value))
        });
        all.filter(move |(topic, partition, _)| {
            place.is_none_or(|(last, number)| (&***topic, *partition) > (&**last, *number))
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, &OffsetValue)> {
        self.after(None)
    }

    /// All of them, as they are answered.
    pub(super) fn all(&self) -> Vec<TopicOffsets> {
        let topic = |(topic, partitions): (&Arc<str>, &BTreeMap<i32, OffsetValue>)| {
            let committed = |(&partition, value): (&i32, &OffsetValue)| found(partition, value);
            let id = partitions.values().next().map_or(TopicId::NONE, |value| value.topic_id);
            let partitions = partitions.iter().map(committed).collect();
            TopicOffsets { topic: topic.clone(), id, partitions }
        };
        self.topics.iter().map(topic).collect()
    }

    /// Those of `wanted`, in its order.
    pub(super) fn chosen(&self, wanted: &TopicPartitions) -> TopicOffsets {
        let offset = |&partition: &i32| {
            let value = self.get(&wanted.topic, partition);
            let known = value.filter(|value| is_of(value, wanted.id));
            known.map_or_else(|| missing(partition), |value| found(partition, value))
        };
        let partitions = wanted.partitions.iter().map(offset).collect();
        TopicOffsets { topic: wanted.topic.clone(), id: wanted.id, partitions }
    }
}

/// Rule 55: an offset of a topic that was deleted and made again is none.
fn is_of(value: &OffsetValue, topic: TopicId) -> bool {
    topic == TopicId::NONE || value.topic_id == TopicId::NONE || topic == value.topic_id
}

fn found(partition: i32, value: &OffsetValue) -> PartitionOffset {
    PartitionOffset {
        partition,
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.clone(),
    }
}

/// What is answered where there is no offset.
pub(super) fn missing(partition: i32) -> PartitionOffset {
    PartitionOffset { partition, offset: -1, leader_epoch: -1, metadata: Arc::default() }
}

pub(super) fn bytes(topic: &str, value: &OffsetValue) -> usize {
    bounds::OFFSET_BYTES + topic.len() + value.metadata.len()
}
