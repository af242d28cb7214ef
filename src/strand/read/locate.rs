//! Where the offsets of a partition lie: runs in memory first, index files for the rest.

use std::collections::BTreeMap;

use crate::base::Block;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::config::StrandIdentity;
use crate::strand::index::IndexHead;
use crate::strand::op::IndexId;
use crate::strand::read::ReadContext;
use crate::strand::run::PlacedRun;
use crate::strand::run::RunMap;
use crate::strand::tree::TreePage;

/// Runs that one look into a source finds at most.
const RUNS_AHEAD: usize = 256;

/// Partitions whose next runs are remembered from the last look into index files.
const CURSORS_MAX: usize = 1024;

/// What is known of `from..to` of a partition.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) from: Offset,
    /// Exclusive. Offsets below it that no run holds are nowhere.
    pub(super) to: Offset,
    /// Ascending, without overlaps.
    pub(super) runs: Vec<PlacedRun>,
    /// It took a look into index files.
    pub(super) is_from_index: bool,
}

/// A page of an index file. Page 0 is the head; the pages of the table are numbered behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PageKey {
    pub(super) index: IndexId,
    pub(super) page: u32,
}

impl PageKey {
    pub(super) fn position(&self) -> u64 {
        u64::from(self.page) * PAGE as u64
    }
}

/// Why nothing was located.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unlocated {
    /// These pages must be read first.
    Needs(Vec<PageKey>),
    /// This page of an index file does not validate.
    Damaged(PageKey),
}

/// Index pages in memory: those that a read holds, then those of the cache.
pub(super) trait Pages {
    fn page(&mut self, key: PageKey) -> Option<Block>;
}

/// Finds the runs of `partition` from the one that holds `from` on.
pub(super) fn locate(
    store: &StrandIdentity,
    context: &ReadContext<'_>,
    pages: &mut dyn Pages,
    partition: PartitionId,
    from: Offset,
) -> Result<Located, Unlocated> {
    let in_memory = contiguous(context.runs, partition, from);
    if !in_memory.runs.is_empty() {
        return Ok(in_memory);
    }
    let mut merged = RunMap::default();
    let mut to = Offset::MAX;
    let mut needs = Vec::new();
    let mut add = |runs: Vec<PlacedRun>, may_go_on: bool| {
        if let Some(last) = runs.last().filter(|_| may_go_on) {
            to = to.min(last.run.to);
        }
        runs.into_iter().filter(|placed| (context.is_current)(placed.place)).for_each(|placed| {
            merged.insert(placed);
        });
    };
    let young: Vec<PlacedRun> =
        context.runs.from(partition, from).take(RUNS_AHEAD).copied().collect();
    let is_full = young.len() == RUNS_AHEAD;
    add(young, is_full);
    for record in context.indexes.values() {
        match search(store, record, pages, partition, from) {
            Ok((runs, may_go_on)) => add(runs, may_go_on),
            Err(Unlocated::Needs(more)) => needs.extend(more),
            Err(damaged) => return Err(damaged),
        }
    }
    if !needs.is_empty() {
        return Err(Unlocated::Needs(needs));
    }
    let known = merged.from(partition, from).take_while(|placed| placed.run.from < to);
    let narrowed = |placed: &PlacedRun| {
        let mut placed = *placed;
        placed.run.to = placed.run.to.min(to);
        placed
    };
    let runs = known.map(narrowed).collect();
    Ok(Located { from, to, runs, is_from_index: true })
}

/// Runs in memory from the one that holds `from` on, as far as there is no hole between them.
/// Memory holds the youngest uses, so what it says of an offset is final.
fn contiguous(runs: &RunMap, partition: PartitionId, from: Offset) -> Located {
    let mut located = Located { from, to: from, runs: Vec::new(), is_from_index: false };
    for placed in runs.from(partition, from).take(RUNS_AHEAD) {
        if placed.run.from > located.to {
            break;
        }
        located.to = placed.run.to;
        located.runs.push(*placed);
    }
    located
}

fn search(
    store: &StrandIdentity,
    record: &IndexRecord,
    pages: &mut dyn Pages,
    partition: PartitionId,
    from: Offset,
) -> Result<(Vec<PlacedRun>, bool), Unlocated> {
    let index = record.index;
    let need = |key: PageKey| Unlocated::Needs(vec![key]);
    let head_key = PageKey { index, page: 0 };
    let head = pages.page(head_key).ok_or_else(|| need(head_key))?;
    let head = IndexHead::parse(head.bytes(), &store.key, store.strand, index)
        .ok_or(Unlocated::Damaged(head_key))?;
    let mut search = head.search(partition, from, RUNS_AHEAD);
    while let Some(number) = search.wants() {
        let key = PageKey { index, page: number.saturating_add(1) };
        let page = pages.page(key).ok_or_else(|| need(key))?;
        let page = TreePage::parse(page.bytes(), &store.key, index.0, number)
            .ok_or(Unlocated::Damaged(key))?;
        if !search.on_page(&page) {
            return Err(Unlocated::Damaged(key));
        }
    }
    head.found(search).ok_or(Unlocated::Damaged(head_key))
}

/// What was located in index files for readers that go on where they stopped.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    cursors: BTreeMap<PartitionId, Cursor>,
    ages: BTreeMap<u64, PartitionId>,
    clock: u64,
    /// The newest index file when the cursors were made.
    newest: Option<IndexId>,
}

#[derive(Debug)]
struct Cursor {
    located: Located,
    age: u64,
}

impl Cursors {
    /// What is known from `from` on, if all of it still lies where it was found.
    pub(super) fn get(
        &mut self,
        context: &ReadContext<'_>,
        partition: PartitionId,
        from: Offset,
    ) -> Option<Located> {
        self.forget_if_indexed(context);
        let located = &self.cursors.get(&partition)?.located;
        // Memory is younger: what it holds was written over what was found.
        let young = context.runs.from(partition, from).next();
        let to = young.map_or(located.to, |placed| placed.run.from.min(located.to));
        if from < located.from || to <= from {
            return None;
        }
        let ahead = located.runs.iter().filter(|placed| from < placed.run.to);
        let mut runs: Vec<PlacedRun> =
            ahead.take_while(|placed| placed.run.from < to).copied().collect();
        if let Some(last) = runs.last_mut() {
            last.run.to = last.run.to.min(to);
        }
        let is_current = runs.iter().all(|placed| (context.is_current)(placed.place));
        (!runs.is_empty() && is_current).then_some(Located { from, to, runs, is_from_index: true })
    }

    pub(super) fn put(
        &mut self,
        context: &ReadContext<'_>,
        partition: PartitionId,
        located: Located,
    ) {
        self.forget_if_indexed(context);
        self.clock += 1;
        let cursor = Cursor { located, age: self.clock };
        if let Some(old) = self.cursors.insert(partition, cursor) {
            self.ages.remove(&old.age);
        }
        self.ages.insert(self.clock, partition);
        if self.cursors.len() > CURSORS_MAX
            && let Some((_, oldest)) = self.ages.pop_first()
        {
            self.cursors.remove(&oldest);
        }
    }

    /// An index file more: what was in memory is there, and may lie over what was found before.
    fn forget_if_indexed(&mut self, context: &ReadContext<'_>) {
        let newest = context.indexes.last_key_value().map(|(&index, _)| index);
        if newest != self.newest {
            self.newest = newest;
            self.cursors.clear();
            self.ages.clear();
        }
    }
}
