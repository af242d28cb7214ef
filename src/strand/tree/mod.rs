//! A sorted table of runs in pages that can be read and checked one by one: what footers and
//! index files hold. Written once from sorted runs, leaves first, then the branches level by
//! level, the root last.
//!
//! A page of 4 KiB:
//!
//! | at | field |
//! |---|---|
//! | 0 | magic `SLpg` |
//! | 4 | version u16 (1), level u16 (0: leaf) |
//! | 8 | owner u64: the use number of the footer, the id of the index file |
//! | 16 | number u32 of the page in its table, count u32 of what it holds |
//! | 24 | 8 zeros |
//! | 32 | leaf: runs of 48 bytes; branch: children of 24 bytes |
//! | 4092 | keyed CRC-32C of bytes 0–4091 u32 |
//!
//! A run: partition u64, from i64, width u32, position u32, bytes u32, batches u32, greatest
//! timestamp i64, check u32, source u16, zeros u16; a void (no bytes) has its end in the place of
//! the timestamp, and width 0. A child: the partition u64 and offset i64 of its first run, its
//! page u32, zeros u32.

#[cfg(test)]
mod tests;

use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::key::StoreKey;
use crate::strand::run::Run;

const MAGIC: [u8; 4] = *b"SLpg";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"page";

const HEAD: usize = 32;
const CRC_AT: usize = PAGE - 4;
const RUN_BYTES: usize = 48;
const CHILD_BYTES: usize = 24;
pub(super) const RUNS_PER_PAGE: usize = (CRC_AT - HEAD) / RUN_BYTES;
const CHILDREN_PER_PAGE: usize = (CRC_AT - HEAD) / CHILD_BYTES;

/// A run and the number of its source in the table of uses of what holds it.
pub(super) type SourcedRun = (Run, u16);

/// Shape of a table in its file: where it ends and where a search begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TreeShape {
    pub(super) leaves: u32,
    /// All pages; the last one is the root.
    pub(super) pages: u32,
}

impl TreeShape {
    /// The shape that `runs` runs take.
    pub(super) fn of(runs: usize) -> Self {
        let leaves = runs.div_ceil(RUNS_PER_PAGE).max(1);
        let mut pages = leaves;
        let mut level = leaves;
        while level > 1 {
            level = level.div_ceil(CHILDREN_PER_PAGE);
            pages += level;
        }
        Self { leaves: leaves as u32, pages: pages as u32 }
    }

    pub(super) fn root(&self) -> u32 {
        self.pages.saturating_sub(1)
    }

    pub(super) fn bytes(&self) -> usize {
        self.pages as usize * PAGE
    }
}

type FirstKey = (PartitionId, Offset);

/// Writes the table of `runs`, sorted by partition and offset, into `out`, which has exactly the
/// bytes of its shape.
pub(super) fn encode_tree(key: &StoreKey, owner: u64, runs: &[SourcedRun], out: &mut [u8]) {
    let mut writer = TreeWriter::new(runs.len());
    while writer.write_page(key, owner, runs, out) {}
}

/// Writes a table page by page.
#[derive(Debug)]
pub(super) struct TreeWriter {
    shape: TreeShape,
    /// The page that comes next.
    next: u32,
    height: u16,
    /// First keys of the level that is written, or of the leaves, with their pages.
    level: Vec<(FirstKey, u32)>,
    /// Of the level below, while its branches are written; and how many of them are in a branch.
    below: Vec<(FirstKey, u32)>,
    gathered: usize,
}

impl TreeWriter {
    /// For so many runs.
    pub(super) fn new(runs: usize) -> Self {
        let shape = TreeShape::of(runs);
        let level = Vec::with_capacity(shape.leaves as usize);
        Self { shape, next: 0, height: 0, level, below: Vec::new(), gathered: 0 }
    }

