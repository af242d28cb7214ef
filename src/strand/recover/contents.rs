//! Reads one use: by its footer if it has one, else frame by frame (R10). Says what is there and
//! judges nothing.

use crate::base::Block;
use crate::base::PAGE;
use crate::strand::EntryId;
use crate::strand::FooterPlace;
use crate::strand::Frame;
use crate::strand::FrameFault;
use crate::strand::FrameHeader;
use crate::strand::FramePlace;
use crate::strand::PlacedRun;
use crate::strand::StoreKey;
use crate::strand::TableEntry;
use crate::strand::Trailer;

/// What is read of an extent at once while frames are looked for.
const WINDOW_BYTES: u32 = 1 << 20;

/// A frame whose header validates.
#[derive(Debug)]
pub(in crate::strand) struct FoundFrame {
    pub sequence: u64,
    pub position: u32,
    /// What the frame knew durable when it was issued.
    pub proven: u64,
    /// Highest sequence that the frame proves: what it knew durable, and what R2 implies.
    pub proves: u64,
    /// `None`: the table is unreadable (R11).
    pub table: Option<Vec<TableEntry>>,
    /// Header and table as they lie on disk.
    pub head: Vec<u8>,
    /// Length of the whole frame.
    pub bytes: u32,
    /// Numbers of entries whose batch does not hold what was written.
    pub damaged: Vec<u32>,
}

/// A valid footer.
#[derive(Debug)]
pub(in crate::strand) struct FoundFooter {
    pub last_sequence: u64,
    /// Bytes of the frames.
    pub used_bytes: u64,
    pub entries: Vec<(EntryId, TableEntry)>,
    pub runs: Vec<PlacedRun>,
}

/// What a use holds.
#[derive(Debug, Default)]
pub(in crate::strand) struct Contents {
    /// With it, no frames were looked for.
    pub footer: Option<FoundFooter>,
    /// There is a footer of this use, and it does not validate.
    pub footer_is_damaged: bool,
    /// In the order of their positions.
    pub frames: Vec<FoundFrame>,
    /// Positions of pages that the device would not read.
    pub unreadable: Vec<u32>,
    /// A frame of a format that this version does not know.
    pub version: Option<u16>,
}

enum Step {
    Trailer,
    Footer(Trailer),
    Frames,
    Done,
}

/// Says what to read next, until nothing is left to read.
pub(in crate::strand) struct UseReader {
    place: FooterPlace,
    key: StoreKey,
    /// The last sequence of interest, if one is declared: nothing behind it is looked for.
    closing_end: Option<u64>,
    step: Step,
    cursor: u32,
    /// What the frame at the cursor needs, when the window was too short for it.
    needs: u32,
    /// After a failed read, pages are read one by one up to here.
    single_until: u32,
    /// The frame at the cursor as far as its pages were read one by one, zeros for those that fail:
    /// what can be read of it counts.
    pages: Option<Vec<u8>>,
    contents: Contents,
}

impl UseReader {
    /// `closing_end` of a use that is sealed or was closed off by a later start.
    pub(in crate::strand) fn new(
        place: FooterPlace,
        key: StoreKey,
        closing_end: Option<u64>,
    ) -> Self {
        let step = if closing_end.is_some() { Step::Trailer } else { Step::Frames };
        Self {
            place,
            key,
            closing_end,
            step,
            cursor: PAGE as u32,
            needs: 0,
            single_until: 0,
            pages: None,
            contents: Contents::default(),
        }
    }

    /// The next range to read: position and length.
    pub(in crate::strand) fn wants(&self) -> Option<(u64, u32)> {
        let extent_bytes = self.place.extent_bytes;
        match &self.step {
            Step::Trailer => Some((u64::from(extent_bytes) - PAGE as u64, PAGE as u32)),
            Step::Footer(trailer) => Some((u64::from(trailer.start()), trailer.footer_bytes())),
            Step::Frames => {
                if let Some(pages) = &self.pages {
                    return Some((u64::from(self.cursor) + pages.len() as u64, PAGE as u32));
                }
                let is_single = self.cursor < self.single_until;
                let window = self.needs.max(if is_single { PAGE as u32 } else { WINDOW_BYTES });
                Some((u64::from(self.cursor), window.min(extent_bytes - self.cursor)))
            }
            Step::Done => None,
        }
    }

    pub(in crate::strand) fn into_contents(self) -> Contents {
        self.contents
    }

