//! The end of a sealed extent: its entries and its runs, so that recovery and lookups need not
//! scan frames. Written as one piece that ends where the extent ends; its last page, the trailer,
//! says where the rest is. A footer that does not validate is no loss: the frames say the same.
//!
//! | part | what |
//! |---|---|
//! | entries | per frame: sequence u64, position u32, entries u32, table bytes u32, then the frame's table as it is; zeros up to a page |
//! | runs | a table in pages (see `tree`): sorted by partition and offset, without overlaps |
//! | trailer | one page ([`Trailer`]) |

#[cfg(test)]
mod tests;

use crate::base::Mutant;
use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::entry::EntryId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::frame::FRAME_HEADER;
use crate::strand::frame::FramePlace;
use crate::strand::frame::TableEntry;
use crate::strand::frame::table_entries;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;
use crate::strand::run::PlacedRun;
use crate::strand::run::Run;
use crate::strand::run::RunMap;
use crate::strand::run::Use;
use crate::strand::tree::SourcedRun;
use crate::strand::tree::TreePage;
use crate::strand::tree::TreeShape;
use crate::strand::tree::encode_tree;

const MAGIC: [u8; 4] = *b"SLft";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"foot";
const CRC_AT: usize = PAGE - 4;
const FRAME_BYTES: usize = 20;

/// A frame as the footer repeats it.
#[derive(Clone, Copy, Debug)]
pub struct FooterFrame<'a> {
    pub sequence: u64,
    /// Where the frame begins in the extent.
    pub position: u32,
    /// Entries in its table.
    pub entries: u32,
    /// Its table, as it lies on disk.
    pub table: &'a [u8],
}

/// Whose footer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FooterPlace {
    pub strand: StrandId,
    pub extent: ExtentId,
    pub use_number: u64,
    pub extent_bytes: u32,
}

/// Exact length of a footer over `frames` frames with `table_bytes` bytes of tables together and
/// `runs` runs: what must stay free behind the frames.
pub fn footer_bytes(frames: usize, table_bytes: usize, runs: usize) -> usize {
    let entries = (frames * FRAME_BYTES + table_bytes).next_multiple_of(PAGE);
    entries + TreeShape::of(runs).bytes() + PAGE
}

/// Writes the footer over `frames` (all of the use, in order) and `runs` (the use's, see
/// [`RunMap`]) into `out`, which has exactly [`footer_bytes`].
pub fn encode_footer(
    key: &StoreKey,
    place: &FooterPlace,
    frames: &[FooterFrame<'_>],
    frames_end: u32,
    runs: &RunMap,
    out: &mut [u8],
) {
    let mut sorted: Vec<SourcedRun> = runs.iter().map(|placed| (placed.run, 0)).collect();
    if Mutant::FooterOffByOneRun.is_on() && sorted.len() > 1 {
        let last = sorted.len() - 1;
        sorted.copy_within(last - 1..last, last);
    }
    let table_bytes: usize = frames.iter().map(|frame| frame.table.len()).sum();
    assert_eq!(out.len(), footer_bytes(frames.len(), table_bytes, sorted.len()), "another footer");
    let entries_bytes = frames.len() * FRAME_BYTES + table_bytes;
    let shape = TreeShape::of(sorted.len());
    let trailer = Trailer {
        place: *place,
        first_sequence: frames.first().map_or(0, |frame| frame.sequence),
        last_sequence: frames.last().map_or(0, |frame| frame.sequence),
        frames: frames.len() as u32,
        frames_end,
        entries_bytes: entries_bytes as u32,
        entries_crc: 0,
        shape,
    };
    let (entries, rest) = out.split_at_mut(trailer.entries_space());
    let (tree, last_page) = rest.split_at_mut(shape.bytes());
    let mut fields = Filling::new(entries);
    for frame in frames {
        fields.u64(frame.sequence);
        fields.u32(frame.position);
        fields.u32(frame.entries);
        fields.u32(frame.table.len() as u32);
        fields.put(frame.table);
    }
    fields.zero_rest();
    encode_tree(key, place.use_number, &sorted, tree);
    let entries_crc = crc32c::crc32c(entries);
    Trailer { entries_crc, ..trailer }.encode(key, last_page);
}

/// The last page of a sealed extent.
///
/// | at | field |
/// |---|---|
/// | 0 | magic `SLft` |
/// | 4 | version u16 (1), strand u16 |
/// | 8 | extent u32, extent bytes u32 |
/// | 16 | use u64 |
/// | 24 | first and last sequence u64, u64 |
/// | 40 | frames u32, end of the last frame u32 |
/// | 48 | bytes of the entries u32, CRC-32C of their pages u32 |
/// | 56 | leaves u32, pages u32 of the runs |
/// | 64 | zeros |
/// | 4092 | keyed CRC-32C of bytes 0–4091 u32 |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trailer {
    pub place: FooterPlace,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub frames: u32,
    /// Where the frames end: position behind the last one, which holds the `Seal`.
    pub frames_end: u32,
    entries_bytes: u32,
    entries_crc: u32,
    shape: TreeShape,
}

