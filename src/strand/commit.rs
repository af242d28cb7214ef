//! Group commit: what gathers, what is on its way, what is durable (R1–R4, R8).
//!
//! Every entry gets its place in the strand's order when it is taken in: the sequence of the frame
//! that will hold it, and the use that the frame will lie in. So a frame that does not fit the
//! rest of its use is known before it is full, and the one before it carries the `Seal`.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::base::Block;
use crate::base::Mutant;
use crate::base::PAGE;
use crate::strand::Entry;
use crate::strand::EntryId;
use crate::strand::ExtentId;
use crate::strand::FRAME_HEADER;
use crate::strand::Gathering;
use crate::strand::StrandConfig;
use crate::strand::TableEntry;
use crate::strand::footer_bytes;
use crate::strand::frame::entry_bytes;

/// What a `Seal` takes in a table, reserved in every frame.
fn seal_bytes() -> usize {
    entry_bytes(&Entry::Seal { extent: ExtentId(0), use_number: 0 })
}

/// The most runs that an entry can add to a footer: voids and re-pointed batches can split one.
fn runs_max(entry: &Entry) -> usize {
    match entry {
        Entry::Append(_) => 1,
        Entry::Seal { .. } | Entry::LogStart { .. } | Entry::EpochStart { .. } => 0,
        Entry::Relocate { .. }
        | Entry::Truncate { .. }
        | Entry::Drop { .. }
        | Entry::Lost { .. } => 2,
    }
}

/// Lengths that decide where a frame ends.
#[derive(Clone, Copy, Default, Debug)]
struct Sizes {
    table_bytes: usize,
    payload_bytes: usize,
    runs: usize,
}

impl Sizes {
    fn of(entry: &Entry) -> Self {
        let payload_bytes = entry.batch().map_or(0, |append| append.bytes as usize);
        Self { table_bytes: entry_bytes(entry), payload_bytes, runs: runs_max(entry) }
    }

    fn with(&self, more: &Self) -> Self {
        Self {
            table_bytes: self.table_bytes + more.table_bytes,
            payload_bytes: self.payload_bytes + more.payload_bytes,
            runs: self.runs + more.runs,
        }
    }

    fn frame_bytes(&self) -> usize {
        (FRAME_HEADER + self.table_bytes + self.payload_bytes).next_multiple_of(PAGE)
    }

    fn sealed_bytes(&self) -> usize {
        let table_bytes = self.table_bytes + seal_bytes();
        Self { table_bytes, ..*self }.frame_bytes()
    }
}

/// Where the gathering frame will lie, and what lies before it in its use.
#[derive(Clone, Copy, Debug)]
struct Plan {
    use_number: u64,
    position: usize,
    frames: usize,
    table_bytes: usize,
    runs: usize,
}

impl Plan {
    fn of(use_number: u64) -> Self {
        Self { use_number, position: PAGE, frames: 0, table_bytes: 0, runs: 0 }
    }

    /// Whether a frame fits, with all that must still follow it: a frame that only seals, and the
    /// footer.
    fn fits(&self, sizes: &Sizes, extent_bytes: u32) -> bool {
        let table_bytes = self.table_bytes + sizes.table_bytes + 2 * seal_bytes();
        let footer = footer_bytes(self.frames + 2, table_bytes, self.runs + sizes.runs);
        self.position + sizes.sealed_bytes() + PAGE + footer <= extent_bytes as usize
    }

    fn advance(&mut self, sizes: &Sizes, frame_bytes: usize) {
        self.position += frame_bytes;
        self.frames += 1;
        self.table_bytes += sizes.table_bytes;
        self.runs += sizes.runs;
    }
}

/// A frame that takes no more entries.
pub(super) struct Waiting {
    pub frame: Gathering,
    pub sequence: u64,
    pub use_number: u64,
    pub position: u32,
    /// The use ends with it: a `Seal` is added when the next extent is known.
    pub seals: bool,
}

impl Waiting {
    pub(super) fn frame_bytes(&self) -> usize {
        if self.seals {
            let seal = Entry::Seal { extent: ExtentId(0), use_number: 0 };
            self.frame.frame_bytes_with(&seal)
        } else {
            self.frame.frame_bytes()
        }
    }
}

/// A frame that was handed to the disk.
pub(super) struct InFlight {
    pub sequence: u64,
    pub use_number: u64,
    pub extent: ExtentId,
    pub position: u32,
    pub block: Block,
    pub table: Vec<TableEntry>,
    /// It sealed its use.
    pub seals: bool,
    written: bool,
}

impl InFlight {
    pub(super) fn new(
        waiting: &Waiting,
        extent: ExtentId,
        block: Block,
        table: Vec<TableEntry>,
    ) -> Self {
        Self {
            sequence: waiting.sequence,
            use_number: waiting.use_number,
            extent,
            position: waiting.position,
            block,
            table,
            seals: waiting.seals,
            written: false,
        }
    }
}

