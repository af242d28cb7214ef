//! What a consumer group takes over of a classic one, and leaves to it (rule 61).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Draft;
use super::hash;
use super::named;
use crate::group::Cluster;
use crate::group::CurrentValue;
use crate::group::MemberAbout;
use crate::group::NamedPartitions;
use crate::group::Owned;
use crate::group::Partitions;
use crate::group::Record;

/// A member of a classic group in the words of the consumer protocol.
#[derive(Debug)]
pub(in crate::group) struct Adopted {
    pub(in crate::group) id: Arc<str>,
    pub(in crate::group) about: MemberAbout,
    pub(in crate::group) has: Partitions,
}

/// A member of the classic protocol, with what it is to have.
#[derive(Debug)]
pub(in crate::group) struct Returned {
    pub(in crate::group) id: Arc<str>,
    pub(in crate::group) about: Arc<MemberAbout>,
    pub(in crate::group) target: Vec<NamedPartitions>,
}

impl Draft {
    /// Members of a classic group become members of this one, which has nobody, in its generation
    /// and with what they have.
    pub(in crate::group) fn adopt(
        &mut self,
        generation: i32,
        members: Vec<Adopted>,
        cluster: &dyn Cluster,
    ) {
        let mut owned = Vec::with_capacity(members.len());
        for Adopted { id, about, has } in members {
            self.write_about(&id, Arc::new(about));
            owned.push((id, has));
        }
        let topics_hash = hash::of_topics(self.facts.subscribed(), cluster);
        self.write_epoch(generation, topics_hash);
        for (id, has) in &owned {
            self.write_target(id, Arc::new(has.clone()));
        }
        self.write_target_epoch(generation, 0);
        for (id, has) in owned {
            let with_epochs = |found: BTreeSet<i32>| {
                found.into_iter().map(|partition| (partition, generation)).collect()
            };
            let assigned: Owned =
                has.into_iter().map(|(topic, found)| (topic, with_epochs(found))).collect();
            let current = CurrentValue::of_nothing(generation, generation);
            self.write_current(&id, Arc::new(CurrentValue { assigned, ..current }));
        }
    }

    /// The group's epoch, and its members without `leaving`.
    pub(in crate::group) fn classic_members(
        &self,
        leaving: &BTreeSet<Arc<str>>,
        cluster: &dyn Cluster,
    ) -> (i32, Vec<Returned>) {
        let staying = self.facts.members.iter().filter(|(id, _)| !leaving.contains(*id));
        let returned = staying.map(|(id, member)| {
            let target = self.facts.target(id);
            let listed = target.iter().map(|(id, found)| (*id, found.iter().copied().collect()));
            let (id, about) = (id.clone(), member.about.clone());
            Returned { id, about, target: named(listed, cluster) }
        });
        (self.facts.epoch.epoch, returned.collect())
    }

    /// What ends the group as it would be.
    pub(in crate::group) fn tombstones(&self) -> Vec<Record> {
        self.facts.tombstones()
    }
}
