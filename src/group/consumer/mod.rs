//! A consumer group (KIP-848): the coordinator itself says who reads what, and takes each member
//! there by itself (rules 56 to 61).

mod assignor;
mod classic_member;
mod describe;
mod draft;
mod facts;
mod hash;
mod heartbeat;
mod leave;
mod migration;
mod patterns;
mod reconcile;
mod target;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::Now;
use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::ConsumerDescription;
use crate::group::MemberState;
use crate::group::NamedPartitions;
use crate::group::Record;
use crate::group::bounds;
use crate::group::classic::after;
use crate::group::context::Context;

pub use assignor::Assignor;
pub(super) use classic_member::ClassicJoined;
pub(super) use classic_member::Stale;
pub(super) use draft::Draft;
pub(super) use facts::Facts;
use facts::Member;
pub(super) use heartbeat::Revoke;
pub(super) use migration::Adopted;
pub(super) use migration::Returned;
pub use patterns::Match;
pub use patterns::PatternSearch;
use patterns::SearchState;
use reconcile::Step;

#[derive(Clone, Debug)]
pub(super) struct ConsumerGroup {
    facts: Facts,
    clocks: BTreeMap<Arc<str>, Clock>,
    /// No member is over before, in `Now::mono_us`. Who is heard of leaves it alone, so that it costs
    /// nothing for each other member; it is made exact when it has come.
    early_us: u64,
    is_stale: bool,
    search: SearchState,
}

/// When a member is over, in `Now::mono_us`.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Unless it is heard of.
    silent_us: u64,
    /// Unless it has given up what it had to, as long as it is in this epoch.
    revoke: Option<(u64, i32)>,
    /// Unless it joins again, as the classic protocol has it.
    join_us: Option<u64>,
    /// Unless it asks for its assignment, likewise.
    sync_us: Option<u64>,
}

impl Clock {
    fn silent_at(silent_us: u64) -> Self {
        Self { silent_us, revoke: None, join_us: None, sync_us: None }
    }

    fn due_us(&self) -> u64 {
        let revoke = self.revoke.map(|(at_us, _)| at_us);
        let others = [revoke, self.join_us, self.sync_us].into_iter().flatten();
        others.fold(self.silent_us, u64::min)
    }

    /// What is over at `now_us` is so only at `to_us`.
    fn postpone(&mut self, now_us: u64, to_us: u64) {
        let revoke = self.revoke.as_mut().map(|(at_us, _)| at_us);
        let others = [revoke, self.join_us.as_mut(), self.sync_us.as_mut()];
        for at_us in others.into_iter().flatten().chain([&mut self.silent_us]) {
            if *at_us <= now_us {
                *at_us = to_us;
            }
        }
    }
}

impl ConsumerGroup {
    pub(super) fn new(facts: Facts) -> Self {
        let clocks = BTreeMap::new();
        Self { facts, clocks, early_us: u64::MAX, is_stale: true, search: SearchState::Never }
    }

    /// A group of which nothing was written.
    pub(super) fn empty(group: Arc<str>) -> Self {
        Self::new(Facts::new(group))
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// While the log is read.
    pub(super) fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    pub(super) fn draft(&self, topics_version: i64) -> Draft {
        Draft {
            facts: self.facts.clone(),
            records: Vec::new(),
            is_stale: self.is_stale,
            search: self.search,
            topics_version,
        }
    }

    /// What was decided is written.
    pub(super) fn keep(&mut self, draft: Draft) {
        self.facts = draft.facts;
        self.is_stale = draft.is_stale;
        self.search = draft.search;
        for record in &draft.records {
            if let Record::Member { member, value: None, .. } = record
                && !self.is_member(member)
            {
                self.clocks.remove(member);
            }
        }
    }

    /// The log was read: members have a session's time to be heard of.
    pub(super) fn begin(&mut self, cx: &Context<'_>) {
        let session_ms = cx.cluster.group_settings(&self.facts.group).session_timeout_ms;
        for (id, member) in &self.facts.members {
            let mut clock = Clock::silent_at(after(cx.now, session_ms));
            if member.current.state == MemberState::Revoking {
                let within_ms = member.about.rebalance_timeout_ms;
                clock.revoke = Some((after(cx.now, within_ms), member.current.epoch));
            }
            self.clocks.insert(id.clone(), clock);
        }
        self.early_us = self.earliest_us();
    }

    fn set_clock(&mut self, member: &Arc<str>, now: Now, set: impl FnOnce(&mut Clock)) {
        let unheard = || Clock::silent_at(now.mono_us);
        let clock = self.clocks.entry(member.clone()).or_insert_with(unheard);
        set(clock);
        self.early_us = self.early_us.min(clock.due_us());
    }

    /// The member lives, if it is one.
    pub(super) fn hear_of(&mut self, member: &Arc<str>, session_ms: i32, now: Now) {
        if self.is_member(member) {
            self.set_clock(member, now, |clock| clock.silent_us = after(now, session_ms));
        }
    }

    pub(super) fn set_revoke(&mut self, member: &Arc<str>, revoke: Revoke, now: Now) {
        let epoch = self.facts.members.get(member).map_or(0, |member| member.current.epoch);
        let revoke = match revoke {
            Revoke::Within(ms) => Some((after(now, ms), epoch)),
            Revoke::Done => None,
        };
        self.set_clock(member, now, |clock| clock.revoke = revoke);
    }

    /// A member of the classic protocol has joined, and shall ask for its assignment.
    pub(super) fn expect_sync(&mut self, member: &Arc<str>, within_ms: i32, now: Now) {
        self.set_clock(member, now, |clock| {
            clock.join_us = None;
            clock.sync_us = Some(after(now, within_ms));
        });
    }

    /// It has asked for its assignment.
    pub(super) fn synced(&mut self, member: &Arc<str>, now: Now) {
        self.set_clock(member, now, |clock| clock.sync_us = None);
    }

    /// It shall join again; the time for that began when it was first told.
    pub(super) fn expect_join(&mut self, member: &Arc<str>, within_ms: i32, now: Now) {
        self.set_clock(member, now, |clock| {
            clock.join_us.get_or_insert_with(|| after(now, within_ms));
        });
    }

    /// Members of the classic protocol, who came with a classic group: as if they had been heard of.
    pub(super) fn adopt(&mut self, now: Now) {
        let classic = |(id, member): (&Arc<str>, &Arc<Member>)| {
            let classic = member.about.classic.as_ref()?;
            Some((id.clone(), Clock::silent_at(after(now, classic.session_timeout_ms))))
        };
        self.clocks.extend(self.facts.members.iter().filter_map(classic));
        self.early_us = self.earliest_us();
    }

    /// Nothing is due before, in `Now::mono_us`.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        Some(self.early_us).filter(|&at_us| at_us < u64::MAX)
    }