/// The queue from the first byte gathered to the last frame durable.
pub(super) struct Commit {
    extent_bytes: u32,
    frame_bytes_max: usize,
    window: u64,
    second_frame_bytes_min: usize,
    /// Frames that are full, oldest first.
    closed: VecDeque<Waiting>,
    gathering: Gathering,
    sizes: Sizes,
    /// Sequence of the gathering frame.
    sequence: u64,
    /// `None` until the first entry of this start: a start that writes nothing takes no extent.
    plan: Option<Plan>,
    /// Uses that are planned and have no extent yet.
    unopened: VecDeque<u64>,
    next_use: u64,
    in_flight: VecDeque<InFlight>,
    /// Highest sequence that is durable together with all before it.
    durable: u64,
    /// Highest sequence of an entry that counts, as frames may claim it proven.
    proven: u64,
    /// Highest sequence that the slots of earlier starts hold. It lies above `proven` where the last
    /// uses of the chain were given back: nothing in them was live any more.
    saved: u64,
    /// Payload bytes that wait for their frame to be issued.
    waiting_bytes: usize,
}

impl Commit {
    pub(super) fn new(config: &StrandConfig) -> Self {
        Self {
            extent_bytes: config.extent_bytes,
            frame_bytes_max: config.frame_bytes_max as usize,
            window: u64::from(config.in_flight_max),
            second_frame_bytes_min: config.second_frame_bytes_min as usize,
            closed: VecDeque::new(),
            gathering: Gathering::default(),
            sizes: Sizes::default(),
            sequence: 1,
            plan: None,
            unopened: VecDeque::new(),
            next_use: 1,
            in_flight: VecDeque::new(),
            durable: 0,
            proven: 0,
            saved: 0,
            waiting_bytes: 0,
        }
    }

