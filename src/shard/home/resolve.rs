//! Topics as clients name them, resolved in this shard's image of the metadata.

use std::sync::Arc;

use super::super::Shard;
use crate::api::Rejection;
use crate::base::TopicId;
use crate::metadata::PartitionInfo;
use crate::metadata::Topic;

impl Shard {
    pub(super) fn topic_by_name(&self, name: &str) -> Result<Arc<Topic>, Rejection> {
        let image = self.image.as_ref().ok_or(Rejection::NotLeader)?;
        image.topic(name).cloned().ok_or(Rejection::UnknownPartition)
    }

    pub(super) fn topic_by_id(&self, id: TopicId) -> Result<Arc<Topic>, Rejection> {
        let image = self.image.as_ref().ok_or(Rejection::NotLeader)?;
        image.topic_by_id(id).cloned().ok_or(Rejection::UnknownTopicId)
    }

    pub(super) fn partition_of(
        &self,
        topic: &Topic,
        index: i32,
    ) -> Result<PartitionInfo, Rejection> {
        let image = self.image.as_ref().ok_or(Rejection::NotLeader)?;
        image.partition(topic, index).ok_or(Rejection::UnknownPartition)
    }
}
