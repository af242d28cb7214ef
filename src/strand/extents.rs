//! The life of an extent: prepared, ready, open, sealed, dead, ready again (R13, R15).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::strand::ExtentId;
use crate::strand::IndexId;
use crate::strand::Use;

/// Where an extent is in its life. A checkpoint keeps less of it: `checkpoint::ExtentState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    /// Its file is being made.
    Preparing,
    /// Holds nothing that counts; may be opened under a use of its own.
    Ready,
    /// Takes frames, or is about to: its header is on the way.
    Open,
    /// Takes no more frames.
    Sealed,
    /// Nothing live is in it; ready once both slots are past its killer (R13).
    Dead {
        /// At or after the sequence of the entry that killed its last live byte.
        killer: u64,
        /// Checkpoints of a higher generation know that it is dead. One that does not would take
        /// what the next use writes into its header for damage.
        generation: u64,
    },
    /// Its file is being removed: the pool shrinks.
    Removing,
    /// Nobody could read what it holds, and whether it counts. It is kept as it is.
    Fenced,
}

/// Lives without what they know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Preparing,
    Ready,
    Open,
    Sealed,
    Dead,
    Removing,
    Fenced,
}

const STAGES: usize = 7;

impl Life {
    fn stage(self) -> Stage {
        match self {
            Self::Preparing => Stage::Preparing,
            Self::Ready => Stage::Ready,
            Self::Open => Stage::Open,
            Self::Sealed => Stage::Sealed,
            Self::Dead { .. } => Stage::Dead,
            Self::Removing => Stage::Removing,
            Self::Fenced => Stage::Fenced,
        }
    }
}

/// What of a use is still in some partition's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Live {
    pub bytes: u64,
    pub batches: u64,
}

impl Live {
    pub(super) fn add(&mut self, more: Self) {
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.batches = self.batches.saturating_add(more.batches);
    }
}

/// What is known of one extent. Its runs are elsewhere: in memory while it is young, in an index
/// file later.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    /// Changed by [`Extents`] alone, which counts.
    pub life: Life,
    /// The filling that counts; 0: never used.
    pub use_number: u64,
    /// Of this use.
    pub first_sequence: u64,
    /// Of this use: the highest that counts. Frames beyond it are void.
    pub last_sequence: u64,
    /// Bytes of frames in this use; 0: not known.
    pub used_bytes: u64,
    /// Bytes of batches that were written in this use.
    pub stored_bytes: u64,
    /// Of them, what nobody has killed. An upper bound between two sweeps.
    pub live: Live,
    /// The index file that holds its runs; `None`: they are in memory.
    pub index: Option<IndexId>,
    /// A valid footer is on disk.
    pub has_footer: bool,
    /// Something in it cannot be read: it is kept as it is and never evacuated.
    pub damaged: bool,
}

impl Extent {
    pub(super) fn new(life: Life) -> Self {
        Self {
            life,
            use_number: 0,
            first_sequence: 0,
            last_sequence: 0,
            used_bytes: 0,
            stored_bytes: 0,
            live: Live::default(),
            index: None,
            has_footer: false,
            damaged: false,
        }
    }

    /// Whether it holds a use that counts.
    pub(super) fn is_used(&self) -> bool {
        matches!(self.life, Life::Open | Life::Sealed | Life::Dead { .. })
    }
}

/// All extents of a strand.
#[derive(Debug, Default)]
pub(super) struct Extents {
    extents: BTreeMap<ExtentId, Extent>,
    /// Which extent holds a use.
    uses: BTreeMap<u64, ExtentId>,
    /// How many there are in each stage: asked for with every append.
    counts: [usize; STAGES],
    ready: BTreeSet<ExtentId>,
    /// The highest use number ever seen; the next use is above it.
    highest_use: u64,
}

