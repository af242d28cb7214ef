//! Members of a consumer group that speak the classic protocol (rule 61): JoinGroup is their step
//! towards the target, SyncGroup tells them what they have, and Heartbeat when to join again.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use super::ConsumerGroup;
use super::Draft;
use super::Member;
use super::heartbeat::PatternChange;
use super::heartbeat::check_instance;
use super::heartbeat::listed;
use super::heartbeat::unknown_instance;
use super::named;
use crate::base::TopicId;
use crate::group::ClassicAbout;
use crate::group::Cluster;
use crate::group::Error;
use crate::group::Join;
use crate::group::MemberAbout;
use crate::group::MemberState;
use crate::group::Owned;
use crate::group::Presence;
use crate::group::Sync;
use crate::group::classic::CONSUMER;
use crate::group::context::Context;
use crate::group::embedded;

/// How a join ended that was written.
#[derive(Debug)]
pub(in crate::group) struct ClassicJoined {
    pub(in crate::group) member: Arc<str>,
    pub(in crate::group) epoch: i32,
    pub(in crate::group) protocol: Arc<str>,
    /// Nobody speaks the consumer protocol any more; and then whether a classic group has to
    /// rebalance, since its members do not have what they are to have.
    pub(in crate::group) downgrade: Option<bool>,
    pub(in crate::group) wanted: Option<Vec<Arc<str>>>,
}

impl Draft {
    /// A member joins by the id `id`, its own or one that it was given.
    pub(in crate::group) fn join_classic(
        &mut self,
        join: &Join,
        id: &Arc<str>,
        cx: &Context<'_>,
    ) -> Result<ClassicJoined, Error> {
        let offered = join.protocols.first().ok_or(Error::InconsistentGroupProtocol)?;
        // Kafka cannot say more of it either.
        let subscription =
            embedded::Subscription::read(&offered.metadata).ok_or(Error::UnknownServerError)?;
        let replaced = join.instance.as_ref().and_then(|name| self.facts.static_member(name));
        let replaced = replaced.cloned();
        let downgrades = replaced.as_ref().is_some_and(|old| self.would_be_classic(old, cx));
        let before = self.enter_classic(join, id)?;
        let about = Arc::new(updated(&before.about, join, &subscription));
        let names_changed = self.update(id, &before, &about);
        let pattern =
            self.update_pattern(&before.about, &about).map_err(|refused| refused.error)?;
        let wanted = self.patterns_to_match(pattern, &about, cx);
        let has_changed = names_changed || pattern != PatternChange::None;
        if has_changed || self.is_stale {
            self.bump(has_changed, cx.cluster);
        }
        let owned: Vec<_> = owned_of(&subscription, cx.cluster);
        let is_behind = self.facts.target_epoch.epoch < self.facts.epoch.epoch;
        if !downgrades {
            self.retarget(cx);
        }
        if !(downgrades && is_behind) {
            self.reconcile(id, has_changed, Some(&owned), cx).map_err(|refused| refused.error)?;
        }
        Ok(ClassicJoined {
            member: id.clone(),
            epoch: self.member(id).map_or(0, |member| member.current.epoch),
            protocol: offered.name.clone(),
            downgrade: downgrades.then_some(is_behind),
            wanted,
        })
    }

    /// Whether a classic group is left when a member of the classic protocol takes the place of
    /// `old`.
    fn would_be_classic(&self, old: &Arc<str>, cx: &Context<'_>) -> bool {
        let speaks_consumer = self.member(old).is_some_and(|member| !member.is_classic());
        speaks_consumer
            && self.facts.classic_members() + 1 == self.facts.members.len()
            && cx.config.migration.downgrades()
            && self.facts.members.len() <= cx.config.size_max
    }

    fn enter_classic(&mut self, join: &Join, id: &Arc<str>) -> Result<Arc<Member>, Error> {
        let unheard = || Arc::new(Member::unheard());
        let Some(instance) = &join.instance else {
            return Ok(self.member(id).cloned().unwrap_or_else(unheard));
        };
        let known = self.facts.static_member(instance).cloned();
        let is_new = join.member.is_empty();
        let Some(known) = known else {
            return match is_new {
                true => Ok(self.member(id).cloned().unwrap_or_else(unheard)),
                false => Err(unknown_instance(instance).error),
            };
        };
        let member = self.member(&known).cloned().ok_or(Error::UnknownMemberId)?;
        if is_new {
            return Ok(self.replace(&known, &member, id));
        }
        check_instance(&known, id, instance).map_err(|refused| refused.error)?;
        Ok(member)
    }
}

fn updated(before: &MemberAbout, join: &Join, said: &embedded::Subscription) -> MemberAbout {
    MemberAbout {
        instance: join.instance.clone().or_else(|| before.instance.clone()),
        rack: said.rack.clone().or_else(|| before.rack.clone()),
        client_id: join.client_id.clone(),
        client_host: join.client_host.clone(),
        topics: Arc::new(said.topics.iter().cloned().collect()),
        pattern: Some(Arc::default()),
        rebalance_timeout_ms: join.rebalance_timeout_ms,
        assignor: before.assignor.clone(),
        classic: Some(ClassicAbout {
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols.clone(),
        }),
    }
}

fn owned_of(said: &embedded::Subscription, cluster: &dyn Cluster) -> Vec<(TopicId, Vec<i32>)> {
    let owned = said.owned.iter();
    owned.filter_map(|(name, found)| Some((cluster.topic(name)?.id, found.clone()))).collect()
}

