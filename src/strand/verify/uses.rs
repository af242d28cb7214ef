//! The frames of the uses that count, and their footers.

use crate::base::Mutant;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::entry::Entry;
use crate::strand::entry::EntryId;
use crate::strand::footer::FooterPlace;
use crate::strand::footer::Trailer;
use crate::strand::frame::Frame;
use crate::strand::frame::FrameHeader;
use crate::strand::frame::FramePlace;
use crate::strand::frame::TableEntry;
use crate::strand::op::File;
use crate::strand::run::PlacedRun;
use crate::strand::run::RunMap;
use crate::strand::run::Use;
use crate::strand::run::runs_of;
use crate::strand::scanner::Found;
use crate::strand::scanner::Scanner;
use crate::strand::verify::Verifier;
use crate::strand::verify::chain::Chain;
use crate::strand::verify::chain::CountedUse;

/// Uses at the end of the chain whose frames may be a torn tail.
const LATE_USES: usize = 2;

/// Something that cannot be read; damage if `sequence` is proven.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) file: File,
    pub(super) position: u64,
    pub(super) partition: Option<PartitionId>,
    pub(super) sequence: u64,
    pub(super) what: String,
}

/// A frame that is replayed once it is known where the torn tail begins.
#[derive(Clone, Debug)]
pub(super) struct LateFrame {
    place: Use,
    sequence: u64,
    table: Vec<TableEntry>,
}

/// What was seen of one use.
struct Seen {
    place: Use,
    file: File,
    /// The sequence that the next frame must have.
    next: u64,
    /// Behind the last frame.
    end: u32,
    /// Where something unreadable began that no frame has followed yet.
    gap: Option<u32>,
    entries: Vec<(EntryId, TableEntry)>,
    runs: RunMap,
    is_whole: bool,
    seals: Option<Entry>,
}

