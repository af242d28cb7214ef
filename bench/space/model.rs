//! The strand's space without a disk: extents, frames, runs, death, evacuation. Sizes are those of
//! storage.md, rounded to what the structures need.

/// Alignment of frames.
pub(crate) const PAGE: u64 = 4096;
/// Header of a frame.
const FRAME_HEADER: u64 = 128;
/// `Append` in a frame's table, and again in the footer.
const ENTRY: u64 = 88;
/// What `Relocate` has more: where the batch was.
const RELOCATE: u64 = 24;
/// A run in a footer and in an index file.
const RUN: u64 = 40;
/// A partition's range in a footer and in an index file.
const RANGE: u64 = 16;
/// Header block and seal of an extent.
const EXTENT_OVERHEAD: u64 = 2 * PAGE;
/// What evacuation writes at a time, and at most this part of an extent.
const EVACUATION_FRAME: u64 = 256 * 1024;
const EVACUATION_PART: u64 = 32;
/// Kept free for evacuation and for the next start (R16).
const RESERVE: usize = 2;
/// A checkpoint's bytes for a partition, a segment of it, an extent.
const CHECKPOINT_PARTITION: u64 = 160;
const CHECKPOINT_SEGMENT: u64 = 32;
const CHECKPOINT_EXTENT: u64 = 64;
/// Two lifetimes, each with what came in and what survived.
const CHAINS_MAX: usize = 4;
/// The bit in a chain's number that says that it holds survivors.
const SURVIVORS: usize = 2;
/// Extents evacuated for one commit at the most. Where that does not raise the free ones above the
/// low water mark, copies fill what they free, and without a bound that never ends.
const VICTIMS_MAX: usize = 64;
/// Above this live share nothing is gained by copying.
const SHARE_MAX: f64 = 0.95;
/// Extents sealed from one checkpoint to the next.
const CHECKPOINT_EVERY: u64 = 4;

/// What a copy of a batch takes of an extent at most: itself, its entry in table and footer, and a
/// run of its own. Anything less, and extents full of small batches look as if copying them paid.
const fn weight_of(bytes: u64) -> u64 {
    bytes + 2 * ENTRY + RELOCATE + RUN + RANGE
}

/// When extents are evacuated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// As soon as an extent's live share falls below the threshold.
    Eager,
    /// Only when fewer free extents are left than the low water mark.
    Needed,
}

/// What is kept apart when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// Two strands a shard; a partition's retention decides which.
    pub(crate) by_lifetime: bool,
    /// Survivors of evacuation get extents of their own in their strand.
    pub(crate) survivors_apart: bool,
}

impl Layout {
    pub(crate) const ALL: [Self; 4] = [
        Self { by_lifetime: false, survivors_apart: false },
        Self { by_lifetime: true, survivors_apart: false },
        Self { by_lifetime: false, survivors_apart: true },
        Self { by_lifetime: true, survivors_apart: true },
    ];

    /// Open extents side by side.
    fn chains(self) -> usize {
        (1 + usize::from(self.by_lifetime)) * (1 + usize::from(self.survivors_apart))
    }

    pub(crate) fn name(self) -> &'static str {
        match (self.by_lifetime, self.survivors_apart) {
            (false, false) => "one strand",
            (true, false) => "two by lifetime",
            (false, true) => "one, survivors apart",
            (true, true) => "two, survivors apart",
        }
    }
}

pub(crate) struct Config {
    pub(crate) extent_bytes: u64,
    pub(crate) extents: usize,
    pub(crate) layout: Layout,
    pub(crate) when: When,
    /// Free extents below which evacuation runs.
    pub(crate) low_water: usize,
}

#[derive(Default)]
struct Extent {
    /// The chain it belongs to.
    chain: usize,
    used: u64,
    footer: u64,
    live_weight: u64,
    runs: u64,
    last_partition: Option<u32>,
    batches: Vec<u32>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Free,
    Open,
    Sealed,
}

/// A batch's number in the model; taken again after its death.
pub(crate) type BatchId = u32;

#[derive(Clone, Copy)]
struct Stored {
    /// 0: dead.
    bytes: u32,
    partition: u32,
    extent: u32,
}

/// Bytes written, by reason.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    /// Batches as they came.
    pub(crate) user: u64,
    /// Frames around them.
    pub(crate) frames: u64,
    /// Frames of evacuation.
    pub(crate) relocated: u64,
    /// Footers, index files, checkpoints.
    pub(crate) meta: u64,
}