impl ConsumerGroup {
    /// Whether there is a protocol that the joining member and all others of its kind speak.
    pub(in crate::group) fn speaks_with(&self, join: &Join) -> bool {
        let classic = || self.facts.members.values().filter_map(|m| m.about.classic.as_ref());
        let is_common = |name: &Arc<str>| {
            classic().all(|member| member.protocols.iter().any(|spoken| spoken.name == *name))
        };
        *join.protocol_type == *CONSUMER
            && join.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    /// A member of the classic protocol, in its epoch.
    fn classic_member(&self, who: &Presence) -> Result<(&Arc<Member>, &ClassicAbout), Error> {
        if let Some(instance) = &who.instance {
            let known = self.facts.static_member(instance).ok_or(Error::UnknownMemberId)?;
            check_instance(known, &who.member, instance).map_err(|refused| refused.error)?;
        }
        let member = self.facts.members.get(&who.member).ok_or(Error::UnknownMemberId)?;
        let classic = member.about.classic.as_ref().ok_or(Error::UnknownMemberId)?;
        if member.current.epoch != who.generation {
            return Err(Error::IllegalGeneration);
        }
        Ok((member, classic))
    }

    /// SyncGroup: what the member has, in the form of its own protocol.
    pub(in crate::group) fn sync_classic(
        &mut self,
        sync: &Sync,
        cx: &Context<'_>,
    ) -> Result<Bytes, Error> {
        let (member, classic) = self.classic_member(&sync.who)?;
        let protocol = classic.protocols.first().ok_or(Error::UnknownServerError)?;
        if sync.protocol_type.as_deref().is_some_and(|kind| kind != CONSUMER)
            || sync.protocol.as_ref().is_some_and(|name| *name != protocol.name)
        {
            return Err(Error::InconsistentGroupProtocol);
        }
        let (session_ms, rebalance_ms) =
            (classic.session_timeout_ms, member.about.rebalance_timeout_ms);
        if self.facts.next_target_epoch(cx) > member.current.epoch
            && member.current.state != MemberState::Revoking
        {
            self.expect_join(&sync.who.member, rebalance_ms, cx.now);
            return Err(Error::RebalanceInProgress);
        }
        let said = embedded::Subscription::read(&protocol.metadata);
        let version = said.ok_or(Error::UnknownServerError)?.version;
        let named = named(listed(&member.current.assigned).into_iter(), cx.cluster);
        let partitions = named.into_iter().map(|found| (found.topic, found.partitions)).collect();
        let assignment = embedded::Assignment { partitions, has_user_data: false };
        self.synced(&sync.who.member, cx.now);
        self.hear_of(&sync.who.member, session_ms, cx.now);
        Ok(assignment.write(version))
    }

    /// Heartbeat: whether the member is to join again.
    pub(in crate::group) fn heartbeat_classic(
        &mut self,
        who: &Presence,
        cx: &Context<'_>,
    ) -> Result<(), Error> {
        let (member, classic) = self.classic_member(who)?;
        let (session_ms, rebalance_ms) =
            (classic.session_timeout_ms, member.about.rebalance_timeout_ms);
        let current = &member.current;
        // The others may all speak this protocol too: then no target is made but by a join.
        let must_join = current.epoch < self.facts.next_target_epoch(cx)
            || current.state == MemberState::Revoking
            || (current.state == MemberState::Waiting && !self.waits_for_others(&who.member));
        self.hear_of(&who.member, session_ms, cx.now);
        if must_join {
            self.expect_join(&who.member, rebalance_ms, cx.now);
            return Err(Error::RebalanceInProgress);
        }
        Ok(())
    }

    /// Something that the member is to have is still another's.
    fn waits_for_others(&self, member: &Arc<str>) -> bool {
        let target = self.facts.target(member);
        let mut places =
            target.iter().flat_map(|(topic, found)| found.iter().map(|p| (*topic, *p)));
        places.any(|(topic, partition)| {
            self.facts.owner(topic, partition).is_some_and(|owner| owner != member)
        })
    }

    /// Rule 58: whether a commit by this member is to be believed. Some: as far as the partitions
    /// were its own in that epoch already.
    pub(in crate::group) fn check_commit(
        &self,
        who: &Presence,
        knows_epochs: bool,
    ) -> Result<Option<Stale>, Error> {
        if who.generation < 0 && self.is_empty() {
            return Ok(None);
        }
        let member = self.facts.members.get(&who.member).ok_or(Error::UnknownMemberId)?;
        if !member.is_classic() && !knows_epochs {
            return Err(Error::UnsupportedVersion);
        }
        let error = stale_error(member);
        match who.generation.cmp(&member.current.epoch) {
            Ordering::Equal => Ok(None),
            Ordering::Greater => Err(error),
            Ordering::Less => {
                Ok(Some(Stale { member: member.clone(), epoch: who.generation, error }))
            }
        }
    }

    /// Whether the offsets may be told to this member.
    pub(in crate::group) fn check_fetch(&self, member: &str, epoch: i32) -> Result<(), Error> {
        let found = self.facts.members.get(member).ok_or(Error::UnknownMemberId)?;
        if epoch == found.current.epoch { Ok(()) } else { Err(stale_error(found)) }
    }
}

fn stale_error(member: &Member) -> Error {
    if member.is_classic() { Error::IllegalGeneration } else { Error::StaleMemberEpoch }
}

/// A commit in an epoch that the member has left.
#[derive(Clone, Debug)]
pub(in crate::group) struct Stale {
    member: Arc<Member>,
    epoch: i32,
    error: Error,
}

impl Stale {
    /// The partition was the member's in that epoch, and still is, or is not given up.
    pub(in crate::group) fn check(&self, topic: TopicId, partition: i32) -> Result<(), Error> {
        let current = &self.member.current;
        let of = |owned: &Owned| owned.get(&topic)?.get(&partition).copied();
        match of(&current.assigned).or_else(|| of(&current.revoking)) {
            Some(since) if self.epoch >= since => Ok(()),
            _ => Err(self.error),
        }
    }
}
