//! A classic group: members agree on a protocol, and their leader assigns (rules 44 to 53).

mod join;
mod leave;
mod member;
mod migration;
mod rebalance;
mod subscription;
mod sync;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::Now;
use crate::group::DescribedMember;
use crate::group::Description;
use crate::group::Error;
use crate::group::GroupValue;
use crate::group::JoinedMember;
use crate::group::Presence;
use crate::group::Protocol;
use crate::group::Record;
use crate::group::State;
use crate::group::context::Context;

pub(super) use join::refuse as refuse_join;
use member::Member;

/// What the Java clients' consumers call their protocol type: the only one whose metadata is looked
/// into, for the topics that it names.
pub(super) const CONSUMER: &str = "consumer";

#[derive(Clone, Debug)]
pub(super) struct Classic {
    id: Arc<str>,
    state: State,
    previous: State,
    /// When it entered its state, wall clock in milliseconds; -1: not known.
    since_ms: i64,
    generation: i32,
    protocol_type: Option<Arc<str>>,
    protocol: Option<Arc<str>>,
    leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    /// Member ids by `group.instance.id`.
    statics: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were handed out and have not joined, with the end of their time in `Now::mono_us`.
    pending: BTreeMap<Arc<str>, u64>,
    /// Members of this generation that did not ask for their assignment yet.
    unsynced: BTreeSet<Arc<str>>,
    /// How many members speak each protocol.
    spoken: BTreeMap<Arc<str>, usize>,
    /// Members whose join waits.
    joining: usize,
    /// Bytes of all members.
    bytes: usize,
    /// The topics that the members of a consumer group subscribe to, where they can be read.
    subscribed: Option<BTreeSet<Arc<str>>>,
    join_timer: Option<JoinTimer>,
    /// When members that did not sync are given up, in `Now::mono_us`.
    sync_us: Option<u64>,
    /// No member is over before, nor an id that was handed out, in `Now::mono_us`. Who is heard of
    /// leaves it alone, so that it costs nothing for each other member; it is made exact when it
    /// has come.
    early_us: u64,
}

/// The end of a join phase.
#[derive(Clone, Copy, Debug)]
struct JoinTimer {
    at_us: u64,
    /// An empty group waits in steps, as long as further members come.
    initial: Option<InitialDelay>,
}

#[derive(Clone, Copy, Debug)]
struct InitialDelay {
    delay_ms: i32,
    left_ms: i32,
    /// A member came since this step began.
    grown: bool,
}

/// `ms` after now, in `Now::mono_us`.
pub(super) fn after(now: Now, ms: i32) -> u64 {
    now.mono_us.saturating_add(u64::from(ms.max(0).unsigned_abs()) * 1_000)
}

/// Bytes of what a member says of itself.
pub(super) fn offered_bytes(offered: &[Protocol]) -> usize {
    offered.iter().map(|protocol| protocol.metadata.len()).sum()
}

impl Classic {
    pub(super) fn new(id: Arc<str>, now: Now) -> Self {
        Self {
            id,
            state: State::Empty,
            previous: State::Empty,
            since_ms: now.wall_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            spoken: BTreeMap::new(),
            joining: 0,
            bytes: 0,
            subscribed: None,
            join_timer: None,
            sync_us: None,
            early_us: u64::MAX,
        }
    }

