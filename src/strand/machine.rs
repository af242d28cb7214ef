//! The strand as a whole: what it is asked, and where outcomes go.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use crate::base::LeaderEpoch;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::log::Log;
use crate::strand::Append;
use crate::strand::Entry;
use crate::strand::EntryId;
use crate::strand::Fatal;
use crate::strand::IndexId;
use crate::strand::Notice;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Predecessor;
use crate::strand::Refusal;
use crate::strand::RunMap;
use crate::strand::StrandConfig;
use crate::strand::StrandIdentity;
use crate::strand::Token;
use crate::strand::Truncation;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::checkpointing::Checkpoints;
use crate::strand::commit::Commit;
use crate::strand::evacuation::Evacuation;
use crate::strand::extents::Extents;
use crate::strand::extents::Life;
use crate::strand::figures::StrandFigures;
use crate::strand::forgetting::Forgetting;
use crate::strand::indexing::Indexing;
use crate::strand::ledger::Ledger;
use crate::strand::liveness::Liveness;
use crate::strand::lost::Lost;
use crate::strand::ops::Ops;
use crate::strand::ops::Purpose;
use crate::strand::quiet::Quiet;
use crate::strand::read::Reads;
use crate::strand::reading;
use crate::strand::recover::Recovery;
use crate::strand::reindexing::Reindexing;
use crate::strand::space::Need;
use crate::strand::space::Space;
use crate::strand::writing::Opened;

/// Between two slices of what is too long for one turn, unless turns come by themselves.
pub(super) const SLICE_PAUSE_US: u64 = 100;

/// Where a strand is in its life.
pub(super) enum Phase {
    /// Made, not started.
    Made,
    Recovering(Box<Recovery>),
    Running,
    /// Commits what it took in, then checkpoints. Takes nothing more.
    Stopping,
    Stopped,
    /// R7: something failed that is never retried. Every outcome is ignored from here on.
    Failed,
}

/// One log, driven by one shard.
pub struct Strand {
    pub(super) config: StrandConfig,
    pub(super) identity: StrandIdentity,
    pub(super) phase: Phase,
    /// Number of this start, above all that left a trace.
    pub(super) start: u64,
    pub(super) ops: Ops,
    pub(super) logs: BTreeMap<PartitionId, Log>,
    /// Runs of uses that no index file holds yet.
    pub(super) runs: RunMap,
    pub(super) extents: Extents,
    /// Index files that count, with what they cover.
    pub(super) indexes: BTreeMap<IndexId, IndexRecord>,
    pub(super) next_index: u64,
    pub(super) commit: Commit,
    pub(super) opened: Option<Opened>,
    /// Where the chain of earlier starts ends: what the first header of this start declares.
    pub(super) predecessor: Option<Predecessor>,
    /// Of the uses that take frames, oldest first: one, or two around a roll.
    pub(super) ledgers: VecDeque<Ledger>,
    /// Of sealed uses whose footer is not durable, oldest first.
    pub(super) footers: VecDeque<Ledger>,
    pub(super) footer_in_flight: bool,
    pub(super) quiet: Quiet,
    pub(super) space: Space,
    pub(super) forgetting: Forgetting,
    pub(super) indexing: Indexing,
    pub(super) reindexing: Reindexing,
    pub(super) liveness: Liveness,
    pub(super) evacuation: Evacuation,
    pub(super) lost: Lost,
    pub(super) checkpoints: Checkpoints,
    pub(super) figures: StrandFigures,
    pub(super) reads: Reads,
}

impl fmt::Debug for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strand").field("strand", &self.identity.strand).finish_non_exhaustive()
    }
}

impl Strand {
    pub fn new(config: StrandConfig, identity: StrandIdentity) -> Self {
        config.check();
        Self {
            phase: Phase::Made,
            start: 1,
            ops: Ops::default(),
            logs: BTreeMap::new(),
            runs: RunMap::default(),
            extents: Extents::default(),
            indexes: BTreeMap::new(),
            next_index: 1,
            commit: Commit::new(&config),
            opened: None,
            predecessor: None,
            ledgers: VecDeque::new(),
            footers: VecDeque::new(),
            footer_in_flight: false,
            quiet: Quiet::new(config.quiet_us),
            space: Space::default(),
            forgetting: Forgetting::default(),
            indexing: Indexing::default(),
            reindexing: Reindexing::default(),
            liveness: Liveness::default(),
            evacuation: Evacuation::default(),
            lost: Lost::default(),
            checkpoints: Checkpoints::new(&config),
            figures: StrandFigures::default(),
            reads: reading::reads(&config, identity),
            config,
            identity,
        }
    }

    /// Begins recovery. Ends with `Notice::Ready` or `Notice::Fatal`.
    pub fn start(&mut self, _now: Now, out: &mut Output) {
        assert!(matches!(self.phase, Phase::Made), "a strand starts once");
        self.begin_recovery(out);
    }

