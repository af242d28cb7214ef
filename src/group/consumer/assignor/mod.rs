//! Who is to read what: the assignors that Kafka's broker has.

mod balance;
mod range;
mod uniform;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::TopicId;
use crate::group::Partitions;

/// How partitions are shared out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assignor {
    /// Everybody has as many as anybody, whatever the topic; what a member has it keeps.
    Uniform,
    /// Neighbouring partitions of each topic, the same of every topic.
    Range,
}

impl Assignor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// `None`: there is none of that name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range].into_iter().find(|assignor| assignor.name() == name)
    }
}

/// A member, as far as an assignor is concerned.
#[derive(Clone, Debug)]
pub(super) struct Subscriber<'a> {
    pub(super) id: &'a Arc<str>,
    pub(super) instance: Option<&'a Arc<str>>,
    /// The topics that it reads; all exist.
    pub(super) topics: Arc<BTreeSet<TopicId>>,
    /// What it was to have until now.
    pub(super) target: &'a Partitions,
}

/// What each of the subscribers is to have. `counts` has the partitions of every topic.
pub(super) fn assign(
    assignor: Assignor,
    subscribers: &[Subscriber<'_>],
    counts: &BTreeMap<TopicId, i32>,
) -> Vec<Partitions> {
    let alike = subscribers.iter().all(|subscriber| {
        let first = &subscribers[0].topics;
        Arc::ptr_eq(first, &subscriber.topics) || *first == subscriber.topics
    });
    match assignor {
        Assignor::Range => range::assign(subscribers, counts),
        Assignor::Uniform if alike => uniform::assign(subscribers, counts),
        Assignor::Uniform => balance::assign(subscribers, counts),
    }
}

fn give(targets: &mut Partitions, topic: TopicId, partition: i32) {
    targets.entry(topic).or_default().insert(partition);
}
