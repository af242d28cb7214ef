//! JoinGroup (rules 46, 50, 51).

use std::sync::Arc;

use super::Classic;
use super::Member;
use super::after;
use crate::group::Answer;
use crate::group::Error;
use crate::group::Join;
use crate::group::Joined;
use crate::group::JoinedGeneration;
use crate::group::State;
use crate::group::Ticket;
use crate::group::bounds;
use crate::group::context::Context;

impl Classic {
    /// Answers at once, or when the generation is complete. `fresh` is the id that a member without
    /// one gets.
    pub(in crate::group) fn join(
        &mut self,
        ticket: Ticket,
        join: Join,
        fresh: Arc<str>,
        cx: &mut Context<'_>,
    ) {
        if !self.accepts(&join.member, cx.config.size_max) {
            refuse(ticket, Arc::default(), Error::GroupMaxSizeReached, cx);
            if self.remove(&join.member).is_some() {
                self.complete_join_if_all_joined(cx);
            }
            return;
        }
        if !self.speaks_with(&join) {
            return refuse(ticket, join.member, Error::InconsistentGroupProtocol, cx);
        }
        if join.member.is_empty() {
            self.join_unknown(ticket, join, fresh, cx);
        } else if self.pending.contains_key(&join.member) {
            if join.instance.is_some() {
                // Ids are only handed out ahead to members without such a name.
                return refuse(ticket, join.member, Error::UnknownMemberId, cx);
            }
            let id = join.member.clone();
            self.add(ticket, id, join, cx);
        } else {
            self.join_known(ticket, join, cx);
        }
    }

