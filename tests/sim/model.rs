//! The oracle: what the store must hold, kept in the simplest way that can be right.
//!
//! `committed` is the state after everything that was said to be durable. `pending` are the facts
//! that were handed over since, each with the frame it is in. After a crash the store must be in
//! the state after some whole number of those frames, and in no other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::rc::Rc;

use strandlog::base::LeaderEpoch;
use strandlog::base::Offset;
use strandlog::base::PartitionId;
use strandlog::log::Log;
use strandlog::strand::Append;
use strandlog::strand::Entry;
use strandlog::strand::EntryId;

use crate::batch::BatchCrc;

/// Offsets that a lost table takes (R11).
const LOST_OFFSETS: Offset = 1 << 32;

/// One partition's log.
#[derive(Clone, Default)]
pub struct Partition {
    pub start: Offset,
    pub end: Offset,
    /// Batches that hold an offset at or above `start`, by base offset.
    pub batches: BTreeMap<Offset, Append>,
    /// The facts besides ends and batches (epochs, segments, producers), by the state machine of
    /// the product: replay must give what ran live.
    pub log: Log,
    /// Batches that are here or were here and were not cut off again.
    pub appended: BTreeSet<BatchCrc>,
    /// Offsets that damage took, as declared by the store.
    pub lost: Vec<(Offset, Offset)>,
}

impl Partition {
    fn apply(&mut self, id: EntryId, entry: &Entry) {
        self.log.apply(id, entry);
        match entry {
            Entry::Append(append) => {
                if append.base_offset > self.end {
                    self.lost.push((self.end, append.base_offset));
                }
                // A truncation was lost with its frame (R11).
                self.batches.split_off(&append.base_offset);
                self.end = self.end.max(append.end());
                let first = self.appended.insert(append.crc);
                assert!(first, "the batch at {} is there twice", append.base_offset);
                self.batches.insert(append.base_offset, *append);
            }
            Entry::Truncate { to, .. } => {
                for (_, cut) in self.batches.split_off(to) {
                    self.appended.remove(&cut.crc);
                }
                self.end = self.end.min(*to);
            }
            Entry::LogStart { to, .. } => {
                self.start = self.start.max(*to);
                self.end = self.end.max(*to);
                let start = self.start;
                self.batches.retain(|_, batch| batch.end() > start);
            }
            Entry::Lost { from, to, .. } => {
                self.lost.push((*from, *to));
                self.end = self.end.max(*to);
            }
            _ => {}
        }
    }

    /// The batch that holds `offset`.
    pub fn batch_at(&self, offset: Offset) -> Option<&Append> {
        let (_, batch) = self.batches.range(..=offset).next_back()?;
        (batch.end() > offset).then_some(batch)
    }

    /// The first batch that ends above `offset`.
    pub fn next_batch(&self, offset: Offset) -> Option<&Append> {
        self.batch_at(offset)
            .or_else(|| self.batches.range(offset..).next().map(|(_, batch)| batch))
    }

    pub fn live_bytes(&self) -> u64 {
        self.batches.values().map(|batch| u64::from(batch.bytes)).sum()
    }

    pub fn epoch(&self) -> LeaderEpoch {
        self.log.epochs().latest().unwrap_or(0)
    }
}

/// All partitions that exist.
#[derive(Clone, Default)]
pub struct State {
    pub partitions: BTreeMap<PartitionId, Partition>,
    applied: u64,
}

impl State {
    pub fn apply(&mut self, entry: &Entry) {
        self.applied += 1;
        let id = EntryId { sequence: self.applied, number: 0 };
        let partition = partition_of(entry);
        if let Entry::Drop { .. } = entry {
            self.partitions.remove(&partition);
            return;
        }
        self.partitions.entry(partition).or_default().apply(id, entry);
    }

    /// The state after `entries`, with the frame of each, if no table up to `lost` that is not
    /// among them could be read: where a partition was not told its end later, it is advanced
    /// (R11). Gives what that adds.
    pub fn after_loss(entries: &[(u64, Entry)], lost: u64) -> (Self, Vec<Entry>) {
        let mut state = Self::default();
        let mut told = BTreeMap::new();
        for (sequence, entry) in entries {
            state.apply(entry);
            if matches!(entry, Entry::Append(_) | Entry::Truncate { .. } | Entry::Lost { .. }) {
                told.insert(partition_of(entry), *sequence);
            }
        }
        let is_open = |id: &&PartitionId| told.get(*id).is_none_or(|told| *told <= lost);
        let open: Vec<PartitionId> = state.partitions.keys().filter(is_open).copied().collect();
        let mut added = Vec::new();
        for partition in open.into_iter().filter(|_| lost > 0) {
            let from = state.partitions[&partition].end;
            let entry = Entry::Lost { partition, from, to: from + LOST_OFFSETS };
            state.apply(&entry);
            added.push(entry);
        }
        (state, added)
    }

