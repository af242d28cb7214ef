//! One file's bytes: what is durable, and what the device holds in its volatile cache on top.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use strandlog::base::Rng;

/// What a disk writes whole or not at all, if it is a good one. Ours also tears it.
pub const SECTOR: usize = 512;

type Sector = [u8; SECTOR];

/// A clone is cheap: durable bytes are shared until one of the two changes.
#[derive(Clone, Default)]
pub struct Inode {
    durable: Rc<Vec<u8>>,
    /// Newer contents that reads see and a power cut may take.
    cached: BTreeMap<usize, Sector>,
    /// Sectors that answer with an error until they are written again.
    unreadable: BTreeSet<usize>,
}

impl Inode {
    pub fn zeroed(bytes: usize) -> Self {
        assert_eq!(bytes % SECTOR, 0, "a file is whole sectors");
        Self { durable: Rc::new(vec![0; bytes]), ..Self::default() }
    }

    pub fn with(bytes: &[u8]) -> Self {
        assert_eq!(bytes.len() % SECTOR, 0, "a file is whole sectors");
        Self { durable: Rc::new(bytes.to_vec()), ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.durable.len()
    }

    pub fn grow(&mut self, bytes: usize) {
        if bytes > self.len() {
            Rc::make_mut(&mut self.durable).resize(bytes, 0);
        }
    }

    /// What a reader sees; `None` if a sector in the range cannot be read.
    pub fn read(&self, position: usize, bytes: usize) -> Option<Vec<u8>> {
        let end = self.len().min(position.saturating_add(bytes));
        let start = position.min(end);
        let sectors = start / SECTOR..end.div_ceil(SECTOR);
        if self.unreadable.range(sectors.clone()).next().is_some() {
            return None;
        }
        let mut seen = self.durable[start..end].to_vec();
        for (&sector, content) in self.cached.range(sectors) {
            let at = sector * SECTOR - start;
            seen[at..at + SECTOR].copy_from_slice(content);
        }
        Some(seen)
    }

    /// The durable bytes alone, whatever the cache holds and whether they can be read or not.
    pub fn durable(&self, position: usize, bytes: usize) -> &[u8] {
        &self.durable[position..position + bytes]
    }

    /// Lays one sector into the cache.
    pub fn cache(&mut self, sector: usize, content: &[u8]) {
        self.unreadable.remove(&sector);
        self.cached.insert(sector, content.try_into().expect("a whole sector"));
    }

    /// Makes a range durable as written.
    pub fn write_through(&mut self, position: usize, data: &[u8]) {
        assert!(position + data.len() <= self.len(), "a write beyond the end of its file");
        assert_eq!((position % SECTOR, data.len() % SECTOR), (0, 0), "whole sectors");
        Rc::make_mut(&mut self.durable)[position..position + data.len()].copy_from_slice(data);
        for sector in position / SECTOR..(position + data.len()) / SECTOR {
            self.cached.remove(&sector);
            self.unreadable.remove(&sector);
        }
    }

    /// The device's cache reaches the medium.
    pub fn flush(&mut self) {
        for (sector, content) in std::mem::take(&mut self.cached) {
            let at = sector * SECTOR;
            Rc::make_mut(&mut self.durable)[at..at + SECTOR].copy_from_slice(&content);
        }
    }

    pub fn has_cached(&self) -> bool {
        !self.cached.is_empty()
    }

    /// Each cached sector, independently of all others, is kept, lost or torn.
    pub fn cut_power(&mut self, rng: &mut Rng) {
        for (sector, content) in std::mem::take(&mut self.cached) {
            let at = sector * SECTOR;
            let old: Sector = self.durable[at..at + SECTOR].try_into().expect("one sector");
            let left = match rng.below(8) {
                0..=2 => old,
                3..=6 => content,
                _ => torn(&old, &content, rng),
            };
            Rc::make_mut(&mut self.durable)[at..at + SECTOR].copy_from_slice(&left);
        }
    }

    /// Flips one bit at rest. The sector must not be in the cache.
    pub fn flip(&mut self, byte: usize, bit: u8) {
        assert!(!self.cached.contains_key(&(byte / SECTOR)), "rot is what happens at rest");
        Rc::make_mut(&mut self.durable)[byte] ^= 1 << bit;
    }

    pub fn fail_reads_of(&mut self, sector: usize) {
        self.unreadable.insert(sector);
    }
}

/// A sector the power went away from: the front of the new content, the rest old or rubbish.
fn torn(old: &Sector, new: &Sector, rng: &mut Rng) -> Sector {
    let cut = rng.below(SECTOR as u64) as usize;
    let mut left = *old;
    left[..cut].copy_from_slice(&new[..cut]);
    if rng.one_in(2) {
        for byte in &mut left[cut..] {
            *byte = rng.next_u64() as u8;
        }
    }
    left
}
