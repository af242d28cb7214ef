//! From what a member has to what it is to have (rule 57): first it gives up what it is not to have,
//! and only then it gets what others have given up.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::TopicId;
use crate::group::CurrentValue;
use crate::group::Error;
use crate::group::MemberState;
use crate::group::Owned;
use crate::group::Partitions;
use crate::group::Refused;

/// What a step is decided by.
pub(super) struct Step<'a> {
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// The topics that the member reads and that exist.
    pub(super) subscribed: &'a BTreeSet<TopicId>,
    /// It reads other topics than before.
    pub(super) has_changed: bool,
    /// What it says it has; `None`: it does not say.
    pub(super) owned: Option<&'a [(TopicId, Vec<i32>)]>,
    /// Nobody else has the partition.
    pub(super) is_free: &'a dyn Fn(TopicId, i32) -> bool,
}

impl Step<'_> {
    /// Where the member stands after it; the same where it cannot go on.
    pub(super) fn of(&self, current: &CurrentValue) -> Result<CurrentValue, Refused> {
        match current.state {
            MemberState::Stable if current.epoch != self.target_epoch => Ok(self.follow(current)),
            MemberState::Stable if self.has_changed => Ok(self.strip(current)),
            MemberState::Stable => Ok(current.clone()),
            MemberState::Revoking if !self.owns_any(&current.revoking) => Ok(self.follow(current)),
            MemberState::Revoking if self.has_changed => Ok(self.strip(current)),
            MemberState::Revoking => Ok(current.clone()),
            MemberState::Waiting => Ok(self.follow(current)),
            MemberState::Unknown if self.owned.is_none_or(|owned| !owned.is_empty()) => {
                Err(Refused::new(
                    Error::FencedMemberEpoch,
                    "The consumer group member is in a unknown state. The member must abandon all \
                     its partitions and rejoin."
                        .to_owned(),
                ))
            }
            MemberState::Unknown => Ok(self.follow(current)),
        }
    }

    /// The member says that it still has some of them, or does not say.
    fn owns_any(&self, revoking: &Owned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, partitions)| {
            let among =
                |found: &BTreeMap<i32, i32>| partitions.iter().any(|p| found.contains_key(p));
            revoking.get(topic).is_some_and(among)
        })
    }

    /// Takes away what the member does not read any more, and nothing else.
    fn strip(&self, current: &CurrentValue) -> CurrentValue {
        let mut next = current.clone();
        next.assigned.retain(|topic, _| self.subscribed.contains(topic));
        if next.assigned.len() == current.assigned.len() {
            return next;
        }
        let mut revoking = current.revoking.clone();
        for (topic, partitions) in &current.assigned {
            if !self.subscribed.contains(topic) {
                revoking.entry(*topic).or_default().extend(partitions);
            }
        }
        next.previous_epoch = current.epoch;
        if self.owns_any(&revoking) {
            next.state = MemberState::Revoking;
            next.revoking = revoking;
        }
        next
    }

    /// Takes the member as far towards the target as others let it.
    fn follow(&self, current: &CurrentValue) -> CurrentValue {
        let (mut assigned, mut revoking) = (Owned::new(), Owned::new());
        for (topic, partitions) in &current.assigned {
            let target = self.target.get(topic).filter(|_| self.subscribed.contains(topic));
            for (&partition, &epoch) in partitions {
                let keeps = target.is_some_and(|target| target.contains(&partition));
                let side = if keeps { &mut assigned } else { &mut revoking };
                side.entry(*topic).or_default().insert(partition, epoch);
            }
        }
        if !revoking.is_empty() && self.owns_any(&revoking) {
            let (epoch, state) = (current.epoch, MemberState::Revoking);
            return CurrentValue { epoch, previous_epoch: epoch, state, assigned, revoking };
        }
        let mut state = MemberState::Stable;
        for (topic, partitions) in self.target {
            if !self.subscribed.contains(topic) {
                continue;
            }
            for &partition in partitions {
                if assigned.get(topic).is_some_and(|found| found.contains_key(&partition)) {
                    continue;
                }
                if (self.is_free)(*topic, partition) {
                    assigned.entry(*topic).or_default().insert(partition, self.target_epoch);
                } else {
                    state = MemberState::Waiting;
                }
            }
        }
        CurrentValue {
            epoch: self.target_epoch,
            previous_epoch: current.epoch,
            state,
            assigned,
            revoking: Owned::new(),
        }
    }
}