    /// Writes the next page of the table of `runs` into `out`, which has exactly the bytes of its
    /// shape; all calls get the same. False: that was the last one.
    pub(super) fn write_page(
        &mut self,
        key: &StoreKey,
        owner: u64,
        runs: &[SourcedRun],
        out: &mut [u8],
    ) -> bool {
        assert_eq!(out.len(), self.shape.bytes(), "a buffer of another table");
        let number = self.next;
        self.next += 1;
        let page = &mut out[number as usize * PAGE..][..PAGE];
        if number < self.shape.leaves {
            let first = number as usize * RUNS_PER_PAGE;
            let of_leaf = &runs[first..runs.len().min(first + RUNS_PER_PAGE)];
            encode_page(key, owner, number, 0, of_leaf.len(), page, |out| {
                of_leaf.iter().for_each(|(run, source)| encode_run(out, run, *source));
            });
            let first = of_leaf.first().map_or((PartitionId(0), 0), |(run, _)| key_of(run));
            self.level.push((first, number));
            return self.next < self.shape.pages;
        }
        if self.gathered == self.below.len() {
            self.below = std::mem::take(&mut self.level);
            self.gathered = 0;
            self.height += 1;
        }
        let rest = &self.below[self.gathered..];
        let children = &rest[..rest.len().min(CHILDREN_PER_PAGE)];
        encode_page(key, owner, number, self.height, children.len(), page, |out| {
            children.iter().for_each(|(first, child)| encode_child(out, first, *child));
        });
        self.gathered += children.len();
        self.level.push((children[0].0, number));
        self.next < self.shape.pages
    }
}

fn key_of(run: &Run) -> FirstKey {
    (run.partition, run.from)
}

fn encode_page(
    key: &StoreKey,
    owner: u64,
    number: u32,
    level: u16,
    count: usize,
    page: &mut [u8],
    content: impl FnOnce(&mut Filling<'_>),
) {
    let mut fields = Filling::new(&mut page[..CRC_AT]);
    fields.put(&MAGIC);
    fields.u16(VERSION);
    fields.u16(level);
    fields.u64(owner);
    fields.u32(number);
    fields.u32(count as u32);
    fields.u64(0);
    content(&mut fields);
    fields.zero_rest();
    let crc = key.crc(&DOMAIN, &page[..CRC_AT]);
    page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
}

fn encode_run(out: &mut Filling<'_>, run: &Run, source: u16) {
    let (width, end_or_timestamp) = if run.is_void() {
        (0, run.to)
    } else {
        let width = u32::try_from(run.to - run.from).expect("runs are cut before they are wider");
        (width, run.max_timestamp)
    };
    out.u64(run.partition.0);
    out.i64(run.from);
    out.u32(width);
    out.u32(run.position);
    out.u32(run.bytes);
    out.u32(run.batches);
    out.i64(end_or_timestamp);
    out.u32(run.check);
    out.u16(source);
    out.u16(0);
}

fn encode_child(out: &mut Filling<'_>, first: &FirstKey, page: u32) {
    out.u64(first.0.0);
    out.i64(first.1);
    out.u32(page);
    out.u32(0);
}

/// A page that validated.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreePage<'a> {
    content: &'a [u8],
    level: u16,
    count: usize,
}

impl<'a> TreePage<'a> {
    /// `None`: not page `number` of `owner`'s table.
    pub(super) fn parse(bytes: &'a [u8], key: &StoreKey, owner: u64, number: u32) -> Option<Self> {
        let page = bytes.first_chunk::<PAGE>()?;
        let crc = Fields::new(&page[CRC_AT..]).u32()?;
        if crc != key.crc(&DOMAIN, &page[..CRC_AT]) {
            return None;
        }
        let mut fields = Fields::new(page);
        let is_ours = fields.array::<4>()? == MAGIC && fields.u16()? == VERSION;
        let level = fields.u16()?;
        let is_expected = fields.u64()? == owner && fields.u32()? == number;
        let count = fields.u32()? as usize;
        let max = if level == 0 { RUNS_PER_PAGE } else { CHILDREN_PER_PAGE };
        let valid = is_ours && is_expected && count <= max;
        valid.then_some(Self { content: &bytes[HEAD..CRC_AT], level, count })
    }