    /// `group.max.size`: while a generation is being made those count who are in it already.
    fn accepts(&self, member: &str, size_max: usize) -> bool {
        let known = self.members.get(member);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                known.is_some_and(|member| member.joining.is_some()) || self.joining < size_max
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < size_max
            }
        }
    }

    /// Whether there is a protocol that the joining member and all others speak.
    fn speaks_with(&self, join: &Join) -> bool {
        if self.state == State::Empty {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let all = self.members.len();
        let is_common = |name: &str| self.spoken.get(name).copied().unwrap_or(0) == all;
        self.protocol_type.as_deref() == Some(&*join.protocol_type)
            && join.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    fn join_unknown(&mut self, ticket: Ticket, join: Join, fresh: Arc<str>, cx: &mut Context<'_>) {
        let replaced = join.instance.as_ref().and_then(|instance| self.statics.get(instance));
        if let Some(replaced) = replaced.cloned() {
            self.replace_static(ticket, &replaced, fresh, join, cx);
        } else if join.instance.is_none() && join.must_know_id {
            let until_us = after(cx.now, join.session_timeout_ms);
            self.pending.insert(fresh.clone(), until_us);
            self.early_us = self.early_us.min(until_us);
            refuse(ticket, fresh, Error::MemberIdRequired, cx);
        } else {
            self.add(ticket, fresh, join, cx);
        }
    }

    fn add(&mut self, ticket: Ticket, id: Arc<str>, join: Join, cx: &mut Context<'_>) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        let mut member = Member::new(id, &join);
        member.joining = Some(ticket);
        member.expires_us = after(cx.now, bounds::FIRST_JOIN_MS_MAX);
        if let Some(initial) = self.join_timer.as_mut().and_then(|timer| timer.initial.as_mut()) {
            initial.grown = true;
        }
        self.insert(member);
        self.rebalance(cx);
    }

    /// A member by its id: it joins the generation that is being made, or is told the one that is.
    fn join_known(&mut self, ticket: Ticket, join: Join, cx: &mut Context<'_>) {
        if let Err(error) = self.check_member(&join.member, join.instance.as_ref()) {
            return refuse(ticket, join.member, error, cx);
        }
        let is_leader = self.is_leader(&join.member);
        let unchanged =
            self.members.get(&join.member).is_some_and(|m| m.protocols == join.protocols);
        match self.state {
            State::CompletingRebalance if unchanged => {
                let members = if is_leader { self.joined_members() } else { Vec::new() };
                let generation = JoinedGeneration { members, ..self.current_generation() };
                accept(ticket, join.member, generation, cx);
            }
            State::Stable if unchanged && !is_leader => {
                accept(ticket, join.member, self.current_generation(), cx);
            }
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update(ticket, &join, cx);
                self.rebalance(cx);
            }
            State::Empty => refuse(ticket, join.member, Error::UnknownMemberId, cx),
        }
    }

    /// A member joins again, with what it says of itself now.
    fn update(&mut self, ticket: Ticket, join: &Join, cx: &mut Context<'_>) {
        let Some(mut member) = self.take(&join.member) else { return };
        if let Some(earlier) = member.joining.replace(ticket) {
            // Its client has given that one up; it must not be left without an answer.
            refuse(earlier, join.member.clone(), Error::RebalanceInProgress, cx);
        }
        member.protocols.clone_from(&join.protocols);
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        member.session_timeout_ms = join.session_timeout_ms;
        self.insert(member);
    }

    fn current_generation(&self) -> JoinedGeneration {
        JoinedGeneration {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: Vec::new(),
        }
    }

    /// Rule 51: a static member comes back under its `group.instance.id` and gets a new id. Where
    /// the group is stable and would select the same protocol, nobody else needs to know.
    fn replace_static(
        &mut self,
        ticket: Ticket,
        old: &str,
        id: Arc<str>,
        join: Join,
        cx: &mut Context<'_>,
    ) {
        let before = self.clone();
        let was_leader = self.is_leader(old);
        let Some(old_member) = self.take(old) else { return };
        let mut member = Member::new(id.clone(), &join);
        member.client_id = old_member.client_id.clone();
        member.client_host = old_member.client_host.clone();
        member.assignment = old_member.assignment.clone();
        member.is_new = old_member.is_new;
        member.expires_us = after(cx.now, member.session_timeout_ms);
        if self.unsynced.remove(old) {
            self.unsynced.insert(id.clone());
        }
        if was_leader {
            self.leader = Some(id.clone());
        }
        let keeps_generation = self.state == State::Stable && {
            self.insert(member.clone());
            self.select_protocol() == self.protocol
        };
        if keeps_generation {
            if cx.journal.append(&[self.record()]).is_err() {
                *self = before;
                return refuse(ticket, Arc::default(), Error::CoordinatorNotAvailable, cx);
            }
            fence(&old_member, cx);
            let generation = self.kept_generation(&id, &join, &before, cx);
            return accept(ticket, id, generation, cx);
        }
        self.take(&id);
        fence(&old_member, cx);
        member.joining = Some(ticket);
        self.insert(member);
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx),
            State::PreparingRebalance | State::Empty => self.complete_join_if_all_joined(cx),
        }
    }

    /// A leader that knows how to is told that its assignment stands. One that does not is named
    /// the leader of before, which it is not, so that it does not assign anew.
    fn kept_generation(
        &mut self,
        id: &str,
        join: &Join,
        before: &Self,
        cx: &mut Context<'_>,
    ) -> JoinedGeneration {
        if let Some(member) = self.members.get_mut(id) {
            member.is_new = false;
        }
        self.hear_of(id, cx.now);
        let generation = self.current_generation();
        if !join.may_skip_assignment {
            let leader = before.leader.clone().unwrap_or_default();
            return JoinedGeneration { leader, ..generation };
        }
        let is_leader = self.is_leader(id);
        let members = if is_leader { self.joined_members() } else { Vec::new() };
        JoinedGeneration { skip_assignment: is_leader, members, ..generation }
    }
}

/// Another process took the member's place: whatever it waits for is over.
fn fence(member: &Member, cx: &mut Context<'_>) {
    if let Some(ticket) = member.joining {
        refuse(ticket, member.id.clone(), Error::FencedInstanceId, cx);
    }
    if let Some(ticket) = member.syncing {
        cx.answer(ticket, Answer::Synced(Err(Error::FencedInstanceId)));
    }
}

fn accept(ticket: Ticket, member: Arc<str>, generation: JoinedGeneration, cx: &mut Context<'_>) {
    cx.answer(ticket, Answer::Joined(Joined { member, outcome: Ok(generation) }));
}

pub(in crate::group) fn refuse(
    ticket: Ticket,
    member: Arc<str>,
    error: Error,
    cx: &mut Context<'_>,
) {
    cx.answer(ticket, Answer::Joined(Joined { member, outcome: Err(error) }));
}
