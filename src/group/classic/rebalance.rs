//! From one generation to the next: members are asked to join, until all have or their time is
//! over (rules 47 and 48).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Classic;
use super::InitialDelay;
use super::JoinTimer;
use super::Member;
use super::after;
use crate::group::Answer;
use crate::group::Error;
use crate::group::Joined;
use crate::group::JoinedGeneration;
use crate::group::State;
use crate::group::bounds;
use crate::group::context::Context;

impl Classic {
    /// Something of the group changed: it needs another generation, or the one that is being made
    /// may be complete.
    pub(in crate::group) fn rebalance(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(cx),
            State::PreparingRebalance => self.complete_join_if_all_joined(cx),
        }
    }

    /// Asks the members to join.
    pub(super) fn prepare_rebalance(&mut self, cx: &mut Context<'_>) {
        if self.state == State::CompletingRebalance {
            self.fail_syncs(Error::RebalanceInProgress, cx);
        }
        self.unsynced.clear();
        self.sync_us = None;
        let initial = self.state == State::Empty;
        self.enter(State::PreparingRebalance, cx.now);
        if initial {
            let delay_ms = cx.config.initial_rebalance_delay_ms;
            let left_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            let initial = Some(InitialDelay { delay_ms, left_ms, grown: false });
            self.join_timer = Some(JoinTimer { at_us: after(cx.now, delay_ms), initial });
        } else if self.has_all_joined() {
            self.complete_join(cx);
        } else {
            self.wait_for_joins(cx);
        }
    }

    fn wait_for_joins(&mut self, cx: &mut Context<'_>) {
        let at_us = after(cx.now, self.rebalance_timeout_ms());
        self.join_timer = Some(JoinTimer { at_us, initial: None });
    }

    fn has_all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// The first generation of an empty group waits for its delay whoever has joined.
    pub(super) fn complete_join_if_all_joined(&mut self, cx: &mut Context<'_>) {
        if self.state == State::PreparingRebalance
            && self.previous != State::Empty
            && self.has_all_joined()
        {
            self.complete_join(cx);
        }
    }

    /// The time to join is over, or a step of the initial delay.
    pub(super) fn on_join_timer(&mut self, cx: &mut Context<'_>) {
        let Some(JoinTimer { initial, .. }) = self.join_timer.take() else { return };
        match initial {
            Some(InitialDelay { delay_ms, left_ms, grown: true }) if left_ms > 0 => {
                let next_ms = cx.config.initial_rebalance_delay_ms.min(left_ms);
                let left_ms = left_ms.saturating_sub(delay_ms).max(0);
                let initial = Some(InitialDelay { delay_ms: next_ms, left_ms, grown: false });
                self.join_timer = Some(JoinTimer { at_us: after(cx.now, next_ms), initial });
            }
            _ => self.complete_join(cx),
        }
    }

    /// Ends the join phase with whoever is there. Dynamic members who are not are no members any
    /// more; static ones are only late.
    pub(super) fn complete_join(&mut self, cx: &mut Context<'_>) {
        self.join_timer = None;
        let late = |member: &&Member| member.joining.is_none() && member.instance.is_none();
        let late: Vec<_> =
            self.members.values().filter(late).map(|member| member.id.clone()).collect();
        for id in late {
            self.remove(&id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            let wait_ms = self.rebalance_timeout_ms().max(bounds::LATE_JOIN_MS_MIN);
            let at_us = after(cx.now, wait_ms);
            self.join_timer = Some(JoinTimer { at_us, initial: None });
            return;
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.unsynced.clear();
        if self.members.is_empty() {
            self.protocol = None;
            self.subscribed = self.read_subscriptions();
            self.enter(State::Empty, cx.now);
            // Where this cannot be written, a restart finds members that nobody hears of, and
            // gives them up.
            let _ = cx.journal.append(&[self.record()]);
            return;
        }
        self.protocol = self.select_protocol();
        self.subscribed = self.read_subscriptions();
        self.enter(State::CompletingRebalance, cx.now);
        self.answer_joins(cx);
        self.sync_us = Some(after(cx.now, self.rebalance_timeout_ms()));
    }

    /// The leader must be among those who joined; false: nobody did.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id: &Arc<str>| self.members.get(id).is_some_and(|m| m.joining.is_some());
        if self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.values().find(|member| member.joining.is_some());
        match joined.map(|member| member.id.clone()) {
            Some(leader) => {
                self.leader = Some(leader);
                true
            }
            None => false,
        }
    }

    fn answer_joins(&mut self, cx: &mut Context<'_>) {
        let leader = self.leader.clone().unwrap_or_default();
        let mut members = self.joined_members();
        for (id, member) in &mut self.members {
            let theirs = if *id == leader { std::mem::take(&mut members) } else { Vec::new() };
            member.expires_us = after(cx.now, member.session_timeout_ms);
            member.is_new = false;
            self.unsynced.insert(id.clone());
            if let Some(ticket) = member.joining.take() {
                let outcome = Ok(JoinedGeneration {
                    generation: self.generation,
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    leader: leader.clone(),
                    skip_assignment: false,
                    members: theirs,
                });
                cx.answer(ticket, Answer::Joined(Joined { member: id.clone(), outcome }));
            }
        }
        self.joining = 0;
        self.early_us = self.earliest_us();
    }

    /// Each member votes for what it prefers of what all speak; the most votes win, and of as many
    /// votes the name that comes first.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let all = self.members.len();
        let is_candidate = |name: &Arc<str>| self.spoken.get(name) == Some(&all);
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut names = member.protocols.iter().map(|protocol| &protocol.name);
            if let Some(choice) = names.find(|name| is_candidate(name)) {
                *votes.entry(choice).or_default() += 1;
            }
        }
        // `max_by_key` gives the last of several: from the back, that is the first.
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name.clone())
    }

    /// A deadline may have passed: of the join phase, of syncs, of members.
    pub(in crate::group) fn on_time(&mut self, cx: &mut Context<'_>) {
        let now_us = cx.now.mono_us;
        if self.join_timer.is_some_and(|timer| timer.at_us <= now_us) {
            self.on_join_timer(cx);
        }
        if self.sync_us.is_some_and(|at_us| at_us <= now_us) {
            self.on_sync_timer(cx);
        }
        let over: Vec<_> = self.pending.iter().filter(|(_, at_us)| **at_us <= now_us).collect();
        let over: Vec<_> = over.into_iter().map(|(id, _)| id.clone()).collect();
        for id in over {
            self.pending.remove(&id);
            self.complete_join_if_all_joined(cx);
        }
        let silent = self.members.values().filter(|member| member.expires_us <= now_us);
        let silent: Vec<_> = silent.map(|member| member.id.clone()).collect();
        for id in silent {
            self.expire(&id, cx);
        }
        self.early_us = self.earliest_us();
    }

    /// The member was not heard of in time.
    fn expire(&mut self, id: &str, cx: &mut Context<'_>) {
        let Some(member) = self.members.get_mut(id) else { return };
        if member.is_excused() {
            // Its time begins again when it is answered.
            member.expires_us = u64::MAX;
            return;
        }
        if member.expires_us <= cx.now.mono_us {
            self.drop_member(id, Error::UnknownMemberId, cx);
            self.rebalance(cx);
        }
    }

    /// Removes a member and tells it, if it waits.
    pub(super) fn drop_member(&mut self, id: &str, error: Error, cx: &mut Context<'_>) {
        let Some(member) = self.remove(id) else { return };
        if let Some(ticket) = member.joining {
            let refused = Joined { member: Arc::default(), outcome: Err(error) };
            cx.answer(ticket, Answer::Joined(refused));
        }
        if let Some(ticket) = member.syncing {
            cx.answer(ticket, Answer::Synced(Err(error)));
        }
    }

    /// The group is given up here: whoever waits is told.
    pub(in crate::group) fn dismiss(&mut self, error: Error, cx: &mut Context<'_>) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            self.drop_member(&id, error, cx);
        }
    }
}
