//! All groups of one partition of `__consumer_offsets`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::classic::Classic;
use super::context::Context;
use super::expiry::Expiry;
use super::offsets::Offsets;
use crate::base::Now;
use crate::base::Rng;
use crate::group::Answer;
use crate::group::Command;
use crate::group::Config;
use crate::group::Error;
use crate::group::Join;
use crate::group::Joined;
use crate::group::Journal;
use crate::group::Listing;
use crate::group::Ticket;
use crate::group::bounds;

/// The groups whose names fall to one partition. What it answers goes to `answers`; the caller
/// holds an answer back until everything that was appended before it is durable.
#[derive(Debug)]
pub struct Coordinator {
    pub(super) config: Arc<Config>,
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    /// When something is due in a group, in `Now::mono_us`; at most one entry for each, which may
    /// be too early.
    pub(super) timers: BTreeSet<(u64, Arc<str>)>,
    pub(super) expiry: Expiry,
    rng: Rng,
    /// Of all groups.
    pub(super) bytes: usize,
}

/// A group, and what belongs to it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) classic: Classic,
    pub(super) offsets: Offsets,
    /// Its entry among the timers.
    wake_us: Option<u64>,
    /// What it was counted with.
    bytes: usize,
}

impl Group {
    fn new(classic: Classic) -> Self {
        Self { classic, offsets: Offsets::default(), wake_us: None, bytes: 0 }
    }
}

impl Coordinator {
    /// Without groups. `seed` is secret enough for ids that need only differ.
    pub fn new(config: Arc<Config>, seed: u64) -> Self {
        Self {
            config,
            groups: BTreeMap::new(),
            timers: BTreeSet::new(),
            expiry: Expiry::default(),
            rng: Rng::new(seed),
            bytes: 0,
        }
    }

    /// Does what is asked of `group`. Answers now or later, once.
    pub fn on_command(
        &mut self,
        now: Now,
        ticket: Ticket,
        group: &Arc<str>,
        command: Command,
        journal: &mut dyn Journal,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        if let Err(error) = check_name(group, &command) {
            answers.push((ticket, refusal(&command, error)));
            return;
        }
        let config = self.config.clone();
        let mut cx = Context { now, config: &config, journal, answers };
        match command {
            Command::Join(join) => self.join(ticket, group, join, &mut cx),
            Command::Sync(sync) => match self.groups.get_mut(group) {
                Some(found) => {
                    found.classic.sync(ticket, sync, &mut cx);
                }
                None => cx.answer(ticket, Answer::Synced(Err(Error::UnknownMemberId))),
            },
            Command::Heartbeat(who) => {
                // Its deadlines only move away, so that the timer may stay.
                let known = self.groups.get_mut(group).ok_or(Error::UnknownMemberId);
                let heard = known.and_then(|found| found.classic.heartbeat(&who, now));
                return cx.answer(ticket, Answer::Heartbeat(heard));
            }
            Command::Leave(members) => {
                let known = self.groups.get_mut(group).ok_or(Error::UnknownMemberId);
                let left = known.map(|found| found.classic.leave(&members, &mut cx));
                cx.answer(ticket, Answer::Left(left));
            }
            Command::Commit(commit) => {
                let committed = self.commit(group, commit, &mut cx);
                cx.answer(ticket, Answer::Committed(committed));
            }
            Command::FetchOffsets(wanted) => {
                let offsets = self.fetch_offsets(group, &wanted);
                return cx.answer(ticket, Answer::Offsets(Ok(offsets)));
            }
            Command::Describe => {
                let known = self.groups.get(group).ok_or(Error::GroupIdNotFound);
                let described = known.map(|found| found.classic.describe());
                return cx.answer(ticket, Answer::Described(described));
            }
            Command::Delete => {
                let deleted = self.delete(group, &mut cx);
                cx.answer(ticket, Answer::Deleted(deleted));
            }
            Command::DeleteOffsets(topics) => {
                let deleted = self.delete_offsets(group, &topics, &mut cx);
                cx.answer(ticket, Answer::OffsetsDeleted(deleted));
            }
        }
        self.settle(group);
    }

    fn join(&mut self, ticket: Ticket, group: &Arc<str>, join: Join, cx: &mut Context<'_>) {
        if let Err(error) = self.check_join(&join) {
            return super::classic::refuse_join(ticket, join.member, error, cx);
        }
        if !self.groups.contains_key(group) {
            if !join.member.is_empty() {
                return super::classic::refuse_join(
                    ticket,
                    join.member,
                    Error::UnknownMemberId,
                    cx,
                );
            }
            let classic = Classic::new(group.clone(), cx.now);
            if cx.journal.append(&[classic.record()]).is_err() {
                let error = Error::CoordinatorNotAvailable;
                return super::classic::refuse_join(ticket, Arc::default(), error, cx);
            }
            self.groups.insert(group.clone(), Group::new(classic));
        }
        let fresh = self.fresh_id(&join);
        if let Some(found) = self.groups.get_mut(group) {
            found.classic.join(ticket, join, fresh, cx);
        }
    }

