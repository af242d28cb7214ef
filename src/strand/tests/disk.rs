//! A disk in memory that carries ops out in the order in which a test lets it. What a crash does
//! to unsynced writes is the simulator's matter; here a write is done or not done.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::base::HeapPool;
use crate::base::Now;
use crate::base::StrandId;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::IoFailure;
use crate::strand::Listing;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Slot;
use crate::strand::StoreKey;
use crate::strand::Strand;
use crate::strand::StrandConfig;
use crate::strand::StrandIdentity;
use crate::strand::Token;

#[derive(Clone, Default)]
pub(super) struct Disk {
    pub files: BTreeMap<File, Vec<u8>>,
    /// Extents that fit; `None`: no bound.
    pub extents_max: Option<usize>,
    /// What is written into slots does not stay as it was.
    pub bends_slots: bool,
    /// Neither a slot nor an index file finds room.
    pub is_full: bool,
    /// Pages, by their file and position, that answer with an error.
    pub unreadable: BTreeSet<(File, u64)>,
    /// A slot that never holds what is written into it.
    pub bent: Option<Slot>,
}

impl Disk {
    fn carry_out(&mut self, op: Op) -> Outcome {
        match op {
            Op::List => Outcome::Listed(self.list()),
            Op::Lock { file } if !self.files.contains_key(&file) => {
                Outcome::Failed(IoFailure::Missing)
            }
            Op::Lock { .. } => Outcome::Locked,
            Op::Flush => Outcome::Flushed,
            Op::Read { file, position, bytes } if self.fails(file, position, bytes) => {
                Outcome::Failed(IoFailure::Os(5))
            }
            Op::Read { file, position, bytes } => {
                let Some(held) = self.files.get(&file) else {
                    return Outcome::Failed(IoFailure::Missing);
                };
                let start = (position as usize).min(held.len());
                let end = (start + bytes as usize).min(held.len());
                Outcome::Read(HeapPool::block(&held[start..end]))
            }
            Op::Write { file, position, data } => {
                let held = self.files.get_mut(&file).expect("a file that exists is written");
                let start = position as usize;
                held[start..start + data.len()].copy_from_slice(data.bytes());
                let is_bent = self.bent.is_some_and(|slot| file == File::Slot(slot));
                if is_bent || self.bends_slots && matches!(file, File::Slot(_)) {
                    held[start] ^= 1;
                }
                Outcome::Written
            }
            Op::Allocate { .. }
                if self.extents_max.is_some_and(|max| self.list().extents.len() >= max) =>
            {
                Outcome::Failed(IoFailure::Full)
            }
            Op::Allocate { extent, bytes, .. } => {
                self.files.insert(File::Extent(extent), vec![0; bytes as usize]);
                Outcome::Allocated
            }
            Op::StoreIndex { .. } | Op::GrowSlot { .. } if self.is_full => {
                Outcome::Failed(IoFailure::Full)
            }
            Op::StoreIndex { index, data } => {
                self.files.insert(File::Index(index), data.bytes().to_vec());
                Outcome::Stored
            }
            Op::GrowSlot { slot, bytes } => {
                self.files.entry(File::Slot(slot)).or_default().resize(bytes as usize, 0);
                Outcome::Grown
            }
            Op::Remove { file } => {
                self.files.remove(&file);
                Outcome::Removed
            }
        }
    }

    fn fails(&self, file: File, position: u64, bytes: u32) -> bool {
        let range = (file, position)..(file, position + u64::from(bytes));
        self.unreadable.range(range).next().is_some()
    }

    pub(super) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for (file, bytes) in &self.files {
            let bytes = bytes.len() as u64;
            match *file {
                File::Extent(extent) => listing.extents.push((extent, bytes)),
                File::Slot(slot) => listing.slots.push((slot, bytes)),
                File::Index(index) => listing.indexes.push((index, bytes)),
            }
        }
        listing
    }

    /// Extents that there are.
    pub(super) fn extents(&self) -> usize {
        self.list().extents.len()
    }

    pub(super) fn extent_mut(&mut self, extent: u32) -> &mut Vec<u8> {
        self.files.get_mut(&File::Extent(ExtentId(extent))).expect("the extent exists")
    }

    pub(super) fn slot_mut(&mut self, slot: Slot) -> &mut Vec<u8> {
        self.files.get_mut(&File::Slot(slot)).expect("the slot exists")
    }
}

/// A strand on its disk.
pub(super) struct Bench {
    pub strand: Strand,
    pub disk: Disk,
    pub out: Output,
    /// Ops that were issued and not carried out.
    pub waiting: VecDeque<(Token, Op)>,
    pub notices: Vec<Notice>,
    pub now: Now,
}

pub(super) fn identity() -> StrandIdentity {
    let key = StoreKey { store: [7; 16], secret: [9; 16] };
    StrandIdentity { key, strand: StrandId(3), manifest: 1 }
}

impl Bench {
    pub(super) fn start(config: StrandConfig, disk: Disk) -> Self {
        let mut bench = Self::begin(config, disk);
        bench.run();
        bench
    }

    /// Starts, and carries nothing out.
    pub(super) fn begin(config: StrandConfig, disk: Disk) -> Self {
        let mut bench = Self {
            strand: Strand::new(config, identity()),
            disk,
            out: Output::default(),
            waiting: VecDeque::new(),
            notices: Vec::new(),
            now: Now { mono_us: 1_000_000, wall_ms: 1_700_000_000_000 },
        };
        bench.strand.start(bench.now, &mut bench.out);
        bench
    }

    /// Ends a turn: what the strand wants is queued, nothing is carried out.
    pub(super) fn turn(&mut self) {
        self.strand.commit(self.now, &mut HeapPool, &mut self.out);
        self.waiting.extend(self.out.ops.drain(..));
        self.notices.append(&mut self.out.notices);
    }

    /// Carries out the op at `at` of those that wait.
    pub(super) fn carry_out(&mut self, at: usize) {
        let (token, op) = self.waiting.remove(at).expect("an op waits there");
        let outcome = self.disk.carry_out(op);
        self.strand.on_outcome(self.now, token, outcome, &mut self.out);
    }

    /// Carries out everything, until the strand wants nothing more.
    pub(super) fn run(&mut self) {
        for _ in 0..100_000 {
            self.turn();
            if !self.waiting.is_empty() {
                self.carry_out(0);
            } else if !self.strand.is_at_work() {
                return;
            }
        }
        panic!("the strand never comes to rest");
    }

    pub(super) fn pass(&mut self, us: u64) {
        self.now.mono_us += us;
        self.now.wall_ms += (us / 1000) as i64;
        self.strand.on_tick(self.now, &mut self.out);
    }

    /// The process dies with what it had in flight; another one starts on the same files.
    pub(super) fn restart(self, config: StrandConfig) -> Self {
        Self::start(config, self.disk)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.notices.iter().any(|notice| matches!(notice, Notice::Ready))
    }
}
