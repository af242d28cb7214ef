//! Runs leave memory: those of some sealed uses, oldest first, go into an index file, so that
//! memory does not grow with retained data (section 1, Index).

use std::fmt;

use crate::base::MemoryMut;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::Pool;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::INDEX_USES_MAX;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Use;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::extents::Life;
use crate::strand::index::IndexBuilder;
use crate::strand::index::IndexWriter;
use crate::strand::machine::SLICE_PAUSE_US;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// Rows of a table are written so many times faster than they are taken from where they are kept.
const WRITTEN_PER_TAKEN: usize = 8;

/// Memory that was not to be had is asked for again after this long, unless a turn comes before.
const MEMORY_RETRY_US: u64 = 10_000;

/// An index file on its way, and those that are over.
#[derive(Debug, Default)]
pub(super) struct Indexing {
    making: Option<Making>,
    storing: Option<IndexRecord>,
    /// Since it was last found that nothing is to be stored, a use got its footer, or a start found
    /// some.
    may_store: bool,
    /// Files whose uses are all given back, kept while a slot names them (R13).
    retired: Vec<IndexId>,
}

/// An index file that is made, a slice per turn. Its uses are sealed: runs come no more, and what
/// becomes of them meanwhile memory says, or they are dead.
struct Making {
    index: IndexId,
    step: Step,
    /// When the next slice comes.
    due_us: u64,
}

enum Step {
    /// From this run on they are still to be gathered.
    Gather {
        content: IndexBuilder,
        next: (PartitionId, Offset),
    },
    /// Memory is wanted.
    Ask(IndexBuilder),
    Write {
        writer: IndexWriter,
        memory: Box<dyn MemoryMut>,
    },
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Making").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Indexing {
    /// Files that are to be removed.
    pub(super) fn retire(&mut self, indexes: impl Iterator<Item = IndexId>) {
        self.retired.extend(indexes);
    }
}

impl Strand {
    /// Makes and stores an index file when enough has gathered for one.
    pub(super) fn index(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Output) {
        if self.files_are_paused() {
            return;
        }
        let making = self.indexing.making.take();
        let making = making.or_else(|| self.begin_again()).or_else(|| self.begin_index());
        let Some(Making { index, step, .. }) = making else { return };
        if let Some(step) = self.make_index(index, step, pool, out) {
            let waits = matches!(step, Step::Ask(_));
            let pause_us = if waits { MEMORY_RETRY_US } else { SLICE_PAUSE_US };
            let due_us = now.mono_us.saturating_add(pause_us);
            self.indexing.making = Some(Making { index, step, due_us });
        }
    }

    /// When more of an index file is made.
    pub(super) fn index_deadline(&self) -> Option<u64> {
        let making = self.indexing.making.as_ref().filter(|_| !self.files_are_paused());
        making.map(|making| making.due_us)
    }

    /// A damaged file's content is there again.
    fn begin_again(&mut self) -> Option<Making> {
        if self.indexing.storing.is_some() {
            return None;
        }
        let content = self.reindexing.take_rebuilt()?;
        Some(Making { index: self.number_index(), step: Step::Ask(content), due_us: 0 })
    }

    fn number_index(&mut self) -> IndexId {
        let index = IndexId(self.next_index);
        self.next_index += 1;
        index
    }

    fn begin_index(&mut self) -> Option<Making> {
        let is_busy = self.indexing.storing.is_some() || !self.forgetting.is_over();
        if !self.indexing.may_store || is_busy {
            return None;
        }
        let uses = self.uses_to_index();
        let is_many = uses.len() >= self.config.index_extents as usize;
        let is_long = !uses.is_empty() && self.runs.len() >= self.config.index_runs_max;
        if !is_many && !is_long {
            self.indexing.may_store = false;
            return None;
        }
        let content = IndexBuilder::new(uses, self.runs.len());
        let step = Step::Gather { content, next: (PartitionId(0), Offset::MIN) };
        Some(Making { index: self.number_index(), step, due_us: 0 })
    }

