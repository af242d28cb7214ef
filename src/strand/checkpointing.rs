//! When the strand's state is saved, and when a slot counts (R10, R12, R13).
//!
//! 1. The state is gathered (`capturing`), entries in flight included. Every entry that is missing
//!    has the sequence `from` or a higher one, none that is inside has a higher one than `needs`.
//! 2. Nothing is written before `needs` is durable: a valid slot proves everything up to it.
//! 3. The slot that is older, or does not count, is grown if need be, written, read back and
//!    compared. Only then it counts, and what it names may be relied on.

use crate::base::Mutant;
use crate::base::Now;
use crate::base::Pool;
use crate::strand::Damage;
use crate::strand::DamageReport;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Slot;
use crate::strand::StrandConfig;
use crate::strand::capturing::Capture;
use crate::strand::checkpoint::EncodedSlot;
use crate::strand::checkpoint::PIECE_BYTES;
use crate::strand::machine::Phase;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// A slot file is at least this many times as long as what was last written into it.
const SLOT_HEADROOM: usize = 2;

/// A slot that did not read back so often in a row gets a file made anew, somewhere else on the
/// device.
const BAD_SLOT_FAILURES_MAX: u32 = 3;

/// What is known of a slot's file.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotState {
    /// Length of the file; 0: there is none.
    pub file_bytes: u64,
    /// `None`: it does not count.
    pub valid: Option<SlotFacts>,
}

/// What a slot that counts says of itself.
#[derive(Clone, Debug)]
pub(super) struct SlotFacts {
    pub generation: u64,
    pub from: u64,
    /// The index files that it names.
    pub indexes: Vec<IndexId>,
}

/// A checkpoint on its way.
#[derive(Debug)]
struct Writing {
    slot: Slot,
    content: EncodedSlot,
    facts: SlotFacts,
    needs: u64,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// For `needs` to be durable.
    Waiting,
    Growing,
    /// The file is removed: it does not hold what is written into it.
    Removing,
    /// The piece at `at` comes next.
    Write {
        at: usize,
    },
    Written {
        at: usize,
    },
    ReadBack {
        at: usize,
    },
}

/// The two slots and the one that is being written.
#[derive(Debug)]
pub(super) struct Checkpoints {
    interval_bytes: u64,
    interval_us: u64,
    slots: [SlotState; 2],
    pub(super) generation: u64,
    /// Bytes of frames since the last capture.
    bytes_since: u64,
    /// When the first frame since the last capture became durable.
    first_since: Option<u64>,
    capturing: Option<Capture>,
    writing: Option<Writing>,
    /// Asked for by pressure for space, by an index file, or by shutdown.
    is_wanted: bool,
    /// How often in a row a slot did not read back.
    failures: u32,
}

impl Checkpoints {
    pub(super) fn new(config: &StrandConfig) -> Self {
        Self {
            interval_bytes: config.checkpoint_bytes,
            interval_us: config.checkpoint_us,
            slots: [SlotState::default(), SlotState::default()],
            generation: 0,
            bytes_since: 0,
            first_since: None,
            capturing: None,
            writing: None,
            is_wanted: false,
            failures: 0,
        }
    }

    /// What recovery found.
    pub(super) fn resume(&mut self, slots: [SlotState; 2]) {
        let generations = slots.iter().filter_map(|slot| Some(slot.valid.as_ref()?.generation));
        self.generation = generations.max().unwrap_or(0);
        self.slots = slots;
    }

    pub(super) fn wrote(&mut self, now: Now, bytes: u64) {
        self.bytes_since += bytes;
        self.first_since.get_or_insert(now.mono_us);
    }

    /// At least one slot counts.
    pub(super) fn has_slot(&self) -> bool {
        self.slots.iter().any(|slot| slot.valid.is_some())
    }

    /// Replay never begins before this sequence, whichever slot is read. `None` until both count.
    pub(super) fn passed(&self) -> Option<u64> {
        let from = |slot: &SlotState| slot.valid.as_ref().map(|facts| facts.from);
        let (a, b) = (from(&self.slots[0]), from(&self.slots[1]));
        if Mutant::RecycledAfterOneSlot.is_on() {
            return a.max(b);
        }
        Some(a?.min(b?))
    }

    /// Of the newest capture.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Both slots were captured after this generation.
    pub(super) fn both_are_after(&self, generation: u64) -> bool {
        let is_after = |slot: &SlotState| {
            slot.valid.as_ref().is_some_and(|facts| facts.generation > generation)
        };
        if Mutant::RecycledAfterOneSlot.is_on() {
            return self.slots.iter().any(is_after);
        }
        self.slots.iter().all(is_after)
    }

    /// Whether a slot names the index file.
    pub(super) fn names(&self, index: IndexId) -> bool {
        let valid = self.slots.iter().filter_map(|slot| slot.valid.as_ref());
        let writing = self.writing.iter().map(|writing| &writing.facts);
        let capturing = self.capturing.iter().map(|capture| &capture.facts);
        valid.chain(writing).chain(capturing).any(|facts| facts.indexes.contains(&index))
    }

    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A checkpoint is on its way.
    fn is_busy(&self) -> bool {
        self.capturing.is_some() || self.writing.is_some()
    }

