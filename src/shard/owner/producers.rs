//! How many idempotent producers the shard remembers, over all of its partitions: beyond the bound
//! those go that were silent for the longest, as if their state had expired.

use std::collections::BTreeSet;

use super::StrandState;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::log::Producer;
use crate::record::NO_PRODUCER;
use crate::shard::Shard;

/// Producers by the wall time of their last append, oldest first. One that its partition has
/// forgotten by itself may still stand here; it counts until its turn comes.
#[derive(Debug, Default)]
pub(super) struct Recency {
    by_age: BTreeSet<(i64, PartitionId, i64)>,
}

impl Recency {
    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }

    /// A producer appended: its age was one thing, and is another; `None`: it is not known.
    pub(super) fn moved(
        &mut self,
        partition: PartitionId,
        producer: i64,
        before: Option<i64>,
        after: Option<i64>,
    ) {
        if let Some(age) = before {
            self.by_age.remove(&(age, partition, producer));
        }
        if let Some(age) = after {
            self.by_age.insert((age, partition, producer));
        }
    }
}

impl StrandState {
    /// When the producer appended last, wall clock in milliseconds.
    pub(super) fn producer_age(&self, partition: PartitionId, producer: i64) -> Option<i64> {
        if producer == NO_PRODUCER {
            return None;
        }
        let log = self.strand.log(partition)?;
        log.producers().get(producer).map(|state: &Producer| state.appended_ms)
    }
}

impl Shard {
    /// Of a strand that has recovered.
    pub(super) fn count_producers(&mut self, strand: StrandId) {
        let Some(state) = self.owner.strands.get(&strand) else { return };
        for (partition, log) in state.strand.logs() {
            for (producer, known) in log.producers().iter() {
                let age = Some(known.appended_ms);
                self.owner.producers.moved(partition, producer, None, age);
            }
        }
        self.bound_producers();
    }

    pub(super) fn bound_producers(&mut self) {
        while self.owner.producers.by_age.len() > self.config.producers_max {
            let Some((age, partition, producer)) = self.owner.producers.by_age.pop_first() else {
                return;
            };
            // Several strands hold logs, and one of them holds this partition's.
            for state in self.owner.strands.values_mut() {
                if state.producer_age(partition, producer) == Some(age) {
                    state.strand.forget_producer(partition, producer);
                }
            }
        }
    }

    /// Producers of the partition that appended last before `before_ms` have expired.
    pub(super) fn expire_producers(
        &mut self,
        strand: StrandId,
        partition: PartitionId,
        before_ms: i64,
    ) {
        let Some(state) = self.owner.strands.get_mut(&strand) else { return };
        let Some(log) = state.strand.log(partition) else { return };
        for (producer, known) in log.producers().iter() {
            if known.appended_ms < before_ms {
                let age = Some(known.appended_ms);
                self.owner.producers.moved(partition, producer, age, None);
            }
        }
        state.strand.forget_producers(partition, before_ms);
    }
}
