//! The disk of the simulator: carries out [`Op`]s in virtual time and knows written from durable.
//!
//! What it promises is what the port and Linux promise, and nothing more:
//! - a `Write` that completed is durable; one in flight may have landed in part, sector by sector;
//! - ops in flight complete in any order;
//! - `kill -9` ends a process, not its writes: each may land until the lock on that very file is
//!   granted to the next process, and lands in the device's volatile cache, where reads see it and
//!   a power cut may take it until a `Flush`;
//! - a power cut leaves each cached sector, and each sector in flight, old, new or torn;
//! - names are made and removed atomically, durably when the op is done.

mod checks;
mod crash;
mod inode;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub use checks::check_the_disk_itself;
pub use inode::Inode;
pub use inode::SECTOR;
use strandlog::base::Block;
use strandlog::base::HeapPool;
use strandlog::base::PAGE;
use strandlog::base::Rng;
use strandlog::base::StrandId;
use strandlog::strand::File;
use strandlog::strand::IoFailure;
use strandlog::strand::Listing;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Slot;
use strandlog::strand::StoreFiles;
use strandlog::strand::Token;

/// A file of the store.
pub type Key = (StrandId, File);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct InodeId(u64);

/// How fast and how honest the disk is. All probabilities are "one in n", 0 for never.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// Bytes that all files together may take.
    pub capacity: u64,
    /// Mean time of an op, microseconds.
    pub latency_us: u64,
    /// How often an op takes up to `stall_us`.
    pub stall_one_in: u64,
    pub stall_us: u64,
    /// What an extent takes longer that is zeroed.
    pub zeroing_us: u64,
    /// How often a write fails, or is short. The process must stop over it (R7).
    pub bad_write_one_in: u64,
    /// How often a read fails that would succeed the next time.
    pub bad_read_one_in: u64,
    /// How often a slot does not hold what was written into it.
    pub bent_slot_one_in: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            capacity: u64::MAX,
            latency_us: 150,
            stall_one_in: 0,
            stall_us: 0,
            zeroing_us: 0,
            bad_write_one_in: 0,
            bad_read_one_in: 0,
            bent_slot_one_in: 0,
        }
    }
}

/// An op that was submitted and is not answered yet.
#[derive(Clone)]
struct Flight {
    strand: StrandId,
    token: Token,
    op: Op,
}

/// A write whose process died while it was on its way.
#[derive(Clone)]
struct LateWrite {
    inode: InodeId,
    position: usize,
    data: Block,
    due: u64,
}

/// See the module. A clone is a fork of the world: what one copy suffers the other does not see.
#[derive(Clone)]
pub struct Disk {
    options: DiskOptions,
    rng: Rng,
    names: BTreeMap<Key, InodeId>,
    /// What a power cut may bring back where it differs from `names`.
    durable_names: BTreeMap<Key, InodeId>,
    inodes: BTreeMap<InodeId, Inode>,
    next_inode: u64,
    /// By completion time and order of submission.
    in_flight: BTreeMap<(u64, u64), Flight>,
    submitted: u64,
    late: Vec<LateWrite>,
    /// Files whose lock the living process holds.
    locked: BTreeSet<InodeId>,
    /// Locked files that were flushed after their lock was taken.
    flushed: BTreeSet<InodeId>,
    /// Slots that hold something else than was written.
    pub bent: BTreeSet<Slot>,
    now: u64,
}

impl Disk {
    pub fn new(options: DiskOptions, rng: Rng) -> Self {
        Self {
            options,
            rng,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            inodes: BTreeMap::new(),
            next_inode: 0,
            in_flight: BTreeMap::new(),
            submitted: 0,
            late: Vec::new(),
            locked: BTreeSet::new(),
            flushed: BTreeSet::new(),
            bent: BTreeSet::new(),
            now: 0,
        }
    }

    pub fn options_mut(&mut self) -> &mut DiskOptions {
        &mut self.options
    }

    /// A fork of the world that will see other luck.
    pub fn fork(&self, salt: u64) -> Self {
        let mut fork = self.clone();
        fork.rng = self.rng.fork(salt);
        fork
    }

