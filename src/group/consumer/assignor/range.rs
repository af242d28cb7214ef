//! Ranges: partitions of each topic in their order, dealt out to its readers in theirs.

use std::collections::BTreeMap;

use super::Subscriber;
use crate::base::TopicId;
use crate::group::Partitions;

/// What is left of a topic to be dealt out.
struct Deal {
    next: i32,
    /// To everybody.
    each: i32,
    /// One more to so many.
    extra: i32,
}

pub(super) fn assign(
    subscribers: &[Subscriber<'_>],
    counts: &BTreeMap<TopicId, i32>,
) -> Vec<Partitions> {
    let mut order: Vec<usize> = (0..subscribers.len()).collect();
    // Static members first: their order stays when they come back with another id.
    order.sort_by_key(|&at| {
        let Subscriber { id, instance, .. } = &subscribers[at];
        (instance.is_none(), *instance, *id)
    });
    let mut readers: BTreeMap<TopicId, i32> = BTreeMap::new();
    for topic in subscribers.iter().flat_map(|subscriber| &*subscriber.topics) {
        *readers.entry(*topic).or_default() += 1;
    }
    let mut deals: BTreeMap<TopicId, Deal> = BTreeMap::new();
    for (topic, readers) in readers {
        let count = counts.get(&topic).copied().unwrap_or(0);
        deals.insert(topic, Deal { next: 0, each: count / readers, extra: count % readers });
    }
    let mut targets = vec![Partitions::new(); subscribers.len()];
    for at in order {
        for topic in &*subscribers[at].topics {
            let Some(deal) = deals.get_mut(topic) else { continue };
            let share = deal.each + i32::from(deal.extra > 0);
            deal.extra -= i32::from(deal.extra > 0);
            if share > 0 {
                targets[at].insert(*topic, (deal.next..deal.next + share).collect());
            }
            deal.next += share;
        }
    }
    targets
}
