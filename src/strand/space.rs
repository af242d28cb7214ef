//! How much room there is, and who may have it (R13, R15, R16).

use crate::base::Mutant;
use crate::base::Now;
use crate::strand::Append;
use crate::strand::Entry;
use crate::strand::EntryId;
use crate::strand::ExtentId;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Refusal;
use crate::strand::Truncation;
use crate::strand::Use;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::extents::Stage;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;
use crate::strand::recover::Recovery;

/// Extents that producers leave alone (R16): one for evacuation, and a last one into which nothing
/// goes but commands. A use without batches is dead as soon as it is sealed, and is given back
/// without anything being written to the strand: however often a start takes the last extent, the
/// next one has it again.
const RESERVE: usize = 2;

/// Extents made ahead (R15): beside the reserve one that is taken next, so that a disk that is full
/// says so while the reserve is whole, and one that may be in the making meanwhile.
const READY: usize = RESERVE + 2;

/// A denied allocation is tried again after this long: space is freed by others too.
const ALLOCATION_RETRY_US: u64 = 1_000_000;

/// Extents being made at once: one zeroed ahead, and one that somebody waits for and that is used
/// as it is (R15).
const PREPARING_MAX: usize = 2;

/// Ready extents beyond the wanted ones that are kept when many are given back: making them anew
/// costs a whole zeroing. More are removed, so that the pool shrinks (R15).
const READY_SPARE: usize = 8;

/// Who asks for room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    Produce,
    /// Relocated batches: they may use the reserve, but for its last extent.
    Evacuation,
    /// Log starts, drops, truncations, epochs: small, and what gives space back.
    Command,
}

/// What is remembered about room beside the extents themselves.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// The disk had no room for another extent when it was last asked.
    is_denied: bool,
    /// It is asked again then, at the earliest.
    extent_retry_us: Option<u64>,
    /// It had no room for a longer slot or an index file, or lost what a slot held: they are tried
    /// again then.
    file_retry_us: Option<u64>,
    /// What `Notice::Full` said last.
    pub is_full: bool,
    /// Another strand of the disk wants space: none is kept to spare.
    is_pressed: bool,
    /// Something may have died since live bytes were last computed.
    pub has_changed: bool,
    /// When something died last, uses up to this one had been opened or were about to be. What dies
    /// in a use that still takes frames is looked for once it is sealed.
    killed_in: u64,
    /// Damage was found: nothing is given back before both slots are past this sequence (R5).
    held_until: Option<u64>,
    /// A producer was refused for want of room since the last turn.
    pub was_refused: bool,
    /// Somebody waits for an extent that is in the making: the next one is used as it is (R15).
    is_waited_for: bool,
    /// For as long as a use is older than they.
    truncations: Vec<Truncation>,
}

impl Space {
    /// Something died, or may have; the newest use is `newest_use`.
    pub(super) fn changed(&mut self, newest_use: u64) {
        self.has_changed = true;
        self.killed_in = newest_use;
    }

    /// The use takes no more frames.
    pub(super) fn sealed(&mut self, use_number: u64) {
        self.has_changed |= self.killed_in >= use_number;
    }

    pub(super) fn truncated(&mut self, of: Truncation) {
        if !self.truncations.contains(&of) {
            self.truncations.push(of);
        }
    }

    pub(super) fn truncations(&self) -> &[Truncation] {
        &self.truncations
    }

    /// No use holds anything older than `sequence` any more.
    pub(super) fn forget_truncations(&mut self, before: u64) {
        self.truncations.retain(|of| of.entry.sequence >= before);
    }

    /// Whether a batch that was taken in as `written` was truncated since.
    pub(super) fn is_truncated(&self, append: &Append, written: EntryId) -> bool {
        self.truncations.iter().any(|of| {
            of.partition == append.partition && of.to < append.end() && written < of.entry
        })
    }

    pub(super) fn hold_until(&mut self, sequence: u64) {
        self.held_until = Some(sequence);
    }
}

impl Strand {
    /// Extents that a further use could take, those that are still to be made included.
    pub(super) fn available(&self) -> usize {
        let ready = self.extents.count(Stage::Ready);
        let could_be_made = if self.space.is_denied {
            0
        } else {
            let vacant = (self.config.extents_max as usize).saturating_sub(self.extents.len());
            self.extents.count(Stage::Preparing) + vacant
        };
        (ready + could_be_made).saturating_sub(self.commit.unopened())
    }

    /// R16: whether there is room for the entry that is not reserved for somebody else. Room is what
    /// is made: an entry that waited in vain for an extent would keep checkpoints waiting, and
    /// without them no older use is ever given back.
    pub(super) fn admits(&mut self, need: Need, entry: &Entry) -> Result<(), Refusal> {
        if !self.is_ready() {
            return Err(Refusal::NotReady);
        }
        if !self.commit.can_hold(entry) {
            return Err(Refusal::TooLarge);
        }
        if self.commit.waiting_bytes() > self.config.gathering_bytes_max as usize
            && need == Need::Produce
        {
            return Err(Refusal::Overloaded);
        }
        let takes = usize::from(self.commit.begins_use(entry));
        // The room left in the open use is reserved like the extents are.
        let leaves = match need {
            Need::Produce => RESERVE,
            Need::Evacuation => RESERVE - 1,
            Need::Command => 0,
        };
        if self.available() < leaves + takes {
            return Err(Refusal::Full);
        }
        if takes == 0 || self.has_made(leaves + takes) {
            return Ok(());
        }
        self.space.is_waited_for = true;
        Err(Refusal::Overloaded)
    }