    /// An op of this strand ended.
    pub fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome, out: &mut Output) {
        let purpose = self.ops.ended(token);
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        match purpose {
            Purpose::Frame { .. } | Purpose::Header { .. } | Purpose::Footer { .. } => {
                self.on_written(now, purpose, &outcome, out);
            }
            Purpose::Allocate { extent } => self.on_allocated(now, extent, &outcome, out),
            Purpose::RemoveExtent { extent } => self.on_extent_removed(extent, &outcome, out),
            Purpose::StoreIndex { .. } => self.on_index_stored(now, &outcome, out),
            Purpose::Evacuation => self.on_evacuation(now, &outcome, out),
            Purpose::Sweep => self.on_sweep(now, &outcome, out),
            Purpose::Reindex => self.on_reindex(&outcome, out),
            Purpose::RemoveIndex { index } => self.on_index_removed(index, &outcome, out),
            Purpose::Checkpoint => self.on_checkpoint(now, outcome, out),
            Purpose::Recovery => self.on_recovery(now, token, outcome, out),
            Purpose::Reading => self.on_read_outcome(token, outcome, out),
        }
        self.settle(out);
    }

    fn on_written(&mut self, now: Now, purpose: Purpose, outcome: &Outcome, out: &mut Output) {
        if !matches!(outcome, Outcome::Written) {
            // R7: nothing is known about what a failed write left behind.
            let what = format!("{purpose:?} was not written: {outcome:?}");
            self.fail(Fatal::WriteFailed { what }, out);
            return;
        }
        match purpose {
            Purpose::Frame { sequence } => self.on_frame_written(now, sequence, out),
            Purpose::Header { use_number } => self.on_header_written(use_number, out),
            Purpose::Footer { use_number } => self.on_footer_written(use_number),
            _ => unreachable!("only writes of extents end here"),
        }
    }

    /// Timers: R6 and preparation of extents. The `commit` that ends the turn goes on with
    /// checkpoints, the sweep and evacuation.
    pub fn on_tick(&mut self, now: Now, out: &mut Output) {
        if !self.is_running() {
            return;
        }
        if self.quiet.is_due(now) && self.commit.is_idle() {
            self.commit.close_for_quiet();
        }
        self.prepare(now, out);
        self.recycle(out);
    }

    /// When `on_tick` is wanted next, in `Now::mono_us`. A `commit` belongs to every turn.
    pub fn next_deadline(&self) -> Option<u64> {
        if matches!(self.phase, Phase::Stopping) {
            return self.space_deadline().into_iter().chain(self.capture_deadline()).min();
        }
        if !self.is_running() {
            return None;
        }
        let deadlines = [
            self.quiet.deadline(),
            self.capture_deadline(),
            self.forgetting.deadline(),
            self.index_deadline(),
            self.checkpoint_deadline(),
            self.space_deadline(),
            self.sweep_deadline(),
            self.evacuation_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// More turns are wanted, at once, for what is too long for one.
    #[cfg(test)]
    pub(super) fn is_at_work(&self) -> bool {
        let makes_index = self.index_deadline().is_some();
        let sums_up = self.liveness.files.deadline().is_some();
        let forgets = self.forgetting.deadline().is_some();
        makes_index || sums_up || forgets || self.capture_deadline().is_some()
    }

    /// A partition's durable facts, as of the newest entry (in flight included).
    pub fn log(&self, partition: PartitionId) -> Option<&Log> {
        self.logs.get(&partition)
    }

    /// All partitions, ascending.
    pub fn logs(&self) -> impl Iterator<Item = (PartitionId, &Log)> {
        self.logs.iter().map(|(partition, log)| (*partition, log))
    }

    /// Gives back the memory of producers of a partition that appended last before `before_ms`.
    pub fn forget_producers(&mut self, partition: PartitionId, before_ms: i64) {
        if let Some(log) = self.logs.get_mut(&partition) {
            log.forget_producers(before_ms);
        }
    }

    /// Gives back the memory of one producer of a partition.
    pub fn forget_producer(&mut self, partition: PartitionId, producer: i64) {
        if let Some(log) = self.logs.get_mut(&partition) {
            log.forget_producer(producer);
        }
    }

    /// Takes a batch in. Like the commands below it gives the sequence of the frame that must be
    /// durable before anyone may be told; a refusal leaves no trace.
    pub fn append(&mut self, append: Append, batch: Bytes) -> Result<u64, Refusal> {
        let entry = Entry::Append(append);
        let admitted = self.admits(Need::Produce, &entry);
        self.space.was_refused |= admitted == Err(Refusal::Full);
        admitted?;
        Ok(self.push(append.partition, entry, batch).sequence)
    }

    /// A leader epoch begins at the log's end.
    pub fn start_epoch(
        &mut self,
        partition: PartitionId,
        epoch: LeaderEpoch,
    ) -> Result<u64, Refusal> {
        let at = self.logs.get(&partition).map_or(0, Log::end);
        self.command(partition, Entry::EpochStart { partition, epoch, at })
    }

    /// The log ends at `to` again.
    pub fn truncate(&mut self, partition: PartitionId, to: Offset) -> Result<u64, Refusal> {
        self.known(partition)?;
        let entry = Entry::Truncate { partition, to };
        self.admits(Need::Command, &entry)?;
        let entry = self.push(partition, entry, Bytes::new());
        self.space.truncated(Truncation { partition, to, entry });
        self.space.changed(self.newest_use());
        Ok(entry.sequence)
    }

    /// Everything below `to` is gone.
    pub fn move_start(&mut self, partition: PartitionId, to: Offset) -> Result<u64, Refusal> {
        self.known(partition)?;
        self.space.changed(self.newest_use());
        self.command(partition, Entry::LogStart { partition, to })
    }

    /// The partition is gone.
    pub fn drop_partition(&mut self, partition: PartitionId) -> Result<u64, Refusal> {
        self.known(partition)?;
        let sequence = self.command(partition, Entry::Drop { partition })?;
        self.logs.remove(&partition);
        self.space.changed(self.newest_use());
        Ok(sequence)
    }

    /// The highest use that is planned.
    pub(super) fn newest_use(&self) -> u64 {
        self.extents.highest_use() + self.commit.unopened() as u64
    }

    fn known(&self, partition: PartitionId) -> Result<(), Refusal> {
        if self.logs.contains_key(&partition) {
            Ok(())
        } else if self.is_ready() {
            Err(Refusal::UnknownPartition)
        } else {
            Err(Refusal::NotReady)
        }
    }

    fn command(&mut self, partition: PartitionId, entry: Entry) -> Result<u64, Refusal> {
        self.admits(Need::Command, &entry)?;
        Ok(self.push(partition, entry, Bytes::new()).sequence)
    }

    /// Takes an entry in and applies it at once: replay does the same (R12).
    pub(super) fn push(&mut self, partition: PartitionId, entry: Entry, batch: Bytes) -> EntryId {
        let id = self.commit.push(entry.clone(), batch);
        self.logs.entry(partition).or_default().apply(id, &entry);
        id
    }

    /// Highest sequence that is durable together with all before it.
    pub fn durable(&self) -> u64 {
        self.commit.durable()
    }

    /// Ends in good order: what was taken in is committed, then everything is checkpointed, then
    /// `Notice::Stopped` comes. `commit` must go on being called.
    pub fn shutdown(&mut self, _now: Now, out: &mut Output) {
        match self.phase {
            Phase::Running => {
                self.phase = Phase::Stopping;
                self.checkpoints.want();
            }
            Phase::Made | Phase::Recovering(_) => {
                self.phase = Phase::Stopped;
                out.notices.push(Notice::Stopped);
            }
            Phase::Stopping | Phase::Stopped | Phase::Failed => {}
        }
    }

    /// A shutdown is over when everything is durable and in a slot that counts, or when nothing
    /// more can be done for what is not.
    pub(super) fn settle(&mut self, out: &mut Output) {
        let is_saved =
            || self.commit.is_idle() && (self.checkpoints.is_settled() || self.leaves_damage());
        let is_over = matches!(self.phase, Phase::Stopping)
            && self.ops.is_idle()
            && (is_saved() || self.waits_in_vain());
        if is_over {
            self.phase = Phase::Stopped;
            out.notices.push(Notice::Stopped);
        }
    }

    /// R7: the process has to stop; nothing is retried, and nothing is acknowledged past it.
    pub(super) fn fail(&mut self, fatal: Fatal, out: &mut Output) {
        if !matches!(self.phase, Phase::Failed) {
            self.phase = Phase::Failed;
            out.notices.push(Notice::Fatal(fatal));
        }
    }

    /// Recovery is over and shutdown has not begun.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Frames may be issued.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Stopping)
    }

    pub fn figures(&self) -> StrandFigures {
        let mut figures = self.figures;
        figures.extents_max = self.config.extents_max;
        for (_, extent) in self.extents.iter() {
            let count = match extent.life {
                Life::Preparing => &mut figures.extents_preparing,
                Life::Ready | Life::Removing => &mut figures.extents_ready,
                Life::Open => &mut figures.extents_open,
                Life::Sealed => &mut figures.extents_sealed,
                Life::Dead { .. } => &mut figures.extents_dead,
                Life::Fenced => &mut figures.extents_fenced,
            };
            *count += 1;
            figures.stored_bytes += extent.stored_bytes;
            figures.live_bytes += extent.live.bytes;
        }
        figures.partitions = self.logs.len() as u64;
        figures.runs = self.runs.len() as u64;
        figures.index_files = self.indexes.len() as u64;
        figures.is_full = self.space.is_full;
        figures.reads = self.reads.figures();
        figures
    }
}
