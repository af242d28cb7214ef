//! Members that read different topics: what a member has it keeps, what is free goes to whoever of
//! its readers has least, and then readers of a topic hand partitions on until none of them has two
//! more than another.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Subscriber;
use super::give;
use crate::base::TopicId;
use crate::group::Partitions;

/// Rounds over all topics at most: a chain of hands may be longer, and then is continued by the
/// next change (Kafka's `MAX_ITERATION_COUNT`).
const ROUNDS_MAX: usize = 16;

struct Balance {
    /// Partitions that each member has.
    loads: Vec<usize>,
    /// The owner of each partition, by topic.
    owners: BTreeMap<TopicId, Vec<Option<usize>>>,
    readers: BTreeMap<TopicId, Vec<usize>>,
}

pub(super) fn assign(
    subscribers: &[Subscriber<'_>],
    counts: &BTreeMap<TopicId, i32>,
) -> Vec<Partitions> {
    let mut balance = Balance::of(subscribers, counts);
    let topics = balance.topics_in_order();
    balance.keep(subscribers);
    for topic in &topics {
        balance.deal(*topic);
    }
    for _ in 0..ROUNDS_MAX {
        let moved: usize = topics.iter().map(|topic| balance.level(*topic)).sum();
        if moved == 0 {
            break;
        }
    }
    let mut targets = vec![Partitions::new(); subscribers.len()];
    for (topic, owners) in &balance.owners {
        for (partition, owner) in (0..).zip(owners) {
            if let Some(owner) = owner {
                give(&mut targets[*owner], *topic, partition);
            }
        }
    }
    targets
}

impl Balance {
    fn of(subscribers: &[Subscriber<'_>], counts: &BTreeMap<TopicId, i32>) -> Self {
        let mut readers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (at, subscriber) in subscribers.iter().enumerate() {
            for topic in &*subscriber.topics {
                readers.entry(*topic).or_default().push(at);
            }
        }
        let unowned = |topic: &TopicId| {
            let count = counts.get(topic).copied().unwrap_or(0);
            vec![None; usize::try_from(count).unwrap_or(0)]
        };
        let owners = readers.keys().map(|topic| (*topic, unowned(topic))).collect();
        Self { loads: vec![0; subscribers.len()], owners, readers }
    }

    /// First those of which every reader has most, and of these those with fewest readers.
    fn topics_in_order(&self) -> Vec<TopicId> {
        let mut topics: Vec<TopicId> = self.readers.keys().copied().collect();
        let facts = |topic: &TopicId| (self.owners[topic].len(), self.readers[topic].len());
        topics.sort_by(|one, other| {
            let ((partitions, readers), (others, their)) = (facts(one), facts(other));
            // As fractions, without rounding.
            (others * readers)
                .cmp(&(partitions * their))
                .then(readers.cmp(&their))
                .then(one.cmp(other))
        });
        topics
    }

    fn keep(&mut self, subscribers: &[Subscriber<'_>]) {
        for (at, subscriber) in subscribers.iter().enumerate() {
            for (topic, partitions) in subscriber.target {
                if !subscriber.topics.contains(topic) {
                    continue;
                }
                let Some(owners) = self.owners.get_mut(topic) else { continue };
                for partition in partitions {
                    let place = usize::try_from(*partition).ok().and_then(|at| owners.get_mut(at));
                    if let Some(owner @ None) = place {
                        *owner = Some(at);
                        self.loads[at] += 1;
                    }
                }
            }
        }
    }

    /// What nobody has goes to the reader who has least.
    fn deal(&mut self, topic: TopicId) {
        let readers = &self.readers[&topic];
        let mut order: BTreeSet<_> = readers.iter().map(|&at| (self.loads[at], at)).collect();
        let Some(owners) = self.owners.get_mut(&topic) else { return };
        for owner in owners.iter_mut().filter(|owner| owner.is_none()) {
            let Some((load, at)) = order.pop_first() else { return };
            *owner = Some(at);
            self.loads[at] += 1;
            order.insert((load + 1, at));
        }
    }

    /// Readers of the topic who have most hand on to those who have least; how often.
    fn level(&mut self, topic: TopicId) -> usize {
        let readers = &self.readers[&topic];
        let mut takers: BTreeSet<_> = readers.iter().map(|&at| (self.loads[at], at)).collect();
        let Some(owners) = self.owners.get_mut(&topic) else { return 0 };
        let mut held: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in owners.iter().enumerate() {
            if let Some(owner) = owner {
                held.entry(*owner).or_default().push(partition);
            }
        }
        let mut givers: BTreeSet<_> = held.keys().map(|&at| (self.loads[at], at)).collect();
        let mut moved = 0;
        while let (Some(&most), Some(&least)) = (givers.last(), takers.first()) {
            if most.0 <= least.0 + 1 {
                break;
            }
            let (giver, taker) = (most.1, least.1);
            let Some(partition) = held.get_mut(&giver).and_then(Vec::pop) else {
                givers.remove(&most);
                continue;
            };
            owners[partition] = Some(taker);
            moved += 1;
            for (at, load) in [(giver, most.0 - 1), (taker, least.0 + 1)] {
                takers.remove(&(self.loads[at], at));
                let was_giver = givers.remove(&(self.loads[at], at));
                self.loads[at] = load;
                takers.insert((load, at));
                if was_giver {
                    givers.insert((load, at));
                }
            }
        }
        moved
    }
}