    /// So many extents are made that no use was planned for. A strand without uses has nothing to
    /// give back, and makes nothing before it is wanted.
    fn has_made(&self, extents: usize) -> bool {
        let made = self.extents.count(Stage::Ready).saturating_sub(self.commit.unopened());
        made >= extents || self.extents.uses().next().is_none()
    }

    /// Whether a batch of so many bytes would be refused as [`Refusal::Overloaded`], because the
    /// extent that it wants is still in the making.
    pub fn awaits_extent(&mut self, batch_bytes: usize) -> bool {
        let waits = self.is_ready()
            && self.available() > RESERVE
            && !self.has_made(RESERVE + 1)
            && self.commit.begins_use_with(batch_bytes);
        self.space.is_waited_for |= waits;
        waits
    }

    /// Something dead would be given back by checkpoints alone.
    pub(super) fn has_recyclable(&self) -> bool {
        self.extents.count(Stage::Dead) > 0 && !self.recycling_is_held()
    }

    /// Tells when producers begin to be refused for want of space, and when that is over.
    pub(super) fn note_full(&mut self, is_full: bool, out: &mut Output) {
        if self.space.is_full != is_full {
            self.space.is_full = is_full;
            out.notices.push(Notice::Full { full: is_full });
        }
    }

    /// Whether the fullness that was told is over: there is an extent beyond the reserve.
    pub(super) fn full_is_over(&self) -> bool {
        self.space.is_full && self.available() > RESERVE
    }

    /// Space is short enough, here or in another strand of the disk, that dead extents are worth a
    /// checkpoint at once (R13).
    pub(super) fn is_short_of_space(&self) -> bool {
        self.space.is_pressed || self.is_scarce()
    }

    /// This strand itself is down to what is reserved, and one.
    pub(super) fn is_scarce(&self) -> bool {
        self.available() <= RESERVE + 1
    }

    /// Another strand of the disk was refused an extent, or all have enough again.
    pub fn press(&mut self, is_pressed: bool) {
        self.space.is_pressed = is_pressed;
    }

    /// Makes extents ahead of need (R15), and removes what is far beyond it.
    pub(super) fn prepare(&mut self, now: Now, out: &mut Output) {
        let is_over = |retry: &mut u64| *retry <= now.mono_us;
        let may_ask_again = self.space.extent_retry_us.take_if(is_over).is_some();
        self.space.file_retry_us.take_if(is_over);
        // Nothing is asked for ahead where there is nothing: the next entry finds out.
        if may_ask_again && self.extents.len() == 0 {
            self.space.is_denied = false;
        }
        // The first checkpoint comes before the first extent: a store with extents and without a
        // slot that counts is damaged, not fresh (R14).
        if !self.is_writing() || !self.checkpoints.has_slot() {
            return;
        }
        let ready = self.extents.count(Stage::Ready);
        let preparing = self.extents.count(Stage::Preparing);
        let waited_for = self.commit.unopened();
        // A strand that nothing was ever written to takes no space.
        let is_unused = waited_for == 0 && self.extents.len() == 0;
        let is_idle = is_unused || !self.is_running();
        let wanted = if is_idle { waited_for } else { READY + waited_for };
        let has_room = self.extents.len() < self.config.extents_max as usize
            && self.space.extent_retry_us.is_none();
        let is_waited_for = ready < waited_for || self.space.is_waited_for;
        let is_urgent = is_waited_for && ready < wanted && preparing < PREPARING_MAX;
        let is_wanted = ready + preparing < wanted && preparing == 0;
        if has_room && (is_urgent || is_wanted) {
            let extent = self.extents.vacant();
            self.extents.insert(extent, Extent::new(Life::Preparing));
            let bytes = u64::from(self.config.extent_bytes);
            let zeroed = !is_urgent || Mutant::WaitedForExtentZeroed.is_on();
            let op = Op::Allocate { extent, bytes, zeroed };
            self.ops.issue(Purpose::Allocate { extent }, op, out);
        }
        let spare = match self.space.is_pressed && self.is_running() {
            true => wanted,
            false => wanted + READY_SPARE.max(self.extents.len() / 2),
        };
        if ready > spare {
            self.remove_one(out);
        }
    }

    fn remove_one(&mut self, out: &mut Output) {
        let Some(extent) = self.extents.remove_ready() else { return };
        let op = Op::Remove { file: File::Extent(extent) };
        self.ops.issue(Purpose::RemoveExtent { extent }, op, out);
    }

