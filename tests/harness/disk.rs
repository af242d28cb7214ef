//! A disk in memory that does at once, and durably, what it is asked. (The simulator's disk is the
//! one that tears and forgets.)

use std::collections::BTreeMap;

use strandlog::base::Block;
use strandlog::base::HeapPool;
use strandlog::strand::ExtentId;
use strandlog::strand::File;
use strandlog::strand::IoFailure;
use strandlog::strand::Listing;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Slot;

/// The files of one strand.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    files: BTreeMap<File, Vec<u8>>,
    /// Extents that can be made; the rest is refused as on a full disk.
    pub extents_max: Option<usize>,
    /// Writes that were carried out.
    pub writes: usize,
    /// Reads that were carried out.
    pub reads: usize,
}

impl MemoryDisk {
    pub fn carry_out(&mut self, op: Op) -> Outcome {
        match op {
            Op::List => Outcome::Listed(self.listing()),
            Op::Lock { file } if self.files.contains_key(&file) => Outcome::Locked,
            Op::Lock { .. } => Outcome::Failed(IoFailure::Missing),
            Op::Flush => Outcome::Flushed,
            Op::Read { file, position, bytes } => self.read(file, position, bytes),
            Op::Write { file, position, data } => self.write(file, position, &data),
            Op::Allocate { extent, bytes, .. } => self.allocate(extent, bytes),
            Op::StoreIndex { index, data } => {
                self.files.insert(File::Index(index), data.bytes().to_vec());
                Outcome::Stored
            }
            Op::GrowSlot { slot, bytes } => {
                let file = self.files.entry(File::Slot(slot)).or_default();
                file.resize(file.len().max(bytes as usize), 0);
                Outcome::Grown
            }
            Op::Remove { file } => {
                self.files.remove(&file);
                Outcome::Removed
            }
        }
    }

    /// Flips a bit in the header of a frame: `number` of those of the first extent.
    pub fn spoil_frame(&mut self, number: usize) {
        let extent = self.files.get_mut(&File::Extent(ExtentId(0))).expect("an extent");
        let mut frames = extent.chunks_exact_mut(4096).filter(|page| page.starts_with(b"SLfr"));
        frames.nth(number).expect("that many frames")[9] ^= 1;
    }

    /// Extents that there are.
    pub fn extents(&self) -> usize {
        self.files.keys().filter(|file| matches!(file, File::Extent(_))).count()
    }

    fn listing(&self) -> Listing {
        let mut listing = Listing::default();
        for (file, bytes) in &self.files {
            let length = bytes.len() as u64;
            match file {
                File::Extent(extent) => listing.extents.push((*extent, length)),
                File::Slot(slot) => listing.slots.push((*slot, length)),
                File::Index(index) => listing.indexes.push((*index, length)),
            }
        }
        listing.slots.sort_by_key(|(slot, _)| *slot == Slot::B);
        listing
    }

    fn read(&mut self, file: File, position: u64, bytes: u32) -> Outcome {
        self.reads += 1;
        let Some(contents) = self.files.get(&file) else {
            return Outcome::Failed(IoFailure::Missing);
        };
        let start = contents.len().min(position as usize);
        let end = contents.len().min(start + bytes as usize);
        Outcome::Read(HeapPool::block(&contents[start..end]))
    }

    fn write(&mut self, file: File, position: u64, data: &Block) -> Outcome {
        self.writes += 1;
        let Some(contents) = self.files.get_mut(&file) else {
            return Outcome::Failed(IoFailure::Missing);
        };
        let start = position as usize;
        contents[start..start + data.len()].copy_from_slice(data.bytes());
        Outcome::Written
    }

    fn allocate(&mut self, extent: ExtentId, bytes: u64) -> Outcome {
        if self.extents_max.is_some_and(|most| self.extents() >= most) {
            return Outcome::Failed(IoFailure::Full);
        }
        self.files.insert(File::Extent(extent), vec![0; bytes as usize]);
        Outcome::Allocated
    }
}
