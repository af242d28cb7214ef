//! All groups of one partition of `__consumer_offsets`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::classic;
use super::classic::Classic;
use super::context::Context;
use super::expiry::Expiry;
use super::kind::Group;
use super::kind::Kind;
use crate::base::Now;
use crate::base::Rng;
use crate::group::Answer;
use crate::group::Command;
use crate::group::Config;
use crate::group::Error;
use crate::group::Join;
use crate::group::Joined;
use crate::group::Listing;
use crate::group::Presence;
use crate::group::Sync;
use crate::group::Synced;
use crate::group::Ticket;
use crate::group::bounds;

/// The groups whose names fall to one partition. What it answers goes to `answers`; the caller
/// holds an answer back until everything that was appended before it is durable.
#[derive(Debug)]
pub struct Coordinator {
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    /// When something is due in a group, in `Now::mono_us`; at most one entry for each, which may
    /// be too early.
    pub(super) timers: BTreeSet<(u64, Arc<str>)>,
    pub(super) expiry: Expiry,
    rng: Rng,
    /// Of all groups.
    pub(super) bytes: usize,
    /// The metadata's version when topics were last made.
    pub(super) topics_version: i64,
    /// Patterns that are to be matched, by group.
    pub(super) wanted: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

impl Coordinator {
    /// Without groups. `seed` is secret enough for ids that need only differ.
    pub fn new(seed: u64) -> Self {
        Self {
            groups: BTreeMap::new(),
            timers: BTreeSet::new(),
            expiry: Expiry::default(),
            rng: Rng::new(seed),
            bytes: 0,
            topics_version: 0,
            wanted: Vec::new(),
        }
    }

    /// Does what is asked of `group`. Answers now or later, once.
    pub fn on_command(
        &mut self,
        ticket: Ticket,
        group: &Arc<str>,
        command: Command,
        cx: &mut Context<'_>,
    ) {
        if let Err(error) = check_said(&command).and_then(|()| check_name(group, &command)) {
            return cx.answer(ticket, refusal(&command, error));
        }
        match command {
            Command::Join(join) => self.join(ticket, group, join, cx),
            Command::Sync(sync) => self.sync(ticket, group, sync, cx),
            Command::Heartbeat(who) => {
                let heard = self.heartbeat(group, &who, cx);
                cx.answer(ticket, Answer::Heartbeat(heard));
            }
            Command::ConsumerHeartbeat(beat) => {
                let heard = self.consumer_heartbeat(group, &beat, cx);
                cx.answer(ticket, Answer::ConsumerHeartbeat(heard));
            }
            Command::Leave(members) => {
                let left = match self.groups.get_mut(group).map(|found| &mut found.kind) {
                    None => Err(Error::UnknownMemberId),
                    Some(Kind::Classic(classic)) => Ok(classic.leave(&members, cx)),
                    Some(Kind::Consumer(_)) => self.leave_consumer(group, &members, cx),
                };
                cx.answer(ticket, Answer::Left(left));
            }
            Command::Commit(commit) => {
                let committed = self.commit(group, commit, cx);
                cx.answer(ticket, Answer::Committed(committed));
            }
            Command::FetchOffsets(wanted) => {
                let offsets = self.fetch_offsets(group, &wanted);
                return cx.answer(ticket, Answer::Offsets(offsets));
            }
            Command::Describe => {
                let described = match self.groups.get(group).map(|found| &found.kind) {
                    None => Err(Error::GroupIdNotFound),
                    Some(Kind::Classic(classic)) => Ok(classic.describe()),
                    Some(Kind::Consumer(_)) => Err(Error::GroupOfOtherKind),
                };
                return cx.answer(ticket, Answer::Described(described));
            }
            Command::DescribeConsumers => {
                let described = self.describe_consumers(group, cx);
                return cx.answer(ticket, Answer::ConsumersDescribed(described));
            }
            Command::Delete => {
                let deleted = self.delete(group, cx);
                cx.answer(ticket, Answer::Deleted(deleted));
            }
            Command::DeleteOffsets(topics) => {
                let deleted = self.delete_offsets(group, &topics, cx);
                cx.answer(ticket, Answer::OffsetsDeleted(deleted));
            }
        }
        self.settle(group);
    }

    fn join(&mut self, ticket: Ticket, group: &Arc<str>, join: Join, cx: &mut Context<'_>) {
        if let Err(error) = self.check_join(group, &join, cx.config) {
            return classic::refuse_join(ticket, join.member, error, cx);
        }
        let known = self.groups.get(group).map(|found| &found.kind);
        let ended = match known {
            Some(Kind::Classic(_)) => None,
            Some(kind @ Kind::Consumer(_)) if !kind.is_empty() => {
                return self.join_consumer(ticket, group, &join, cx);
            }
            Some(kind @ Kind::Consumer(_)) => Some(kind.tombstones(group)),
            None => Some(Vec::new()),
        };
        if let Some(mut records) = ended {
            if !join.member.is_empty() {
                let error = Error::UnknownMemberId;
                return classic::refuse_join(ticket, join.member, error, cx);
            }
            let classic = Classic::new(group.clone(), cx.now);
            records.push(classic.record());
            if cx.journal.append(&records).is_err() {
                let error = Error::CoordinatorNotAvailable;
                return classic::refuse_join(ticket, Arc::default(), error, cx);
            }
            self.ensure(group, cx.now).kind = Kind::Classic(classic);
        }
        let fresh = self.fresh_id(&join);
        if let Some(Kind::Classic(classic)) =
            self.groups.get_mut(group).map(|found| &mut found.kind)
        {
            classic.join(ticket, join, fresh, cx);
        }
    }

