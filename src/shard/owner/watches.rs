//! Who waits for partitions to grow: long polls of readers, told by the durable end, never by
//! asking again.

use std::collections::BTreeMap;

use crate::api::Answer;
use crate::api::WatchPart;
use crate::base::PartitionId;
use crate::shard::Shard;
use crate::shard::route::Asker;

/// Watches, by who waits and by partition. Bounded by the requests that home shards have taken:
/// each has at most one watch per owner.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_asker: BTreeMap<Asker, Watch>,
    by_partition: BTreeMap<PartitionId, Vec<Asker>>,
}

#[derive(Debug)]
struct Watch {
    partitions: Vec<PartitionId>,
    /// Bytes that must become visible before it is told.
    missing: u64,
}

impl Watches {
    fn insert(&mut self, asker: Asker, partitions: Vec<PartitionId>, missing: u64) {
        self.remove(asker);
        for &partition in &partitions {
            self.by_partition.entry(partition).or_default().push(asker);
        }
        self.by_asker.insert(asker, Watch { partitions, missing });
    }

    pub(super) fn remove(&mut self, asker: Asker) {
        let Some(watch) = self.by_asker.remove(&asker) else { return };
        for partition in watch.partitions {
            if let Some(askers) = self.by_partition.get_mut(&partition) {
                askers.retain(|other| *other != asker);
                if askers.is_empty() {
                    self.by_partition.remove(&partition);
                }
            }
        }
    }

    /// `bytes` more of the partition are visible: whoever waited for them is told.
    pub(super) fn grow(
        &mut self,
        partition: PartitionId,
        bytes: u64,
        answers: &mut Vec<(Asker, Answer)>,
    ) {
        let Some(askers) = self.by_partition.get(&partition) else { return };
        let mut told = Vec::new();
        for asker in askers {
            if let Some(watch) = self.by_asker.get_mut(asker) {
                watch.missing = watch.missing.saturating_sub(bytes);
                if watch.missing == 0 {
                    told.push(*asker);
                }
            }
        }
        for asker in told {
            self.remove(asker);
            answers.push((asker, Answer::Grown));
        }
    }

    /// The partition is gone, and whoever watches it is told.
    fn end(&mut self, partition: PartitionId, answers: &mut Vec<(Asker, Answer)>) {
        self.grow(partition, u64::MAX, answers);
    }
}

impl Shard {
    pub(super) fn on_watch(&mut self, asker: Asker, parts: &[WatchPart], bytes: u64) {
        let grown = parts.iter().any(|part| {
            let led = self.owner.partitions.get(&part.partition);
            led.is_none_or(|led| led.high_watermark > part.seen)
        });
        if grown {
            return self.answer(asker, Answer::Grown);
        }
        let mut partitions: Vec<_> = parts.iter().map(|part| part.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        self.owner.watches.insert(asker, partitions, bytes.max(1));
    }

    pub(super) fn end_watches(&mut self, partition: PartitionId) {
        let mut answers = Vec::new();
        self.owner.watches.end(partition, &mut answers);
        for (asker, answer) in answers {
            self.answer(asker, answer);
        }
    }
}