    /// What came of the read that was wanted; `None`: the device failed it.
    pub(in crate::strand) fn on_read(&mut self, block: Option<&Block>) {
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Trailer => self.on_trailer(block),
            Step::Footer(trailer) => self.on_footer(&trailer, block),
            Step::Frames => {
                self.step = Step::Frames;
                match (self.pages.take(), block) {
                    (Some(pages), block) => self.on_page(pages, block),
                    (None, Some(block)) => self.on_window(block.bytes()),
                    (None, None) => self.on_unreadable(),
                }
                if self.cursor >= self.place.extent_bytes {
                    self.step = Step::Done;
                }
            }
            Step::Done => unreachable!("nothing was wanted"),
        }
    }

    fn on_trailer(&mut self, block: Option<&Block>) {
        let trailer = block.and_then(|block| Trailer::parse(block.bytes(), &self.key, &self.place));
        self.step = trailer.map_or(Step::Frames, Step::Footer);
    }

    fn on_footer(&mut self, trailer: &Trailer, block: Option<&Block>) {
        let footer = block.and_then(|block| {
            Some(FoundFooter {
                last_sequence: trailer.last_sequence,
                used_bytes: u64::from(trailer.frames_end).saturating_sub(PAGE as u64),
                entries: trailer.entries(block.bytes())?,
                runs: trailer.runs(&self.key, block.bytes())?,
            })
        });
        if footer.is_none() {
            self.contents.footer_is_damaged = true;
            self.step = Step::Frames;
        }
        self.contents.footer = footer;
    }

    /// A failed read is narrowed down to single pages; a page that fails is remembered: what it
    /// held is damage, never a torn tail.
    fn on_unreadable(&mut self) {
        if self.needs > 0 {
            self.pages = Some(Vec::new());
        } else if self.cursor >= self.single_until {
            self.single_until = self.cursor.saturating_add(WINDOW_BYTES);
        } else {
            self.contents.unreadable.push(self.cursor);
            self.cursor += PAGE as u32;
        }
    }

    /// One more page of a frame that cannot be read as a whole.
    fn on_page(&mut self, mut pages: Vec<u8>, block: Option<&Block>) {
        let end = pages.len() + PAGE;
        match block {
            Some(block) => pages.extend_from_slice(&block.bytes()[..block.len().min(PAGE)]),
            None => self.contents.unreadable.push(self.cursor + pages.len() as u32),
        }
        pages.resize(end, 0);
        if end < self.needs as usize {
            self.pages = Some(pages);
        } else {
            self.on_window(&pages);
        }
    }

    fn on_window(&mut self, window: &[u8]) {
        let mut at = 0;
        let asked = std::mem::take(&mut self.needs);
        while at + PAGE <= window.len() {
            let place = FramePlace {
                strand: self.place.strand,
                extent: self.place.extent,
                use_number: self.place.use_number,
                position: self.cursor,
            };
            let rest = &window[at..];
            let step = match Frame::parse(rest, &self.key, &place) {
                Ok(frame) => {
                    let bytes = frame.header().frame_bytes();
                    if self.found(found(&frame)) {
                        self.step = Step::Done;
                        return;
                    }
                    bytes
                }
                // A file that ends inside the frame gives no more the second time.
                Err(FrameFault::Short { needs })
                    if self.fits(needs) && (at > 0 || needs > asked) =>
                {
                    self.needs = needs;
                    return;
                }
                Err(FrameFault::Table { .. }) => self.found_without_table(rest),
                Err(FrameFault::Version(version)) => {
                    self.contents.version = Some(version);
                    PAGE as u32
                }
                Err(_) => PAGE as u32,
            };
            self.cursor += step;
            at += step as usize;
        }
        if at == 0 {
            // The file ends here, whatever its length should be.
            self.cursor = self.place.extent_bytes;
        }
    }

    fn fits(&self, needs: u32) -> bool {
        needs <= self.place.extent_bytes - self.cursor
    }

    /// Says whether it was the last one of interest.
    fn found(&mut self, frame: FoundFrame) -> bool {
        let sequence = frame.sequence;
        self.contents.frames.push(frame);
        self.closing_end.is_some_and(|end| sequence >= end)
    }

    fn found_without_table(&mut self, bytes: &[u8]) -> u32 {
        let Ok(header) = FrameHeader::parse(bytes, &self.key) else { return PAGE as u32 };
        let frame = FoundFrame {
            sequence: header.sequence,
            position: self.cursor,
            proven: header.proven,
            proves: proves(&header),
            table: None,
            head: Vec::new(),
            bytes: header.frame_bytes(),
            damaged: Vec::new(),
        };
        self.contents.frames.push(frame);
        header.frame_bytes()
    }
}

fn found(frame: &Frame<'_>) -> FoundFrame {
    let header = frame.header();
    FoundFrame {
        sequence: header.sequence,
        position: header.place.position,
        proven: header.proven,
        proves: proves(header),
        table: Some(frame.table().to_vec()),
        head: frame.head_bytes().to_vec(),
        bytes: header.frame_bytes(),
        damaged: frame.damaged(),
    }
}

/// R10: a valid frame *s* proves all up to max(what it knew durable, s−K).
fn proves(header: &FrameHeader) -> u64 {
    let implied = header.sequence.saturating_sub(u64::from(header.in_flight));
    header.proven.max(implied).min(header.sequence.saturating_sub(1))
}
