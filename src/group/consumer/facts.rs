//! What the log says of a consumer group. One function takes a record over, in replay and live.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;

use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::CurrentValue;
use crate::group::EpochValue;
use crate::group::MemberAbout;
use crate::group::Owned;
use crate::group::Partitions;
use crate::group::PatternValue;
use crate::group::Record;
use crate::group::TargetEpochValue;

/// The epochs of a group that nothing was written of (as Kafka has them).
const FIRST_EPOCH: i32 = 1;

/// A copy costs nothing: what is decided is tried on one.
#[derive(Clone, Debug)]
pub(in crate::group) struct Facts {
    pub(super) group: Arc<str>,
    pub(super) epoch: EpochValue,
    pub(super) target_epoch: TargetEpochValue,
    pub(super) members: OrdMap<Arc<str>, Arc<Member>>,
    pub(super) targets: OrdMap<Arc<str>, Arc<Partitions>>,
    pub(super) patterns: OrdMap<Arc<str>, Arc<PatternValue>>,
    /// The log holds a copy of the topics as Kafka 4.0 kept it.
    pub(super) has_topics: bool,

    // What follows from the members and the patterns.
    /// Member ids by `group.instance.id`.
    statics: OrdMap<Arc<str>, Arc<str>>,
    /// Who has a partition, or has not given it up.
    owners: OrdMap<(TopicId, i32), Arc<str>>,
    /// How often each topic is subscribed to, by name or by what a pattern stands for.
    subscribed: OrdMap<Arc<str>, usize>,
    /// Others are subscribed to than when they were last hashed.
    pub(super) has_other_topics: bool,
    /// How many members each pattern has.
    readers: OrdMap<Arc<str>, usize>,
    bytes: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::group) struct Member {
    pub(in crate::group) about: Arc<MemberAbout>,
    pub(in crate::group) current: Arc<CurrentValue>,
}

impl Member {
    /// One of whom nothing is known but its id.
    pub(super) fn unheard() -> Self {
        let about = MemberAbout {
            instance: None,
            rack: None,
            client_id: Arc::default(),
            client_host: Arc::default(),
            topics: Arc::default(),
            pattern: Some(Arc::default()),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        };
        Self { about: Arc::new(about), current: Arc::new(CurrentValue::of_nothing(0, -1)) }
    }

    pub(super) fn is_classic(&self) -> bool {
        self.about.classic.is_some()
    }
}

impl Facts {
    pub(super) fn new(group: Arc<str>) -> Self {
        Self {
            group,
            epoch: EpochValue { epoch: FIRST_EPOCH, topics_hash: 0 },
            target_epoch: TargetEpochValue { epoch: FIRST_EPOCH, made_ms: 0 },
            members: OrdMap::new(),
            targets: OrdMap::new(),
            patterns: OrdMap::new(),
            has_topics: false,
            statics: OrdMap::new(),
            owners: OrdMap::new(),
            subscribed: OrdMap::new(),
            has_other_topics: false,
            readers: OrdMap::new(),
            bytes: 0,
        }
    }

    /// Takes a record of this group over. The end of the group itself is its coordinator's to see to.
    pub(in crate::group) fn apply(&mut self, record: &Record) {
        match record {
            Record::Epoch { value: Some(value), .. } => self.epoch = *value,
            Record::TargetEpoch { value, .. } => {
                let none = TargetEpochValue { epoch: -1, made_ms: 0 };
                self.target_epoch = value.unwrap_or(none);
            }
            Record::Topics { is_kept, .. } => self.has_topics = *is_kept,
            Record::Member { member, value: Some(about), .. } => {
                let known = self.members.get(member).map(|known| known.current.clone());
                let current = known.unwrap_or_else(|| Member::unheard().current);
                self.set_member(member, Some(Member { about: about.clone(), current }));
            }
            Record::Member { member, value: None, .. } => self.set_member(member, None),
            Record::Current { member, value, .. } => {
                let about = self.members.get(member).map(|known| known.about.clone());
                let (about, current) = match (about, value) {
                    (None, None) => return,
                    (Some(about), None) => (about, Arc::new(CurrentValue::of_nothing(-1, -1))),
                    (about, Some(value)) => {
                        (about.unwrap_or_else(|| Member::unheard().about), value.clone())
                    }
                };
                self.set_member(member, Some(Member { about, current }));
            }
            Record::Target { member, value, .. } => self.set_target(member, value.as_ref()),
            Record::Pattern { pattern, value, .. } => self.set_pattern(pattern, value.as_ref()),
            Record::Epoch { value: None, .. } | Record::Group { .. } | Record::Offset { .. } => {}
        }
    }