    /// Recovery is over: `proven` is the last sequence that counts, `saved` the highest that a slot
    /// holds, the first frame of this start gets `sequence`, the first use `next_use`.
    pub(super) fn resume(&mut self, proven: u64, saved: u64, sequence: u64, next_use: u64) {
        assert!(proven.max(saved) < sequence, "sequences are never used again");
        self.proven = proven;
        self.saved = saved;
        self.sequence = sequence;
        self.durable = sequence - 1;
        self.next_use = next_use;
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// What a frame or header that is issued at this moment may declare as proven.
    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    /// The lowest sequence that an entry taken in from here on can have. Before the first entry of
    /// this start it is the one behind the recovered end: sequences between that and the first
    /// of this start belong to nobody, or to a torn tail that no header has closed off yet.
    pub(super) fn next_sequence(&self) -> u64 {
        if self.plan.is_none() { self.proven.max(self.saved) + 1 } else { self.sequence }
    }

    /// The highest sequence that any entry taken in so far has.
    pub(super) fn newest_sequence(&self) -> u64 {
        if self.gathering.is_empty() && self.plan.is_some() {
            self.sequence - 1
        } else if self.plan.is_some() {
            self.sequence
        } else {
            self.proven.max(self.saved)
        }
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Nothing gathers, waits or is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.gathering.is_empty() && self.closed.is_empty() && self.in_flight.is_empty()
    }

    /// Uses that were planned and still want an extent.
    pub(super) fn unopened(&self) -> usize {
        self.unopened.len()
    }

    pub(super) fn first_unopened(&self) -> Option<u64> {
        self.unopened.front().copied()
    }

    /// The use got its extent.
    pub(super) fn opened(&mut self, use_number: u64) {
        assert_eq!(self.unopened.pop_front(), Some(use_number), "uses are opened in order");
    }

    /// Whether an extent can hold the entry at all (R3).
    pub(super) fn can_hold(&self, entry: &Entry) -> bool {
        Plan::of(0).fits(&Sizes::of(entry), self.extent_bytes)
    }

    /// Whether taking the entry in begins another use.
    pub(super) fn begins_use(&self, entry: &Entry) -> bool {
        self.begins_use_of(&Sizes::of(entry))
    }

    /// Whether taking in a batch of so many bytes, with what may come before it, may begin another
    /// use.
    pub(super) fn begins_use_with(&self, batch_bytes: usize) -> bool {
        self.begins_use_of(&Sizes { table_bytes: PAGE, payload_bytes: batch_bytes, runs: 2 })
    }

    fn begins_use_of(&self, more: &Sizes) -> bool {
        let Some(mut plan) = self.plan else { return true };
        let mut sizes = self.sizes;
        if self.is_full_for(more) {
            plan.advance(&sizes, sizes.frame_bytes());
            sizes = Sizes::default();
        }
        !plan.fits(&sizes.with(more), self.extent_bytes)
    }

    /// Takes an entry in. It must fit an extent.
    pub(super) fn push(&mut self, entry: Entry, batch: Bytes) -> EntryId {
        let more = Sizes::of(&entry);
        if self.is_full_for(&more) {
            self.close(false);
        }
        let extent_bytes = self.extent_bytes;
        match self.plan {
            None => self.begin_use(),
            Some(plan) if !plan.fits(&self.sizes.with(&more), extent_bytes) => self.close(true),
            Some(_) => {}
        }
        let plan = self.plan.expect("a use is planned from here on");
        assert!(plan.fits(&self.sizes.with(&more), extent_bytes), "R3: the entry fits an extent");
        self.sizes = self.sizes.with(&more);
        self.waiting_bytes += more.payload_bytes;
        let number = self.gathering.push(entry, batch);
        EntryId { sequence: self.sequence, number }
    }

    /// R3: only a batch that is alone may make a frame longer than the limit.
    fn is_full_for(&self, more: &Sizes) -> bool {
        !self.gathering.is_empty() && self.sizes.with(more).sealed_bytes() > self.frame_bytes_max
    }

    fn begin_use(&mut self) {
        let use_number = self.next_use;
        // The planted bug: a filling that cannot be told from the one before it.
        if !Mutant::UseNotRenewed.is_on() || use_number == 1 {
            self.next_use += 1;
        }
        self.plan = Some(Plan::of(use_number));
        self.unopened.push_back(use_number);
    }

    fn close(&mut self, seals: bool) {
        let plan = self.plan.as_mut().expect("a frame gathers for a planned use");
        let frame = std::mem::take(&mut self.gathering);
        let sizes = std::mem::take(&mut self.sizes);
        let waiting = Waiting {
            frame,
            sequence: self.sequence,
            use_number: plan.use_number,
            position: plan.position as u32,
            seals,
        };
        plan.advance(&sizes, waiting.frame_bytes());
        self.closed.push_back(waiting);
        self.sequence += 1;
        if seals {
            self.begin_use();
        }
    }

    /// Closes the gathering frame, empty or not, if there is room for it without another use
    /// (R6). Says whether there was.
    pub(super) fn close_for_quiet(&mut self) -> bool {
        let extent_bytes = self.extent_bytes;
        let fits = self.plan.is_some_and(|plan| plan.fits(&self.sizes, extent_bytes));
        if fits && self.closed.is_empty() {
            self.close(false);
        }
        fits
    }

    /// The next frame to issue, if R2 allows one more.
    pub(super) fn next(&mut self) -> Option<&Waiting> {
        if self.closed.is_empty() && !self.gathering.is_empty() {
            let bytes = self.sizes.frame_bytes();
            if self.may_issue(self.sequence, bytes) {
                self.close(false);
            }
        }
        let front = self.closed.front()?;
        self.may_issue(front.sequence, front.frame_bytes()).then_some(front)
    }

    /// R2: frame N+K waits for frame N; a second one on its way has to be worth it.
    fn may_issue(&self, sequence: u64, bytes: usize) -> bool {
        let in_window =
            sequence <= self.durable + self.window || Mutant::FrameBeyondKIssuedEarly.is_on();
        let is_worth_it = self.in_flight.is_empty() || bytes >= self.second_frame_bytes_min;
        in_window && is_worth_it
    }

    /// Takes the frame that [`Commit::next`] showed.
    pub(super) fn take(&mut self) -> Waiting {
        let waiting = self.closed.pop_front().expect("a frame was shown");
        let batches = waiting.frame.entries().filter_map(Entry::batch);
        let bytes: usize = batches.map(|append| append.bytes as usize).sum();
        self.waiting_bytes -= bytes;
        waiting
    }

    pub(super) fn issued(&mut self, frame: InFlight) {
        if Mutant::AckAtSubmission.is_on() {
            self.durable = frame.sequence;
        }
        self.in_flight.push_back(frame);
    }

    /// A frame was written, `O_DSYNC`: it is durable. Gives the frames that became durable
    /// together with all before them, in order (R1).
    pub(super) fn written(&mut self, sequence: u64) -> Vec<InFlight> {
        let frame = self.in_flight.iter_mut().find(|frame| frame.sequence == sequence);
        frame.expect("a written frame was in flight").written = true;
        if Mutant::AckOutOfFrameOrder.is_on() {
            self.durable = self.durable.max(sequence);
        }
        let mut done = Vec::new();
        while self.in_flight.front().is_some_and(|frame| frame.written) {
            let Some(frame) = self.in_flight.pop_front() else { break };
            self.durable = self.durable.max(frame.sequence);
            self.proven = frame.sequence;
            done.push(frame);
        }
        done
    }
}
