//! What a consumer group looks like from outside.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Assignor;
use super::Facts;
use super::Member;
use super::named;
use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::ConsumerDescription;
use crate::group::DescribedConsumer;
use crate::group::MemberState;

/// As Kafka's tools show it.
pub(super) fn state(facts: &Facts) -> &'static str {
    let target = facts.target_epoch.epoch;
    let is_there = |member: &Arc<Member>| {
        member.current.state == MemberState::Stable && member.current.epoch == target
    };
    if facts.members.is_empty() {
        "Empty"
    } else if facts.epoch.epoch > target {
        "Assigning"
    } else if facts.members.values().all(is_there) {
        "Stable"
    } else {
        "Reconciling"
    }
}

pub(super) fn group(
    facts: &Facts,
    assignor: Assignor,
    cluster: &dyn Cluster,
) -> ConsumerDescription {
    let members = facts.members.iter();
    ConsumerDescription {
        state: state(facts),
        epoch: facts.epoch.epoch,
        target_epoch: facts.target_epoch.epoch,
        assignor,
        members: members.map(|(id, member)| described(facts, id, member, cluster)).collect(),
    }
}

fn described(
    facts: &Facts,
    id: &Arc<str>,
    member: &Member,
    cluster: &dyn Cluster,
) -> DescribedConsumer {
    let mut has: BTreeMap<TopicId, BTreeSet<i32>> = BTreeMap::new();
    for owned in [&member.current.assigned, &member.current.revoking] {
        for (topic, partitions) in owned {
            has.entry(*topic).or_default().extend(partitions.keys());
        }
    }
    let listed = |partitions: &BTreeMap<TopicId, BTreeSet<i32>>| {
        let all = partitions.iter().map(|(id, found)| (*id, found.iter().copied().collect()));
        named(all, cluster)
    };
    DescribedConsumer {
        id: id.clone(),
        about: member.about.clone(),
        epoch: member.current.epoch,
        assignment: listed(&has),
        target: listed(&facts.target(id)),
    }
}