impl Extents {
    pub(super) fn get(&self, extent: ExtentId) -> Option<&Extent> {
        self.extents.get(&extent)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ExtentId, &Extent)> + '_ {
        self.extents.iter().map(|(id, extent)| (*id, extent))
    }

    pub(super) fn len(&self) -> usize {
        self.extents.len()
    }

    pub(super) fn count(&self, stage: Stage) -> usize {
        self.counts[stage as usize]
    }

    fn tally(&mut self, id: ExtentId, before: Option<Life>, after: Option<Life>) {
        if let Some(before) = before {
            self.counts[before.stage() as usize] -= 1;
        }
        if let Some(after) = after {
            self.counts[after.stage() as usize] += 1;
        }
        if after == Some(Life::Ready) {
            self.ready.insert(id);
        } else {
            self.ready.remove(&id);
        }
    }

    fn live_on(&mut self, id: ExtentId, life: Life) -> &mut Extent {
        let before = self.extents.get(&id).expect("the extent exists").life;
        self.tally(id, Some(before), Some(life));
        let extent = self.extents.get_mut(&id).expect("the extent exists");
        extent.life = life;
        extent
    }

    pub(super) fn insert(&mut self, id: ExtentId, extent: Extent) {
        self.note_use(extent.use_number);
        if extent.is_used() {
            self.uses.insert(extent.use_number, id);
        }
        let life = extent.life;
        let before = self.extents.insert(id, extent);
        self.tally(id, before.map(|before| before.life), Some(life));
    }

    /// A use that does not count: nobody was ever told of anything in it. Its extent is free once
    /// both slots hold the end of what does count, `proven` (R5).
    pub(super) fn insert_dead(&mut self, place: Use, proven: u64, generation: u64) {
        self.uses.remove(&place.number);
        let life = Life::Dead { killer: proven, generation };
        self.insert(place.extent, Extent { use_number: place.number, ..Extent::new(life) });
    }

    pub(super) fn remove(&mut self, id: ExtentId) {
        let extent = self.extents.remove(&id).expect("only extents that exist are removed");
        assert!(!extent.is_used(), "an extent that counts was removed");
        self.tally(id, Some(extent.life), None);
    }

    /// Its file is made.
    pub(super) fn made(&mut self, id: ExtentId) {
        self.live_on(id, Life::Ready);
    }

    /// One that is ready is to be removed, the last in number.
    pub(super) fn remove_ready(&mut self) -> Option<ExtentId> {
        let id = *self.ready.last()?;
        self.live_on(id, Life::Removing);
        Some(id)
    }

    /// The extent that holds a use, if any does.
    pub(super) fn of_use(&self, use_number: u64) -> Option<ExtentId> {
        self.uses.get(&use_number).copied()
    }

    pub(super) fn used(&self, use_number: u64) -> Option<&Extent> {
        self.extents.get(&self.of_use(use_number)?)
    }

    pub(super) fn used_mut(&mut self, use_number: u64) -> Option<&mut Extent> {
        let id = self.of_use(use_number)?;
        self.extents.get_mut(&id)
    }

    /// Uses that count, oldest first.
    pub(super) fn uses(&self) -> impl Iterator<Item = (u64, ExtentId)> + '_ {
        self.uses.iter().map(|(use_number, id)| (*use_number, *id))
    }

    /// A number at or below which no use may be taken any more.
    pub(super) fn note_use(&mut self, use_number: u64) {
        self.highest_use = self.highest_use.max(use_number);
    }

    pub(super) fn highest_use(&self) -> u64 {
        self.highest_use
    }

    /// The extent that a fresh use takes: the one that was ready first in number.
    pub(super) fn ready(&self) -> Option<ExtentId> {
        self.ready.first().copied()
    }

    /// The lowest number that no extent has.
    pub(super) fn vacant(&self) -> ExtentId {
        let mut vacant = 0;
        for id in self.extents.keys() {
            if id.0 != vacant {
                break;
            }
            vacant += 1;
        }
        ExtentId(vacant)
    }

    pub(super) fn open(&mut self, id: ExtentId, use_number: u64, first_sequence: u64) {
        assert!(self.ready.contains(&id), "only ready extents are opened");
        let extent = self.live_on(id, Life::Open);
        *extent = Extent { use_number, first_sequence, ..Extent::new(Life::Open) };
        extent.last_sequence = first_sequence - 1;
        self.uses.insert(use_number, id);
        self.note_use(use_number);
    }

    pub(super) fn seal(&mut self, use_number: u64, last_sequence: u64) {
        let id = self.of_use(use_number).expect("the use that is sealed exists");
        assert_eq!(self.extents[&id].life, Life::Open, "only an open use is sealed");
        let extent = self.live_on(id, Life::Sealed);
        extent.last_sequence = last_sequence;
    }

    /// Nothing in the use is live any more; `killer` is at or after what killed the last byte.
    pub(super) fn kill(&mut self, use_number: u64, killer: u64, generation: u64) {
        let id = self.of_use(use_number).expect("the use that dies exists");
        assert_eq!(self.extents[&id].life, Life::Sealed, "only a sealed use dies");
        let extent = self.live_on(id, Life::Dead { killer, generation });
        extent.live = Live::default();
    }

    /// The use is over: its extent may be opened again.
    pub(super) fn free(&mut self, use_number: u64) -> ExtentId {
        let id = self.uses.remove(&use_number).expect("the use that is freed exists");
        let extent = self.live_on(id, Life::Ready);
        *extent = Extent { use_number, ..Extent::new(Life::Ready) };
        id
    }
}