    /// The runs of a leaf; nothing on a branch.
    pub(super) fn runs(&self) -> impl Iterator<Item = SourcedRun> + use<'a> {
        let count = if self.level == 0 { self.count } else { 0 };
        self.content.chunks_exact(RUN_BYTES).take(count).map_while(parse_run)
    }

    /// Number of the child that may hold `sought`.
    fn child(&self, sought: FirstKey) -> Option<u32> {
        let children = self.content.chunks_exact(CHILD_BYTES).take(self.count);
        let mut children = children.map_while(parse_child);
        let first = children.next()?;
        let below = children.take_while(|(key, _)| *key <= sought).last();
        Some(below.unwrap_or(first).1)
    }
}

fn parse_run(bytes: &[u8]) -> Option<SourcedRun> {
    let mut fields = Fields::new(bytes);
    let partition = PartitionId(fields.u64()?);
    let from = fields.i64()?;
    let width = fields.u32()?;
    let position = fields.u32()?;
    let bytes = fields.u32()?;
    let batches = fields.u32()?;
    let end_or_timestamp = fields.i64()?;
    let check = fields.u32()?;
    let source = fields.u16()?;
    let (to, max_timestamp) = if bytes == 0 {
        (end_or_timestamp, -1)
    } else {
        (from.checked_add(i64::from(width))?, end_or_timestamp)
    };
    let run = Run { partition, from, to, position, bytes, batches, max_timestamp, check };
    (from < to).then_some((run, source))
}

fn parse_child(bytes: &[u8]) -> Option<(FirstKey, u32)> {
    let mut fields = Fields::new(bytes);
    Some(((PartitionId(fields.u64()?), fields.i64()?), fields.u32()?))
}

/// A search for the runs of one partition, page by page: the caller reads the page that it wants
/// next, wherever it lies.
#[derive(Clone, Debug)]
pub(super) struct Search {
    partition: PartitionId,
    from: Offset,
    /// Runs to find at most.
    max: usize,
    leaves: u32,
    /// The page to look at, and the level that it must be below.
    next: Option<(u32, u16)>,
    found: Vec<SourcedRun>,
}

impl Search {
    /// For the runs from the one that holds `from`, or else the first one above it.
    pub(super) fn new(shape: TreeShape, partition: PartitionId, from: Offset, max: usize) -> Self {
        let next = Some((shape.root(), u16::MAX));
        Self { partition, from, max, leaves: shape.leaves, next, found: Vec::new() }
    }

    /// The page to look at; `None`: the search is over.
    pub(super) fn wants(&self) -> Option<u32> {
        self.next.map(|(page, _)| page)
    }

    /// The page that was wanted. False: it contradicts the table and the search is over.
    pub(super) fn on_page(&mut self, page: &TreePage<'_>) -> bool {
        let Some((number, below)) = self.next.take() else { return true };
        if page.level >= below {
            return false;
        }
        if page.level > 0 {
            let child = page.child((self.partition, self.from));
            // The children of the lowest branches are leaves, which come first in the file.
            self.next = child.map(|child| (child, page.level));
            return child.is_some();
        }
        for (run, source) in page.runs() {
            if run.partition > self.partition || self.found.len() == self.max {
                return true;
            }
            if run.partition == self.partition && self.from < run.to {
                self.found.push((run, source));
            }
        }
        if number + 1 < self.leaves && self.found.len() < self.max {
            self.next = Some((number + 1, 1));
        }
        true
    }

    /// What was found, ascending, and whether there may be more beyond.
    pub(super) fn into_found(self) -> (Vec<SourcedRun>, bool) {
        let may_go_on = self.found.len() == self.max;
        (self.found, may_go_on)
    }
}
