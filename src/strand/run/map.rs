//! Runs of several extents in order of partition and offset, without overlaps.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::op::ExtentId;
use crate::strand::run::Run;

/// The filling of an extent that runs lie in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Use {
    pub number: u64,
    pub extent: ExtentId,
}

/// A run and where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlacedRun {
    pub place: Use,
    pub run: Run,
}

impl PlacedRun {
    /// Of two runs that hold the same offset, the one written later holds it.
    fn is_newer_than(&self, other: &Self) -> bool {
        // A void and a batch at one position: the batch belongs to a later entry.
        let age = |of: &Self| (of.place.number, of.run.position, !of.run.is_void());
        age(self) > age(other)
    }

    fn narrowed(&self, from: Offset, to: Offset) -> Self {
        Self { place: self.place, run: Run { from, to, ..self.run } }
    }
}

/// What in-memory indexes are and what footers and index files are made from. Where runs overlap
/// the newest wins; older ones are narrowed to what is left of them.
#[derive(Clone, Debug, Default)]
pub struct RunMap {
    runs: BTreeMap<(PartitionId, Offset), PlacedRun>,
}

impl RunMap {
    /// Takes a run in. Its age is that of its place, whatever the order of insertion.
    pub fn insert(&mut self, new: PlacedRun) {
        if new.run.to <= new.run.from {
            return;
        }
        if self.is_behind_all(&new.run) {
            // What producers append: nothing to narrow.
            self.runs.insert((new.run.partition, new.run.from), new);
            return;
        }
        let mut rest = new;
        for old in self.overlapping(&new.run) {
            if old.is_newer_than(&new) {
                self.put(rest.narrowed(rest.run.from, old.run.from));
                rest.run.from = old.run.to.max(rest.run.from);
            } else {
                self.runs.remove(&(old.run.partition, old.run.from));
                self.put(old.narrowed(old.run.from, new.run.from));
                self.put(old.narrowed(new.run.to, old.run.to));
            }
        }
        self.put(rest);
    }

    fn put(&mut self, placed: PlacedRun) {
        if placed.run.from < placed.run.to {
            self.runs.insert((placed.run.partition, placed.run.from), placed);
        }
    }

    /// Whether all of the partition's runs lie below `run`.
    fn is_behind_all(&self, run: &Run) -> bool {
        let of_partition = (run.partition, Offset::MIN)..=(run.partition, Offset::MAX);
        self.runs.range(of_partition).next_back().is_none_or(|(_, last)| last.run.to <= run.from)
    }

    /// Runs that hold any of the offsets of `run`, ascending.
    fn overlapping(&self, run: &Run) -> Vec<PlacedRun> {
        let first = self.holding(run.partition, run.from).map_or(run.from, |held| held.run.from);
        let range = (run.partition, first)..(run.partition, run.to);
        self.runs.range(range).map(|(_, placed)| *placed).collect()
    }

    fn holding(&self, partition: PartitionId, offset: Offset) -> Option<&PlacedRun> {
        let before = self.runs.range((partition, Offset::MIN)..=(partition, offset)).next_back();
        before.map(|(_, placed)| placed).filter(|placed| offset < placed.run.to)
    }

    /// Runs of `partition` from the one that holds `from`, or else the first one above it.
    pub fn from(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> impl Iterator<Item = &PlacedRun> + '_ {
        let first = self.holding(partition, from).map_or(from, |held| held.run.from);
        self.runs.range((partition, first)..=(partition, Offset::MAX)).map(|(_, placed)| placed)
    }

    /// All runs by partition and offset.
    pub fn iter(&self) -> impl Iterator<Item = &PlacedRun> + '_ {
        self.runs.values()
    }

    /// All runs by partition and offset, from this one on.
    pub fn iter_from(&self, first: (PartitionId, Offset)) -> impl Iterator<Item = &PlacedRun> + '_ {
        self.runs.range(first..).map(|(_, placed)| placed)
    }

    /// Forgets the runs of some uses among the next `most` from `first` on. Where to go on.
    pub fn remove_uses_from(
        &mut self,
        numbers: &BTreeSet<u64>,
        first: (PartitionId, Offset),
        most: usize,
    ) -> Option<(PartitionId, Offset)> {
        let mut runs = self.runs.range(first..);
        let is_of_them = |placed: &PlacedRun| numbers.contains(&placed.place.number);
        let some = runs.by_ref().take(most);
        let gone = some.filter(|(_, placed)| is_of_them(placed)).map(|(key, _)| *key);
        let gone: Vec<(PartitionId, Offset)> = gone.collect();
        let next = runs.next().map(|(key, _)| *key);
        for key in gone {
            self.runs.remove(&key);
        }
        next
    }

    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}
