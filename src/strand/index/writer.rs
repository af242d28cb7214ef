//! Writes an index file in steps, each of bounded length.

use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::fields::Filling;
use crate::strand::index::INDEX_USES_MAX;
use crate::strand::index::IndexHead;
use crate::strand::index::IndexSummary;
use crate::strand::index::SUMMARY_BYTES;
use crate::strand::key::StoreKey;
use crate::strand::op::IndexId;
use crate::strand::run::PlacedRun;
use crate::strand::run::Use;
use crate::strand::tree::RUNS_PER_PAGE;
use crate::strand::tree::SourcedRun;
use crate::strand::tree::TreeShape;
use crate::strand::tree::TreeWriter;

/// Gathers the runs of an index file.
#[derive(Debug)]
pub(in crate::strand) struct IndexBuilder {
    /// Ascending.
    uses: Vec<Use>,
    runs: Vec<SourcedRun>,
    /// Of each use, by partition.
    summaries: Vec<Vec<IndexSummary>>,
}

impl IndexBuilder {
    /// For an index over `uses` (ascending, at most [`INDEX_USES_MAX`]), of at most so many runs.
    pub(in crate::strand) fn new(uses: Vec<Use>, runs_max: usize) -> Self {
        assert!(uses.len() <= INDEX_USES_MAX, "one index file cannot cover so many uses");
        assert!(uses.is_sorted(), "uses are searched by number");
        let summaries = uses.iter().map(|_| Vec::new()).collect();
        Self { uses, runs: Vec::with_capacity(runs_max), summaries }
    }

    /// The next run by partition and offset. One that lies in none of the uses is left out.
    pub(in crate::strand) fn add(&mut self, placed: &PlacedRun) {
        let Ok(source) = self.uses.binary_search(&placed.place) else { return };
        let run = &placed.run;
        self.runs.push((*run, source as u16));
        if run.is_void() {
            return;
        }
        let of_use = &mut self.summaries[source];
        if of_use.last().is_none_or(|last| last.partition != run.partition) {
            of_use.push(IndexSummary {
                place: placed.place,
                partition: run.partition,
                from: run.from,
                to: run.to,
                bytes: 0,
                batches: 0,
            });
        }
        let of = of_use.last_mut().expect("one is there by now");
        of.from = of.from.min(run.from);
        of.to = of.to.max(run.to);
        of.bytes += u64::from(run.bytes);
        of.batches = of.batches.saturating_add(run.batches);
    }

    /// Exact length of the file.
    pub(in crate::strand) fn bytes(&self) -> usize {
        PAGE + TreeShape::of(self.runs.len()).bytes() + summary_space(self.summaries())
    }

    fn summaries(&self) -> usize {
        self.summaries.iter().map(Vec::len).sum()
    }

    /// All runs are there.
    pub(in crate::strand) fn write(self) -> IndexWriter {
        let tree = TreeWriter::new(self.runs.len());
        IndexWriter { content: self, tree, stage: Stage::Tree }
    }
}

fn summary_space(summaries: usize) -> usize {
    (summaries * SUMMARY_BYTES).next_multiple_of(PAGE)
}

/// Writes what was gathered.
#[derive(Debug)]
pub(in crate::strand) struct IndexWriter {
    content: IndexBuilder,
    tree: TreeWriter,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Tree,
    Summaries(Summing),
    Over,
}

/// How far the summaries are written.
#[derive(Clone, Copy, Debug, Default)]
struct Summing {
    /// The use, and the number of its summary, that are next.
    source: usize,
    from: usize,
    /// Bytes written, and their CRC.
    at: usize,
    crc: u32,
}

impl IndexWriter {
    /// The uses that it covers.
    pub(in crate::strand) fn into_uses(self) -> Vec<Use> {
        self.content.uses
    }

    /// Writes some more, about `rows` runs or summaries, into `out`, which has exactly
    /// [`IndexBuilder::bytes`]; all calls get the same. True when the file is whole.
    pub(in crate::strand) fn step(
        &mut self,
        key: &StoreKey,
        strand: StrandId,
        index: IndexId,
        out: &mut [u8],
        mut rows: usize,
    ) -> bool {
        let shape = TreeShape::of(self.content.runs.len());
        let summary_at = PAGE + shape.bytes();
        assert_eq!(out.len(), self.content.bytes(), "a buffer of another index");
        while rows > 0 {
            match &mut self.stage {
                Stage::Tree => {
                    let tree = &mut out[PAGE..summary_at];
                    if !self.tree.write_page(key, index.0, &self.content.runs, tree) {
                        self.stage = Stage::Summaries(Summing::default());
                    }
                    rows = rows.saturating_sub(RUNS_PER_PAGE);
                }
                Stage::Summaries(summing) => {
                    let summary = &mut out[summary_at..];
                    let Some(of_use) = self.content.summaries.get(summing.source) else {
                        summary[summing.at..].fill(0);
                        let summary_crc =
                            crc32c::crc32c_append(summing.crc, &summary[summing.at..]);
                        let summaries = self.content.summaries() as u32;
                        let uses = self.content.uses.clone();
                        IndexHead { strand, index, uses, shape, summaries, summary_crc }
                            .encode(key, &mut out[..PAGE]);
                        self.stage = Stage::Over;
                        return true;
                    };
                    rows -= summing.write(of_use, rows, summary);
                }
                Stage::Over => return true,
            }
        }
        false
    }
}

impl Summing {
    /// Writes at most `most` of the summaries of the use that is next; how many.
    fn write(&mut self, of_use: &[IndexSummary], most: usize, out: &mut [u8]) -> usize {
        let rest = &of_use[self.from..];
        let part = &rest[..rest.len().min(most)];
        let out = &mut out[self.at..][..part.len() * SUMMARY_BYTES];
        let mut fields = Filling::new(out);
        for of in part {
            fields.u64(of.partition.0);
            fields.i64(of.from);
            fields.i64(of.to);
            fields.u64(of.bytes);
            fields.u32(self.source as u32);
            fields.u32(of.batches);
        }
        self.crc = crc32c::crc32c_append(self.crc, out);
        self.at += out.len();
        self.from += part.len();
        if self.from == of_use.len() {
            self.source += 1;
            self.from = 0;
        }
        part.len()
    }
}
