//! What is left on the disk when a process or the machine dies.

use strandlog::strand::File;
use strandlog::strand::Op;

use super::Disk;
use super::Flight;
use super::Inode;
use super::InodeId;
use super::Key;
use super::LateWrite;
use super::SECTOR;

/// The longest that a write of a dead process may take, microseconds. The port retries locks for
/// longer than that.
const LATE_US: u64 = 2_000_000;

impl Disk {
    /// `kill -9`: what was submitted may have happened, may still happen, or never will. Nothing
    /// of it is known to be durable.
    pub fn kill(&mut self) {
        for ((_, number), flight) in std::mem::take(&mut self.in_flight) {
            let Flight { strand, op, .. } = flight;
            match op {
                Op::Write { file, position, data } => {
                    let Some(&inode) = self.names.get(&(strand, file)) else { continue };
                    let position = position as usize;
                    self.kill_write(number, LateWrite { inode, position, data, due: self.now });
                }
                Op::Allocate { extent, bytes, .. } => {
                    self.kill_create((strand, File::Extent(extent)), Inode::zeroed(bytes as usize));
                }
                Op::StoreIndex { index, data } => {
                    self.kill_create((strand, File::Index(index)), Inode::with(data.bytes()));
                }
                Op::GrowSlot { slot, bytes } => self.kill_growth((strand, File::Slot(slot)), bytes),
                Op::Remove { file } => self.kill_removal((strand, file)),
                Op::List | Op::Lock { .. } | Op::Flush | Op::Read { .. } => {}
            }
        }
        self.locked.clear();
        self.flushed.clear();
    }

    fn kill_write(&mut self, number: u64, mut write: LateWrite) {
        match self.rng.below(8) {
            0 => {}
            1..=3 => {
                write.due = self.now + self.rng.below(LATE_US);
                // Part of it may be on the medium before the rest arrives.
                let mut rng = self.rng.fork(number);
                self.land(&write, Some(&mut || rng.one_in(4)));
                self.late.push(write);
            }
            4 => {
                let mut rng = self.rng.fork(number);
                self.land(&write, Some(&mut || rng.one_in(2)));
            }
            5..=6 => self.land(&write, None),
            _ => {
                // It had reached the medium, only the answer had not come.
                let inode = self.inodes.get_mut(&write.inode).expect("a named inode");
                inode.write_through(write.position, write.data.bytes());
            }
        }
    }

    fn kill_create(&mut self, key: Key, made: Inode) {
        if self.used() + made.len() as u64 <= self.options.capacity && self.rng.one_in(2) {
            let inode = self.add(made);
            self.names.insert(key, inode);
        }
    }

    fn kill_growth(&mut self, key: Key, bytes: u64) {
        let length = self.file(key).map_or(0, Inode::len) as u64;
        if self.used() + bytes.saturating_sub(length) > self.options.capacity {
            return;
        }
        let pages = bytes.saturating_sub(length) / 4096;
        let grown = length + 4096 * self.rng.below(pages + 1);
        match self.file_mut(key) {
            Some(slot) => slot.grow(grown as usize),
            None => self.kill_create(key, Inode::zeroed(grown as usize)),
        }
    }

    fn kill_removal(&mut self, key: Key) {
        if self.rng.one_in(2) {
            self.names.remove(&key);
        }
    }

    /// The power goes: on top of what a dead process leaves, every cached or late sector is kept,
    /// lost or torn, and every name that was not synced is or is not there.
    pub fn cut_power(&mut self) {
        self.kill();
        for late in std::mem::take(&mut self.late) {
            let mut rng = self.rng.fork(late.due);
            self.land(&late, Some(&mut || rng.one_in(2)));
        }
        for inode in self.inodes.values_mut().filter(|inode| inode.has_cached()) {
            inode.cut_power(&mut self.rng);
        }
        self.settle_names();
    }

    fn settle_names(&mut self) {
        let mut keys: Vec<Key> =
            self.names.keys().chain(self.durable_names.keys()).copied().collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (seen, durable) =
                (self.names.get(&key).copied(), self.durable_names.get(&key).copied());
            if seen == durable {
                continue;
            }
            let left = if self.rng.one_in(2) { seen } else { durable };
            for names in [&mut self.names, &mut self.durable_names] {
                match left {
                    Some(inode) => names.insert(key, inode),
                    None => names.remove(&key),
                };
            }
        }
        let named: Vec<InodeId> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }

    /// Flips one bit of a file at rest.
    pub fn rot(&mut self, key: Key, byte: usize) {
        let bit = self.rng.below(8) as u8;
        self.file_mut(key).expect("the file that rots").flip(byte, bit);
    }

    /// The page that holds `byte` is zeros.
    pub fn zero_page(&mut self, key: Key, byte: usize) {
        let page = byte / 4096 * 4096;
        self.file_mut(key).expect("the file that rots").write_through(page, &[0; 4096]);
    }

    /// From here on the sector that holds `byte` answers reads with an error.
    pub fn break_sector(&mut self, key: Key, byte: usize) {
        self.file_mut(key).expect("the file that breaks").fail_reads_of(byte / SECTOR);
    }
}