    /// The half of a member that did not change is the same `Arc` as before, and costs nothing.
    fn set_member(&mut self, id: &Arc<str>, member: Option<Member>) {
        let before = match &member {
            Some(member) => self.members.insert(id.clone(), Arc::new(member.clone())),
            None => self.members.remove(id),
        };
        let is_same = |half: fn(&Member, &Member) -> bool| match (&before, &member) {
            (Some(before), Some(member)) => half(before, member),
            _ => false,
        };
        let says_the_same = is_same(|a, b| Arc::ptr_eq(&a.about, &b.about));
        let has_the_same = is_same(|a, b| Arc::ptr_eq(&a.current, &b.current));
        if let Some(before) = &before {
            if !says_the_same {
                self.forget_about(id, &before.about);
            }
            if !has_the_same {
                self.forget_current(id, &before.current);
            }
        }
        if let Some(member) = &member {
            if !says_the_same {
                self.note_about(id, &member.about);
            }
            if !has_the_same {
                self.note_current(id, &member.current);
            }
        }
    }

    /// What follows from what a member said of itself is gone.
    fn forget_about(&mut self, id: &Arc<str>, about: &Arc<MemberAbout>) {
        self.bytes -= self.about_bytes(id, about);
        for topic in about.topics.iter() {
            self.has_other_topics |= lower(&mut self.subscribed, topic);
        }
        if let Some(pattern) = about.pattern() {
            lower(&mut self.readers, pattern);
        }
        if let Some(instance) = &about.instance
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
    }

    fn note_about(&mut self, id: &Arc<str>, about: &Arc<MemberAbout>) {
        self.bytes += self.about_bytes(id, about);
        for topic in about.topics.iter() {
            self.has_other_topics |= raise(&mut self.subscribed, topic);
        }
        if let Some(pattern) = about.pattern() {
            raise(&mut self.readers, pattern);
        }
        if let Some(instance) = &about.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
    }

    fn forget_current(&mut self, id: &Arc<str>, current: &Arc<CurrentValue>) {
        self.bytes -= self.current_bytes(id, current);
        for place in places(current) {
            if self.owners.get(&place) == Some(id) {
                self.owners.remove(&place);
            }
        }
    }

    fn note_current(&mut self, id: &Arc<str>, current: &Arc<CurrentValue>) {
        self.bytes += self.current_bytes(id, current);
        for place in places(current) {
            self.owners.insert(place, id.clone());
        }
    }

    fn set_target(&mut self, member: &Arc<str>, target: Option<&Arc<Partitions>>) {
        let before = match target {
            Some(target) => self.targets.insert(member.clone(), target.clone()),
            None => self.targets.remove(member),
        };
        let bytes = |target: &Arc<Partitions>| self.target_bytes(member, target);
        let (less, more) = (before.as_ref().map_or(0, bytes), target.map_or(0, bytes));
        self.bytes = self.bytes + more - less;
    }

    fn set_pattern(&mut self, pattern: &Arc<str>, value: Option<&Arc<PatternValue>>) {
        let before = match value {
            Some(value) => self.patterns.insert(pattern.clone(), value.clone()),
            None => self.patterns.remove(pattern),
        };
        for topic in before.iter().flat_map(|before| &before.topics) {
            self.has_other_topics |= lower(&mut self.subscribed, topic);
        }
        for topic in value.iter().flat_map(|value| &value.topics) {
            self.has_other_topics |= raise(&mut self.subscribed, topic);
        }
        let bytes = |value: &Arc<PatternValue>| self.pattern_bytes(pattern, value);
        let (less, more) = (before.as_ref().map_or(0, bytes), value.map_or(0, bytes));
        self.bytes = self.bytes + more - less;
    }

