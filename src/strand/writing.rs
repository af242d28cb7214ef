//! The strand's side of the disk: frames go out, uses are opened and sealed, footers follow.

use crate::base::Block;
use crate::base::Mutant;
use crate::base::Now;
use crate::base::PAGE;
use crate::base::Pool;
use crate::strand::Entry;
use crate::strand::ExtentHeader;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::FooterPlace;
use crate::strand::FramePlace;
use crate::strand::FrameStamp;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Output;
use crate::strand::PlacedRun;
use crate::strand::Predecessor;
use crate::strand::TableEntry;
use crate::strand::Use;
use crate::strand::commit::InFlight;
use crate::strand::commit::Waiting;
use crate::strand::ledger::Ledger;
use crate::strand::ledger::stored;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;
use crate::strand::runs_of;

/// Sealed uses that may lack their footer at once (R4): the most that a start has to scan beside
/// the open one.
pub(super) const FOOTERS_MISSING_MAX: usize = 2;

/// The use that takes frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub place: Use,
    header_written: bool,
    /// The predecessor's last frame; its frames are issued before it is durable, ours are not (R4).
    awaits: u64,
}

impl Strand {
    /// Starts commits if something gathers and K allows it. Called once a turn.
    pub fn commit(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Output) {
        if !self.is_writing() {
            return;
        }
        // What these take in or want is written below, in the same turn: none may follow.
        self.sweep(now, out);
        self.evacuate(now, out);
        self.write_footers(pool, out);
        while self.commit_one(pool, out) {}
        self.forget_runs(now);
        self.reindex(out);
        self.index(now, pool, out);
        self.checkpoint(now, pool, out);
        self.prepare(now, out);
        if std::mem::take(&mut self.space.was_refused) {
            self.note_full(true, out);
        } else if self.full_is_over() {
            self.note_full(false, out);
        }
        self.settle(out);
    }

    fn commit_one(&mut self, pool: &mut dyn Pool, out: &mut Output) -> bool {
        let Some(next) = self.commit.next() else { return false };
        let (use_number, sequence, seals) = (next.use_number, next.sequence, next.seals);
        let bytes = next.frame_bytes();
        let Some(opened) = self.opened.filter(|opened| opened.place.number == use_number) else {
            return self.open_first(use_number, sequence, pool, out);
        };
        let seal_awaited = self.commit.proven() >= opened.awaits || Mutant::SealNotAwaited.is_on();
        if !opened.header_written || !seal_awaited {
            return false;
        }
        if !seals {
            let Some(memory) = pool.take(bytes) else { return false };
            let waiting = self.commit.take();
            self.issue(opened.place, waiting, memory, out);
            return true;
        }
        let Some(extent) = self.extents.ready() else { return false };
        if self.footers.len() >= FOOTERS_MISSING_MAX {
            return false;
        }
        let (Some(memory), Some(page)) = (pool.take(bytes), pool.take(PAGE)) else { return false };
        let mut waiting = self.commit.take();
        let next_use = self.commit.first_unopened().expect("a sealed use has a successor");
        let seal = Entry::Seal { extent, use_number: next_use };
        waiting.frame.push(seal, bytes::Bytes::new());
        self.issue(opened.place, waiting, memory, out);
        let predecessor = Predecessor {
            extent: opened.place.extent,
            use_number,
            closing_end: sequence,
            proven: self.commit.proven(),
        };
        self.open_use(Use { number: next_use, extent }, sequence + 1, Some(predecessor), page, out);
        true
    }

    /// The first use of this start (R5): its header declares where the last start's chain ends.
    fn open_first(
        &mut self,
        use_number: u64,
        sequence: u64,
        pool: &mut dyn Pool,
        out: &mut Output,
    ) -> bool {
        if self.commit.first_unopened() != Some(use_number) {
            return false;
        }
        let Some(extent) = self.extents.ready() else { return false };
        let Some(page) = pool.take(PAGE) else { return false };
        let predecessor = self.predecessor;
        self.open_use(Use { number: use_number, extent }, sequence, predecessor, page, out);
        false
    }

    fn open_use(
        &mut self,
        place: Use,
        first_sequence: u64,
        predecessor: Option<Predecessor>,
        mut page: Box<dyn crate::base::MemoryMut>,
        out: &mut Output,
    ) {
        let header = ExtentHeader {
            strand: self.identity.strand,
            extent: place.extent,
            extent_bytes: self.config.extent_bytes,
            use_number: place.number,
            start: self.start,
            first_sequence,
            predecessor,
        };
        header.encode(&self.identity.key, page.bytes_mut());
        self.commit.opened(place.number);
        self.extents.open(place.extent, place.number, first_sequence);
        let awaits = predecessor.map_or(0, |predecessor| predecessor.closing_end);
        self.opened = Some(Opened { place, header_written: false, awaits });
        self.ledgers.push_back(Ledger::new(place));
        let purpose = Purpose::Header { use_number: place.number };
        self.write(purpose, place.extent, 0, page.freeze(), out);
    }

