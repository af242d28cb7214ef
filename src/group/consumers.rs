//! What is asked of groups of the consumer protocol, and how a group comes to be one or ceases to be
//! (rules 56 to 61).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::classic::CONSUMER;
use super::classic::Classic;
use super::consumer::ClassicJoined;
use super::consumer::ConsumerGroup;
use super::consumer::Draft;
use super::consumer::Match;
use super::context::Context;
use super::coordinator::Coordinator;
use super::kind::Group;
use super::kind::Kind;
use crate::group::AWAY;
use crate::group::Answer;
use crate::group::ConsumerDescription;
use crate::group::ConsumerHeartbeat;
use crate::group::Error;
use crate::group::Heard;
use crate::group::Join;
use crate::group::Joined;
use crate::group::JoinedGeneration;
use crate::group::JournalError;
use crate::group::Leaving;
use crate::group::Migration;
use crate::group::Record;
use crate::group::Refused;
use crate::group::Ticket;
use crate::group::bounds;

impl Coordinator {
    pub(super) fn consumer_heartbeat(
        &mut self,
        group: &Arc<str>,
        beat: &ConsumerHeartbeat,
        cx: &mut Context<'_>,
    ) -> Result<Heard, Refused> {
        if beat.epoch < 0 {
            return self.consumer_leave(group, beat, cx);
        }
        let mut draft = self.draft_for(group, beat.epoch == 0, cx)?;
        let fresh = self.fresh_name();
        let beaten = draft.heartbeat(beat, fresh, cx)?;
        let member = &beaten.heard.member;
        let joins = !self.is_member(group, member);
        let kept =
            self.check_growth(group, &draft, joins, cx).and_then(|()| self.keep(group, draft, cx));
        let session_ms = cx.cluster.group_settings(group).session_timeout_ms;
        if let Some(consumer) = self.consumer_mut(group) {
            // A member lives also where what it said could not be written.
            consumer.hear_of(member, session_ms, cx.now);
            if let (Ok(()), Some(revoke)) = (&kept, beaten.revoke) {
                consumer.set_revoke(member, revoke, cx.now);
            }
        }
        kept?;
        self.want(group, beaten.wanted);
        Ok(beaten.heard)
    }

    /// What was decided is written, and from then on true.
    fn keep(&mut self, group: &Arc<str>, draft: Draft, cx: &mut Context<'_>) -> Result<(), Error> {
        if !draft.records().is_empty() {
            append(draft.records(), cx)?;
        }
        let empty = || Kind::Consumer(ConsumerGroup::empty(group.clone()));
        let found = self.groups.entry(group.clone()).or_insert_with(|| Group::new(empty()));
        let was_classic = match &mut found.kind {
            Kind::Classic(classic) => {
                classic.dismiss(Error::RebalanceInProgress, cx);
                true
            }
            Kind::Consumer(_) => false,
        };
        if was_classic {
            found.kind = empty();
        }
        if let Kind::Consumer(consumer) = &mut found.kind {
            consumer.keep(draft);
            if was_classic {
                consumer.adopt(cx.now);
            }
        }
        Ok(())
    }

    /// The group as members of the consumer protocol find it.
    fn draft_for(&self, group: &Arc<str>, joins: bool, cx: &Context<'_>) -> Result<Draft, Refused> {
        let version = self.topics_version;
        let missing = |reason| Err(Refused::new(Error::GroupIdNotFound, reason));
        match self.groups.get(group).map(|found| &found.kind) {
            Some(Kind::Consumer(consumer)) => Ok(consumer.draft(version)),
            None if joins => Ok(Draft::new(group.clone(), Vec::new(), version)),
            None => missing(format!("Consumer group {group} not found.")),
            Some(Kind::Classic(_)) if !joins => {
                missing(format!("Group {group} is not a consumer group."))
            }
            Some(kind @ Kind::Classic(_)) if kind.is_empty() => {
                Ok(Draft::new(group.clone(), kind.tombstones(group), version))
            }
            Some(kind @ Kind::Classic(classic)) => {
                let mut draft = Draft::new(group.clone(), kind.tombstones(group), version);
                let reason = match self.upgrade(classic, &mut draft, cx) {
                    Ok(()) => return Ok(draft),
                    Err(reason) => reason,
                };
                missing(format!(
                    "Cannot upgrade classic group {group} to consumer group because {reason}."
                ))
            }
        }
    }