    /// Live bytes of all partitions.
    pub fn live_bytes(&self) -> u64 {
        self.partitions.values().map(Partition::live_bytes).sum()
    }

    /// Whether the batch of this checksum can be read at this offset.
    pub fn is_live(&self, partition: PartitionId, base: Offset, crc: BatchCrc) -> bool {
        let partition = self.partitions.get(&partition);
        partition.and_then(|it| it.batches.get(&base)).is_some_and(|batch| batch.crc == crc)
    }
}

pub fn partition_of(entry: &Entry) -> PartitionId {
    match entry {
        Entry::Append(append) => append.partition,
        Entry::Truncate { partition, .. }
        | Entry::LogStart { partition, .. }
        | Entry::EpochStart { partition, .. }
        | Entry::Drop { partition }
        | Entry::Lost { partition, .. } => *partition,
        Entry::Relocate { batch, .. } => batch.partition,
        Entry::Seal { .. } => unreachable!("the workload seals nothing"),
    }
}

/// See the module.
#[derive(Clone, Default)]
pub struct Model {
    pub committed: State,
    /// What `committed` is made of: every fact with the frame that held it.
    history: Rc<Vec<(u64, Entry)>>,
    pub pending: VecDeque<(u64, Entry)>,
    /// The newest state: `committed` and all of `pending`.
    pub newest: State,
    /// The highest sequence that was said to be durable in this life of the process.
    pub durable: u64,
}

impl Model {
    /// A fact was handed over and will be in frame `sequence`.
    pub fn hand_over(&mut self, sequence: u64, entry: Entry) {
        let last = self.pending.back().map_or(self.durable, |(sequence, _)| *sequence);
        assert!(sequence >= last, "frames are filled in order: {sequence} after {last}");
        assert!(sequence > self.durable, "frame {sequence} took a fact and is durable already");
        if let Entry::Append(append) = &entry {
            let end = self.newest.partitions.get(&append.partition).map_or(0, |it| it.end);
            assert_eq!(append.base_offset, end, "the workload appends at the end");
        }
        self.newest.apply(&entry);
        self.pending.push_back((sequence, entry));
    }

    /// Everything up to `sequence` was said to be durable. Gives what became so.
    pub fn become_durable(&mut self, sequence: u64) -> Vec<Entry> {
        assert!(sequence >= self.durable, "the durable end went back to {sequence}");
        self.durable = sequence;
        let mut entries = Vec::new();
        while let Some((at, entry)) = self.pending.pop_front_if(|(at, _)| *at <= sequence) {
            self.committed.apply(&entry);
            Rc::make_mut(&mut self.history).push((at, entry.clone()));
            entries.push(entry);
        }
        entries
    }

    /// The states that the store may be in after a crash, the oldest first: each with the number
    /// of pending facts in it.
    pub fn candidates(&self) -> Vec<(usize, State)> {
        let mut state = self.committed.clone();
        let mut candidates = vec![(0, state.clone())];
        for (number, (sequence, entry)) in self.pending.iter().enumerate() {
            state.apply(entry);
            let next = self.pending.get(number + 1).map(|(sequence, _)| *sequence);
            if next != Some(*sequence) {
                candidates.push((number + 1, state.clone()));
            }
        }
        candidates
    }

    /// All facts, those that are not durable included, each with its frame.
    pub fn facts(&self) -> Vec<(u64, Entry)> {
        self.history.iter().chain(self.pending.iter()).cloned().collect()
    }

    /// The store came back with the first `pending` of the facts that were not durable.
    pub fn keep_pending(&mut self, pending: usize, state: State, durable: u64) {
        let kept = self.pending.drain(..pending).collect::<Vec<_>>();
        Rc::make_mut(&mut self.history).extend(kept);
        self.recover(state, durable);
    }

    /// The store came back with these facts after damage.
    pub fn keep_facts(&mut self, facts: Vec<(u64, Entry)>, state: State, durable: u64) {
        self.history = Rc::new(facts);
        self.recover(state, durable);
    }

    /// What is there stays, the rest never happened.
    fn recover(&mut self, state: State, durable: u64) {
        self.committed = state;
        self.newest = self.committed.clone();
        self.pending.clear();
        self.durable = durable;
    }
}
