//! An index file: the runs of some sealed extents in one sorted table, so that a lookup need not
//! ask each extent's footer. Immutable; durable before a slot names it, kept while either slot
//! does (R13). Its runs are the newest of the uses it covers; runs of uses that were recycled
//! since are dead, and newer index files win over older ones.
//!
//! | part | what |
//! |---|---|
//! | head | one page ([`IndexHead`]) |
//! | runs | a table in pages (see `tree`) that can be read one by one |
//! | summary | per use and partition what the use holds ([`IndexSummary`]), 40 bytes each; zeros up to a page |

#[cfg(test)]
mod tests;
mod writer;

pub(super) use writer::IndexBuilder;
pub(super) use writer::IndexWriter;

use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;
use crate::strand::op::IndexId;
use crate::strand::run::PlacedRun;
#[cfg(test)]
use crate::strand::run::RunMap;
use crate::strand::run::Use;
use crate::strand::tree::Search;
use crate::strand::tree::SourcedRun;
use crate::strand::tree::TreePage;
use crate::strand::tree::TreeShape;

const MAGIC: [u8; 4] = *b"SLix";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"indx";
const CRC_AT: usize = PAGE - 4;
const USE_BYTES: usize = 12;
pub(super) const SUMMARY_BYTES: usize = 40;
const USES_AT: usize = 64;

/// Uses that one index file can cover: what its first page has room for.
pub const INDEX_USES_MAX: usize = (CRC_AT - USES_AT) / USE_BYTES;

/// What one use holds of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexSummary {
    pub place: Use,
    pub partition: PartitionId,
    /// Lowest visible offset.
    pub from: Offset,
    /// Exclusive end of the highest visible offset.
    pub to: Offset,
    /// Bytes and batches of its runs; a run of which a part is visible counts whole.
    pub bytes: u64,
    pub batches: u32,
}

/// The first page of an index file.
///
/// | at | field |
/// |---|---|
/// | 0 | magic `SLix` |
/// | 4 | version u16 (1), strand u16 |
/// | 8 | index id u64 |
/// | 16 | leaves u32, pages u32 of the runs |
/// | 24 | uses u32, summaries u32 |
/// | 32 | CRC-32C of the summary's pages u32, zeros |
/// | 64 | the uses, ascending: use u64, extent u32 |
/// | 4092 | keyed CRC-32C of bytes 0–4091 u32 |
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexHead {
    pub strand: StrandId,
    pub index: IndexId,
    /// Ascending by number.
    pub uses: Vec<Use>,
    shape: TreeShape,
    summaries: u32,
    summary_crc: u32,
}

/// Exact length of the file that [`encode_index`] writes.
#[cfg(test)]
pub(super) fn index_bytes(uses: &[Use], runs: &RunMap) -> usize {
    builder(uses, runs).bytes()
}

/// Writes the index over `uses` (ascending, at most [`INDEX_USES_MAX`]), whose runs are `runs`,
/// into `out`, which has exactly [`index_bytes`].
#[cfg(test)]
pub(super) fn encode_index(
    key: &StoreKey,
    strand: StrandId,
    index: IndexId,
    uses: &[Use],
    runs: &RunMap,
    out: &mut [u8],
) {
    let whole = builder(uses, runs).write().step(key, strand, index, out, usize::MAX);
    assert!(whole, "there is no limit");
}

#[cfg(test)]
fn builder(uses: &[Use], runs: &RunMap) -> IndexBuilder {
    let mut builder = IndexBuilder::new(uses.to_vec(), runs.len());
    runs.iter().for_each(|placed| builder.add(placed));
    builder
}

impl IndexHead {
    /// Reads the first page of an index file. `None`: it is not this strand's file `index`.
    pub fn parse(page: &[u8], key: &StoreKey, strand: StrandId, index: IndexId) -> Option<Self> {
        let page = page.first_chunk::<PAGE>()?;
        let crc = Fields::new(&page[CRC_AT..]).u32()?;
        if crc != key.crc(&DOMAIN, &page[..CRC_AT]) {
            return None;
        }
        let mut fields = Fields::new(page);
        let known = fields.array::<4>()? == MAGIC && fields.u16()? == VERSION;
        let is_expected = fields.u16()? == strand.0 && fields.u64()? == index.0;
        let shape = TreeShape { leaves: fields.u32()?, pages: fields.u32()? };
        let count = fields.u32()? as usize;
        let summaries = fields.u32()?;
        let summary_crc = fields.u32()?;
        if !known || !is_expected || count > INDEX_USES_MAX || shape.leaves == 0 {
            return None;
        }
        let mut fields = Fields::new(&page[USES_AT..]);
        let mut uses = Vec::with_capacity(count);
        for _ in 0..count {
            uses.push(Use { number: fields.u64()?, extent: ExtentId(fields.u32()?) });
        }
        Some(Self { strand, index, uses, shape, summaries, summary_crc })
    }