    /// When a member is over at the earliest, in `Now::mono_us`.
    pub(super) fn earliest_us(&self) -> u64 {
        self.clocks.values().map(Clock::due_us).min().unwrap_or(u64::MAX)
    }

    /// Members whose time is over.
    pub(super) fn over(&self, now: Now) -> BTreeSet<Arc<str>> {
        let due = self.clocks.iter().filter(|(_, clock)| clock.due_us() <= now.mono_us);
        let is_over = |(id, clock): &(&Arc<str>, &Clock)| {
            let epoch = self.facts.members.get(*id).map(|member| member.current.epoch);
            let is_late = |at_us: u64| at_us <= now.mono_us;
            is_late(clock.silent_us)
                || clock.join_us.is_some_and(is_late)
                || clock.sync_us.is_some_and(is_late)
                || clock.revoke.is_some_and(|(at_us, of)| is_late(at_us) && epoch == Some(of))
        };
        due.filter(is_over).map(|(id, _)| id.clone()).collect()
    }

    /// Members that were over are gone: times of others that have come mean nothing any more.
    pub(super) fn forget_revocations(&mut self, now: Now) {
        for clock in self.clocks.values_mut() {
            clock.revoke = clock.revoke.filter(|(at_us, _)| *at_us > now.mono_us);
        }
        self.early_us = self.earliest_us();
    }

    /// That members are over could not be written: it is tried again.
    pub(super) fn postpone(&mut self, ms: i32, now: Now) {
        for clock in self.clocks.values_mut() {
            clock.postpone(now.mono_us, after(now, ms));
        }
        self.early_us = self.earliest_us();
    }

    /// Topics were made, grew, or are gone.
    pub(super) fn note_topics(&mut self, topics: &[Arc<str>]) {
        self.is_stale |= topics.iter().any(|topic| self.facts.is_subscribed_to(topic));
    }

    /// What patterns stand for was found out, and is not sought again at once, kept or not.
    pub(super) fn end_search(&mut self, now: Now) {
        self.search = SearchState::PausedUntil(after(now, bounds::MATCH_PAUSE_MS));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.members.is_empty()
    }

    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.facts.is_subscribed_to(topic)
    }

    pub(super) fn bytes(&self) -> usize {
        self.facts.bytes()
    }

    /// Whether the group would be a classic one without `leaving`: nobody else speaks the consumer
    /// protocol, and somebody is left.
    pub(super) fn is_classic_without(&self, leaving: &BTreeSet<Arc<str>>) -> bool {
        let mut left = self.facts.members.iter().filter(|(id, _)| !leaving.contains(*id));
        let first = left.next();
        first.is_some_and(|(_, member)| member.is_classic())
            && left.all(|(_, member)| member.is_classic())
    }

    pub(super) fn is_member(&self, member: &str) -> bool {
        self.facts.members.contains_key(member)
    }

    pub(super) fn len(&self) -> usize {
        self.facts.members.len()
    }

    /// As Kafka's tools show it.
    pub(super) fn state_name(&self) -> &'static str {
        describe::state(&self.facts)
    }

    pub(super) fn describe(&self, cx: &Context<'_>) -> ConsumerDescription {
        let assignor = self.draft(0).assignor(cx.config);
        describe::group(&self.facts, assignor, cx.cluster)
    }
}

/// The topic under the name that it has, where it still exists.
fn named(
    partitions: impl Iterator<Item = (TopicId, Vec<i32>)>,
    cluster: &dyn Cluster,
) -> Vec<NamedPartitions> {
    let found = partitions.filter_map(|(id, partitions)| {
        let topic = cluster.topic_by_id(id)?.name;
        Some(NamedPartitions { topic, id, partitions })
    });
    found.collect()
}