impl Verifier<'_> {
    pub(super) fn check_uses(&mut self, chain: &Chain) {
        let late_from = chain.uses.len().saturating_sub(LATE_USES);
        for (number, of) in chain.uses.iter().enumerate() {
            let Some(file) = self.read_extent(of.extent) else { continue };
            let seen = self.check_frames(of, &file);
            self.check_seal(of, &seen);
            self.check_footer(&seen, &file, number >= late_from);
            let frames = by_frame(seen.entries);
            for (sequence, table) in frames {
                let frame = LateFrame { place: seen.place, sequence, table };
                if number >= late_from { self.late.push(frame) } else { self.replay(frame) }
            }
        }
        let proven = self.found.proven;
        let torn = self.problems.iter().map(|problem| problem.sequence).filter(|of| proven < *of);
        let torn_from = torn.min().unwrap_or(u64::MAX);
        for frame in std::mem::take(&mut self.late) {
            if frame.sequence < torn_from {
                self.replay(frame);
            }
        }
    }

    fn check_frames(&mut self, of: &CountedUse, file: &[u8]) -> Seen {
        let place = Use { number: of.number, extent: of.extent };
        let (file_name, page) = (File::Extent(of.extent), PAGE as u32);
        let mut seen = Seen {
            place,
            file: file_name,
            next: of.first_sequence,
            end: page,
            gap: None,
            entries: Vec::new(),
            runs: RunMap::default(),
            is_whole: true,
            seals: None,
        };
        let strand = self.identity.strand;
        let at = FramePlace { strand, extent: of.extent, use_number: of.number, position: page };
        let closing_end = of.closing_end.unwrap_or(u64::MAX);
        for found in Scanner::new(self.identity.key, at, file.get(PAGE..).unwrap_or_default()) {
            match found {
                Found::Frame { frame, damaged } if frame.header().sequence <= closing_end => {
                    self.on_frame(&mut seen, &frame, &damaged);
                }
                Found::BadTable { header } if header.sequence <= closing_end => {
                    self.on_header(&mut seen, &header);
                    let what = "the table does not validate".to_owned();
                    self.problem(&mut seen, header.place.position, None, header.sequence, what);
                }
                Found::Cut { header } => seen.gap = seen.gap.or(Some(header.place.position)),
                Found::Foreign { place, .. } => seen.gap = seen.gap.or(Some(place.position)),
                Found::Unknown { position, version } => {
                    let what = format!("a frame of version {version}");
                    self.damage(file_name, u64::from(position), None, what);
                }
                Found::Nothing { position, .. } => seen.gap = seen.gap.or(Some(position)),
                // Beyond the closing end: void.
                Found::Frame { .. } | Found::BadTable { .. } => {}
            }
        }
        if let Some(closing_end) = of.closing_end.filter(|end| seen.next <= *end) {
            let what = format!("frames {} to {closing_end} are missing", seen.next);
            let (position, sequence) = (seen.end, seen.next);
            self.problem(&mut seen, position, None, sequence, what);
        }
        seen
    }

    fn on_frame(&mut self, seen: &mut Seen, frame: &Frame<'_>, damaged: &[u32]) {
        let header = *frame.header();
        self.on_header(seen, &header);
        self.found.frames += 1;
        if !frame.padding_is_zero() && !Mutant::PaddingNotZeroed.is_on() {
            let what = "the padding is not zeros";
            self.damage(seen.file, u64::from(header.place.position), None, what);
        }
        for number in damaged {
            let entry = &frame.table()[*number as usize];
            let what = format!("batch {number} of frame {} does not validate", header.sequence);
            let partition = entry.entry.partition();
            self.problem(seen, entry.position, partition, header.sequence, what);
        }
        for run in runs_of(frame.table()) {
            seen.runs.insert(PlacedRun { place: seen.place, run });
        }
        for (number, entry) in frame.table().iter().enumerate() {
            self.found.batches += u64::from(entry.entry.batch().is_some());
            if matches!(entry.entry, Entry::Seal { .. }) {
                seen.seals = Some(entry.entry.clone());
            }
            let id = EntryId { sequence: header.sequence, number: number as u32 };
            seen.entries.push((id, entry.clone()));
        }
    }

    /// A frame with a sound header: it proves what came before it, and shows what is missing.
    fn on_header(&mut self, seen: &mut Seen, header: &FrameHeader) {
        let behind = header.sequence.saturating_sub(u64::from(header.in_flight));
        self.found.proven = self.found.proven.max(header.proven).max(behind);
        if header.sequence < seen.next {
            let what = format!("frame {} comes after {}", header.sequence, seen.next - 1);
            self.damage(seen.file, u64::from(header.place.position), None, what);
            return;
        }
        let expected = (seen.next, seen.end);
        if expected != (header.sequence, header.place.position) {
            let last = header.sequence.saturating_sub(1);
            let what = format!("frames {} to {last} cannot be read", seen.next);
            let position = seen.gap.unwrap_or(seen.end);
            self.problem(seen, position, None, expected.0, what);
        }
        seen.gap = None;
        seen.next = header.sequence + 1;
        seen.end = header.next_position();
    }

    fn problem(
        &mut self,
        seen: &mut Seen,
        position: u32,
        partition: Option<PartitionId>,
        sequence: u64,
        what: String,
    ) {
        seen.is_whole = false;
        let (file, position) = (seen.file, u64::from(position));
        self.problems.push(Problem { file, position, partition, sequence, what });
    }

    fn check_seal(&mut self, of: &CountedUse, seen: &Seen) {
        let Some((extent, use_number)) = of.sealed_for.filter(|_| seen.is_whole) else { return };
        if seen.seals != Some(Entry::Seal { extent, use_number }) {
            let what = format!("use {} is not sealed for use {use_number}", of.number);
            self.damage(seen.file, u64::from(seen.end), None, what);
        }
    }

    fn check_footer(&mut self, seen: &Seen, file: &[u8], may_be_unfinished: bool) {
        let place = FooterPlace {
            strand: self.identity.strand,
            extent: seen.place.extent,
            use_number: seen.place.number,
            extent_bytes: file.len() as u32,
        };
        let at = file.len().saturating_sub(PAGE);
        let page = &file[at..];
        let Some(trailer) = Trailer::parse(page, &self.identity.key, &place) else {
            let names_this_use = page.starts_with(b"SLft")
                && page.get(16..24) == Some(&place.use_number.to_le_bytes()[..]);
            if names_this_use && !may_be_unfinished {
                self.damage(seen.file, at as u64, None, "the footer's trailer does not validate");
            }
            return;
        };
        let start = trailer.start() as usize;
        let footer = &file[start..];
        let (entries, runs) = (trailer.entries(footer), trailer.runs(&self.identity.key, footer));
        let position = start as u64;
        let (Some(entries), Some(runs)) = (entries, runs) else {
            if !may_be_unfinished {
                self.damage(seen.file, position, None, "the footer does not validate");
            }
            return;
        };
        // With damaged frames there is nothing to compare with.
        if !seen.is_whole {
            return;
        }
        if entries != seen.entries {
            self.damage(seen.file, position, None, "the footer's entries are not the frames'");
        }
        if !runs.iter().eq(seen.runs.iter()) {
            self.damage(seen.file, position, None, "the footer's runs are not the frames'");
        }
    }

    /// A frame that counts: what it says becomes the state.
    fn replay(&mut self, frame: LateFrame) {
        let LateFrame { place, sequence, table } = frame;
        for run in runs_of(&table) {
            self.runs.insert(PlacedRun { place, run });
            if !run.is_void() {
                self.stored.insert((place.number, run.position), run);
            }
        }
        // The checkpoint contains all that came before it, and may have forgotten what of it died.
        if sequence < self.checkpoint.from {
            return;
        }
        for (number, TableEntry { entry, .. }) in table.iter().enumerate() {
            let Some(partition) = entry.partition() else { continue };
            if matches!(entry, Entry::Relocate { .. }) {
                continue;
            }
            if matches!(entry, Entry::Drop { .. }) {
                self.logs.remove(&partition);
                continue;
            }
            let id = EntryId { sequence, number: number as u32 };
            self.logs.entry(partition).or_default().apply(id, entry);
        }
    }
}

/// Entries in order, cut where the next frame begins.
fn by_frame(entries: Vec<(EntryId, TableEntry)>) -> Vec<(u64, Vec<TableEntry>)> {
    let mut frames: Vec<(u64, Vec<TableEntry>)> = Vec::new();
    for (id, entry) in entries {
        match frames.last_mut().filter(|(sequence, _)| *sequence == id.sequence) {
            Some((_, table)) => table.push(entry),
            None => frames.push((id.sequence, vec![entry])),
        }
    }
    frames
}
