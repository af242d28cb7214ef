//! Runs leave memory: those of some sealed uses, oldest first, go into an index file, so that
//! memory does not grow with retained data (section 1, Index).

use std::collections::BTreeSet;

use crate::base::Now;
use crate::base::Pool;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::INDEX_USES_MAX;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::RunMap;
use crate::strand::Use;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::encode_index;
use crate::strand::extents::Life;
use crate::strand::index_bytes;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// An index file on its way, and those that are over.
#[derive(Debug, Default)]
pub(super) struct Indexing {
    storing: Option<IndexRecord>,
    /// Since it was last found that nothing is to be stored, a use got its footer, or a start found
    /// some.
    may_store: bool,
    /// Files whose uses are all given back, kept while a slot names them (R13).
    retired: Vec<IndexId>,
}

impl Indexing {
    /// Files that are to be removed.
    pub(super) fn retire(&mut self, indexes: impl Iterator<Item = IndexId>) {
        self.retired.extend(indexes);
    }
}

impl Strand {
    /// Stores an index file when enough has gathered for one.
    pub(super) fn index(&mut self, _now: Now, pool: &mut dyn Pool, out: &mut Output) {
        if !self.indexing.may_store || self.indexing.storing.is_some() || self.files_are_paused() {
            return;
        }
        let uses = self.uses_to_index();
        let is_many = uses.len() >= self.config.index_extents as usize;
        let is_long = !uses.is_empty() && self.runs.len() >= self.config.index_runs_max;
        if !is_many && !is_long {
            self.indexing.may_store = false;
            return;
        }
        let numbers: BTreeSet<u64> = uses.iter().map(|place| place.number).collect();
        let mut runs = RunMap::default();
        let of_uses = self.runs.iter().filter(|placed| numbers.contains(&placed.place.number));
        of_uses.for_each(|placed| runs.insert(*placed));
        let Some(mut memory) = pool.take(index_bytes(&runs)) else { return };
        let index = IndexId(self.next_index);
        self.next_index += 1;
        let (key, strand) = (&self.identity.key, self.identity.strand);
        encode_index(key, strand, index, &uses, &runs, memory.bytes_mut());
        let data = memory.freeze();
        let record = IndexRecord { index, uses, bytes: data.len() as u64 };
        self.indexing.storing = Some(record);
        self.ops.issue(Purpose::StoreIndex { index }, Op::StoreIndex { index, data }, out);
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
        if matches!(outcome, Outcome::Failed(IoFailure::Full)) {
            // R16: the runs stay in memory until there is room.
            self.deny_file(now, out);
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
        let numbers: BTreeSet<u64> = record.uses.iter().map(|place| place.number).collect();
        self.runs.remove_uses(&numbers);
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
            let op = Op::Remove { file: File::Index(index) };
            self.ops.issue(Purpose::RemoveIndex { index }, op, out);
        }
    }
}
