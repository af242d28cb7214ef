//! A disk with a volatile cache, in memory. Writes stay in the cache until a flush that began
//! after them completes; a power cut discards what no flush has covered.

use std::collections::BTreeMap;

use strandlog::base::Rng;

const PAGE: usize = 4096;

/// What a cut does with the pages that no flush has covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The cache is gone.
    All,
    /// Each page on its own is kept, lost, or torn at a sector.
    Some,
}

/// The medium and its cache.
pub struct Platter {
    durable: Vec<u8>,
    cache: BTreeMap<u64, Box<[u8; PAGE]>>,
    powered: bool,
    life: Life,
    /// Writes and flushes of a machine that is dead, refused after the power came back.
    pub late: u64,
}

/// A machine's life, from power-on to the cut. The kernel's remains of an earlier one (a file system
/// that is unmounted but not yet gone) must not reach the disk: a dead machine writes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life(u64);

/// The power is off, or on for another machine: nothing is read or written.
#[derive(Debug)]
pub struct PoweredOff;

impl Platter {
    pub fn new(bytes: usize) -> Self {
        assert!(bytes.is_multiple_of(PAGE), "whole pages");
        let (cache, powered) = (BTreeMap::new(), false);
        Self { durable: vec![0; bytes], cache, powered, life: Life(0), late: 0 }
    }

    pub fn len(&self) -> u64 {
        self.durable.len() as u64
    }

    pub fn read(&self, life: Life, position: u64, bytes: usize) -> Result<Vec<u8>, PoweredOff> {
        if !self.powered || life != self.life {
            return Err(PoweredOff);
        }
        let end = (position as usize + bytes).min(self.durable.len());
        let start = (position as usize).min(end);
        let mut data = self.durable[start..end].to_vec();
        let first = position / PAGE as u64;
        for (page, cached) in self.cache.range(first..=(end as u64 / PAGE as u64)) {
            copy_overlap(&mut data, start, &cached[..], *page as usize * PAGE);
        }
        Ok(data)
    }

    pub fn write(&mut self, life: Life, position: u64, data: &[u8]) -> Result<(), PoweredOff> {
        self.admit(life)?;
        let mut done = 0;
        while done < data.len() {
            let at = position as usize + done;
            let (page, within) = (at / PAGE, at % PAGE);
            let bytes = (PAGE - within).min(data.len() - done);
            let durable = &self.durable[page * PAGE..(page + 1) * PAGE];
            let cached = self.cache.entry(page as u64).or_insert_with(|| {
                Box::new(durable.try_into().expect("a page has a page's length"))
            });
            cached[within..within + bytes].copy_from_slice(&data[done..done + bytes]);
            done += bytes;
        }
        Ok(())
    }

    pub fn flush(&mut self, life: Life) -> Result<(), PoweredOff> {
        self.admit(life)?;
        for (page, cached) in std::mem::take(&mut self.cache) {
            self.durable[page as usize * PAGE..][..PAGE].copy_from_slice(&cached[..]);
        }
        Ok(())
    }

    /// Cuts the power. Gives the number of pages in the cache, which no flush had covered.
    pub fn cut(&mut self, loss: Loss, rng: &mut Rng) -> usize {
        self.powered = false;
        let cache = std::mem::take(&mut self.cache);
        let lost = cache.len();
        if loss == Loss::Some {
            for (page, cached) in cache {
                let sectors = rng.below(PAGE as u64 / 512 + 1) as usize;
                let kept = if rng.one_in(3) { sectors * 512 } else { PAGE * rng.below(2) as usize };
                let at = page as usize * PAGE;
                self.durable[at..at + kept].copy_from_slice(&cached[..kept]);
            }
        }
        lost
    }

    pub fn power_on(&mut self) -> Life {
        self.powered = true;
        self.life.0 += 1;
        self.life
    }

    fn admit(&mut self, life: Life) -> Result<(), PoweredOff> {
        self.late += u64::from(self.powered && life != self.life);
        if self.powered && life == self.life { Ok(()) } else { Err(PoweredOff) }
    }
}

/// Copies the part of `source` (at `source_at`) that falls into `target` (at `target_at`).
fn copy_overlap(target: &mut [u8], target_at: usize, source: &[u8], source_at: usize) {
    let start = target_at.max(source_at);
    let end = (target_at + target.len()).min(source_at + source.len());
    if start < end {
        target[start - target_at..end - target_at]
            .copy_from_slice(&source[start - source_at..end - source_at]);
    }
}