    pub fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].len() as u64).sum()
    }

    /// Extents that there are.
    pub fn extents(&self) -> usize {
        self.names.keys().filter(|(_, file)| matches!(file, File::Extent(_))).count()
    }

    /// Extents that the living process has asked for.
    pub fn allocations_in_flight(&self) -> usize {
        self.in_flight.values().filter(|flight| matches!(flight.op, Op::Allocate { .. })).count()
    }

    pub fn file(&self, key: Key) -> Option<&Inode> {
        self.names.get(&key).map(|inode| &self.inodes[inode])
    }

    pub fn file_mut(&mut self, key: Key) -> Option<&mut Inode> {
        let inode = self.names.get(&key)?;
        self.inodes.get_mut(inode)
    }

    pub fn keys(&self) -> Vec<Key> {
        self.names.keys().copied().collect()
    }

    /// Writes of the living process that are not answered.
    pub fn writes_in_flight(&self) -> usize {
        self.in_flight.values().filter(|flight| matches!(flight.op, Op::Write { .. })).count()
    }

    /// Writes of dead processes that may still land.
    pub fn late_writes(&self) -> usize {
        self.late.len()
    }

    /// Takes an op over. The checks here are the contract of `Op`: a strand that breaks it would
    /// be at the mercy of the real disk.
    pub fn submit(&mut self, now: u64, strand: StrandId, token: Token, op: Op) {
        self.advance(now);
        self.check_contract(strand, &op);
        let mut due = now + self.latency();
        if matches!(op, Op::Allocate { zeroed: true, .. }) {
            due += self.options.zeroing_us;
        }
        if let Op::Lock { file } = &op
            && let Some(inode) = self.names.get(&(strand, *file))
        {
            // A dead process holds its locks until its last write on that file has ended.
            let ends = self.late.iter().filter(|late| late.inode == *inode).map(|late| late.due);
            due = ends.fold(due, u64::max);
        }
        self.submitted += 1;
        self.in_flight.insert((due, self.submitted), Flight { strand, token, op });
    }

    /// When the next op completes.
    pub fn next_due(&self) -> Option<u64> {
        self.in_flight.keys().next().map(|(due, _)| *due)
    }

    /// Completes the next op that is due at `now`.
    pub fn complete(&mut self, now: u64) -> Option<(StrandId, Token, Outcome)> {
        self.advance(now);
        let entry = self.in_flight.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let flight = entry.remove();
        let outcome = self.carry_out(flight.strand, flight.op);
        Some((flight.strand, flight.token, outcome))
    }

    fn latency(&mut self) -> u64 {
        let options = &self.options;
        if options.stall_one_in > 0 && self.rng.one_in(options.stall_one_in) {
            return 1 + self.rng.below(options.stall_us.max(1));
        }
        let mean = options.latency_us.max(1);
        1 + self.rng.below(mean) + self.rng.below(mean)
    }

    /// Late writes land when their time has come.
    fn advance(&mut self, now: u64) {
        assert!(now >= self.now, "time goes forward");
        self.now = now;
        let (landing, waiting) =
            std::mem::take(&mut self.late).into_iter().partition(|late| late.due <= now);
        self.late = waiting;
        for late in Vec::<LateWrite>::into_iter(landing) {
            self.land(&late, None);
        }
    }

    /// Lays a write, or the sectors of it that `keep` chooses, into the device's cache.
    fn land(&mut self, write: &LateWrite, mut keep: Option<&mut dyn FnMut() -> bool>) {
        let Some(inode) = self.inodes.get_mut(&write.inode) else { return };
        for (number, content) in write.data.bytes().chunks_exact(SECTOR).enumerate() {
            if keep.as_mut().is_none_or(|keep| keep()) {
                inode.cache(write.position / SECTOR + number, content);
            }
        }
    }

    fn check_contract(&self, strand: StrandId, op: &Op) {
        match op {
            Op::Write { file, position, data } => {
                let aligned = position % PAGE as u64 == 0 && data.len() % PAGE == 0;
                assert!(aligned && !data.is_empty(), "contract: unaligned write to {file:?}");
                let Some(inode) = self.names.get(&(strand, *file)) else {
                    panic!("contract: write to {file:?}, which does not exist");
                };
                assert!(
                    self.locked.contains(inode),
                    "contract: {file:?} written without its lock (R9)"
                );
                let end = position + data.len() as u64;
                let length = self.inodes[inode].len() as u64;
                assert!(end <= length, "contract: write beyond the end of {file:?}");
                self.check_no_overlap(strand, *file, *position, end);
            }
            Op::Read { file, position, bytes } => {
                let aligned =
                    position.is_multiple_of(PAGE as u64) && (*bytes as usize).is_multiple_of(PAGE);
                assert!(aligned && *bytes > 0, "contract: unaligned read of {file:?}");
                let Some(inode) = self.names.get(&(strand, *file)) else { return };
                let index = matches!(file, File::Index(_));
                assert!(
                    index || self.locked.contains(inode),
                    "contract: {file:?} read without its lock (R9)"
                );
                assert!(
                    index || self.flushed.contains(inode),
                    "contract: {file:?} read before a flush that follows its lock (R9)"
                );
            }
            Op::List | Op::Flush | Op::Lock { .. } | Op::Remove { .. } => {}
            Op::Allocate { extent, bytes, .. } => {
                assert_eq!(bytes % PAGE as u64, 0, "contract: an extent is whole pages");
                let taken = self.names.contains_key(&(strand, File::Extent(*extent)));
                assert!(!taken, "contract: {extent:?} allocated twice");
            }
            Op::StoreIndex { index, data } => {
                assert_eq!(data.len() % PAGE, 0, "contract: an index file is whole pages");
                let taken = self.names.contains_key(&(strand, File::Index(*index)));
                assert!(!taken, "contract: {index:?} stored twice");
            }
            Op::GrowSlot { bytes, .. } => {
                assert_eq!(bytes % PAGE as u64, 0, "contract: a slot is whole pages");
            }
        }
    }

    /// Two writes in flight over the same bytes end in an unknown order.
    fn check_no_overlap(&self, strand: StrandId, file: File, start: u64, end: u64) {
        for flight in self.in_flight.values().filter(|flight| flight.strand == strand) {
            if let Op::Write { file: other, position, data } = &flight.op
                && *other == file
            {
                let apart = *position >= end || position + data.len() as u64 <= start;
                assert!(apart, "contract: two writes in flight over the same bytes of {file:?}");
            }
        }
    }

    fn carry_out(&mut self, strand: StrandId, op: Op) -> Outcome {
        match op {
            Op::List => Outcome::Listed(self.list(strand)),
            Op::Lock { file } => self.lock((strand, file)),
            Op::Flush => self.flush(strand),
            Op::Read { file, position, bytes } => self.read((strand, file), position, bytes),
            Op::Write { file, position, data } => self.write((strand, file), position, data),
            Op::Allocate { extent, bytes, .. } => {
                let made = Inode::zeroed(bytes as usize);
                self.create((strand, File::Extent(extent)), made, Outcome::Allocated)
            }
            Op::StoreIndex { index, data } => {
                let made = Inode::with(data.bytes());
                self.create((strand, File::Index(index)), made, Outcome::Stored)
            }
            Op::GrowSlot { slot, bytes } => self.grow_slot((strand, File::Slot(slot)), bytes),
            Op::Remove { file } => self.remove((strand, file)),
        }
    }

    pub fn list(&self, strand: StrandId) -> Listing {
        let mut listing = Listing::default();
        for ((owner, file), inode) in &self.names {
            let bytes = self.inodes[inode].len() as u64;
            match file {
                _ if *owner != strand => {}
                File::Extent(extent) => listing.extents.push((*extent, bytes)),
                File::Slot(slot) => listing.slots.push((*slot, bytes)),
                File::Index(index) => listing.indexes.push((*index, bytes)),
            }
        }
        listing
    }

    fn lock(&mut self, key: Key) -> Outcome {
        let Some(inode) = self.names.get(&key) else { return Outcome::Failed(IoFailure::Missing) };
        assert!(self.late.iter().all(|late| late.inode != *inode), "the lock waited for them");
        self.locked.insert(*inode);
        Outcome::Locked
    }

    fn flush(&mut self, strand: StrandId) -> Outcome {
        for (key, inode) in &self.names {
            if key.0 == strand {
                self.inodes.get_mut(inode).expect("a named inode").flush();
                self.durable_names.insert(*key, *inode);
            }
        }
        let names = &self.names;
        self.durable_names.retain(|key, _| key.0 != strand || names.contains_key(key));
        self.flushed.extend(&self.locked);
        Outcome::Flushed
    }

    fn read(&mut self, key: Key, position: u64, bytes: u32) -> Outcome {
        let Some(&inode) = self.names.get(&key) else { return Outcome::Failed(IoFailure::Missing) };
        if self.options.bad_read_one_in > 0 && self.rng.one_in(self.options.bad_read_one_in) {
            return Outcome::Failed(IoFailure::Os(5));
        }
        // A write on its way has landed in part when somebody looks.
        self.land_some_in_flight(key, inode);
        match self.inodes[&inode].read(position as usize, bytes as usize) {
            Some(seen) => Outcome::Read(HeapPool::block(&seen)),
            None => Outcome::Failed(IoFailure::Os(5)),
        }
    }

    fn land_some_in_flight(&mut self, key: Key, inode: InodeId) {
        let due = self.now;
        let mut landing: Vec<LateWrite> =
            self.late.iter().filter(|late| late.inode == inode).cloned().collect();
        for flight in self.in_flight.values().filter(|flight| flight.strand == key.0) {
            if let Op::Write { file, position, data } = &flight.op
                && *file == key.1
            {
                let position = *position as usize;
                landing.push(LateWrite { inode, position, data: data.clone(), due });
            }
        }
        let mut rng = self.rng.fork(due);
        for write in landing {
            self.land(&write, Some(&mut || rng.one_in(2)));
        }
    }

    fn write(&mut self, key: Key, position: u64, data: Block) -> Outcome {
        let Some(&inode) = self.names.get(&key) else { return Outcome::Failed(IoFailure::Missing) };
        let bad = self.options.bad_write_one_in;
        if bad > 0 && self.rng.one_in(bad) {
            let write = LateWrite { inode, position: position as usize, data, due: self.now };
            let mut rng = self.rng.fork(self.submitted);
            self.land(&write, Some(&mut || rng.one_in(2)));
            let failure = if self.rng.one_in(3) { IoFailure::Short } else { IoFailure::Os(5) };
            return Outcome::Failed(failure);
        }
        let bent = self.options.bent_slot_one_in;
        let inode = self.inodes.get_mut(&inode).expect("a named inode");
        inode.write_through(position as usize, data.bytes());
        if let File::Slot(slot) = key.1 {
            self.bent.remove(&slot);
            if bent > 0 && self.rng.one_in(bent) {
                let byte = self.rng.below(data.len() as u64) as usize;
                inode.flip(position as usize + byte, self.rng.below(8) as u8);
                self.bent.insert(slot);
            }
        }
        Outcome::Written
    }

    /// Every file as it is seen; `None` where it cannot be read.
    pub fn contents(&self) -> BTreeMap<Key, Option<Vec<u8>>> {
        self.names
            .iter()
            .map(|(key, inode)| (*key, self.inodes[inode].read(0, usize::MAX)))
            .collect()
    }

    fn create(&mut self, key: Key, made: Inode, done: Outcome) -> Outcome {
        if self.used() + made.len() as u64 > self.options.capacity {
            return Outcome::Failed(IoFailure::Full);
        }
        let inode = self.add(made);
        self.names.insert(key, inode);
        self.durable_names.insert(key, inode);
        self.locked.insert(inode);
        self.flushed.insert(inode);
        done
    }

    fn add(&mut self, made: Inode) -> InodeId {
        self.next_inode += 1;
        let inode = InodeId(self.next_inode);
        self.inodes.insert(inode, made);
        inode
    }

    fn grow_slot(&mut self, key: Key, bytes: u64) -> Outcome {
        let Some(&inode) = self.names.get(&key) else {
            return self.create(key, Inode::zeroed(bytes as usize), Outcome::Grown);
        };
        let length = self.inodes[&inode].len() as u64;
        if self.used() + bytes.saturating_sub(length) > self.options.capacity {
            return Outcome::Failed(IoFailure::Full);
        }
        self.inodes.get_mut(&inode).expect("a named inode").grow(bytes as usize);
        self.locked.insert(inode);
        Outcome::Grown
    }

    fn remove(&mut self, key: Key) -> Outcome {
        let Some(inode) = self.names.remove(&key) else {
            return Outcome::Failed(IoFailure::Missing);
        };
        self.durable_names.remove(&key);
        self.locked.remove(&inode);
        self.drop_if_nameless(inode);
        Outcome::Removed
    }

    fn drop_if_nameless(&mut self, inode: InodeId) {
        let mut named = self.names.values().chain(self.durable_names.values());
        if named.all(|other| *other != inode) {
            self.inodes.remove(&inode);
        }
    }
}

impl StoreFiles for Disk {
    fn listing(&self) -> Result<Listing, String> {
        Ok(self.list(crate::world::STRAND))
    }

    /// Sector by sector, as a rescue reads: what cannot be read is zeros.
    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        let inode = self.file((crate::world::STRAND, file)).ok_or("there is no such file")?;
        let sectors = (0..inode.len()).step_by(SECTOR);
        let read = |at| inode.read(at, SECTOR).unwrap_or_else(|| vec![0; SECTOR]);
        Ok(sectors.flat_map(read).collect())
    }
}

/// Both slots, in order.
pub const SLOTS: [Slot; 2] = [Slot::A, Slot::B];
