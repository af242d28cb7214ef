//! Index files against the frames that they speak of.

use std::collections::BTreeMap;

use crate::strand::checkpoint::IndexRecord;
use crate::strand::index::IndexHead;
use crate::strand::op::File;
use crate::strand::op::Listing;
use crate::strand::run::PlacedRun;
use crate::strand::run::Run;
use crate::strand::verify::Verifier;
use crate::strand::verify::chain::Chain;

/// Runs of an index by use and position; several where newer runs cut one apart.
type ByPlace = BTreeMap<(u64, u32), Vec<Run>>;

impl Verifier<'_> {
    pub(super) fn check_indexes(&mut self, listing: &Listing, chain: &Chain) {
        let records = self.checkpoint.indexes.clone();
        for (index, _) in &listing.indexes {
            if !records.iter().any(|record| record.index == *index) {
                self.note(File::Index(*index), 0, "no slot that counts names it".to_owned());
            }
        }
        let mut indexed = ByPlace::new();
        for record in &records {
            let Some(runs) = self.read_index(record) else { continue };
            for placed in runs.iter().filter(|placed| chain.counts(placed.place.number)) {
                self.check_indexed_run(record, placed);
                let place = (placed.place.number, placed.run.position);
                indexed.entry(place).or_default().push(placed.run);
            }
        }
        for record in &records {
            self.check_nothing_is_missing(record, &indexed);
        }
    }

    fn read_index(&mut self, record: &IndexRecord) -> Option<Vec<PlacedRun>> {
        let name = File::Index(record.index);
        let file = self.read(name)?;
        let (key, strand) = (self.identity.key, self.identity.strand);
        let Some(head) = IndexHead::parse(&file, &key, strand, record.index) else {
            self.damage(name, 0, None, "the head does not validate");
            return None;
        };
        if head.uses != record.uses || head.file_bytes() != file.len() as u64 {
            self.damage(name, 0, None, "it is not what the slot says of it");
            return None;
        }
        let summary = file.get(head.summary_start() as usize..).unwrap_or_default();
        if head.summaries(summary).is_none() {
            self.damage(name, head.summary_start(), None, "the summary does not validate");
        }
        let runs = head.runs(&key, &file);
        if runs.is_none() {
            self.damage(name, 0, None, "a page does not validate");
        }
        runs
    }

    /// What the index says of a use that is still there must be what its frames say.
    fn check_indexed_run(&mut self, record: &IndexRecord, placed: &PlacedRun) {
        let run = placed.run;
        if run.is_void() {
            return;
        }
        let stored = self.stored.get(&(placed.place.number, run.position));
        let is_right = stored.is_some_and(|stored| {
            let visible = stored.from <= run.from && run.to <= stored.to;
            visible && Run { from: stored.from, to: stored.to, ..run } == *stored
        });
        if !is_right {
            let what = format!(
                "offsets {}..{} at {} of {:?}: its frames say otherwise",
                run.from, run.to, run.position, placed.place.extent
            );
            self.damage(File::Index(record.index), 0, Some(run.partition), what);
        }
    }

    /// What nothing newer lies over must be found through the index.
    fn check_nothing_is_missing(&mut self, record: &IndexRecord, indexed: &ByPlace) {
        let is_of_record = |placed: &&PlacedRun| record.uses.binary_search(&placed.place).is_ok();
        let holds = |placed: &PlacedRun| {
            let pieces = indexed.get(&(placed.place.number, placed.run.position));
            let mut pieces = pieces.into_iter().flatten();
            pieces.any(|piece| piece.from <= placed.run.from && placed.run.to <= piece.to)
        };
        let visible = self.runs.iter().filter(is_of_record);
        let missing: Vec<PlacedRun> = visible
            .filter(|placed| !placed.run.is_void() && self.is_live(&placed.run) && !holds(placed))
            .copied()
            .collect();
        for PlacedRun { place, run } in missing {
            let what =
                format!("offsets {}..{} of {:?} are missing", run.from, run.to, place.extent);
            self.damage(File::Index(record.index), 0, Some(run.partition), what);
        }
    }

    fn is_live(&self, run: &Run) -> bool {
        let log = self.logs.get(&run.partition);
        log.is_some_and(|log| run.from < log.end() && log.start() < run.to)
    }
}
