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

/// Looks at every page for the header of a frame that belongs there.
pub(super) struct StrayReader {
    identity: StrandIdentity,
    extent: ExtentId,
    extent_bytes: u32,
    cursor: u32,
    highest_use: u64,
}

impl StrayReader {
    pub(super) fn new(identity: StrandIdentity, extent: ExtentId, extent_bytes: u32) -> Self {
        Self { identity, extent, extent_bytes, cursor: PAGE as u32, highest_use: 0 }
    }

    fn window(&self) -> u32 {
        WINDOW_BYTES.min(self.extent_bytes - self.cursor)
    }

    pub(super) fn wants(&self) -> Option<Op> {
        let file = File::Extent(self.extent);
        let position = u64::from(self.cursor);
        (self.cursor < self.extent_bytes).then(|| Op::Read { file, position, bytes: self.window() })
    }

    pub(super) fn on_read(&mut self, outcome: &Outcome) {
        let window = self.window();
        if let Outcome::Read(block) = outcome {
            for (page, position) in
                block.bytes().chunks_exact(PAGE).zip((self.cursor..).step_by(PAGE))
            {
                self.on_page(page, position);
            }
        }
        self.cursor += window;
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
}
