//! The target assignment: made anew when the group's epoch has risen.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Assignor;
use super::Draft;
use super::Facts;
use super::assignor::Subscriber;
use super::assignor::assign;
use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::Config;
use crate::group::MemberAbout;
use crate::group::Partitions;
use crate::group::context::Context;

impl Draft {
    /// Makes the target anew where it is older than the group, and the last one old enough.
    pub(super) fn retarget(&mut self, cx: &Context<'_>) {
        let epoch = self.facts.next_target_epoch(cx);
        if epoch <= self.facts.target_epoch.epoch {
            return;
        }
        for (member, target) in self.assign(cx) {
            self.write_target(&member, Arc::new(target));
        }
        self.write_target_epoch(epoch, cx.now.wall_ms);
    }

    /// Of whom the target is another than it was.
    fn assign(&self, cx: &Context<'_>) -> Vec<(Arc<str>, Partitions)> {
        let nothing = Arc::default();
        let mut topics = Topics { draft: self, cluster: cx.cluster, last: None };
        let members = self.facts.members.iter();
        let subscribers: Vec<_> = members
            .map(|(id, member)| Subscriber {
                id,
                instance: member.about.instance.as_ref(),
                topics: topics.of(&member.about),
                target: self.facts.targets.get(id).unwrap_or(&nothing),
            })
            .collect();
        let mut counts = BTreeMap::new();
        for topic in subscribers.iter().flat_map(|subscriber| &*subscriber.topics) {
            counts.entry(*topic).or_insert_with(|| {
                cx.cluster.topic_by_id(*topic).map_or(0, |found| found.partitions)
            });
        }
        let targets = assign(self.assignor(cx.config), &subscribers, &counts);
        let differs = |(subscriber, target): &(&Subscriber<'_>, Partitions)| {
            self.facts.targets.get(subscriber.id).is_none_or(|before| **before != *target)
        };
        let changed = subscribers.iter().zip(targets).filter(differs);
        changed.map(|(subscriber, target)| (subscriber.id.clone(), target)).collect()
    }

    /// The assignor that most members would like; the node's first where nobody says.
    pub(super) fn assignor(&self, config: &Config) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for member in self.facts.members.values() {
            let wanted = member.about.assignor.as_deref().and_then(Assignor::of);
            if let Some(assignor) = wanted.filter(|wanted| config.assignors.contains(wanted)) {
                *votes.entry(assignor).or_default() += 1;
            }
        }
        let most = votes.values().max().copied();
        let by_votes =
            |assignor: &&Assignor| most.is_some() && votes.get(assignor).copied() == most;
        let first = config.assignors.first();
        config.assignors.iter().find(by_votes).or(first).copied().unwrap_or(Assignor::Uniform)
    }
}

impl Facts {
    /// The epoch of the target that whoever takes a step is taken towards: the group's, as long as
    /// the last target is not too young for another.
    pub(super) fn next_target_epoch(&self, cx: &Context<'_>) -> i32 {
        let last = self.target_epoch;
        if last.epoch >= self.epoch.epoch {
            return last.epoch;
        }
        let settings = cx.cluster.group_settings(&self.group);
        let age_ms = cx.now.wall_ms.saturating_sub(last.made_ms);
        // One of the future was made before the clock was set back: nobody knows its age.
        let is_young = (0..i64::from(settings.assignment_interval_ms)).contains(&age_ms);
        if is_young && last.made_ms != 0 { last.epoch } else { self.epoch.epoch }
    }
}

/// Most members read what the one before reads.
struct Topics<'a> {
    draft: &'a Draft,
    cluster: &'a dyn Cluster,
    last: Option<(&'a MemberAbout, Arc<BTreeSet<TopicId>>)>,
}

impl<'a> Topics<'a> {
    fn of(&mut self, about: &'a MemberAbout) -> Arc<BTreeSet<TopicId>> {
        match &self.last {
            Some((last, topics))
                if last.topics == about.topics && last.pattern() == about.pattern() =>
            {
                topics.clone()
            }
            _ => {
                let topics = Arc::new(self.draft.facts.topics_of(about, self.cluster));
                self.last = Some((about, topics.clone()));
                topics
            }
        }
    }
}
