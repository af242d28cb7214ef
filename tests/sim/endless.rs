//! The end of a store that only evacuation can save (R16, R17): it is full, every extent holds
//! something endless among what has died, and nothing more is removed.

use strandlog::base::PartitionId;
use strandlog::strand::Entry;

use crate::clients::Producer;
use crate::workload::Workload;
use crate::world::PATIENCE_US;

/// How often the store is filled. A use that was copied while there was room lets the first
/// producer in without another copy; the next one needs it.
const ROUNDS: usize = 3;

/// Bytes of a value that stays, and of one that is removed: a tenth of every extent stays.
const ENDLESS_BYTES: usize = 100;
const PASSING_BYTES: usize = 1_500;

/// Between two turns while the store is filled.
const GAP_US: u64 = 1_000;

impl Workload {
    /// Fills the store with two kinds of batches in turn until it refuses, removes one kind, and
    /// wants the refused one acknowledged.
    pub fn demand_room_by_evacuation(&mut self) {
        let options = self.world.options.clone();
        self.world.disk.options_mut().capacity = options.disk.capacity;
        let (endless, passing) = (self.add_producer(), self.add_producer());
        for _ in 0..ROUNDS {
            self.fill(endless, passing);
            self.remove_all_of(passing);
            self.demand_an_answer_without_removing(passing);
        }
        self.demand_an_answer_without_removing(endless);
        self.world.verify();
        self.world.heal();
    }

    /// One that writes to a partition of its own. Gives its number.
    fn add_producer(&mut self) -> usize {
        let partition = PartitionId(self.next_partition);
        self.next_partition += 1;
        self.producers.push(Producer::new(-1, partition));
        self.producers.len() - 1
    }

    fn fill(&mut self, endless: usize, passing: usize) {
        let limit = self.world.now + PATIENCE_US;
        while !self.world.process().full {
            assert!(self.world.now < limit, "liveness: never full: {}", self.world.describe());
            for (number, bytes) in [(endless, ENDLESS_BYTES), (passing, PASSING_BYTES)] {
                let producer = &mut self.producers[number];
                if producer.may_send() {
                    producer.send(&mut self.world, 1, bytes, &mut self.produce);
                } else {
                    producer.retry(&mut self.world, &mut self.produce);
                }
            }
            self.world.finish_turn();
            self.pass(GAP_US);
        }
    }

    fn remove_all_of(&mut self, number: usize) {
        let partition = self.producers[number].partition;
        let limit = self.world.now + PATIENCE_US;
        loop {
            let Some(log) = self.world.model.newest.partitions.get(&partition) else { return };
            if self.world.command(Entry::LogStart { partition, to: log.end }).is_ok() {
                return;
            }
            assert!(self.world.now < limit, "liveness: no command: {}", self.world.describe());
            self.pass(GAP_US);
        }
    }

    fn demand_an_answer_without_removing(&mut self, number: usize) {
        let limit = self.world.now + PATIENCE_US;
        while self.producers[number].waiting().next().is_some() {
            assert!(
                self.world.now < limit,
                "liveness: evacuation makes no room: {}",
                self.world.describe()
            );
            self.producers[number].retry(&mut self.world, &mut self.produce);
            self.world.finish_turn();
            self.pass(50_000);
        }
    }
}
