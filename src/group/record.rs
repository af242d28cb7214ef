//! What a coordinator writes down, in no format's words: the front end knows the bytes that Kafka
//! gives these facts in `__consumer_offsets`.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::Offset;
use crate::base::TopicId;
use crate::group::bounds;

/// One fact. A later one of the same key replaces an earlier one; one without a value ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A classic group and its members.
    Group { group: Arc<str>, value: Option<GroupValue> },
    /// The offset that a group committed for a partition.
    Offset { group: Arc<str>, topic: Arc<str>, partition: i32, value: Option<OffsetValue> },
}

/// A classic group as it was when it last became stable or empty (Kafka's `GroupMetadataValue`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupValue {
    /// Empty: a group that only commits offsets.
    pub protocol_type: Arc<str>,
    pub generation: i32,
    /// The protocol that the members' votes selected; `None`: no members.
    pub protocol: Option<Arc<str>>,
    /// Member id of the leader.
    pub leader: Option<Arc<str>>,
    /// When the group entered its state, wall clock in milliseconds; -1: not known.
    pub since_ms: i64,
    pub members: Vec<MemberValue>,
}

/// A member of a classic group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberValue {
    pub id: Arc<str>,
    /// `group.instance.id`; `None`: a dynamic member.
    pub instance: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    /// The member's metadata for the selected protocol: opaque.
    pub subscription: Bytes,
    /// What the leader assigned: opaque.
    pub assignment: Bytes,
}

/// A committed offset (Kafka's `OffsetCommitValue`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetValue {
    pub offset: Offset,
    /// Of the last record that was consumed; -1: not known.
    pub leader_epoch: i32,
    /// Whatever the client wanted to be kept with it.
    pub metadata: Arc<str>,
    /// Wall clock, milliseconds.
    pub committed_ms: i64,
    /// When it expires whatever the group does, wall clock in milliseconds: only clients that speak
    /// versions 2 to 4 of OffsetCommit say so.
    pub expires_ms: Option<i64>,
    /// The topic that was meant; [`TopicId::NONE`]: not known.
    pub topic_id: TopicId,
}

impl Record {
    /// Bytes that it takes up when it is written, about.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Group { group, value } => {
                let members = value.iter().flat_map(|value| &value.members);
                bounds::GROUP_BYTES + group.len() + members.map(MemberValue::bytes).sum::<usize>()
            }
            Self::Offset { group, topic, value, .. } => {
                let metadata = value.as_ref().map_or(0, |value| value.metadata.len());
                bounds::OFFSET_BYTES + group.len() + topic.len() + metadata
            }
        }
    }
}

impl MemberValue {
    fn bytes(&self) -> usize {
        let instance = self.instance.as_ref().map_or(0, |instance| instance.len());
        let names = self.id.len() + instance + self.client_id.len() + self.client_host.len();
        bounds::MEMBER_BYTES + names + self.subscription.len() + self.assignment.len()
    }
}
