//! What is still live in each use: computed from runs and index files against the partitions'
//! ends, never trusted from disk (R13). A use in which nothing is live dies here.

use std::collections::BTreeMap;

use crate::base::Now;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::Damage;
use crate::strand::DamageReport;
use crate::strand::File;
use crate::strand::IndexHead;
use crate::strand::IndexId;
use crate::strand::IndexSummary;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::extents::Live;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// Between two sweeps while space is plenty.
const SWEEP_INTERVAL_US: u64 = 1_000_000;

/// Between two slices of a sweep over memory.
const SLICE_PAUSE_US: u64 = 100;

/// A sweep over memory, slice by slice, and then over all index files.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    memory: Option<MemorySweep>,
    /// Index files that are still to be read, newest last.
    todo: Vec<IndexId>,
    reading: Option<Reading>,
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

#[derive(Debug)]
struct Reading {
    index: IndexId,
    /// `None`: the head is being read.
    head: Option<IndexHead>,
}

impl Liveness {
    /// Whether the index file is being read.
    pub(super) fn holds(&self, index: IndexId) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.index == index)
    }

    pub(super) fn is_running(&self) -> bool {
        self.memory.is_some() || self.reading.is_some() || !self.todo.is_empty()
    }
}

impl Strand {
    /// Goes on with a sweep, or begins one if something may have died since the last one.
    pub(super) fn sweep(&mut self, now: Now, out: &mut Output) {
        if let Some(memory) = self.liveness.memory.take() {
            self.sweep_slice(now, memory, out);
            return;
        }
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
        self.liveness.todo = self.indexes.keys().copied().collect();
        self.sweep_next(out);
    }

    /// A sealed use holds this much that is live; `None`: nothing at all.
    fn is_alive_with(&mut self, use_number: u64, live: Option<Live>) {
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

    fn sweep_next(&mut self, out: &mut Output) {
        // Files may have been given up since the sweep began.
        let index = loop {
            match self.liveness.todo.pop() {
                Some(index) if self.indexes.contains_key(&index) => break index,
                Some(_) => {}
                None => {
                    self.sweep_is_over(out);
                    return;
                }
            }
        };
        self.liveness.reading = Some(Reading { index, head: None });
        let op = Op::Read { file: File::Index(index), position: 0, bytes: PAGE as u32 };
        self.ops.issue(Purpose::Sweep, op, out);
    }

    fn sweep_is_over(&mut self, out: &mut Output) {
        self.recycle(out);
        self.evacuation.look_again();
        if self.has_recyclable() && self.is_short_of_space() {
            self.checkpoints.want();
        }
    }

    pub(super) fn on_sweep(&mut self, outcome: &Outcome, out: &mut Output) {
        let reading = self.liveness.reading.take().expect("a sweep reads one file at a time");
        let index = reading.index;
        let block = match outcome {
            Outcome::Read(block) => Some(block),
            _ => None,
        };
        let Some(head) = reading.head else {
            let (key, strand) = (&self.identity.key, self.identity.strand);
            let head = block.and_then(|block| IndexHead::parse(block.bytes(), key, strand, index));
            match head {
                Some(head) => self.sweep_summary(index, head, out),
                None => self.sweep_found_damage(index, out),
            }
            return;
        };
        match block.and_then(|block| head.summaries(block.bytes())) {
            Some(summaries) => {
                self.take_summaries(&head, &summaries);
                self.sweep_next(out);
            }
            None => self.sweep_found_damage(index, out),
        }
    }

    fn sweep_summary(&mut self, index: IndexId, head: IndexHead, out: &mut Output) {
        let bytes = u32::try_from(head.summary_bytes()).unwrap_or(u32::MAX);
        if bytes == 0 {
            self.take_summaries(&head, &[]);
            self.sweep_next(out);
            return;
        }
        let position = head.summary_start();
        self.liveness.reading = Some(Reading { index, head: Some(head) });
        self.ops.issue(Purpose::Sweep, Op::Read { file: File::Index(index), position, bytes }, out);
    }

    /// What a damaged index file covers stays as it is: nothing of it dies.
    fn sweep_found_damage(&mut self, index: IndexId, out: &mut Output) {
        let damage = Damage::Index;
        let report =
            DamageReport { file: File::Index(index), position: 0, partition: None, damage };
        out.notices.push(Notice::Damage(report));
        self.sweep_next(out);
    }

    fn take_summaries(&mut self, head: &IndexHead, summaries: &[IndexSummary]) {
        let mut live: BTreeMap<u64, Live> = BTreeMap::new();
        let mut stored: BTreeMap<u64, u64> = BTreeMap::new();
        for of in summaries {
            *stored.entry(of.place.number).or_default() += of.bytes;
            let Some(log) = self.logs.get(&of.partition) else { continue };
            let (from, to) = (of.from.max(log.start()), of.to.min(log.end()));
            if from < to {
                // In proportion: an estimate, except that it is above 0 while anything is live.
                let share = (to - from) as f64 / (of.to - of.from) as f64;
                live.entry(of.place.number).or_default().add(Live {
                    bytes: (of.bytes as f64 * share) as u64 + 1,
                    batches: (f64::from(of.batches) * share) as u64 + 1,
                });
            }
        }
        for place in &head.uses {
            let is_here =
                self.extents.used(place.number).is_some_and(|of| of.index == Some(head.index));
            if !is_here {
                continue;
            }
            if let Some(extent) = self.extents.used_mut(place.number) {
                extent.stored_bytes = stored.get(&place.number).copied().unwrap_or(0);
            }
            self.is_alive_with(place.number, live.get(&place.number).copied());
        }
    }
}