    fn about_bytes(&self, id: &Arc<str>, about: &Arc<MemberAbout>) -> usize {
        let (group, member) = (self.group.clone(), id.clone());
        Record::Member { group, member, value: Some(about.clone()) }.bytes()
    }

    fn current_bytes(&self, id: &Arc<str>, current: &Arc<CurrentValue>) -> usize {
        let (group, member) = (self.group.clone(), id.clone());
        Record::Current { group, member, value: Some(current.clone()) }.bytes()
    }

    fn target_bytes(&self, member: &Arc<str>, target: &Arc<Partitions>) -> usize {
        let (group, member) = (self.group.clone(), member.clone());
        Record::Target { group, member, value: Some(target.clone()) }.bytes()
    }

    fn pattern_bytes(&self, pattern: &Arc<str>, value: &Arc<PatternValue>) -> usize {
        let (group, pattern) = (self.group.clone(), pattern.clone());
        Record::Pattern { group, pattern, value: Some(value.clone()) }.bytes()
    }

    /// Bytes that its records take up, about.
    pub(in crate::group) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn static_member(&self, instance: &str) -> Option<&Arc<str>> {
        self.statics.get(instance)
    }

    /// Who has the partition, or has not given it up.
    pub(super) fn owner(&self, topic: TopicId, partition: i32) -> Option<&Arc<str>> {
        self.owners.get(&(topic, partition))
    }

    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.contains_key(topic)
    }

    /// Every topic that somebody subscribes to, by name.
    pub(super) fn subscribed(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subscribed.keys()
    }

    /// How many members subscribe by `pattern`.
    pub(super) fn readers(&self, pattern: &str) -> usize {
        self.readers.get(pattern).copied().unwrap_or(0)
    }

    /// Every pattern that members subscribe by.
    pub(super) fn patterns_read(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.readers.keys()
    }

    /// The topics of a member that exist.
    pub(super) fn topics_of(
        &self,
        about: &MemberAbout,
        cluster: &dyn Cluster,
    ) -> BTreeSet<TopicId> {
        let matched = about.pattern().and_then(|pattern| self.patterns.get(pattern));
        let matched = matched.into_iter().flat_map(|found| &found.topics);
        let names = about.topics.iter().chain(matched);
        names.filter_map(|name| cluster.topic(name)).map(|topic| topic.id).collect()
    }

    /// How many members speak the classic protocol.
    pub(super) fn classic_members(&self) -> usize {
        self.members.values().filter(|member| member.is_classic()).count()
    }

    /// What `member` is to have; nothing where no target was made for it.
    pub(super) fn target(&self, member: &str) -> Arc<Partitions> {
        self.targets.get(member).cloned().unwrap_or_default()
    }
}

/// True: it is the first.
fn raise(counts: &mut OrdMap<Arc<str>, usize>, name: &Arc<str>) -> bool {
    let count = counts.entry(name.clone()).or_default();
    *count += 1;
    *count == 1
}

/// True: it was the last.
fn lower(counts: &mut OrdMap<Arc<str>, usize>, name: &Arc<str>) -> bool {
    let Some(count) = counts.get_mut(name) else { return false };
    *count -= 1;
    let is_gone = *count == 0;
    if is_gone {
        counts.remove(name);
    }
    is_gone
}

/// Everything that a member has or has not given up.
fn places(current: &CurrentValue) -> impl Iterator<Item = (TopicId, i32)> + '_ {
    let all = |owned: &'_ Owned| -> Vec<(TopicId, i32)> {
        let topics = owned.iter();
        topics.flat_map(|(id, found)| found.keys().map(|&partition| (*id, partition))).collect()
    };
    all(&current.assigned).into_iter().chain(all(&current.revoking))
}