    fn check_join(&self, join: &Join) -> Result<(), Error> {
        let timeouts = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if !timeouts.contains(&join.session_timeout_ms) {
            return Err(Error::InvalidSessionTimeout);
        }
        let instance = join.instance.as_ref().map_or(0, |instance| instance.len());
        if join.member.len().max(instance) > bounds::NAME_BYTES_MAX {
            return Err(Error::UnknownMemberId);
        }
        if join.protocols.len() > bounds::PROTOCOLS_MAX {
            return Err(Error::InconsistentGroupProtocol);
        }
        let offered: usize = join.protocols.iter().map(|offer| offer.metadata.len()).sum();
        if self.bytes.saturating_add(offered) > self.config.state_bytes_max {
            return Err(Error::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// An id for a member that has none: what it calls itself, and 122 bits that differ.
    fn fresh_id(&mut self, join: &Join) -> Arc<str> {
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.rng.next_u64().to_le_bytes());
        random[8..].copy_from_slice(&self.rng.next_u64().to_le_bytes());
        let unique = uuid::Builder::from_random_bytes(random).into_uuid();
        let name = join.instance.as_ref().unwrap_or(&join.client_id);
        let length = name.floor_char_boundary(bounds::CLIENT_ID_BYTES_MAX);
        format!("{}-{unique}", &name[..length]).into()
    }

    /// Sets the group's timer and counts its bytes after it may have changed.
    pub(super) fn settle(&mut self, group: &Arc<str>) {
        let Some(found) = self.groups.get_mut(group) else { return };
        let bytes =
            bounds::GROUP_BYTES + group.len() + found.classic.bytes() + found.offsets.bytes();
        self.bytes = self.bytes - found.bytes + bytes;
        found.bytes = bytes;
        let due_us = found.classic.deadline_us();
        if due_us == found.wake_us {
            return;
        }
        if let Some(wake_us) = found.wake_us {
            self.timers.remove(&(wake_us, group.clone()));
        }
        if let Some(due_us) = due_us {
            self.timers.insert((due_us, group.clone()));
        }
        found.wake_us = due_us;
    }

    /// The group is there, with nothing in it where it was not.
    pub(super) fn ensure(&mut self, group: &Arc<str>, now: Now) -> &mut Group {
        let empty = || Group::new(Classic::new(group.clone(), now));
        self.groups.entry(group.clone()).or_insert_with(empty)
    }

    /// The group is gone.
    pub(super) fn forget(&mut self, group: &str) {
        let Some(found) = self.groups.remove(group) else { return };
        self.bytes -= found.bytes;
        if let Some(wake_us) = found.wake_us {
            self.timers.remove(&(wake_us, Arc::from(group)));
        }
    }

    /// When [`Coordinator::on_time`] is wanted at the latest, in `Now::mono_us`.
    pub fn next_deadline(&self) -> Option<u64> {
        let timer = self.timers.first().map(|&(at_us, _)| at_us);
        timer.into_iter().chain(self.expiry.next_us()).min()
    }

    /// Time has passed.
    pub fn on_time(
        &mut self,
        now: Now,
        journal: &mut dyn Journal,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        let config = self.config.clone();
        let mut cx = Context { now, config: &config, journal, answers };
        while let Some((at_us, group)) = self.timers.pop_first() {
            if at_us > now.mono_us {
                self.timers.insert((at_us, group));
                break;
            }
            if let Some(found) = self.groups.get_mut(&group) {
                found.wake_us = None;
                found.classic.on_time(&mut cx);
            }
            self.settle(&group);
        }
        self.expire(&mut cx);
    }

    /// Every group, in the order of their names.
    pub fn list(&self) -> impl Iterator<Item = Listing> + '_ {
        self.groups.iter().map(|(group, found)| Listing {
            group: group.clone(),
            protocol_type: found.classic.protocol_type().cloned().unwrap_or_default(),
            state: found.classic.state(),
        })
    }

    /// The partition is another's, or gone: whoever waits is told.
    pub fn dismiss(
        mut self,
        now: Now,
        journal: &mut dyn Journal,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        let config = self.config.clone();
        let mut cx = Context { now, config: &config, journal, answers };
        for group in self.groups.values_mut() {
            group.classic.dismiss(Error::NotCoordinator, &mut cx);
        }
    }
}

/// Groups with members have a name; offsets may be kept without one, as in Kafka.
fn check_name(group: &str, command: &Command) -> Result<(), Error> {
    let may_be_empty = matches!(
        command,
        Command::Commit(_) | Command::FetchOffsets(_) | Command::Delete | Command::DeleteOffsets(_)
    );
    if group.len() > bounds::NAME_BYTES_MAX || (group.is_empty() && !may_be_empty) {
        return Err(Error::InvalidGroupId);
    }
    Ok(())
}

/// What `command` is answered where nothing of it is done.
pub fn refusal(command: &Command, error: Error) -> Answer {
    match command {
        Command::Join(join) => {
            Answer::Joined(Joined { member: join.member.clone(), outcome: Err(error) })
        }
        Command::Sync(_) => Answer::Synced(Err(error)),
        Command::Heartbeat(_) => Answer::Heartbeat(Err(error)),
        Command::Leave(_) => Answer::Left(Err(error)),
        Command::Commit(_) => Answer::Committed(Err(error)),
        Command::FetchOffsets(_) => Answer::Offsets(Err(error)),
        Command::Describe => Answer::Described(Err(error)),
        Command::Delete => Answer::Deleted(Err(error)),
        Command::DeleteOffsets(_) => Answer::OffsetsDeleted(Err(error)),
    }
}