    /// The state is gathered from here on: what comes later is for the next checkpoint.
    pub(super) fn begin(&mut self, capture: Capture) {
        self.bytes_since = 0;
        self.first_since = None;
        self.is_wanted = false;
        self.capturing = Some(capture);
    }

    pub(super) fn take_capture(&mut self) -> Option<Capture> {
        self.capturing.take()
    }

    pub(super) fn go_on_with(&mut self, capture: Capture) {
        self.capturing = Some(capture);
    }

    /// The state is gathered.
    pub(super) fn captured(&mut self, facts: SlotFacts, content: EncodedSlot, needs: u64) {
        let slot = self.next_slot();
        self.writing = Some(Writing { slot, content, facts, needs, step: Step::Waiting });
    }

    /// Everything up to here is in a slot that counts, and nothing more is asked for.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_busy() && !self.is_wanted && self.bytes_since == 0 && self.has_slot()
    }

    fn is_due(&self, now: Now) -> bool {
        self.is_wanted
            || !self.has_slot()
            || self.bytes_since >= self.interval_bytes
            || self.interval_deadline().is_some_and(|deadline| deadline <= now.mono_us)
    }

    fn interval_deadline(&self) -> Option<u64> {
        Some(self.first_since?.saturating_add(self.interval_us))
    }

    /// When a capture is due by itself.
    fn deadline(&self) -> Option<u64> {
        if self.is_busy() { None } else { self.interval_deadline() }
    }

    /// The slot that is written next: one that does not count, or else the older one.
    fn next_slot(&self) -> Slot {
        let generation = |slot: &SlotState| slot.valid.as_ref().map(|facts| facts.generation);
        if generation(&self.slots[0]) <= generation(&self.slots[1]) { Slot::A } else { Slot::B }
    }

    fn slot_mut(&mut self, slot: Slot) -> &mut SlotState {
        match slot {
            Slot::A => &mut self.slots[0],
            Slot::B => &mut self.slots[1],
        }
    }
}

impl Strand {
    /// Begins a checkpoint when one is due, and writes the next piece of the one on its way.
    pub(super) fn checkpoint(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Output) {
        // The last one of a shutdown holds everything.
        let is_time =
            if self.is_running() { !self.files_are_paused() } else { self.commit.is_idle() }
                && !self.wants_partitions();
        if self.checkpoints.capturing.is_some() {
            self.capture_slice(now);
        } else if !self.checkpoints.is_busy() && is_time && self.checkpoints.is_due(now) {
            self.begin_capture(now);
        }
        let Some(writing) = &self.checkpoints.writing else { return };
        match writing.step {
            Step::Waiting
                if self.commit.durable() >= writing.needs || Mutant::SlotAheadOfProven.is_on() =>
            {
                self.grow_slot(out);
                self.write_piece(pool, out);
            }
            Step::Write { .. } => self.write_piece(pool, out),
            _ => {}
        }
    }

    /// When the next slice of a checkpoint's state is gathered.
    pub(super) fn capture_deadline(&self) -> Option<u64> {
        self.checkpoints.capturing.as_ref().map(|capture| capture.due_us)
    }

    /// When a checkpoint is due by itself.
    pub(super) fn checkpoint_deadline(&self) -> Option<u64> {
        let waits = self.wants_partitions() || self.files_are_paused();
        self.checkpoints.deadline().filter(|_| !waits)
    }

    /// A shutdown before the damage that the start found was settled: the next start settles it,
    /// and what this one committed is replayed then.
    pub(super) fn leaves_damage(&self) -> bool {
        self.wants_partitions() && !self.checkpoints.is_busy()
    }

    /// The first checkpoint of a strand is captured before anything is admitted: with an entry
    /// inside it would wait for that entry, and the entry for an extent, and no extent is made
    /// before a slot counts. All of it at once, for nobody is served yet.
    pub(super) fn capture_first(&mut self, now: Now) {
        if !self.checkpoints.has_slot() && !self.checkpoints.is_busy() {
            self.begin_capture(now);
            while self.checkpoints.capturing.is_some() {
                self.capture_slice(now);
            }
        }
    }

    fn grow_slot(&mut self, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        let slot = writing.slot;
        let file_bytes = match slot {
            Slot::A => self.checkpoints.slots[0].file_bytes,
            Slot::B => self.checkpoints.slots[1].file_bytes,
        };
        if file_bytes >= writing.content.len() as u64 {
            writing.step = Step::Write { at: 0 };
            return;
        }
        writing.step = Step::Growing;
        let bytes = (writing.content.len() * SLOT_HEADROOM) as u64;
        self.ops.issue(Purpose::Checkpoint, Op::GrowSlot { slot, bytes }, out);
    }

