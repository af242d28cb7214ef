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
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;
use crate::strand::recover::Recovery;

/// Extents that producers leave alone (R16): one for evacuation, one for the next start.
const RESERVE: usize = 2;

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
    /// Relocated batches: they may use the reserve, but leave the next start its extent.
    Evacuation,
    /// Log starts, drops, truncations, epochs: small, and what gives space back.
    Command,
}

/// What is remembered about room beside the extents themselves.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// The disk had no room for another extent; try again then.
    denied_until: Option<u64>,
    /// What `Notice::Full` said last.
    pub is_full: bool,
    /// Something may have died since live bytes were last computed.
    pub has_changed: bool,
    /// Damage was found: nothing is given back before both slots are past this sequence (R5).
    held_until: Option<u64>,
    /// A producer was refused for want of room since the last turn.
    pub was_refused: bool,
    /// For as long as a use is older than they.
    truncations: Vec<Truncation>,
}

impl Space {
    pub(super) fn changed(&mut self) {
        self.has_changed = true;
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
        let made = self.extents.count(Life::Ready) + self.extents.count(Life::Preparing);
        let could_be_made = if self.space.denied_until.is_some() {
            0
        } else {
            (self.config.extents_max as usize).saturating_sub(self.extents.len())
        };
        (made + could_be_made).saturating_sub(self.commit.unopened())
    }

    /// R16: whether there is room for the entry that is not reserved for somebody else.
    pub(super) fn admits(&self, need: Need, entry: &Entry) -> Result<(), Refusal> {
        if !self.is_running() {
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
        let leaves = match need {
            Need::Produce => RESERVE,
            // The extent for the next start is this start's own until it has taken one.
            Need::Evacuation if self.commit.has_begun() => RESERVE - 1,
            Need::Evacuation | Need::Command => 0,
        };
        let needs = match need {
            // The room left in the open use belongs to evacuation once the reserve is touched.
            Need::Produce => leaves + takes,
            Need::Evacuation | Need::Command if takes == 0 => 0,
            Need::Evacuation | Need::Command => leaves + takes,
        };
        if self.available() >= needs { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Something dead would be given back by checkpoints alone.
    pub(super) fn has_recyclable(&self) -> bool {
        let is_dead = |extent: &Extent| matches!(extent.life, Life::Dead { .. });
        !self.recycling_is_held() && self.extents.iter().any(|(_, extent)| is_dead(extent))
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

    /// Space is short enough that dead extents are worth a checkpoint at once (R13).
    pub(super) fn is_short_of_space(&self) -> bool {
        self.available() <= RESERVE + 1
    }

    /// Makes extents ahead of need (R15), and removes what is far beyond it.
    pub(super) fn prepare(&mut self, now: Now, out: &mut Output) {
        if self.space.denied_until.is_some_and(|until| until <= now.mono_us) {
            self.space.denied_until = None;
        }
        // The first checkpoint comes before the first extent: a store with extents and without a
        // slot that counts is damaged, not fresh (R14).
        if !self.is_writing() || !self.checkpoints.has_slot() {
            return;
        }
        let ready = self.extents.count(Life::Ready);
        let preparing = self.extents.count(Life::Preparing);
        let waited_for = self.commit.unopened();
        // One more than the reserve: a disk that is full says so while the reserve is whole.
        let ahead = (self.config.ready_extents as usize).max(RESERVE + 1);
        // A strand that nothing was ever written to takes no space.
        let is_unused = waited_for == 0 && self.extents.len() == 0;
        let is_idle = is_unused || !self.is_running();
        let wanted = if is_idle { waited_for } else { ahead + waited_for };
        let has_room = self.extents.len() < self.config.extents_max as usize
            && self.space.denied_until.is_none();
        let is_urgent = ready < waited_for && preparing < PREPARING_MAX;
        let is_wanted = ready + preparing < wanted && preparing == 0;
        if has_room && (is_urgent || is_wanted) {
            let extent = self.extents.vacant();
            self.extents.insert(extent, Extent::new(Life::Preparing));
            let bytes = u64::from(self.config.extent_bytes);
            let op = Op::Allocate { extent, bytes, zeroed: !is_urgent };
            self.ops.issue(Purpose::Allocate { extent }, op, out);
        }
        let spare = wanted + READY_SPARE.max(self.extents.len() / 2);
        if ready > spare {
            self.remove_one(out);
        }
    }

    fn remove_one(&mut self, out: &mut Output) {
        let ready = self.extents.iter().filter(|(_, extent)| extent.life == Life::Ready);
        let Some((extent, _)) = ready.last() else { return };
        self.extents.get_mut(extent).expect("it was just listed").life = Life::Removing;
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
                self.deny_space(now);
            }
            Outcome::Failed(failure) => {
                let what = format!("making extent {} failed: {failure:?}", extent.0);
                self.fail(Fatal::WriteFailed { what }, out);
            }
            _ => {
                self.extents.get_mut(extent).expect("it was being made").life = Life::Ready;
                self.prepare(now, out);
            }
        }
    }

    /// R13: gives back what is dead and what both slots have left behind.
    pub(super) fn recycle(&mut self, out: &mut Output) {
        if self.recycling_is_held() {
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
                let waits_for_footer = self.footers.iter().any(|ledger| ledger.place == place);
                is_free(extent) && !self.reads.holds(place) && !waits_for_footer
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
            self.runs.remove_use(use_number);
        }
        let extent = self.extents.free(use_number);
        self.reads.freed(Use { number: use_number, extent });
        self.figures.recycled += 1;
        if self.full_is_over() {
            self.note_full(false, out);
        }
    }

    /// Index files that neither slot names: left over from a process that died (R13).
    pub(super) fn remove_orphans(&mut self, recovery: &Recovery, out: &mut Output) {
        for index in recovery.listed_indexes() {
            if !self.checkpoints.names(index) {
                let op = Op::Remove { file: File::Index(index) };
                self.ops.issue(Purpose::RemoveIndex { index }, op, out);
            }
        }
    }

    /// The disk said that it is full: nothing new is asked of it for a while.
    pub(super) fn deny_space(&mut self, now: Now) {
        self.space.denied_until = Some(now.mono_us.saturating_add(ALLOCATION_RETRY_US));
    }

    pub(super) fn space_is_denied(&self) -> bool {
        self.space.denied_until.is_some()
    }

    /// When a denied allocation is tried again.
    pub(super) fn space_deadline(&self) -> Option<u64> {
        self.space.denied_until
    }
}
