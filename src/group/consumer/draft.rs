//! A consumer group as it would be: what is decided is tried on a copy, written down, and then
//! kept. What cannot be written did not happen.

use std::ops::Bound;
use std::sync::Arc;

use super::Facts;
use super::Member;
use super::patterns::SearchState;
use crate::group::Cluster;
use crate::group::CurrentValue;
use crate::group::EpochValue;
use crate::group::MemberAbout;
use crate::group::Partitions;
use crate::group::PatternValue;
use crate::group::Record;
use crate::group::TargetEpochValue;

#[derive(Clone, Debug)]
pub(in crate::group) struct Draft {
    pub(super) facts: Facts,
    pub(super) records: Vec<Record>,
    /// The group's topics may have changed since they were hashed.
    pub(super) is_stale: bool,
    pub(super) search: SearchState,
    /// The metadata's when topics were last made.
    pub(super) topics_version: i64,
}

impl Draft {
    /// A group of which nothing was written, behind what ends another of its name.
    pub(in crate::group) fn new(
        group: Arc<str>,
        records: Vec<Record>,
        topics_version: i64,
    ) -> Self {
        let facts = Facts::new(group);
        Self { facts, records, is_stale: true, search: SearchState::Never, topics_version }
    }

    pub(in crate::group) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(in crate::group) fn bytes(&self) -> usize {
        self.facts.bytes()
    }

    pub(super) fn write(&mut self, record: Record) {
        self.facts.apply(&record);
        self.records.push(record);
    }

    fn group(&self) -> Arc<str> {
        self.facts.group.clone()
    }

    pub(super) fn member(&self, id: &str) -> Option<&Arc<Member>> {
        self.facts.members.get(id)
    }

    pub(super) fn write_about(&mut self, member: &Arc<str>, about: Arc<MemberAbout>) {
        let (group, member) = (self.group(), member.clone());
        self.write(Record::Member { group, member, value: Some(about) });
    }

    pub(super) fn write_current(&mut self, member: &Arc<str>, current: Arc<CurrentValue>) {
        let (group, member) = (self.group(), member.clone());
        self.write(Record::Current { group, member, value: Some(current) });
    }

    pub(super) fn write_target(&mut self, member: &Arc<str>, target: Arc<Partitions>) {
        let (group, member) = (self.group(), member.clone());
        self.write(Record::Target { group, member, value: Some(target) });
    }

    pub(super) fn write_epoch(&mut self, epoch: i32, topics_hash: i64) {
        let group = self.group();
        self.write(Record::Epoch { group, value: Some(EpochValue { epoch, topics_hash }) });
    }

    pub(super) fn write_target_epoch(&mut self, epoch: i32, made_ms: i64) {
        let group = self.group();
        let value = Some(TargetEpochValue { epoch, made_ms });
        self.write(Record::TargetEpoch { group, value });
    }

    pub(super) fn write_pattern(&mut self, pattern: &Arc<str>, value: Option<PatternValue>) {
        let (group, pattern) = (self.group(), pattern.clone());
        self.write(Record::Pattern { group, pattern, value: value.map(Arc::new) });
    }

    /// In Kafka's order: what it has, what it is to have, and itself.
    pub(super) fn remove_member(&mut self, member: &Arc<str>) {
        let (group, member) = (self.group(), member.clone());
        self.write(Record::Current { group: group.clone(), member: member.clone(), value: None });
        self.write(Record::Target { group: group.clone(), member: member.clone(), value: None });
        self.write(Record::Member { group, member, value: None });
    }

    /// The next epoch, where something changed or the topics are not what they were.
    pub(super) fn bump(&mut self, changed: bool, cluster: &dyn Cluster) {
        let topics_hash = match self.is_stale || self.facts.has_other_topics {
            true => super::hash::of_topics(self.facts.subscribed(), cluster),
            false => self.facts.epoch.topics_hash,
        };
        if changed || topics_hash != self.facts.epoch.topics_hash {
            self.write_epoch(self.facts.epoch.epoch.saturating_add(1), topics_hash);
        }
        self.is_stale = false;
        self.facts.has_other_topics = false;
        if self.facts.has_topics {
            self.write(Record::Topics { group: self.group(), is_kept: false });
        }
    }
}

impl Facts {
    /// What ends the group in the log, in Kafka's order.
    pub(in crate::group) fn tombstones(&self) -> Vec<Record> {
        let group = || self.group.clone();
        let members = || self.members.keys().cloned();
        let current = |member| Record::Current { group: group(), member, value: None };
        let target = |member| Record::Target { group: group(), member, value: None };
        let about = |member| Record::Member { group: group(), member, value: None };
        let pattern = |pattern: &Arc<str>| Record::Pattern {
            group: group(),
            pattern: pattern.clone(),
            value: None,
        };
        let mut records: Vec<_> = members().map(current).collect();
        records.extend(members().map(target));
        records.push(Record::TargetEpoch { group: group(), value: None });
        records.extend(members().map(about));
        records.extend(self.patterns.keys().map(pattern));
        records.push(Record::Topics { group: group(), is_kept: false });
        records.push(Record::Epoch { group: group(), value: None });
        records
    }

    /// What says of the group itself where it stands.
    pub(in crate::group) fn epochs(&self) -> [Record; 2] {
        let group = || self.group.clone();
        [
            Record::Epoch { group: group(), value: Some(self.epoch) },
            Record::TargetEpoch { group: group(), value: Some(self.target_epoch) },
        ]
    }

    /// The member after `last`, and all that is to be said of it.
    pub(in crate::group) fn member_after(
        &self,
        last: Option<&Arc<str>>,
    ) -> Option<(Arc<str>, Vec<Record>)> {
        let from = last.map_or(Bound::Unbounded, |last| Bound::Excluded(last.clone()));
        let (id, found) = self.members.range((from, Bound::Unbounded)).next()?;
        let (group, member) = (|| self.group.clone(), || id.clone());
        let about = Some(found.about.clone());
        let mut records = vec![Record::Member { group: group(), member: member(), value: about }];
        if let Some(target) = self.targets.get(id) {
            let value = Some(target.clone());
            records.push(Record::Target { group: group(), member: member(), value });
        }
        let value = Some(found.current.clone());
        records.push(Record::Current { group: group(), member: member(), value });
        Some((id.clone(), records))
    }

    /// The pattern after `last` that stands for something.
    pub(in crate::group) fn pattern_after(
        &self,
        last: Option<&Arc<str>>,
    ) -> Option<(Arc<str>, Record)> {
        let from = last.map_or(Bound::Unbounded, |last| Bound::Excluded(last.clone()));
        let (pattern, value) = self.patterns.range((from, Bound::Unbounded)).next()?;
        let (group, value) = (self.group.clone(), Some(value.clone()));
        Some((pattern.clone(), Record::Pattern { group, pattern: pattern.clone(), value }))
    }
}
