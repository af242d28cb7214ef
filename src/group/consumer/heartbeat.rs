//! ConsumerGroupHeartbeat (rules 56 to 60): a member says who it is, what it reads and what it has,
//! and is told what it is to have.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Draft;
use super::Member;
use super::Step;
use super::patterns;
use crate::base::TopicId;
use crate::group::AWAY;
use crate::group::ConsumerHeartbeat;
use crate::group::Error;
use crate::group::Heard;
use crate::group::MemberAbout;
use crate::group::MemberState;
use crate::group::Owned;
use crate::group::Refused;
use crate::group::bounds;
use crate::group::context::Context;

/// What a heartbeat comes to beside what is written.
#[derive(Debug)]
pub(in crate::group) struct Beaten {
    pub(in crate::group) heard: Heard,
    pub(in crate::group) revoke: Option<Revoke>,
    /// Patterns of which it is to be found out what they stand for.
    pub(in crate::group) wanted: Option<Vec<Arc<str>>>,
}

/// What becomes of the time that a member has to give partitions up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::group) enum Revoke {
    /// It begins, in the member's epoch of now.
    Within(i32),
    /// It has given up what it had to.
    Done,
}

/// How far a pattern that a member begins or ceases to read by is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PatternChange {
    None,
    /// What it stands for is to be found out.
    Open,
    /// It is known already.
    Known,
}

impl Draft {
    /// `fresh` is the id that a member without one gets.
    pub(in crate::group) fn heartbeat(
        &mut self,
        beat: &ConsumerHeartbeat,
        fresh: Arc<str>,
        cx: &Context<'_>,
    ) -> Result<Beaten, Refused> {
        self.check_room_for(&beat.member, cx.config.consumer_size_max)?;
        let id = if beat.member.is_empty() { fresh } else { beat.member.clone() };
        let before = self.enter(beat, &id)?;
        let about = Arc::new(updated(&before.about, beat));
        let names_changed = self.update(&id, &before, &about);
        let pattern = self.update_pattern(&before.about, &about)?;
        let wanted = self.patterns_to_match(pattern, &about, cx);
        if names_changed || pattern == PatternChange::Known || self.is_stale {
            self.bump(names_changed || pattern == PatternChange::Known, cx.cluster);
        }
        self.retarget(cx);
        let has_changed = names_changed || pattern != PatternChange::None;
        let revoke = self.reconcile(&id, has_changed, beat.owned.as_deref(), cx)?;
        let current = &self.member(&id).expect("it was entered").current;
        let is_full = beat.rebalance_timeout_ms.is_some()
            && (beat.topics.is_some() || beat.pattern.is_some())
            && beat.owned.is_some();
        let is_told = beat.epoch == 0 || is_full || current.assigned != before.current.assigned;
        let heard = Heard {
            member: id.clone(),
            epoch: current.epoch,
            interval_ms: cx.cluster.group_settings(&self.facts.group).heartbeat_interval_ms,
            assignment: is_told.then(|| listed(&current.assigned)),
        };
        Ok(Beaten { heard, revoke, wanted })
    }

    pub(in crate::group) fn check_room_for(
        &self,
        member: &str,
        size_max: usize,
    ) -> Result<(), Refused> {
        let is_known = !member.is_empty() && self.facts.members.contains_key(member);
        if is_known || self.facts.members.len() < size_max {
            return Ok(());
        }
        Err(Refused::new(
            Error::GroupMaxSizeReached,
            format!("The consumer group has reached its maximum capacity of {size_max} members."),
        ))
    }

    /// The member as it was, where it may speak.
    fn enter(&mut self, beat: &ConsumerHeartbeat, id: &Arc<str>) -> Result<Arc<Member>, Refused> {
        let joins = beat.epoch == 0;
        let Some(instance) = &beat.instance else {
            return match self.member(id) {
                Some(member) => {
                    check_epoch(member, beat)?;
                    Ok(member.clone())
                }
                None if joins => Ok(Arc::new(Member::unheard())),
                None => Err(self.unknown(id)),
            };
        };
        let known = self.facts.static_member(instance).cloned();
        match known {
            None if joins => {
                Ok(self.member(id).cloned().unwrap_or_else(|| Arc::new(Member::unheard())))
            }
            None => Err(unknown_instance(instance)),
            Some(known) if joins => {
                let member = self.member(&known).cloned().ok_or_else(|| self.unknown(&known))?;
                if !member.is_classic() && member.current.epoch != AWAY {
                    return Err(Refused::new(
                        Error::UnreleasedInstanceId,
                        format!(
                            "Static member {id} with instance id {instance} cannot join the group \
                             because the instance id is owned by {known} member."
                        ),
                    ));
                }
                Ok(self.replace(&known, &member, id))
            }
            Some(known) => {
                check_instance(&known, id, instance)?;
                let member = self.member(&known).cloned().ok_or_else(|| self.unknown(&known))?;
                check_epoch(&member, beat)?;
                Ok(member)
            }
        }
    }

    /// Another process takes a static member's place, and with it what that had.
    pub(super) fn replace(
        &mut self,
        old: &Arc<str>,
        member: &Member,
        id: &Arc<str>,
    ) -> Arc<Member> {
        let target = self.facts.target(old);
        let mut current = (*member.current).clone();
        (current.epoch, current.previous_epoch) = (0, 0);
        let replaced = Member { about: member.about.clone(), current: Arc::new(current) };
        self.remove_member(old);
        self.write_about(id, replaced.about.clone());
        self.write_target(id, target);
        self.write_current(id, replaced.current.clone());
        Arc::new(replaced)
    }

