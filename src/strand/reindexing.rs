//! An index file that does not validate is made anew from what it was made from: the footers of the
//! uses that it covers, or their frames where a footer is bad too. Until that is stored, reads that
//! need the file fail. Where not every frame of a use can be read the file stays as it is: one
//! without them would say that their offsets are nowhere.

use std::collections::BTreeSet;

use crate::strand::FooterPlace;
use crate::strand::IndexId;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::PlacedRun;
use crate::strand::RunMap;
use crate::strand::Use;
use crate::strand::extents::Extent;
use crate::strand::index::IndexBuilder;
use crate::strand::machine::Strand;
use crate::strand::op::File;
use crate::strand::ops::Purpose;
use crate::strand::recover::Contents;
use crate::strand::recover::UseReader;
use crate::strand::run::runs_of;

/// Index files that were found damaged.
#[derive(Debug, Default)]
pub(super) struct Reindexing {
    /// To be made anew.
    damaged: BTreeSet<IndexId>,
    /// What they cover cannot be read whole.
    given_up: BTreeSet<IndexId>,
    rebuild: Option<Rebuild>,
    /// One whose content is there again, and is being stored in its place.
    replaced: Option<IndexId>,
}

/// A file that is being made anew.
struct Rebuild {
    index: IndexId,
    /// Uses that were read, ascending, and what they hold; where they overlap the newest wins.
    uses: Vec<Use>,
    runs: RunMap,
    /// Uses that are still to be read, oldest last.
    todo: Vec<Use>,
    reader: Option<(Use, UseReader)>,
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Reindexing {
    /// The file does not validate.
    pub(super) fn report(&mut self, index: IndexId) {
        let rebuilt = self.rebuild.as_ref().map(|rebuild| rebuild.index);
        let is_known = [rebuilt, self.replaced].contains(&Some(index));
        if !is_known && !self.given_up.contains(&index) {
            self.damaged.insert(index);
        }
    }

    /// The content of a file that is to be stored in the place of a damaged one.
    pub(super) fn take_rebuilt(&mut self) -> Option<IndexBuilder> {
        let is_read = |rebuild: &mut Rebuild| rebuild.reader.is_none() && rebuild.todo.is_empty();
        let rebuild = self.rebuild.take_if(is_read)?;
        if rebuild.uses.is_empty() {
            // All of them were given back meanwhile, and the file goes with them.
            return None;
        }
        self.replaced = Some(rebuild.index);
        let mut content = IndexBuilder::new(rebuild.uses, rebuild.runs.len());
        rebuild.runs.iter().for_each(|placed| content.add(placed));
        Some(content)
    }

    /// The damaged file that the one takes the place of whose storing is over.
    pub(super) fn take_replaced(&mut self) -> Option<IndexId> {
        self.replaced.take()
    }

    pub(super) fn index_removed(&mut self, index: IndexId) {
        self.given_up.remove(&index);
    }
}

impl Strand {
    /// Begins to make a damaged file anew.
    pub(super) fn reindex(&mut self, out: &mut Output) {
        let is_busy = self.reindexing.rebuild.is_some() || self.reindexing.replaced.is_some();
        if is_busy || !self.is_running() {
            return;
        }
        let Some(index) = self.reindexing.damaged.pop_first() else { return };
        let Some(record) = self.indexes.get(&index) else { return };
        let mut todo = record.uses.clone();
        todo.reverse();
        let (uses, runs) = (Vec::new(), RunMap::default());
        self.reindexing.rebuild = Some(Rebuild { index, uses, runs, todo, reader: None });
        self.read_use(out);
    }

    /// Asks for what comes next.
    fn read_use(&mut self, out: &mut Output) {
        let Some(mut rebuild) = self.reindexing.rebuild.take() else { return };
        loop {
            if let Some((place, reader)) = rebuild.reader.take() {
                if let Some((position, bytes)) = reader.wants() {
                    rebuild.reader = Some((place, reader));
                    let op = Op::Read { file: File::Extent(place.extent), position, bytes };
                    self.ops.issue(Purpose::Reindex, op, out);
                    break;
                }
                // What was recycled meanwhile may hold something else.
                if let Some(extent) = self.covered(rebuild.index, place) {
                    let Some(runs) = runs_in(place, extent, &reader.into_contents()) else {
                        self.reindexing.given_up.insert(rebuild.index);
                        return;
                    };
                    runs.into_iter().for_each(|placed| rebuild.runs.insert(placed));
                    rebuild.uses.push(place);
                }
            }
            let Some(place) = rebuild.todo.pop() else { break };
            let Some(extent) = self.covered(rebuild.index, place) else { continue };
            let footer = FooterPlace {
                strand: self.identity.strand,
                extent: place.extent,
                use_number: place.number,
                extent_bytes: self.config.extent_bytes,
            };
            let end = Some(extent.last_sequence);
            rebuild.reader = Some((place, UseReader::new(footer, self.identity.key, end)));
        }
        self.reindexing.rebuild = Some(rebuild);
    }

    /// The extent, if the use is still there and its runs are in this file.
    fn covered(&self, index: IndexId, place: Use) -> Option<&Extent> {
        self.extents.used(place.number).filter(|extent| extent.index == Some(index))
    }

    pub(super) fn on_reindex(&mut self, outcome: &Outcome, out: &mut Output) {
        let rebuild = self.reindexing.rebuild.as_mut();
        let reader = rebuild.and_then(|rebuild| rebuild.reader.as_mut());
        let (_, reader) = reader.expect("an index file is made anew one read at a time");
        reader.on_read(match outcome {
            Outcome::Read(block) => Some(block),
            _ => None,
        });
        // A shutdown does not wait for it.
        if self.is_running() {
            self.read_use(out);
        }
    }
}

/// All runs of a use. `None`: some of it cannot be read.
fn runs_in(place: Use, extent: &Extent, contents: &Contents) -> Option<Vec<PlacedRun>> {
    if let Some(footer) = &contents.footer {
        return Some(footer.runs.clone());
    }
    let mut runs = Vec::new();
    let mut next = extent.first_sequence;
    let frames = contents.frames.iter().filter(|frame| frame.sequence <= extent.last_sequence);
    for frame in frames {
        let table = frame.table.as_ref().filter(|_| frame.sequence == next)?;
        runs.extend(runs_of(table).into_iter().map(|run| PlacedRun { place, run }));
        next += 1;
    }
    (next == extent.last_sequence + 1).then_some(runs)
}