    fn sync(&mut self, ticket: Ticket, group: &Arc<str>, sync: Sync, cx: &mut Context<'_>) {
        let synced = match self.groups.get_mut(group).map(|found| &mut found.kind) {
            None => Err(Error::UnknownMemberId),
            Some(Kind::Classic(classic)) => return classic.sync(ticket, sync, cx),
            Some(Kind::Consumer(consumer)) => consumer.sync_classic(&sync, cx).map(|assignment| {
                Synced { protocol_type: sync.protocol_type, protocol: sync.protocol, assignment }
            }),
        };
        cx.answer(ticket, Answer::Synced(synced));
    }

    fn heartbeat(
        &mut self,
        group: &Arc<str>,
        who: &Presence,
        cx: &Context<'_>,
    ) -> Result<(), Error> {
        match self.groups.get_mut(group).map(|found| &mut found.kind) {
            None => Err(Error::UnknownMemberId),
            Some(Kind::Classic(classic)) => classic.heartbeat(who, cx.now),
            Some(Kind::Consumer(consumer)) => consumer.heartbeat_classic(who, cx),
        }
    }

    fn check_join(&self, group: &str, join: &Join, config: &Config) -> Result<(), Error> {
        let timeouts = config.session_timeout_ms_min..=config.session_timeout_ms_max;
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
        let offered = classic::offered_bytes(&join.protocols);
        let has_room = |more: usize| self.bytes.saturating_add(more) <= config.state_bytes_max;
        let before = match self.groups.get(group).map(|found| &found.kind) {
            // It looks for room itself.
            Some(kind @ Kind::Consumer(_)) if !kind.is_empty() => return Ok(()),
            Some(Kind::Classic(classic)) => classic.offered_bytes(&join.member),
            _ => None,
        };
        match before {
            None if !has_room(offered) => Err(Error::GroupMaxSizeReached),
            // A client would die of that, and this one is a member.
            Some(before) if offered > before && !has_room(offered - before) => {
                Err(Error::CoordinatorNotAvailable)
            }
            _ => Ok(()),
        }
    }

    /// An id for a member that has none: what it calls itself, and 122 bits that differ.
    fn fresh_id(&mut self, join: &Join) -> Arc<str> {
        let name = join.instance.as_ref().unwrap_or(&join.client_id);
        let length = name.floor_char_boundary(bounds::CLIENT_ID_BYTES_MAX);
        let unique = self.unique();
        format!("{}-{unique}", &name[..length]).into()
    }

    /// An id for a member of a consumer group.
    pub(super) fn fresh_name(&mut self) -> Arc<str> {
        self.unique().to_string().into()
    }

    fn unique(&mut self) -> uuid::Uuid {
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.rng.next_u64().to_le_bytes());
        random[8..].copy_from_slice(&self.rng.next_u64().to_le_bytes());
        uuid::Builder::from_random_bytes(random).into_uuid()
    }

    /// Sets the group's timer and counts its bytes after it may have changed; costs the same
    /// whatever the group's size.
    pub(super) fn settle(&mut self, group: &Arc<str>) {
        let Some(found) = self.groups.get_mut(group) else { return };
        let bytes = bounds::GROUP_BYTES + group.len() + found.kind.bytes() + found.offsets.bytes();
        self.bytes = self.bytes - found.bytes + bytes;
        found.bytes = bytes;
        let due_us = found.kind.deadline_us();
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
        let empty = || Group::new(Kind::Classic(Classic::new(group.clone(), now)));
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
    pub fn on_time(&mut self, cx: &mut Context<'_>) {
        while let Some((at_us, group)) = self.timers.pop_first() {
            if at_us > cx.now.mono_us {
                self.timers.insert((at_us, group));
                break;
            }
            let kind = self.groups.get_mut(&group).map(|found| {
                found.wake_us = None;
                &mut found.kind
            });
            match kind {
                Some(Kind::Classic(classic)) => classic.on_time(cx),
                Some(Kind::Consumer(_)) => self.fence_silent(&group, cx),
                None => {}
            }
            self.settle(&group);
        }
        self.expire(cx);
    }

    /// Every group, in the order of their names.
    pub fn list(&self) -> impl Iterator<Item = Listing> + '_ {
        self.groups.iter().map(|(group, found)| Listing {
            group: group.clone(),
            protocol_type: found.kind.protocol_type(),
            state: found.kind.state_name(),
            is_consumer: matches!(found.kind, Kind::Consumer(_)),
        })
    }

    /// The partition is another's, or gone: whoever waits is told.
    pub fn dismiss(mut self, cx: &mut Context<'_>) {
        for group in self.groups.values_mut() {
            if let Kind::Classic(classic) = &mut group.kind {
                classic.dismiss(Error::NotCoordinator, cx);
            }
        }
    }
}

/// What is missed of the request itself, whatever group it is for.
fn check_said(command: &Command) -> Result<(), Error> {
    match command {
        Command::Sync(sync)
            if sync.must_say_protocol
                && (sync.protocol_type.is_none() || sync.protocol.is_none()) =>
        {
            Err(Error::InconsistentGroupProtocol)
        }
        _ => Ok(()),
    }
}

/// Groups with members have a name; offsets may be kept without one, as in Kafka.
fn check_name(group: &str, command: &Command) -> Result<(), Error> {
    let may_be_empty = matches!(
        command,
        Command::Commit(_)
            | Command::FetchOffsets(_)
            | Command::Delete
            | Command::Describe
            | Command::DeleteOffsets(_)
            | Command::DescribeConsumers
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
        Command::ConsumerHeartbeat(_) => Answer::ConsumerHeartbeat(Err(error.into())),
        Command::DescribeConsumers => Answer::ConsumersDescribed(Err(error)),
        Command::Delete => Answer::Deleted(Err(error)),
        Command::DeleteOffsets(_) => Answer::OffsetsDeleted(Err(error)),
    }
}