    pub(super) fn on_allocated(
        &mut self,
        now: Now,
        extent: ExtentId,
        outcome: &Outcome,
        out: &mut Output,
    ) {
        match outcome {
            Outcome::Failed(IoFailure::Full) => {
                self.extents.remove(extent);
                self.deny_extent(now);
            }
            Outcome::Failed(failure) => {
                let what = format!("making extent {} failed: {failure:?}", extent.0);
                self.fail(Fatal::WriteFailed { what }, out);
            }
            _ => {
                self.extents.made(extent);
                self.space.is_denied = false;
                self.space.is_waited_for = false;
                self.prepare(now, out);
            }
        }
    }

    /// R13: gives back what is dead and what both slots have left behind.
    pub(super) fn recycle(&mut self, out: &mut Output) {
        if !self.has_recyclable() {
            return;
        }
        let Some(passed) = self.checkpoints.passed() else { return };
        let is_free = |extent: &Extent| match extent.life {
            Life::Dead { killer, generation } => {
                let is_known = self.checkpoints.both_are_after(generation) && passed > killer;
                let is_killed = is_known || Mutant::RecycledBeforeKillerDurable.is_on();
                is_killed && passed > extent.last_sequence
            }
            _ => false,
        };
        let free: Vec<u64> = self
            .extents
            .iter()
            .filter(|(id, extent)| {
                let place = Use { number: extent.use_number, extent: *id };
                is_free(extent) && !self.reads.holds(place) && !self.waits_for_footer(place)
            })
            .map(|(_, extent)| extent.use_number)
            .collect();
        for use_number in free {
            self.recycle_use(use_number, out);
        }
    }

    /// R5: while damage is unresolved nothing is freed. It is resolved when both slots hold what
    /// was made of it.
    pub(super) fn recycling_is_held(&self) -> bool {
        let Some(until) = self.space.held_until else { return false };
        self.checkpoints.passed().is_none_or(|passed| passed <= until)
    }

    pub(super) fn on_extent_removed(
        &mut self,
        extent: ExtentId,
        outcome: &Outcome,
        out: &mut Output,
    ) {
        if let Outcome::Failed(failure) = outcome {
            let what = format!("removing extent {} failed: {failure:?}", extent.0);
            self.fail(Fatal::WriteFailed { what }, out);
            return;
        }
        self.extents.remove(extent);
        self.space.file_retry_us = None;
    }

    pub(super) fn on_index_removed(&mut self, index: IndexId, outcome: &Outcome, out: &mut Output) {
        if let Outcome::Failed(failure) = outcome {
            let what = format!("removing index file {} failed: {failure:?}", index.0);
            self.fail(Fatal::WriteFailed { what }, out);
        }
    }

    pub(super) fn recycle_use(&mut self, use_number: u64, out: &mut Output) {
        let index = self.extents.used(use_number).and_then(|extent| extent.index);
        if index.is_none() {
            self.forgetting.forget([use_number]);
        }
        let extent = self.extents.free(use_number);
        self.reads.freed(Use { number: use_number, extent });
        self.figures.recycled += 1;
        if self.full_is_over() {
            self.note_full(false, out);
        }
    }

    /// Index files that no slot names that counts: left over from a process that died, or named by
    /// a slot that could not be read. They go when both slots count (R13).
    pub(super) fn retire_orphans(&mut self, recovery: &Recovery) {
        let orphans = recovery.listed_indexes().filter(|index| !self.checkpoints.names(*index));
        self.indexing.retire(orphans);
    }

    fn deny_extent(&mut self, now: Now) {
        self.space.is_denied = true;
        self.space.is_waited_for = false;
        self.space.extent_retry_us = Some(retry_after(now));
    }

    /// The disk has no room for a longer slot, or for an index file. Without slots nothing is ever
    /// given back: an extent makes room for them, if it is not the last.
    pub(super) fn deny_file(&mut self, now: Now, out: &mut Output) {
        self.pause_files(now);
        self.deny_extent(now);
        if self.extents.count(Stage::Ready) > 1 {
            self.remove_one(out);
        }
    }

    /// Slots and index files are left alone for a while.
    pub(super) fn pause_files(&mut self, now: Now) {
        self.space.file_retry_us = Some(retry_after(now));
    }

    pub(super) fn files_are_paused(&self) -> bool {
        self.space.file_retry_us.is_some()
    }

    /// When what the disk had no room for is tried again.
    pub(super) fn space_deadline(&self) -> Option<u64> {
        [self.space.extent_retry_us, self.space.file_retry_us].into_iter().flatten().min()
    }

    /// What was taken in waits for an extent that cannot be made, and nothing will free one: a
    /// shutdown leaves it behind. Nobody was told of it.
    pub(super) fn waits_in_vain(&self) -> bool {
        let is_made =
            self.extents.count(Stage::Ready) > 0 || self.extents.count(Stage::Preparing) > 0;
        let is_full = self.extents.len() >= self.config.extents_max as usize;
        self.commit.unopened() > 0 && !is_made && (self.space.is_denied || is_full)
    }
}

fn retry_after(now: Now) -> u64 {
    now.mono_us.saturating_add(ALLOCATION_RETRY_US)
}