    /// Writes what the member says of itself where that is new; true: it reads other topics.
    pub(super) fn update(
        &mut self,
        id: &Arc<str>,
        before: &Member,
        about: &Arc<MemberAbout>,
    ) -> bool {
        if *before.about == **about && self.facts.members.contains_key(id) {
            return false;
        }
        self.write_about(id, about.clone());
        before.about.topics != about.topics
    }

    /// The member reads by another pattern than before: nobody may by the old one, somebody may
    /// already by the new one.
    pub(super) fn update_pattern(
        &mut self,
        before: &MemberAbout,
        about: &MemberAbout,
    ) -> Result<PatternChange, Refused> {
        let (old, new) = (before.pattern(), about.pattern());
        if before.pattern == about.pattern {
            return Ok(PatternChange::None);
        }
        if let Some(old) = old.filter(|old| self.facts.readers(old) == 0) {
            self.write_pattern(&old.clone(), None);
        }
        match (old, new) {
            (_, Some(new)) if self.facts.readers(new) == 1 => {
                if self.facts.patterns_read().len() > bounds::PATTERNS_MAX {
                    let most = bounds::PATTERNS_MAX;
                    let reason = format!("A group has at most {most} regular expressions.");
                    return Err(Refused::new(Error::InvalidRegularExpression, reason));
                }
                patterns::check(new)?;
                Ok(PatternChange::Open)
            }
            (_, Some(new)) if self.facts.patterns.contains_key(new) => Ok(PatternChange::Known),
            (Some(_), None) => Ok(PatternChange::Known),
            _ => Ok(PatternChange::Open),
        }
    }

    /// One step towards the target.
    pub(super) fn reconcile(
        &mut self,
        id: &Arc<str>,
        has_changed: bool,
        owned: Option<&[(TopicId, Vec<i32>)]>,
        cx: &Context<'_>,
    ) -> Result<Option<Revoke>, Refused> {
        let member = self.member(id).expect("it was entered").clone();
        let target_epoch = self.facts.target_epoch.epoch;
        let current = &member.current;
        if !has_changed && current.state == MemberState::Stable && current.epoch == target_epoch {
            return Ok(None);
        }
        let subscribed: BTreeSet<TopicId> = self.facts.topics_of(&member.about, cx.cluster);
        let target = self.facts.target(id);
        let is_free =
            |topic, partition| self.facts.owner(topic, partition).is_none_or(|owner| owner == id);
        let step = Step {
            target_epoch,
            target: &target,
            subscribed: &subscribed,
            has_changed,
            owned,
            is_free: &is_free,
        };
        let next = step.of(current)?;
        if next == **current {
            return Ok(None);
        }
        let revoke = match next.state {
            _ if member.is_classic() => None,
            MemberState::Revoking => Some(Revoke::Within(member.about.rebalance_timeout_ms)),
            _ => Some(Revoke::Done),
        };
        self.write_current(id, Arc::new(next));
        Ok(revoke)
    }

    pub(super) fn unknown(&self, member: &str) -> Refused {
        let group = &self.facts.group;
        Refused::new(
            Error::UnknownMemberId,
            format!("Member {member} is not a member of group {group}."),
        )
    }
}

pub(super) fn unknown_instance(instance: &str) -> Refused {
    Refused::new(Error::UnknownMemberId, format!("Instance id {instance} is unknown."))
}

pub(super) fn check_instance(known: &str, id: &str, instance: &str) -> Result<(), Refused> {
    if known == id {
        return Ok(());
    }
    let reason =
        format!("Static member {id} with instance id {instance} was fenced by member {known}.");
    Err(Refused::new(Error::FencedInstanceId, reason))
}

/// Rule 58: a member that did not hear of its last epoch may say so, as long as it has no more than
/// it may.
fn check_epoch(member: &Member, beat: &ConsumerHeartbeat) -> Result<(), Refused> {
    let (said, current) = (beat.epoch, &member.current);
    let missed_one = said == current.previous_epoch
        && beat.owned.as_ref().is_some_and(|owned| is_within(owned, &current.assigned));
    let than = match said {
        0 => return Ok(()),
        said if said > current.epoch => "greater",
        said if said < current.epoch && !missed_one => "smaller",
        _ => return Ok(()),
    };
    Err(Refused::new(
        Error::FencedMemberEpoch,
        format!(
            "The consumer group member has a {than} member epoch ({said}) than the one known by \
             the group coordinator ({}). The member must abandon all its partitions and rejoin.",
            current.epoch
        ),
    ))
}

fn is_within(owned: &[(TopicId, Vec<i32>)], assigned: &Owned) -> bool {
    owned.iter().all(|(topic, partitions)| {
        let found = assigned.get(topic);
        found.is_some_and(|found| partitions.iter().all(|partition| found.contains_key(partition)))
    })
}

/// What the member does not say stays as it was.
fn updated(before: &MemberAbout, beat: &ConsumerHeartbeat) -> MemberAbout {
    MemberAbout {
        instance: beat.instance.clone().or_else(|| before.instance.clone()),
        rack: beat.rack.clone().or_else(|| before.rack.clone()),
        client_id: beat.client_id.clone(),
        client_host: beat.client_host.clone(),
        topics: beat.topics.clone().unwrap_or_else(|| before.topics.clone()),
        pattern: beat.pattern.clone().or_else(|| before.pattern.clone()),
        rebalance_timeout_ms: beat.rebalance_timeout_ms.unwrap_or(before.rebalance_timeout_ms),
        assignor: beat.assignor.clone().or_else(|| before.assignor.clone()),
        classic: None,
    }
}

/// An assignment as it is told.
pub(super) fn listed(owned: &Owned) -> Vec<(TopicId, Vec<i32>)> {
    owned.iter().map(|(topic, found)| (*topic, found.keys().copied().collect())).collect()
}