    fn issue(
        &mut self,
        place: Use,
        waiting: Waiting,
        mut memory: Box<dyn crate::base::MemoryMut>,
        out: &mut Output,
    ) {
        let stamp = FrameStamp {
            place: FramePlace {
                strand: self.identity.strand,
                extent: place.extent,
                use_number: place.number,
                position: waiting.position,
            },
            sequence: waiting.sequence,
            proven: self.commit.proven(),
            in_flight: u16::from(self.config.in_flight_max),
        };
        let table = waiting.frame.encode(&stamp, &self.identity.key, memory.bytes_mut());
        let block = memory.freeze();
        self.quiet.issued(!waiting.frame.is_empty());
        self.figures.frames += 1;
        self.figures.frame_bytes += block.len() as u64;
        let purpose = Purpose::Frame { sequence: waiting.sequence };
        self.write(purpose, place.extent, u64::from(waiting.position), block.clone(), out);
        self.commit.issued(InFlight::new(&waiting, place.extent, block, table));
        if Mutant::AckAtSubmission.is_on() {
            out.notices.push(Notice::Durable { sequence: self.commit.durable() });
        }
    }

    fn write(
        &mut self,
        purpose: Purpose,
        extent: ExtentId,
        position: u64,
        data: Block,
        out: &mut Output,
    ) {
        let op = Op::Write { file: File::Extent(extent), position, data };
        self.ops.issue(purpose, op, out);
    }

    pub(super) fn on_frame_written(&mut self, now: Now, sequence: u64, out: &mut Output) {
        let before = self.commit.durable();
        let done = self.commit.written(sequence);
        for frame in done {
            self.frame_is_durable(now, frame);
        }
        if self.commit.durable() > before || Mutant::AckAtSubmission.is_on() {
            self.say_durable(out);
        }
        if self.commit.is_idle() {
            self.quiet.began(now);
        }
    }

    fn frame_is_durable(&mut self, now: Now, frame: InFlight) {
        let place = Use { number: frame.use_number, extent: frame.extent };
        self.take_runs(place, &frame.table);
        self.reads.framed(place, frame.position, &frame.block);
        let stored = stored(&frame.table);
        let extent = self.extents.used_mut(frame.use_number).expect("a frame lies in a use");
        extent.last_sequence = frame.sequence;
        extent.used_bytes += frame.block.len() as u64;
        extent.stored_bytes += stored.bytes;
        extent.live.add(stored);
        self.checkpoints.wrote(now, frame.block.len() as u64);
        let mut ledgers = self.ledgers.iter_mut();
        let ledger = ledgers.find(|ledger| ledger.place == place).expect("an open use has one");
        let bytes = frame.block.bytes();
        ledger.add(frame.sequence, frame.position, bytes.len() as u32, bytes, &frame.table);
        if frame.seals {
            self.extents.seal(frame.use_number, frame.sequence);
            self.space.sealed(frame.use_number);
            let sealed = self.ledgers.pop_front().expect("uses are sealed in order");
            assert_eq!(sealed.place, place, "uses are sealed in order");
            self.footers.push_back(sealed);
        }
    }

    /// Points the index to what a frame holds. What it holds over again is re-pointed (R17).
    pub(super) fn take_runs(&mut self, place: Use, table: &[TableEntry]) {
        for run in runs_of(table) {
            let is_known =
                || self.runs.from(run.partition, run.from).any(|held| held.run.from < run.to);
            if Mutant::RelocateAdds.is_on() && !run.is_void() && is_known() {
                continue;
            }
            self.runs.insert(PlacedRun { place, run });
        }
    }

    pub(super) fn on_header_written(&mut self, use_number: u64, _out: &mut Output) {
        if let Some(opened) = &mut self.opened
            && opened.place.number == use_number
        {
            opened.header_written = true;
        }
    }

    /// Writes the footer of the oldest sealed use that has none, when there is memory for it.
    fn write_footers(&mut self, pool: &mut dyn Pool, out: &mut Output) {
        self.release_footers();
        if self.footer_in_flight {
            return;
        }
        let Some(ledger) = self.footers.front() else { return };
        let bytes = ledger.footer_bytes();
        let Some(mut memory) = pool.take(bytes) else { return };
        let place = FooterPlace {
            strand: self.identity.strand,
            extent: ledger.place.extent,
            use_number: ledger.place.number,
            extent_bytes: self.config.extent_bytes,
        };
        ledger.encode(&self.identity.key, &place, memory.bytes_mut());
        let purpose = Purpose::Footer { use_number: ledger.place.number };
        let (extent, position) = (place.extent, place.extent_bytes as usize - bytes);
        self.footer_in_flight = true;
        self.write(purpose, extent, position as u64, memory.freeze(), out);
    }

    pub(super) fn on_footer_written(&mut self, use_number: u64) {
        let ledger = self.footers.pop_front().expect("a footer was written from its ledger");
        assert_eq!(ledger.place.number, use_number, "footers are written in order");
        self.footer_in_flight = false;
        if let Some(extent) = self.extents.used_mut(use_number) {
            extent.has_footer = true;
        }
        self.look_for_uses();
        self.evacuation.look_again();
    }
}
