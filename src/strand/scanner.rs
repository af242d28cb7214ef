//! What lies in an extent, page by page: frames of the use that is looked for, frames of others,
//! and what is neither. Says what is there; what it means (a hole, a torn tail, damage: R10)
//! depends on what is proven, and is for the caller to say.

use crate::base::PAGE;
use crate::strand::frame::Frame;
use crate::strand::frame::FrameFault;
use crate::strand::frame::FrameHeader;
use crate::strand::frame::FramePlace;
use crate::strand::key::StoreKey;

/// Something that lies in an extent.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// A frame whose header and table are sound. Entries in `damaged` have lost their batch.
    Frame { frame: Frame<'a>, damaged: Vec<u32> },
    /// A sound header, and a table that is not.
    BadTable { header: FrameHeader },
    /// A sound header of a frame that goes on behind the window.
    Cut { header: FrameHeader },
    /// A frame of another use of the extent.
    Foreign { place: FramePlace, sequence: u64 },
    /// A frame of a format that this version does not know.
    Unknown { position: u32, version: u16 },
    /// Pages without a frame.
    Nothing { position: u32, bytes: u32, is_zero: bool },
}

/// Walks over the window of an extent. Frames are stepped over as a whole, everything else page
/// by page.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    key: StoreKey,
    /// Of the next page to look at.
    place: FramePlace,
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// `window` lies at `place.position`, a multiple of a page; frames of `place.use_number` are
    /// looked for.
    pub fn new(key: StoreKey, place: FramePlace, window: &'a [u8]) -> Self {
        assert!((place.position as usize).is_multiple_of(PAGE), "frames begin on pages");
        Self { key, place, rest: window }
    }

    fn step(&mut self, bytes: usize) {
        let bytes = bytes.min(self.rest.len());
        self.rest = &self.rest[bytes..];
        self.place.position = self.place.position.saturating_add(bytes as u32);
    }

    /// What begins at this page; `None`: nothing that any frame left.
    fn look(&self) -> Option<(Found<'a>, usize)> {
        let header = FrameHeader::parse(self.rest, &self.key);
        Some(match (Frame::parse(self.rest, &self.key, &self.place), header) {
            (Ok(frame), Ok(header)) => {
                let damaged = frame.damaged();
                (Found::Frame { frame, damaged }, header.frame_bytes() as usize)
            }
            (Err(FrameFault::Table { .. }), Ok(header)) => {
                (Found::BadTable { header }, header.frame_bytes() as usize)
            }
            (Err(FrameFault::Short { .. }), Ok(header)) => {
                (Found::Cut { header }, header.frame_bytes() as usize)
            }
            // Its length says nothing: what was written over it may begin at its second page.
            (Err(FrameFault::Foreign(place)), Ok(header)) => {
                (Found::Foreign { place, sequence: header.sequence }, PAGE)
            }
            (Err(FrameFault::Version(version)), _) => {
                (Found::Unknown { position: self.place.position, version }, PAGE)
            }
            _ => return None,
        })
    }

    fn nothing(&mut self) -> Found<'a> {
        let position = self.place.position;
        let (start, mut is_zero) = (self.rest, true);
        while !self.rest.is_empty() && self.look().is_none() {
            let page = &self.rest[..self.rest.len().min(PAGE)];
            is_zero &= page.iter().all(|byte| *byte == 0);
            self.step(PAGE);
        }
        Found::Nothing { position, bytes: (start.len() - self.rest.len()) as u32, is_zero }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        match self.look() {
            Some((found, bytes)) => {
                self.step(bytes);
                Some(found)
            }
            None => Some(self.nothing()),
        }
    }
}