    /// A member of the consumer protocol joins a classic group that has members.
    fn upgrade(
        &self,
        classic: &Classic,
        draft: &mut Draft,
        cx: &Context<'_>,
    ) -> Result<(), &'static str> {
        if !cx.config.migration.upgrades() {
            return Err("online upgrade is disabled");
        }
        if !classic.is_consumer() {
            return Err("the group does not use the consumer embedded protocol");
        }
        if classic.len() > cx.config.consumer_size_max {
            return Err("the group size exceeds the consumer group maximum size");
        }
        let members = classic.as_consumers(cx.cluster)?;
        draft.adopt(classic.generation(), members, cx.cluster);
        Ok(())
    }

    fn consumer_leave(
        &mut self,
        group: &Arc<str>,
        beat: &ConsumerHeartbeat,
        cx: &mut Context<'_>,
    ) -> Result<Heard, Refused> {
        let mut draft = self.draft_of(group)?;
        let member = draft.leaving(&beat.member, beat.instance.as_ref())?;
        if beat.epoch == AWAY && beat.instance.is_some() {
            draft.set_away(&member);
            self.keep(group, draft, cx)?;
        } else {
            self.fence(group, &BTreeSet::from([member.clone()]), cx)?;
        }
        Ok(Heard { member, epoch: beat.epoch, interval_ms: 0, assignment: None })
    }

    /// The group, which is one of the consumer protocol.
    fn draft_of(&self, group: &Arc<str>) -> Result<Draft, Refused> {
        let reason = match self.groups.get(group).map(|found| &found.kind) {
            Some(Kind::Consumer(consumer)) => return Ok(consumer.draft(self.topics_version)),
            Some(Kind::Classic(_)) => format!("Group {group} is not a consumer group."),
            None => format!("Group {group} not found."),
        };
        Err(Refused::new(Error::GroupIdNotFound, reason))
    }

    /// Members are over. Where only members of the classic protocol are left, so is the group if it
    /// can be. How many are over at once has no bound, but what one batch holds has.
    pub(super) fn fence(
        &mut self,
        group: &Arc<str>,
        members: &BTreeSet<Arc<str>>,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        if members.is_empty() {
            return Ok(());
        }
        let Some(consumer) = self.consumer_mut(group) else { return Ok(()) };
        let downgrades = consumer.is_classic_without(members)
            && cx.config.migration.downgrades()
            && consumer.len() - members.len() <= cx.config.size_max;
        let mut draft = self.draft_of(group).map_err(|refused| refused.error)?;
        if downgrades && self.downgrade(group, &draft, members, true, cx)? {
            return Ok(());
        }
        let mut left = members.iter().peekable();
        loop {
            draft.fence(&mut left, cx.cluster);
            self.keep(group, draft, cx)?;
            if left.peek().is_none() {
                return Ok(());
            }
            draft = self.draft_of(group).map_err(|refused| refused.error)?;
        }
    }

    /// The group becomes a classic one, whose members have what was the target. False: it cannot,
    /// since what one of them says cannot be read, or all of them are more than a batch holds.
    fn downgrade(
        &mut self,
        group: &Arc<str>,
        draft: &Draft,
        leaving: &BTreeSet<Arc<str>>,
        rebalances: bool,
        cx: &mut Context<'_>,
    ) -> Result<bool, Error> {
        let (epoch, members) = draft.classic_members(leaving, cx.cluster);
        let Some(mut classic) = Classic::of_consumers(group.clone(), epoch, members, cx.now) else {
            return Ok(stays(group, "what a member says cannot be read"));
        };
        let mut records = draft.records().to_vec();
        records.extend(draft.tombstones());
        records.push(classic.record());
        match cx.journal.append(&records) {
            Ok(()) => {}
            Err(JournalError::TooLarge) => return Ok(stays(group, "its members are too many")),
            Err(JournalError::Unavailable) => return Err(Error::CoordinatorNotAvailable),
        }
        classic.begin(cx);
        if rebalances {
            classic.rebalance(cx);
        }
        if let Some(found) = self.groups.get_mut(group) {
            found.kind = Kind::Classic(classic);
        }
        Ok(true)
    }

    /// A member of the classic protocol joins a group that has members of the consumer protocol.
    pub(super) fn join_consumer(
        &mut self,
        ticket: Ticket,
        group: &Arc<str>,
        join: &Join,
        cx: &mut Context<'_>,
    ) {
        let joined = match self.try_join_consumer(group, join, cx) {
            Ok(joined) => joined,
            Err(error) => Joined { member: join.member.clone(), outcome: Err(error) },
        };
        cx.answer(ticket, Answer::Joined(joined));
    }

    fn try_join_consumer(
        &mut self,
        group: &Arc<str>,
        join: &Join,
        cx: &mut Context<'_>,
    ) -> Result<Joined, Error> {
        if cx.config.migration == Migration::Disabled {
            return Err(Error::InconsistentGroupProtocol);
        }
        let mut draft = self.draft_of(group).map_err(|refused| refused.error)?;
        let is_nameless = join.member.is_empty();
        draft
            .check_room_for(&join.member, cx.config.consumer_size_max)
            .map_err(|refused| refused.error)?;
        if !self.consumer_mut(group).is_some_and(|consumer| consumer.speaks_with(join)) {
            return Err(Error::InconsistentGroupProtocol);
        }
        let member = if is_nameless { self.fresh_name() } else { join.member.clone() };
        if is_nameless && join.instance.is_none() && join.must_know_id {
            return Ok(Joined { member, outcome: Err(Error::MemberIdRequired) });
        }
        let joined = draft.join_classic(join, &member, cx)?;
        let kept = self.keep_joined(group, draft, &joined, cx);
        if let Some(consumer) = self.consumer_mut(group) {
            // As with a heartbeat.
            consumer.hear_of(&joined.member, join.session_timeout_ms, cx.now);
            if kept.is_ok() {
                consumer.expect_sync(&joined.member, join.rebalance_timeout_ms, cx.now);
            }
        }
        kept?;
        self.want(group, joined.wanted);
        let generation = JoinedGeneration {
            generation: joined.epoch,
            protocol_type: Some(CONSUMER.into()),
            protocol: Some(joined.protocol),
            leader: Arc::default(),
            skip_assignment: false,
            members: Vec::new(),
        };
        Ok(Joined { member: joined.member, outcome: Ok(generation) })
    }

    fn keep_joined(
        &mut self,
        group: &Arc<str>,
        draft: Draft,
        joined: &ClassicJoined,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        let joins = !self.is_member(group, &joined.member);
        self.check_growth(group, &draft, joins, cx)?;
        if let Some(rebalances) = joined.downgrade
            && self.downgrade(group, &draft, &BTreeSet::new(), rebalances, cx)?
        {
            return Ok(());
        }
        self.keep(group, draft, cx)
    }

    /// LeaveGroup: how each of them left.
    pub(super) fn leave_consumer(
        &mut self,
        group: &Arc<str>,
        leaving: &[Leaving],
        cx: &mut Context<'_>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let draft = self.draft_of(group).map_err(|refused| refused.error)?;
        let found: Vec<_> = leaving.iter().map(|member| draft.leaving_classic(member)).collect();
        let members = found.iter().filter_map(|member| member.as_ref().ok()).cloned().collect();
        self.fence(group, &members, cx)?;
        Ok(found.into_iter().map(|member| member.map(drop).map_err(|no| no.error)).collect())
    }

    /// Members whose time is over.
    pub(super) fn fence_silent(&mut self, group: &Arc<str>, cx: &mut Context<'_>) {
        let Some(consumer) = self.consumer_mut(group) else { return };
        let over = consumer.over(cx.now);
        let fenced = self.fence(group, &over, cx);
        let Some(consumer) = self.consumer_mut(group) else { return };
        match fenced {
            Ok(()) => consumer.forget_revocations(cx.now),
            Err(_) => consumer.postpone(bounds::FENCE_PAUSE_MS, cx.now),
        }
    }

    pub(super) fn describe_consumers(
        &self,
        group: &str,
        cx: &Context<'_>,
    ) -> Result<ConsumerDescription, Error> {
        match self.groups.get(group).map(|found| &found.kind) {
            Some(Kind::Consumer(consumer)) => Ok(consumer.describe(cx)),
            Some(Kind::Classic(_)) => Err(Error::GroupOfOtherKind),
            None => Err(Error::GroupIdNotFound),
        }
    }

    /// What is added must find room; what replaces something needs no more than it. Who does not
    /// join is to come again: clients die of what those are told that do.
    fn check_growth(
        &self,
        group: &Arc<str>,
        draft: &Draft,
        joins: bool,
        cx: &Context<'_>,
    ) -> Result<(), Error> {
        let before = self.groups.get(group).map_or(0, |found| found.kind.bytes());
        let more = draft.bytes().saturating_sub(before);
        if more == 0 || self.bytes.saturating_add(more) <= cx.config.state_bytes_max {
            return Ok(());
        }
        Err(if joins { Error::GroupMaxSizeReached } else { Error::CoordinatorNotAvailable })
    }

    fn want(&mut self, group: &Arc<str>, patterns: Option<Vec<Arc<str>>>) {
        if let Some(patterns) = patterns {
            self.wanted.push((group.clone(), patterns));
        }
    }

    /// Patterns of groups that are to be matched against all topics; each is answered by
    /// [`Coordinator::on_matched`].
    pub fn take_wanted(&mut self) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
        std::mem::take(&mut self.wanted)
    }

    /// It was found out what patterns stood for when the metadata had `version`.
    pub fn on_matched(
        &mut self,
        group: &Arc<str>,
        matches: &[Match],
        version: i64,
        cx: &mut Context<'_>,
    ) {
        let Some(consumer) = self.consumer_mut(group) else { return };
        consumer.end_search(cx.now);
        let mut draft = consumer.draft(version);
        draft.matched(matches, version, cx);
        let kept =
            self.check_growth(group, &draft, false, cx).and_then(|()| self.keep(group, draft, cx));
        if let Err(error) = kept {
            // A later heartbeat asks again.
            tracing::warn!(%group, ?error, "groups: what patterns stand for was not kept");
        }
        self.settle(group);
    }

    fn is_member(&self, group: &str, member: &str) -> bool {
        match self.groups.get(group).map(|found| &found.kind) {
            Some(Kind::Consumer(consumer)) => consumer.is_member(member),
            _ => false,
        }
    }

    pub(super) fn consumer_mut(&mut self, group: &str) -> Option<&mut ConsumerGroup> {
        match &mut self.groups.get_mut(group)?.kind {
            Kind::Consumer(consumer) => Some(consumer),
            Kind::Classic(_) => None,
        }
    }
}

/// The group is not turned into a classic one.
fn stays(group: &str, reason: &str) -> bool {
    tracing::warn!(%group, reason, "groups: without members of its protocol, a group stays as it is");
    false
}

fn append(records: &[Record], cx: &mut Context<'_>) -> Result<(), Error> {
    cx.journal.append(records).map_err(|error| match error {
        JournalError::TooLarge => Error::UnknownServerError,
        JournalError::Unavailable => Error::CoordinatorNotAvailable,
    })
}