impl Written {
    pub(crate) fn to_device(self) -> u64 {
        self.frames + self.relocated + self.meta
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            frames: self.frames - before.frames,
            relocated: self.relocated - before.relocated,
            meta: self.meta - before.meta,
        }
    }
}

pub(crate) struct Store {
    config: Config,
    extents: Vec<Extent>,
    free: Vec<usize>,
    open: [Option<usize>; CHAINS_MAX],
    batches: Vec<Stored>,
    spare: Vec<BatchId>,
    live_bytes: u64,
    live_weight: u64,
    sealed: u64,
    checkpoint_bytes: u64,
    /// Produce was refused: nothing could be evacuated.
    pub(crate) refused: u64,
    pub(crate) written: Written,
}

impl Store {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            extents: (0..config.extents).map(|_| Extent::default()).collect(),
            free: (0..config.extents).rev().collect(),
            open: [None; CHAINS_MAX],
            batches: Vec::new(),
            spare: Vec::new(),
            live_bytes: 0,
            live_weight: 0,
            sealed: 0,
            checkpoint_bytes: 0,
            refused: 0,
            written: Written::default(),
            config,
        }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.config.extent_bytes * self.config.extents as u64
    }

    /// Share of the pool that live batches need, with their entries.
    pub(crate) fn fill(&self) -> f64 {
        self.live_weight as f64 / self.capacity() as f64
    }

    /// What a batch of `bytes` adds to [`Store::fill`], in bytes.
    pub(crate) fn weight_of(bytes: u32) -> u64 {
        weight_of(u64::from(bytes))
    }

    /// One commit: batches as (partition, bytes). `chain`: 0 short-lived, 1 long-lived. False: the
    /// store is full and took nothing (R16).
    pub(crate) fn commit(
        &mut self,
        chain: usize,
        batches: &[(u32, u32)],
        ids: &mut Vec<BatchId>,
    ) -> bool {
        self.evacuate();
        if self.free.len() <= RESERVE {
            self.refused += 1;
            return false;
        }
        let chain = if self.config.layout.by_lifetime { chain } else { 0 };
        ids.clear();
        for &(partition, bytes) in batches {
            let stored = Stored { bytes, partition, extent: u32::MAX };
            let id = self.spare.pop().unwrap_or(self.batches.len() as u32);
            if id as usize == self.batches.len() {
                self.batches.push(stored);
            } else {
                self.batches[id as usize] = stored;
            }
            ids.push(id);
            self.live_bytes += u64::from(bytes);
            self.live_weight += weight_of(u64::from(bytes));
            self.written.user += u64::from(bytes);
        }
        self.written.frames += self.put_frame(chain, ids, ENTRY);
        true
    }

    /// A batch dies: retention, or a newer value of its key.
    pub(crate) fn kill(&mut self, id: BatchId) {
        let stored = &mut self.batches[id as usize];
        let bytes = u64::from(std::mem::take(&mut stored.bytes));
        assert!(bytes > 0, "a batch dies once");
        self.live_bytes -= bytes;
        self.live_weight -= weight_of(bytes);
        self.extents[stored.extent as usize].live_weight -= weight_of(bytes);
        // Its number stays taken until its extent forgets it.
    }

    fn put_frame(&mut self, chain: usize, ids: &[BatchId], entry: u64) -> u64 {
        let payload: u64 = ids.iter().map(|&id| u64::from(self.batches[id as usize].bytes)).sum();
        let count = ids.len() as u64;
        let frame = (FRAME_HEADER + count * entry + payload).next_multiple_of(PAGE);
        let footer = count * (ENTRY + RUN + RANGE);
        let at = self.room(chain, frame + footer);
        let extent = &mut self.extents[at];
        extent.used += frame;
        for &id in ids {
            let stored = &mut self.batches[id as usize];
            stored.extent = at as u32;
            extent.batches.push(id);
            extent.live_weight += weight_of(u64::from(stored.bytes));
            extent.footer += ENTRY;
            if extent.last_partition != Some(stored.partition) {
                extent.last_partition = Some(stored.partition);
                extent.runs += 1;
                extent.footer += RUN + RANGE;
            }
        }
        frame
    }

    /// The open extent of a chain, with `bytes` left in it.
    fn room(&mut self, chain: usize, bytes: u64) -> usize {
        if let Some(at) = self.open[chain] {
            let extent = &self.extents[at];
            if EXTENT_OVERHEAD + extent.used + extent.footer + bytes <= self.config.extent_bytes {
                return at;
            }
            self.seal(at);
        }
        let at = self.free.pop().expect("evacuation keeps the reserve");
        self.extents[at] = Extent { chain, state: State::Open, ..Extent::default() };
        self.open[chain] = Some(at);
        at
    }

    fn seal(&mut self, at: usize) {
        let extent = &mut self.extents[at];
        extent.state = State::Sealed;
        // The footer, and the same runs once more in an index file.
        self.written.meta += extent.footer + extent.runs * (RUN + RANGE);
        self.sealed += 1;
        if self.sealed.is_multiple_of(CHECKPOINT_EVERY) {
            self.written.meta += self.checkpoint_bytes;
        }
    }

    /// The live share up to which an extent is evacuated: what pays at all when room is needed;
    /// rising with fill from 50 % to 95 % (R17 to the letter) when not.
    fn threshold(&self) -> f64 {
        match self.config.when {
            When::Needed => SHARE_MAX,
            When::Eager => self.fill().clamp(0.5, SHARE_MAX),
        }
    }

    fn evacuate(&mut self) {
        for _ in 0..VICTIMS_MAX {
            let reserve = RESERVE + self.config.layout.chains();
            let pressed = self.free.len() < self.config.low_water.max(reserve);
            if !pressed && self.config.when == When::Needed {
                return;
            }
            let Some(victim) = self.deadest() else { return };
            let share = self.extents[victim].live_weight as f64 / self.config.extent_bytes as f64;
            if share > self.threshold() {
                return;
            }
            self.empty(victim);
        }
    }

    fn deadest(&self) -> Option<usize> {
        (0..self.extents.len())
            .filter(|&at| self.extents[at].state == State::Sealed)
            .min_by_key(|&at| self.extents[at].live_weight)
    }

    /// Copies what lives, gathered by partition, and frees the extent.
    fn empty(&mut self, victim: usize) {
        let extent = std::mem::take(&mut self.extents[victim]);
        let (mut live, dead): (Vec<_>, Vec<_>) =
            extent.batches.into_iter().partition(|&id| self.batches[id as usize].bytes > 0);
        self.spare.extend(dead);
        live.sort_by_key(|&id| self.batches[id as usize].partition);
        let apart = self.config.layout.survivors_apart;
        let chain = if apart { extent.chain | SURVIVORS } else { extent.chain };
        let frame_bytes = EVACUATION_FRAME.min(self.config.extent_bytes / EVACUATION_PART);
        let mut from = 0;
        while from < live.len() {
            let mut bytes = 0;
            let mut to = from;
            while to < live.len() && (to == from || bytes < frame_bytes) {
                bytes += u64::from(self.batches[live[to] as usize].bytes);
                to += 1;
            }
            self.written.relocated += self.put_frame(chain, &live[from..to], ENTRY + RELOCATE);
            from = to;
        }
        self.free.push(victim);
    }

    /// What extents say and what batches say must be the same.
    pub(crate) fn check(&self) {
        let mut weights = vec![0; self.extents.len()];
        for stored in self.batches.iter().filter(|stored| stored.bytes > 0) {
            weights[stored.extent as usize] += weight_of(u64::from(stored.bytes));
        }
        assert_eq!(weights.iter().sum::<u64>(), self.live_weight);
        for (extent, weight) in self.extents.iter().zip(weights) {
            assert_eq!(extent.live_weight, weight, "an extent lost track of what lives in it");
            assert!(EXTENT_OVERHEAD + extent.used + extent.footer <= self.config.extent_bytes);
        }
    }

    /// Tells the size of the facts that a checkpoint holds.
    pub(crate) fn note_facts(&mut self, partitions: u64, segments: u64) {
        self.checkpoint_bytes = partitions * CHECKPOINT_PARTITION
            + segments * CHECKPOINT_SEGMENT
            + self.config.extents as u64 * CHECKPOINT_EXTENT;
    }

    pub(crate) fn checkpoint_bytes(&self) -> u64 {
        self.checkpoint_bytes
    }

    pub(crate) fn index_bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.runs * (RUN + RANGE)).sum()
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Bytes of the extents in use, of the index and of both slots.
    pub(crate) fn used_bytes(&self) -> u64 {
        let extents = (self.config.extents - self.free.len()) as u64;
        extents * self.config.extent_bytes + self.index_bytes() + 4 * self.checkpoint_bytes
    }
}
