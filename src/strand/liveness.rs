//! What is still live in each use: computed from runs and index files against the partitions'
//! ends, never trusted from disk (R13). A use in which nothing is live dies here.

use std::collections::BTreeMap;

use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::IndexId;
use crate::strand::Output;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::extents::Live;
use crate::strand::machine::SLICE_PAUSE_US;
use crate::strand::machine::Strand;
use crate::strand::summaries::FileSweep;

/// Between two sweeps while space is plenty.
const SWEEP_INTERVAL_US: u64 = 1_000_000;

/// A sweep over memory, slice by slice, and then over all index files.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    memory: Option<MemorySweep>,
    pub(super) files: FileSweep,
    last_us: u64,
}

/// What the runs in memory say, as far as they were looked at. Runs come and go meanwhile: a use that
/// takes no more frames only loses what is live in it.
#[derive(Debug)]
struct MemorySweep {
    /// Uses that were sealed when it began.
    uses: Vec<u64>,
    live: BTreeMap<u64, Live>,
    /// Where the next slice begins, and when.
    next: (PartitionId, Offset),
    due_us: u64,
}

impl Liveness {
    /// Whether the index file is being read.
    pub(super) fn holds(&self, index: IndexId) -> bool {
        self.files.holds(index)
    }

    pub(super) fn is_running(&self) -> bool {
        self.memory.is_some() || self.files.is_running()
    }
}

impl Strand {
    /// Goes on with a sweep, or begins one if something may have died since the last one.
    pub(super) fn sweep(&mut self, now: Now, out: &mut Output) {
        if let Some(memory) = self.liveness.memory.take() {
            self.sweep_slice(now, memory, out);
            return;
        }
        self.sum_up(now, out);
        let is_time = self.is_short_of_space()
            || now.mono_us >= self.liveness.last_us.saturating_add(SWEEP_INTERVAL_US);
        if !self.space.has_changed || self.liveness.is_running() || !is_time {
            return;
        }
        self.space.has_changed = false;
        self.liveness.last_us = now.mono_us;
        let memory = self.begin_memory_sweep();
        self.sweep_slice(now, memory, out);
    }

    /// When what may have died since the last sweep is looked at.
    pub(super) fn sweep_deadline(&self) -> Option<u64> {
        if let Some(memory) = &self.liveness.memory {
            return Some(memory.due_us);
        }
        if let Some(due_us) = self.liveness.files.deadline() {
            return Some(due_us);
        }
        let is_wanted = self.space.has_changed && !self.liveness.is_running();
        is_wanted.then(|| self.liveness.last_us.saturating_add(SWEEP_INTERVAL_US))
    }

    /// Whether offsets `from..to` of a partition, as a whole, are still in its log.
    pub(super) fn is_live(&self, partition: PartitionId, from: Offset, to: Offset) -> bool {
        self.logs.get(&partition).is_some_and(|log| to > log.start() && from < log.end())
    }

    fn begin_memory_sweep(&mut self) -> MemorySweep {
        let used = self.extents.uses().filter_map(|(number, _)| self.extents.used(number));
        if let Some(oldest) = used.map(|extent| extent.first_sequence).min() {
            self.space.forget_truncations(oldest);
        }
        let is_in_memory = |extent: &Extent| extent.index.is_none() && extent.life == Life::Sealed;
        let in_memory = self.extents.iter().filter(|(_, extent)| is_in_memory(extent));
        MemorySweep {
            uses: in_memory.map(|(_, extent)| extent.use_number).collect(),
            live: BTreeMap::new(),
            next: (PartitionId(0), Offset::MIN),
            due_us: 0,
        }
    }

    /// Looks at some more runs; at the end, at the index files.
    fn sweep_slice(&mut self, now: Now, mut memory: MemorySweep, out: &mut Output) {
        let mut runs = self.runs.iter_from(memory.next);
        for placed in runs.by_ref().take(self.config.sweep_runs) {
            let run = &placed.run;
            if !run.is_void() && self.is_live(run.partition, run.from, run.to) {
                let of_run = Live { bytes: u64::from(run.bytes), batches: u64::from(run.batches) };
                memory.live.entry(placed.place.number).or_default().add(of_run);
            }
        }
        let next = runs.next().map(|next| (next.run.partition, next.run.from));
        drop(runs);
        if let Some(next) = next {
            memory.next = next;
            memory.due_us = now.mono_us.saturating_add(SLICE_PAUSE_US);
            self.liveness.memory = Some(memory);
            return;
        }
        for number in memory.uses {
            // Runs that went into an index file meanwhile were not all looked at.
            let is_in_memory = self.extents.used(number).is_some_and(|of| of.index.is_none());
            if is_in_memory {
                self.is_alive_with(number, memory.live.get(&number).copied());
            }
        }
        self.liveness.files.begin(self.indexes.keys().copied());
        self.sweep_next(out);
    }

    /// A sealed use holds this much that is live; `None`: nothing at all.
    pub(super) fn is_alive_with(&mut self, use_number: u64, live: Option<Live>) {
        let killer = self.commit.newest_sequence();
        let generation = self.checkpoints.generation();
        let Some(extent) = self.extents.used_mut(use_number) else { return };
        if extent.life != Life::Sealed {
            return;
        }
        match live {
            // A run that was split counts for each of its parts.
            Some(live) => {
                let bytes = live.bytes.min(extent.stored_bytes);
                extent.live = Live { bytes, batches: live.batches };
            }
            None => self.extents.kill(use_number, killer, generation),
        }
    }

    pub(super) fn sweep_is_over(&mut self, out: &mut Output) {
        self.recycle(out);
        self.evacuation.look_again();
        if self.has_recyclable() && self.is_short_of_space() {
            self.checkpoints.want();
        }
    }
}