    fn write_piece(&mut self, pool: &mut dyn Pool, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        let Step::Write { at } = writing.step else { return };
        let piece = writing.content.piece(at);
        let Some(mut memory) = pool.take(piece.len()) else { return };
        memory.bytes_mut().copy_from_slice(piece);
        writing.step = Step::Written { at };
        let op = Op::Write {
            file: File::Slot(writing.slot),
            position: at as u64,
            data: memory.freeze(),
        };
        self.ops.issue(Purpose::Checkpoint, op, out);
    }

    pub(super) fn on_checkpoint(&mut self, now: Now, outcome: Outcome, out: &mut Output) {
        let writing = self.checkpoints.writing.as_mut();
        let writing = writing.expect("an op of a checkpoint belongs to the one on its way");
        match (writing.step, outcome) {
            (Step::Growing, Outcome::Grown) => {
                let (slot, bytes) = (writing.slot, writing.content.len() * SLOT_HEADROOM);
                writing.step = Step::Write { at: 0 };
                self.checkpoints.slot_mut(slot).file_bytes = bytes as u64;
            }
            (Step::Growing, Outcome::Failed(IoFailure::Full)) => self.put_checkpoint_off(now, out),
            (Step::Written { at }, Outcome::Written) => self.on_piece_written(at, out),
            (Step::ReadBack { at }, Outcome::Read(block))
                if block.bytes() == writing.content.piece(at) =>
            {
                self.on_read_back(at, out);
            }
            (Step::ReadBack { at }, Outcome::Read(_) | Outcome::Failed(_)) => {
                self.slot_is_bad(now, at, out);
            }
            (Step::Removing, Outcome::Removed) => {
                let slot = writing.slot;
                self.checkpoints.slot_mut(slot).file_bytes = 0;
                self.grow_slot(out);
            }
            (_, outcome) => {
                let what = format!("checkpoint in slot {:?}: {outcome:?}", writing.slot);
                self.fail(Fatal::WriteFailed { what }, out);
            }
        }
    }

    /// R16: no room for a longer slot is no reason to stop. The slots that count still do, and a
    /// strand that is shutting down leaves it at that: its next start replays more.
    fn put_checkpoint_off(&mut self, now: Now, out: &mut Output) {
        self.checkpoints.writing = None;
        if self.is_running() {
            self.checkpoints.want();
        }
        self.deny_file(now, out);
    }

    fn on_piece_written(&mut self, at: usize, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        let next = at + PIECE_BYTES;
        if next < writing.content.len() {
            writing.step = Step::Write { at: next };
        } else if Mutant::SlotNotValidated.is_on() {
            self.slot_counts(out);
        } else {
            self.read_back(0, out);
        }
    }

    fn read_back(&mut self, at: usize, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        writing.step = Step::ReadBack { at };
        let bytes = writing.content.piece(at).len() as u32;
        let op = Op::Read { file: File::Slot(writing.slot), position: at as u64, bytes };
        self.ops.issue(Purpose::Checkpoint, op, out);
    }

    /// The device lost or bent what it said was durable. The other slot still counts, and this one
    /// is tried again after a pause; at once where there is no other.
    fn slot_is_bad(&mut self, now: Now, at: usize, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        let slot = writing.slot;
        let (file, damage) = (File::Slot(slot), Damage::Unreadable);
        let report = DamageReport { file, position: at as u64, partition: None, damage };
        out.notices.push(Notice::Damage(report));
        let checkpoints = &mut self.checkpoints;
        checkpoints.failures += 1;
        checkpoints.slot_mut(slot).valid = None;
        if checkpoints.failures.is_multiple_of(BAD_SLOT_FAILURES_MAX) {
            if let Some(writing) = &mut checkpoints.writing {
                writing.step = Step::Removing;
            }
            self.ops.issue(Purpose::Checkpoint, Op::Remove { file }, out);
            return;
        }
        if !checkpoints.has_slot() {
            // As it is: what was taken in since waits for an extent, and that for a slot.
            if let Some(writing) = &mut checkpoints.writing {
                writing.step = Step::Write { at: 0 };
            }
            return;
        }
        checkpoints.writing = None;
        // A strand that is shutting down leaves it at the slot that counts.
        if matches!(self.phase, Phase::Running) {
            checkpoints.want();
            self.pause_files(now);
        }
    }

    fn on_read_back(&mut self, at: usize, out: &mut Output) {
        let Some(writing) = &mut self.checkpoints.writing else { return };
        let next = at + PIECE_BYTES;
        if next < writing.content.len() { self.read_back(next, out) } else { self.slot_counts(out) }
    }

    fn slot_counts(&mut self, out: &mut Output) {
        let Some(writing) = self.checkpoints.writing.take() else { return };
        self.checkpoints.slot_mut(writing.slot).valid = Some(writing.facts);
        self.checkpoints.failures = 0;
        self.figures.checkpoints += 1;
        self.recycle(out);
        self.remove_indexes(out);
        // Dead extents wait for both slots: while space is short the other one follows at once.
        let is_short = self.has_recyclable() && self.is_short_of_space();
        if (is_short || self.recycling_is_held()) && self.is_running() {
            self.checkpoints.want();
        }
    }
}
