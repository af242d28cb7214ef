//! SyncGroup (rule 49).

use std::sync::Arc;

use bytes::Bytes;

use super::Classic;
use super::after;
use crate::group::Answer;
use crate::group::Error;
use crate::group::JournalError;
use crate::group::State;
use crate::group::Sync;
use crate::group::Synced;
use crate::group::Ticket;
use crate::group::context::Context;

impl Classic {
    /// Answers at once, or when the leader has brought the assignment.
    pub(in crate::group) fn sync(&mut self, ticket: Ticket, sync: Sync, cx: &mut Context<'_>) {
        if let Err(error) = self.check_sync(&sync) {
            return cx.answer(ticket, Answer::Synced(Err(error)));
        }
        let id = sync.who.member.clone();
        match self.state {
            State::Empty => cx.answer(ticket, Answer::Synced(Err(Error::UnknownMemberId))),
            State::PreparingRebalance => {
                cx.answer(ticket, Answer::Synced(Err(Error::RebalanceInProgress)));
            }
            State::CompletingRebalance => {
                self.synced(&id);
                let earlier = self.members.get_mut(&id).and_then(|m| m.syncing.replace(ticket));
                if let Some(earlier) = earlier {
                    cx.answer(earlier, Answer::Synced(Err(Error::RebalanceInProgress)));
                }
                if self.is_leader(&id) {
                    self.assign(sync.assignments, cx);
                }
            }
            State::Stable => {
                self.synced(&id);
                let assignment = self.members.get(&id).map(|member| member.assignment.clone());
                let synced = self.synced_with(assignment.unwrap_or_default());
                cx.answer(ticket, Answer::Synced(Ok(synced)));
            }
        }
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), Error> {
        self.check_presence(&sync.who)?;
        let differs =
            |said: &Option<Arc<str>>, ours: &Option<Arc<str>>| said.is_some() && said != ours;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(Error::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn synced(&mut self, id: &str) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            self.sync_us = None;
        }
    }

    fn synced_with(&self, assignment: Bytes) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment,
        }
    }

    /// The leader's assignment is written down, and then everybody's.
    fn assign(&mut self, assignments: Vec<(Arc<str>, Bytes)>, cx: &mut Context<'_>) {
        for member in self.members.values_mut() {
            self.bytes -= member.assignment.len();
            member.assignment = Bytes::new();
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                self.bytes -= member.assignment.len();
                self.bytes += assignment.len();
                member.assignment = assignment;
            }
        }
        let (state, since_ms) = (self.state, self.since_ms);
        self.enter(State::Stable, cx.now);
        if let Err(error) = cx.journal.append(&[self.record()]) {
            self.state = state;
            self.since_ms = since_ms;
            let error = match error {
                JournalError::TooLarge => Error::UnknownServerError,
                JournalError::Unavailable => Error::CoordinatorNotAvailable,
            };
            self.fail_syncs(error, cx);
            return self.prepare_rebalance(cx);
        }
        let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
        for member in self.members.values_mut() {
            if let Some(ticket) = member.syncing.take() {
                member.expires_us = after(cx.now, member.session_timeout_ms);
                let synced = Synced {
                    protocol_type: protocol_type.clone(),
                    protocol: protocol.clone(),
                    assignment: member.assignment.clone(),
                };
                cx.answer(ticket, Answer::Synced(Ok(synced)));
            }
        }
        self.early_us = self.earliest_us();
    }

    /// There will be no assignment of this generation.
    pub(super) fn fail_syncs(&mut self, error: Error, cx: &mut Context<'_>) {
        for member in self.members.values_mut() {
            self.bytes -= member.assignment.len();
            member.assignment = Bytes::new();
            if let Some(ticket) = member.syncing.take() {
                member.expires_us = after(cx.now, member.session_timeout_ms);
                cx.answer(ticket, Answer::Synced(Err(error)));
            }
        }
        self.early_us = self.earliest_us();
    }

    /// Members that did not ask for their assignment in time are given up.
    pub(super) fn on_sync_timer(&mut self, cx: &mut Context<'_>) {
        self.sync_us = None;
        let late: Vec<_> = self.unsynced.iter().cloned().collect();
        if late.is_empty() {
            return;
        }
        for id in late {
            self.drop_member(&id, Error::UnknownMemberId, cx);
        }
        self.prepare_rebalance(cx);
    }
}