    fn encode(&self, key: &StoreKey, page: &mut [u8]) {
        let mut fields = Filling::new(&mut page[..CRC_AT]);
        fields.put(&MAGIC);
        fields.u16(VERSION);
        fields.u16(self.strand.0);
        fields.u64(self.index.0);
        fields.u32(self.shape.leaves);
        fields.u32(self.shape.pages);
        fields.u32(self.uses.len() as u32);
        fields.u32(self.summaries);
        fields.u32(self.summary_crc);
        fields.put(&[0; USES_AT - 36]);
        for of in &self.uses {
            fields.u64(of.number);
            fields.u32(of.extent.0);
        }
        fields.zero_rest();
        let crc = key.crc(&DOMAIN, &page[..CRC_AT]);
        page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    }

    /// Length of the whole file.
    pub fn file_bytes(&self) -> u64 {
        self.summary_start() + self.summary_bytes()
    }

    /// Where the summary begins in the file, and its length: what is read at a start.
    pub fn summary_start(&self) -> u64 {
        (u64::from(self.shape.pages) + 1) * PAGE as u64
    }

    /// A multiple of a page; 0 when the index covers no run.
    pub fn summary_bytes(&self) -> u64 {
        (u64::from(self.summaries) * SUMMARY_BYTES as u64).next_multiple_of(PAGE as u64)
    }

    /// The summaries in `bytes`, which lay at [`Self::summary_start`]. `None`: they do not
    /// validate.
    pub fn summaries(&self, bytes: &[u8]) -> Option<Vec<IndexSummary>> {
        let is_whole = bytes.len() as u64 == self.summary_bytes();
        let is_valid = is_whole && self.is_summary(crc32c::crc32c(bytes));
        if is_valid { self.summaries_from(0, bytes).collect() } else { None }
    }

    /// Whether the summary's pages, [`Self::summary_bytes`] long, have this CRC.
    pub(super) fn is_summary(&self, crc: u32) -> bool {
        crc == self.summary_crc
    }

    /// The summaries from number `first` on, which is where `bytes` begin. `None`: one that no
    /// strand writes.
    pub(super) fn summaries_from<'a>(
        &'a self,
        first: u64,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Option<IndexSummary>> + 'a {
        let numbers = first..u64::from(self.summaries);
        numbers.zip(bytes.chunks_exact(SUMMARY_BYTES)).map(|(_, bytes)| self.parse_summary(bytes))
    }

    fn parse_summary(&self, bytes: &[u8]) -> Option<IndexSummary> {
        let mut fields = Fields::new(bytes);
        let partition = PartitionId(fields.u64()?);
        let from = fields.i64()?;
        let to = fields.i64()?;
        let bytes = fields.u64()?;
        let place = *self.uses.get(fields.u32()? as usize)?;
        let batches = fields.u32()?;
        (from < to).then_some(IndexSummary { place, partition, from, to, bytes, batches })
    }

    /// All runs of the index, sorted. `file` is the whole file. `None`: a page does not validate.
    pub fn runs(&self, key: &StoreKey, file: &[u8]) -> Option<Vec<PlacedRun>> {
        let mut runs = Vec::new();
        let leaves = file.chunks_exact(PAGE).skip(1).take(self.shape.leaves as usize);
        let mut number = 0;
        for page in leaves {
            let page = TreePage::parse(page, key, self.index.0, number)?;
            for run in page.runs() {
                runs.push(self.placed(run)?);
            }
            number += 1;
        }
        (number == self.shape.leaves).then_some(runs)
    }

    fn placed(&self, (run, source): SourcedRun) -> Option<PlacedRun> {
        Some(PlacedRun { place: *self.uses.get(usize::from(source))?, run })
    }

    /// A search in its runs; pages are numbered from the first page behind the head.
    pub(super) fn search(&self, partition: PartitionId, from: Offset, max: usize) -> Search {
        Search::new(self.shape, partition, from, max)
    }

    /// Takes the runs out of a search that is over, and whether there may be more.
    pub(super) fn found(&self, search: Search) -> Option<(Vec<PlacedRun>, bool)> {
        let (found, may_go_on) = search.into_found();
        let placed: Option<Vec<PlacedRun>> =
            found.into_iter().map(|run| self.placed(run)).collect();
        Some((placed?, may_go_on))
    }
}