    /// Takes the next slice of the way. `None`: the file is being stored.
    fn make_index(
        &mut self,
        index: IndexId,
        step: Step,
        pool: &mut dyn Pool,
        out: &mut Output,
    ) -> Option<Step> {
        let rows = self.config.sweep_runs;
        let step = match step {
            Step::Gather { mut content, next } => {
                let mut runs = self.runs.iter_from(next);
                runs.by_ref().take(rows).for_each(|placed| content.add(placed));
                match runs.next().map(|next| (next.run.partition, next.run.from)) {
                    Some(next) => return Some(Step::Gather { content, next }),
                    None => Step::Ask(content),
                }
            }
            step => step,
        };
        let (mut writer, mut memory) = match step {
            Step::Write { writer, memory } => (writer, memory),
            Step::Ask(content) => match pool.take(content.bytes()) {
                Some(memory) => (content.write(), memory),
                None => return Some(Step::Ask(content)),
            },
            Step::Gather { .. } => unreachable!("all runs are gathered"),
        };
        let (key, strand) = (&self.identity.key, self.identity.strand);
        let is_whole =
            writer.step(key, strand, index, memory.bytes_mut(), rows * WRITTEN_PER_TAKEN);
        if !is_whole {
            return Some(Step::Write { writer, memory });
        }
        let data = memory.freeze();
        let record = IndexRecord { index, uses: writer.into_uses(), bytes: data.len() as u64 };
        self.indexing.storing = Some(record);
        self.ops.issue(Purpose::StoreIndex { index }, Op::StoreIndex { index, data }, out);
        None
    }

    /// There may be more for an index file than was found last.
    pub(super) fn look_for_uses(&mut self) {
        self.indexing.may_store = true;
    }

    /// Sealed uses whose runs are in memory, oldest first, without a gap: memory stays younger
    /// than every index file.
    fn uses_to_index(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for (number, extent) in self.extents.uses() {
            let Some(known) = self.extents.get(extent) else { continue };
            match known.life {
                Life::Sealed if known.index.is_some() => {}
                Life::Sealed if known.has_footer => {
                    uses.push(Use { number, extent });
                }
                Life::Dead { .. } => {}
                _ => break,
            }
        }
        uses.truncate(INDEX_USES_MAX);
        uses
    }

    pub(super) fn on_index_stored(&mut self, now: Now, outcome: &Outcome, out: &mut Output) {
        let record = self.indexing.storing.take().expect("an index file was on its way");
        let replaced = self.reindexing.take_replaced();
        if matches!(outcome, Outcome::Failed(IoFailure::Full)) {
            // R16: the runs stay in memory until there is room.
            self.deny_file(now, out);
            replaced.into_iter().for_each(|damaged| self.reindexing.report(damaged));
            return;
        }
        if !matches!(outcome, Outcome::Stored) {
            let what = format!("index file {} was not stored: {outcome:?}", record.index.0);
            self.fail(Fatal::WriteFailed { what }, out);
            return;
        }
        for place in &record.uses {
            if let Some(extent) = self.extents.used_mut(place.number) {
                extent.index = Some(record.index);
            }
        }
        match replaced {
            Some(damaged) => {
                // Unless all that it covered was given back meanwhile.
                let old = self.indexes.remove(&damaged);
                self.indexing.retired.extend(old.map(|old| old.index));
                self.checkpoints.want();
            }
            None => self.forgetting.forget(record.uses.iter().map(|place| place.number)),
        }
        self.indexes.insert(record.index, record);
    }

    /// Index files whose uses are all given back: forgotten at once, removed when neither slot
    /// names them.
    pub(super) fn remove_indexes(&mut self, out: &mut Output) {
        let is_over = |record: &IndexRecord| {
            record.uses.iter().all(|place| {
                self.extents.used(place.number).is_none_or(|of| of.index != Some(record.index))
            })
        };
        let over: Vec<IndexId> =
            self.indexes.values().filter(|record| is_over(record)).map(|of| of.index).collect();
        for index in over {
            self.indexes.remove(&index);
            self.indexing.retired.push(index);
        }
        let retired = std::mem::take(&mut self.indexing.retired);
        let slots_count = self.checkpoints.passed().is_some();
        for index in retired {
            let is_read = self.reads.holds_index(index) || self.liveness.holds(index);
            if !slots_count || self.checkpoints.names(index) || is_read {
                self.indexing.retired.push(index);
                continue;
            }
            self.reads.index_removed(index);
            self.reindexing.index_removed(index);
            let op = Op::Remove { file: File::Index(index) };
            self.ops.issue(Purpose::RemoveIndex { index }, op, out);
        }
    }
}