impl Trailer {
    /// Reads the last page of an extent. `None`: there is no footer of this use.
    pub fn parse(page: &[u8], key: &StoreKey, place: &FooterPlace) -> Option<Self> {
        let page = page.first_chunk::<PAGE>()?;
        let crc = Fields::new(&page[CRC_AT..]).u32()?;
        if crc != key.crc(&DOMAIN, &page[..CRC_AT]) {
            return None;
        }
        let mut fields = Fields::new(page);
        let known = fields.array::<4>()? == MAGIC && fields.u16()? == VERSION;
        let found = FooterPlace {
            strand: StrandId(fields.u16()?),
            extent: ExtentId(fields.u32()?),
            extent_bytes: fields.u32()?,
            use_number: fields.u64()?,
        };
        let trailer = Self {
            place: found,
            first_sequence: fields.u64()?,
            last_sequence: fields.u64()?,
            frames: fields.u32()?,
            frames_end: fields.u32()?,
            entries_bytes: fields.u32()?,
            entries_crc: fields.u32()?,
            shape: TreeShape { leaves: fields.u32()?, pages: fields.u32()? },
        };
        let is_this_use = found == *place
            || (Mutant::StaleFooterBelieved.is_on() && found.extent == place.extent);
        (known && is_this_use && trailer.fits()).then_some(trailer)
    }

    /// Whether what it describes lies between the frames and the end of the extent.
    fn fits(&self) -> bool {
        let pages = u64::from(self.shape.pages) * PAGE as u64;
        let entries = u64::from(self.entries_bytes).next_multiple_of(PAGE as u64);
        let bytes = entries + pages + PAGE as u64;
        bytes + u64::from(self.frames_end) <= u64::from(self.place.extent_bytes)
            && 0 < self.shape.leaves
            && self.shape.leaves <= self.shape.pages
    }

    fn entries_space(&self) -> usize {
        (self.entries_bytes as usize).next_multiple_of(PAGE)
    }

    /// Length of the whole footer, trailer included.
    pub fn footer_bytes(&self) -> u32 {
        (self.entries_space() + self.shape.bytes() + PAGE) as u32
    }

    /// Where the footer begins in the extent.
    pub fn start(&self) -> u32 {
        self.place.extent_bytes - self.footer_bytes()
    }

    fn encode(&self, key: &StoreKey, page: &mut [u8]) {
        let mut fields = Filling::new(&mut page[..CRC_AT]);
        fields.put(&MAGIC);
        fields.u16(VERSION);
        fields.u16(self.place.strand.0);
        fields.u32(self.place.extent.0);
        fields.u32(self.place.extent_bytes);
        fields.u64(self.place.use_number);
        fields.u64(self.first_sequence);
        fields.u64(self.last_sequence);
        fields.u32(self.frames);
        fields.u32(self.frames_end);
        fields.u32(self.entries_bytes);
        fields.u32(self.entries_crc);
        fields.u32(self.shape.leaves);
        fields.u32(self.shape.pages);
        fields.zero_rest();
        let crc = key.crc(&DOMAIN, &page[..CRC_AT]);
        page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    }

    /// The entries of the use with their ids, in order. `footer` is the whole footer. `None`: they
    /// do not validate.
    pub fn entries(&self, footer: &[u8]) -> Option<Vec<(EntryId, TableEntry)>> {
        let space = footer.get(..self.entries_space())?;
        if footer.len() != self.footer_bytes() as usize || crc32c::crc32c(space) != self.entries_crc
        {
            return None;
        }
        let mut fields = Fields::new(&space[..self.entries_bytes as usize]);
        let mut all = Vec::new();
        for _ in 0..self.frames {
            let sequence = fields.u64()?;
            let position = fields.u32()?;
            let count = fields.u32()?;
            let bytes = fields.u32()?;
            let table = fields.bytes(bytes as usize)?;
            let payload_start = position.checked_add(FRAME_HEADER as u32)?.checked_add(bytes)?;
            let (entries, end) = table_entries(table, count, payload_start)?;
            if end > self.frames_end {
                return None;
            }
            let numbered = entries.into_iter().zip(0..);
            all.extend(numbered.map(|(entry, number)| (EntryId { sequence, number }, entry)));
        }
        fields.is_empty().then_some(all)
    }

    /// The runs of the use, sorted. `footer` is the whole footer. `None`: they do not validate.
    pub fn runs(&self, key: &StoreKey, footer: &[u8]) -> Option<Vec<PlacedRun>> {
        let tree = footer.get(self.entries_space()..)?.get(..self.shape.bytes())?;
        let place = Use { number: self.place.use_number, extent: self.place.extent };
        let mut runs: Vec<PlacedRun> = Vec::new();
        for (number, page) in tree.chunks_exact(PAGE).enumerate().take(self.shape.leaves as usize) {
            let page = TreePage::parse(page, key, self.place.use_number, number as u32)?;
            runs.extend(page.runs().map(|(run, _)| PlacedRun { place, run }));
        }
        let in_bounds = |placed: &PlacedRun| is_in(&placed.run, self.frames_end);
        runs.iter().all(in_bounds).then_some(runs)
    }
}

fn is_in(run: &Run, frames_end: u32) -> bool {
    run.position.checked_add(run.bytes).is_some_and(|end| end <= frames_end)
}

impl FramePlace {
    /// Whose footer the use of this frame gets.
    pub fn footer(&self, extent_bytes: u32) -> FooterPlace {
        let Self { strand, extent, use_number, .. } = *self;
        FooterPlace { strand, extent, use_number, extent_bytes }
    }
}
