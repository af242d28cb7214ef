//! What a coordinator writes down, in no format's words: the front end knows the bytes that Kafka
//! gives these facts in `__consumer_offsets`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::Offset;
use crate::base::TopicId;
use crate::group::Protocol;
use crate::group::bounds;

/// Partitions by topic; no topic without any.
pub type Partitions = BTreeMap<TopicId, BTreeSet<i32>>;

/// Partitions by topic, each with the member epoch at which its owner got it; no topic without any.
pub type Owned = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// One fact. A later one of the same key replaces an earlier one; one without a value ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A classic group and its members.
    Group { group: Arc<str>, value: Option<GroupValue> },
    /// The offset that a group committed for a partition.
    Offset { group: Arc<str>, topic: Arc<str>, partition: i32, value: Option<OffsetValue> },
    /// A consumer group (KIP-848).
    Epoch { group: Arc<str>, value: Option<EpochValue> },
    /// A consumer group's topics as Kafka 4.0 kept them: only that they are there is of interest,
    /// and only their end is written.
    Topics { group: Arc<str>, is_kept: bool },
    /// A member of a consumer group, and what it reads.
    Member { group: Arc<str>, member: Arc<str>, value: Option<Arc<MemberAbout>> },
    /// Up to which epoch of the group the target assignment was made.
    TargetEpoch { group: Arc<str>, value: Option<TargetEpochValue> },
    /// What a member is to have.
    Target { group: Arc<str>, member: Arc<str>, value: Option<Arc<Partitions>> },
    /// What a member has.
    Current { group: Arc<str>, member: Arc<str>, value: Option<Arc<CurrentValue>> },
    /// The topics that a regular expression of a consumer group stands for.
    Pattern { group: Arc<str>, pattern: Arc<str>, value: Option<Arc<PatternValue>> },
}

/// A consumer group (Kafka's `ConsumerGroupMetadataValue`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochValue {
    /// It rises with every change of the members, of what they read, and of those topics.
    pub epoch: i32,
    /// Over the topics that members read, as Kafka makes it; 0: none of them exists.
    pub topics_hash: i64,
}

/// Kafka's `ConsumerGroupTargetAssignmentMetadataValue`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TargetEpochValue {
    pub epoch: i32,
    /// When the target was made, wall clock in milliseconds; 0: not known.
    pub made_ms: i64,
}

/// What a member of a consumer group says of itself (Kafka's `ConsumerGroupMemberMetadataValue`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberAbout {
    /// `group.instance.id`; `None`: a dynamic member.
    pub instance: Option<Arc<str>>,
    pub rack: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    /// There may be many, and every heartbeat makes a copy.
    pub topics: Arc<BTreeSet<Arc<str>>>,
    /// A regular expression for further topics; empty: none, as where it is missing.
    pub pattern: Option<Arc<str>>,
    /// How long it may take to give partitions up; -1: it did not say.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it would like; `None`: any.
    pub assignor: Option<Arc<str>>,
    /// `None`: it speaks the consumer protocol.
    pub classic: Option<ClassicAbout>,
}

/// What a member brought that speaks the classic protocol in a consumer group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassicAbout {
    pub session_timeout_ms: i32,
    /// By falling preference.
    pub protocols: Vec<Protocol>,
}

/// What a member has, and where it stands (Kafka's `ConsumerGroupCurrentMemberAssignmentValue`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentValue {
    /// The epoch of the target that it follows; 0: it has just joined, -1: it leaves, -2: it is
    /// away and comes back as the same static member.
    pub epoch: i32,
    /// The one that it may still name where it did not hear of the change.
    pub previous_epoch: i32,
    pub state: MemberState,
    pub assigned: Owned,
    /// What it was told to give up and may still read.
    pub revoking: Owned,
}

/// Where a member stands between what it has and what it is to have (rule 57).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberState {
    Stable,
    /// It has to give partitions up before it gets others.
    Revoking,
    /// It waits for partitions that others have not given up.
    Waiting,
    /// A state of a later Kafka.
    Unknown,
}