    /// As the log has it.
    pub(super) fn loaded(id: Arc<str>, value: GroupValue, now: Now) -> Self {
        let mut group = Self::new(id, now);
        let GroupValue { protocol_type, generation, protocol, leader, since_ms, members } = value;
        group.since_ms = since_ms;
        group.generation = generation;
        group.protocol_type = Some(protocol_type).filter(|kind| !kind.is_empty());
        group.protocol = protocol.filter(|_| !members.is_empty());
        group.leader = leader.filter(|_| !members.is_empty());
        let spoken = group.protocol.clone().unwrap_or_default();
        for value in members {
            group.insert(Member::loaded(value, spoken.clone()));
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group.subscribed = group.read_subscriptions();
        group
    }

    /// Everything was read: from here on members are expected to be heard of.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        for member in self.members.values_mut() {
            member.expires_us = after(cx.now, member.session_timeout_ms);
        }
        self.early_us = self.earliest_us();
        if self.members.len() > cx.config.size_max {
            self.prepare_rebalance(cx);
        }
    }

    pub(super) fn record(&self) -> Record {
        Record::Group { group: self.id.clone(), value: Some(self.value()) }
    }

    fn value(&self) -> GroupValue {
        let protocol = self.protocol.as_deref();
        GroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since_ms: self.since_ms,
            members: self.members.values().map(|member| member.value(protocol)).collect(),
        }
    }

    /// What the log shall hold where it is written anew. Of a group in a rebalance no assignment is
    /// in force: whoever comes after a restart finds it without members, who then join again.
    pub(super) fn lasting_record(&self) -> Record {
        let mut value = self.value();
        if matches!(self.state, State::PreparingRebalance | State::CompletingRebalance) {
            value.members.clear();
            value.protocol = None;
            value.leader = None;
        }
        Record::Group { group: self.id.clone(), value: Some(value) }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn since_ms(&self) -> i64 {
        self.since_ms
    }

    pub(super) fn protocol_type(&self) -> Option<&Arc<str>> {
        self.protocol_type.as_ref()
    }

    pub(super) fn is_consumer(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of what the member offered; `None`: there is no such member.
    pub(super) fn offered_bytes(&self, member: &str) -> Option<usize> {
        self.members.get(member).map(|member| offered_bytes(&member.protocols))
    }

    /// Nobody is in it, nor on the way to it.
    pub(super) fn is_deserted(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty()
    }

    /// Whether members read `topic`; of a consumer group whose subscriptions are not known it is
    /// supposed.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_consumer(),
        }
    }

    /// The members' topics are known.
    pub(super) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Nothing is due before, in `Now::mono_us`.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        let timers = self.join_timer.map(|timer| timer.at_us).into_iter().chain(self.sync_us);
        timers.chain([self.early_us]).min().filter(|&at_us| at_us < u64::MAX)
    }

    /// When a member is over, or an id that was handed out, at the earliest, in `Now::mono_us`.
    pub(super) fn earliest_us(&self) -> u64 {
        let members = self.members.values().map(|member| member.expires_us);
        members.chain(self.pending.values().copied()).min().unwrap_or(u64::MAX)
    }

    fn enter(&mut self, state: State, now: Now) {
        self.previous = self.state;
        self.state = state;
        self.since_ms = now.wall_ms;
    }

    fn insert(&mut self, member: Member) {
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), member.id.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        for name in member.protocol_names() {
            *self.spoken.entry(name.clone()).or_default() += 1;
        }
        self.joining += usize::from(member.joining.is_some());
        self.bytes += member.bytes();
        self.early_us = self.early_us.min(member.expires_us);
        self.pending.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out, to be dropped, or changed and put back with [`Classic::put_back`].
    fn take(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        for name in member.protocol_names() {
            if let Some(count) = self.spoken.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.spoken.remove(name);
                }
            }
        }
        self.joining -= usize::from(member.joining.is_some());
        self.bytes -= member.bytes();
        Some(member)
    }

    /// A member is no more.
    fn remove(&mut self, id: &str) -> Option<Member> {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let member = self.take(id);
        if let Some(instance) = member.as_ref().and_then(|member| member.instance.as_ref()) {
            self.statics.remove(instance);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        member
    }

    /// Whether `who` is a member, by both its names.
    fn check_member(&self, member: &str, instance: Option<&Arc<str>>) -> Result<(), Error> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(Error::UnknownMemberId),
                Some(known) if **known != *member => return Err(Error::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(Error::UnknownMemberId) }
    }

    fn check_presence(&self, who: &Presence) -> Result<(), Error> {
        self.check_member(&who.member, who.instance.as_ref())?;
        if who.generation == self.generation { Ok(()) } else { Err(Error::IllegalGeneration) }
    }

    fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// The longest of the members' rebalance timeouts.
    fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref();
        let joined = |member: &Member| JoinedMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.values().map(joined).collect()
    }

    pub(super) fn describe(&self) -> Description {
        let stable = self.state == State::Stable;
        let protocol = self.protocol.as_deref().filter(|_| stable);
        let described = |member: &Member| DescribedMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(protocol),
            assignment: if stable { member.assignment.clone() } else { bytes::Bytes::new() },
        };
        Description {
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().filter(|_| stable).unwrap_or_default(),
            members: self.members.values().map(described).collect(),
        }
    }

    /// Rule 53, and what else a commit needs of the group.
    pub(super) fn check_commit(&mut self, who: &Presence, now: Now) -> Result<(), Error> {
        let says_who = who.generation >= 0 || !who.member.is_empty() || who.instance.is_some();
        if who.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if says_who {
            self.check_presence(who)?;
        } else if self.state != State::Empty {
            return Err(Error::UnknownMemberId);
        }
        match self.state {
            State::CompletingRebalance => Err(Error::RebalanceInProgress),
            State::Stable | State::PreparingRebalance => {
                self.hear_of(&who.member, now);
                Ok(())
            }
            State::Empty => Ok(()),
        }
    }

    /// The member lives.
    fn hear_of(&mut self, member: &str, now: Now) {
        if let Some(member) = self.members.get_mut(member) {
            member.expires_us = after(now, member.session_timeout_ms);
            self.early_us = self.early_us.min(member.expires_us);
        }
    }

    /// Rule 45.
    pub(super) fn heartbeat(&mut self, who: &Presence, now: Now) -> Result<(), Error> {
        self.check_presence(who)?;
        self.hear_of(&who.member, now);
        match self.state {
            State::Empty => Err(Error::UnknownMemberId),
            State::PreparingRebalance => Err(Error::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}
