//! An extent without a valid header: are there frames in it (R5)?

use crate::base::PAGE;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::FrameHeader;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::StrandIdentity;
use crate::strand::Use;
use crate::strand::recover::chain::Stray;

/// What is read at once.
const WINDOW_BYTES: u32 = 1 << 20;

/// What is searched of an extent that looks never used, unless something shows: more than one
/// frame of many batches (R3), so that a header that was zeroed with what follows it is noticed.
const BLANK_BYTES: u32 = 2 << 20;

/// Why an extent is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Headless {
    /// Its first page is zeros: never used, as it seems.
    Blank,
    /// Its first page does not validate, or cannot be read.
    Damaged,
}

/// Looks at every page for the header of a frame that belongs there.
pub(super) struct StrayReader {
    identity: StrandIdentity,
    extent: ExtentId,
    extent_bytes: u32,
    why: Headless,
    cursor: u32,
    /// After a failed read, pages are read one by one up to here.
    single_until: u32,
    highest_use: u64,
    unreadable: Option<u32>,
}

impl StrayReader {
    pub(super) fn new(
        identity: StrandIdentity,
        extent: ExtentId,
        extent_bytes: u32,
        why: Headless,
    ) -> Self {
        Self {
            identity,
            extent,
            extent_bytes,
            why,
            cursor: PAGE as u32,
            single_until: 0,
            highest_use: 0,
            unreadable: None,
        }
    }

    fn window(&self) -> u32 {
        let is_single = self.cursor < self.single_until;
        let window = if is_single { PAGE as u32 } else { WINDOW_BYTES };
        window.min(self.extent_bytes - self.cursor)
    }

    pub(super) fn wants(&self) -> Option<Op> {
        let file = File::Extent(self.extent);
        let position = u64::from(self.cursor);
        (self.cursor < self.extent_bytes).then(|| Op::Read { file, position, bytes: self.window() })
    }

    pub(super) fn on_read(&mut self, outcome: &Outcome) {
        let window = self.window();
        match outcome {
            Outcome::Read(block) => {
                let positions = (self.cursor..).step_by(PAGE);
                for (page, position) in block.bytes().chunks_exact(PAGE).zip(positions) {
                    self.on_page(page, position);
                }
            }
            // Narrowed down to the pages that fail.
            _ if self.cursor >= self.single_until => {
                self.single_until = self.cursor + window;
                return;
            }
            _ => {
                self.unreadable.get_or_insert(self.cursor);
            }
        }
        self.cursor += window;
        let is_untouched = self.highest_use == 0 && self.unreadable.is_none();
        if self.why == Headless::Blank && is_untouched && self.cursor >= BLANK_BYTES {
            self.cursor = self.extent_bytes;
        }
    }

    fn on_page(&mut self, page: &[u8], position: u32) {
        let Ok(header) = FrameHeader::parse(page, &self.identity.key) else { return };
        let place = header.place;
        let is_ours = place.strand == self.identity.strand
            && place.extent == self.extent
            && place.position == position;
        if is_ours {
            self.highest_use = self.highest_use.max(place.use_number);
        }
    }

    /// The newest use that has a frame here.
    pub(super) fn found(&self) -> Option<Stray> {
        let place = Use { number: self.highest_use, extent: self.extent };
        (self.highest_use > 0).then_some(Stray { place })
    }

    /// The first page that nobody could read: what it held is not known.
    pub(super) fn unreadable(&self) -> Option<(ExtentId, u32)> {
        Some((self.extent, self.unreadable?))
    }
}