/// What a regular expression stood for (Kafka's `ConsumerGroupRegularExpressionValue`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternValue {
    pub topics: BTreeSet<Arc<str>>,
    /// Of the metadata that it was matched against.
    pub version: i64,
    /// When it was, wall clock in milliseconds.
    pub matched_ms: i64,
}

impl MemberAbout {
    /// Its regular expression, if it has one.
    pub fn pattern(&self) -> Option<&Arc<str>> {
        self.pattern.as_ref().filter(|pattern| !pattern.is_empty())
    }

    fn bytes(&self) -> usize {
        let optional = |name: &Option<Arc<str>>| name.as_ref().map_or(0, |name| name.len());
        let names = optional(&self.instance) + optional(&self.rack) + optional(&self.pattern);
        let topics: usize = self.topics.iter().map(|topic| bounds::NAME_BYTES + topic.len()).sum();
        let protocol = |protocol: &Protocol| protocol.name.len() + protocol.metadata.len();
        let classic = self.classic.iter().flat_map(|classic| &classic.protocols);
        let classic: usize = classic.map(protocol).sum();
        names + self.client_id.len() + self.client_host.len() + topics + classic
    }
}

impl CurrentValue {
    /// Of a member that has nothing.
    pub fn of_nothing(epoch: i32, previous_epoch: i32) -> Self {
        let (assigned, revoking) = (Owned::new(), Owned::new());
        Self { epoch, previous_epoch, state: MemberState::Stable, assigned, revoking }
    }
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
        let own = match self {
            Self::Group { value, .. } => {
                let members = value.iter().flat_map(|value| &value.members);
                bounds::GROUP_BYTES + members.map(MemberValue::bytes).sum::<usize>()
            }
            Self::Offset { topic, value, .. } => {
                let metadata = value.as_ref().map_or(0, |value| value.metadata.len());
                bounds::OFFSET_BYTES + topic.len() + metadata
            }
            Self::Epoch { .. } | Self::Topics { .. } | Self::TargetEpoch { .. } => {
                bounds::OFFSET_BYTES
            }
            Self::Member { member, value, .. } => {
                let about = value.as_ref().map_or(0, |about| about.bytes());
                bounds::MEMBER_BYTES + member.len() + about
            }
            Self::Target { member, value, .. } => {
                let target = value.iter().flat_map(|target| target.values());
                let target = target.map(|found| bounds::partitions(found.len()));
                bounds::OFFSET_BYTES + member.len() + target.sum::<usize>()
            }
            Self::Current { member, value, .. } => {
                let owned = value.iter().flat_map(|value| [&value.assigned, &value.revoking]);
                let owned = owned.flat_map(Owned::values);
                // Each with its epoch.
                let owned = owned.map(|found| bounds::partitions(2 * found.len()));
                bounds::OFFSET_BYTES + member.len() + owned.sum::<usize>()
            }
            Self::Pattern { pattern, value, .. } => {
                let topics = value.iter().flat_map(|value| &value.topics);
                let topics = topics.map(|topic| bounds::NAME_BYTES + topic.len());
                bounds::OFFSET_BYTES + pattern.len() + topics.sum::<usize>()
            }
        };
        own + self.group().len()
    }

    /// It says that something is over.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Group { value, .. } => value.is_none(),
            Self::Offset { value, .. } => value.is_none(),
            Self::Epoch { value, .. } => value.is_none(),
            Self::Topics { is_kept, .. } => !is_kept,
            Self::Member { value, .. } => value.is_none(),
            Self::TargetEpoch { value, .. } => value.is_none(),
            Self::Target { value, .. } => value.is_none(),
            Self::Current { value, .. } => value.is_none(),
            Self::Pattern { value, .. } => value.is_none(),
        }
    }

    /// Whom it is about.
    pub fn group(&self) -> &Arc<str> {
        match self {
            Self::Group { group, .. }
            | Self::Offset { group, .. }
            | Self::Epoch { group, .. }
            | Self::Topics { group, .. }
            | Self::Member { group, .. }
            | Self::TargetEpoch { group, .. }
            | Self::Target { group, .. }
            | Self::Current { group, .. }
            | Self::Pattern { group, .. } => group,
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
