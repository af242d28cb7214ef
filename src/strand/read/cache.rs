//! Blocks in memory, up to a number of bytes.

use std::collections::BTreeMap;

use crate::base::Block;

/// Which block goes first when there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Eviction {
    /// The one that came first: a cache of what is recent.
    Oldest,
    /// The one that was longest not asked for.
    LeastUsed,
}

/// Blocks by key. Holding a block keeps its memory; evicting one gives the memory back once no
/// reader has a slice of it.
#[derive(Debug)]
pub(super) struct BlockCache<K> {
    eviction: Eviction,
    bytes_max: usize,
    bytes: usize,
    blocks: BTreeMap<K, Cached>,
    /// Keys by age, oldest first.
    ages: BTreeMap<u64, K>,
    clock: u64,
}

#[derive(Debug)]
struct Cached {
    block: Block,
    age: u64,
}

impl<K: Copy + Ord> BlockCache<K> {
    pub(super) fn new(eviction: Eviction, bytes_max: usize) -> Self {
        let (blocks, ages) = (BTreeMap::new(), BTreeMap::new());
        Self { eviction, bytes_max, bytes: 0, blocks, ages, clock: 0 }
    }

    /// Keeps `block`. One that is larger than the whole cache is not kept.
    pub(super) fn insert(&mut self, key: K, block: Block) {
        self.remove(key);
        if block.len() > self.bytes_max {
            return;
        }
        self.bytes += block.len();
        self.clock += 1;
        self.ages.insert(self.clock, key);
        self.blocks.insert(key, Cached { block, age: self.clock });
        while self.bytes > self.bytes_max {
            let oldest = *self.ages.values().next().expect("what has bytes has blocks");
            self.remove(oldest);
        }
    }

    pub(super) fn get(&mut self, key: K) -> Option<Block> {
        self.at_or_below(key).filter(|(found, _)| *found == key).map(|(_, block)| block)
    }

    /// The block with the highest key that is not above `key`.
    pub(super) fn at_or_below(&mut self, key: K) -> Option<(K, Block)> {
        let (found, cached) = self.blocks.range_mut(..=key).next_back()?;
        if self.eviction == Eviction::LeastUsed {
            self.ages.remove(&cached.age);
            self.clock += 1;
            cached.age = self.clock;
            self.ages.insert(self.clock, *found);
        }
        Some((*found, cached.block.clone()))
    }

    fn remove(&mut self, key: K) {
        if let Some(cached) = self.blocks.remove(&key) {
            self.ages.remove(&cached.age);
            self.bytes -= cached.block.len();
        }
    }

    /// Forgets what lies in a range of keys.
    pub(super) fn remove_range(&mut self, from: K, to: K) {
        let keys: Vec<K> = self.blocks.range(from..=to).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
