//! Members that all read the same topics get as many partitions each, and keep what they have as
//! far as that goes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Subscriber;
use super::give;
use crate::base::TopicId;
use crate::group::Partitions;

pub(super) fn assign(
    subscribers: &[Subscriber<'_>],
    counts: &BTreeMap<TopicId, i32>,
) -> Vec<Partitions> {
    let mut targets = vec![Partitions::new(); subscribers.len()];
    let Some(first) = subscribers.first() else { return targets };
    let all = first.topics.iter().flat_map(|topic| {
        let count = counts.get(topic).copied().unwrap_or(0);
        (0..count).map(move |partition| (*topic, partition))
    });
    let mut free: BTreeSet<(TopicId, i32)> = all.collect();
    let (each, extra) = (free.len() / subscribers.len(), free.len() % subscribers.len());
    // First come those who keep more than the others, so that nothing moves without need.
    let mut kept = Vec::with_capacity(subscribers.len());
    for (at, subscriber) in subscribers.iter().enumerate() {
        let mut mine = Vec::new();
        for (topic, partitions) in subscriber.target {
            for &partition in partitions {
                // One that two have, or that is not there, is kept by the first, or by nobody.
                if mine.len() <= each && free.remove(&(*topic, partition)) {
                    mine.push((*topic, partition));
                }
            }
        }
        kept.push((at, mine));
    }
    let mut extra = extra;
    for (_, mine) in &mut kept {
        if mine.len() > each {
            if extra > 0 {
                extra -= 1;
            } else if let Some(last) = mine.pop() {
                free.insert(last);
            }
        }
    }
    let mut free = free.into_iter();
    for (at, mut mine) in kept {
        let mut share = each.max(mine.len());
        if mine.len() <= each && extra > 0 {
            extra -= 1;
            share += 1;
        }
        mine.extend(free.by_ref().take(share - mine.len()));
        for (topic, partition) in mine {
            give(&mut targets[at], topic, partition);
        }
    }
    targets
}
