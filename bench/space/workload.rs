//! What is written, and when it dies.

use crate::model::BatchId;
use crate::model::Store;
use crate::model::Written;
use std::collections::VecDeque;
use strandlog::base::Rng;

/// Topics of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) partitions: u32,
    pub(crate) batch_bytes: u32,
    /// Batches of a logical segment, which dies as a whole.
    pub(crate) segment_batches: usize,
    /// Share of the commits, in percent.
    pub(crate) traffic: u64,
    /// Share of the live data, in percent.
    pub(crate) live: u64,
    /// The strand of a layout by lifetime.
    pub(crate) chain: usize,
    /// Dies by newer values of its keys, one a batch, not by retention.
    pub(crate) compacted: bool,
}

/// Classes side by side.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Batches of one commit.
    pub(crate) commit: usize,
    pub(crate) extent_kib: u64,
    pub(crate) classes: &'static [Class],
}

const PLAIN: Class = Class {
    partitions: 100,
    batch_bytes: 16 * 1024,
    segment_batches: 64,
    traffic: 100,
    live: 100,
    chain: 0,
    compacted: false,
};

const OFFSETS: Class = Class {
    partitions: 50,
    batch_bytes: 180,
    segment_batches: 0,
    traffic: 100,
    live: 100,
    chain: 1,
    compacted: true,
};

pub(crate) const ALL: [Workload; 6] = [
    Workload {
        name: "endless beside one hour",
        commit: 8,
        extent_kib: 8192,
        classes: &[
            Class { traffic: 90, live: 5, ..PLAIN },
            Class { traffic: 10, live: 95, chain: 1, ..PLAIN },
        ],
    },
    Workload {
        name: "endless beside one hour, half and half",
        commit: 8,
        extent_kib: 8192,
        classes: &[
            Class { traffic: 90, live: 50, ..PLAIN },
            Class { traffic: 10, live: 50, chain: 1, ..PLAIN },
        ],
    },
    Workload {
        name: "10,000 partitions x 1 KiB",
        commit: 64,
        extent_kib: 8192,
        classes: &[Class { partitions: 10_000, batch_bytes: 1024, segment_batches: 32, ..PLAIN }],
    },
    Workload {
        name: "trickle of single records",
        commit: 1,
        extent_kib: 1024,
        classes: &[Class { partitions: 1000, batch_bytes: 180, segment_batches: 200, ..PLAIN }],
    },
    Workload { name: "compacted offsets alone", commit: 16, extent_kib: 1024, classes: &[OFFSETS] },
    Workload {
        name: "compacted offsets beside retention",
        commit: 16,
        extent_kib: 1024,
        classes: &[
            Class { traffic: 50, live: 95, batch_bytes: 2048, ..PLAIN },
            Class { traffic: 50, live: 5, ..OFFSETS },
        ],
    },
];

/// What lives of one class.
struct Living {
    class: Class,
    target: u64,
    weight: u64,
    /// By partition: the segment that is being filled.
    filling: Vec<Vec<BatchId>>,
    /// Closed segments, oldest first: retention takes them from the front.
    closed: VecDeque<Vec<BatchId>>,
    /// By key, for compacted classes.
    keys: Vec<BatchId>,
    /// Keys that have a value.
    first: usize,
}

/// Partitions are numbered class by class.
const PARTITIONS_MAX: u32 = 1 << 20;
const NO_BATCH: BatchId = BatchId::MAX;

impl Living {
    fn new(class: Class, target: u64) -> Self {
        let weight = Store::weight_of(class.batch_bytes);
        let keys = if class.compacted { target / weight } else { 0 };
        Self {
            class,
            target,
            weight: 0,
            filling: (0..class.partitions).map(|_| Vec::new()).collect(),
            closed: VecDeque::new(),
            keys: vec![NO_BATCH; keys as usize],
            first: 0,
        }
    }

    fn segments(&self) -> u64 {
        let partitions = u64::from(self.class.partitions);
        if self.class.compacted { partitions } else { partitions + self.closed.len() as u64 }
    }

    fn came(&mut self, store: &mut Store, rng: &mut Rng, partition: u32, id: BatchId) {
        self.weight += Store::weight_of(self.class.batch_bytes);
        if self.class.compacted {
            self.overwrite(store, rng, id);
            return;
        }
        let segment = &mut self.filling[partition as usize];
        segment.push(id);
        // Segments do not all roll at once: their lengths differ.
        if segment.len() >= self.class.segment_batches
            || (segment.len() > self.class.segment_batches / 2
                && rng.one_in(self.class.segment_batches as u64))
        {
            self.closed.push_back(std::mem::take(segment));
        }
        self.retire(store);
    }

    /// Retention, down to the target: oldest segments, or deleted keys.
    fn retire(&mut self, store: &mut Store) {
        while self.weight > self.target {
            let dead = if self.class.compacted {
                self.keys.pop().filter(|&id| id != NO_BATCH).into_iter().collect()
            } else {
                let Some(segment) = self.closed.pop_front() else { return };
                segment
            };
            for id in dead {
                self.weight -= Store::weight_of(self.class.batch_bytes);
                store.kill(id);
            }
        }
    }

    /// First every key gets a value; then nine of ten updates go to a tenth of the keys.
    fn overwrite(&mut self, store: &mut Store, rng: &mut Rng, id: BatchId) {
        let keys = self.keys.len() as u64;
        let key = if self.first < self.keys.len() {
            self.first += 1;
            self.first - 1
        } else {
            let range = if rng.one_in(10) { keys } else { keys / 10 };
            rng.below(range) as usize
        };
        let old = std::mem::replace(&mut self.keys[key], id);
        if old != NO_BATCH {
            self.weight -= Store::weight_of(self.class.batch_bytes);
            store.kill(old);
        }
    }
}

/// Times the capacity that is written before anything is measured: lifetimes must settle.
const SETTLE_TURNS: u64 = 2;

/// Device bytes for each byte that was to come, after which a part of a run is cut short: nobody would
/// want such a store, and the rest would take hours.
pub(crate) const HOPELESS: u64 = 200;

/// Fills the store to `fill`, lets it settle, then writes `turns` times its capacity and returns
/// what was written in that last part.
pub(crate) fn run(workload: &Workload, store: &mut Store, fill: f64, turns: u64) -> Written {
    let target = store.capacity() as f64 * fill;
    let mut writer = Writer {
        rng: Rng::new(1),
        workload,
        living: workload
            .classes
            .iter()
            .map(|class| Living::new(*class, (target * class.live as f64 / 100.0) as u64))
            .collect(),
        commit: Vec::new(),
        ids: Vec::new(),
    };
    // 99 %: a class may hover below its target by the segment that died last.
    while writer.living.iter().any(|living| living.weight < living.target / 100 * 99) {
        writer.commit(store);
    }
    writer.write(store, SETTLE_TURNS * store.capacity());
    let before = store.written;
    writer.write(store, turns * store.capacity());
    let partitions = writer.living.iter().map(|living| u64::from(living.class.partitions)).sum();
    store.note_facts(partitions, writer.living.iter().map(Living::segments).sum());
    store.written.since(before)
}

struct Writer<'a> {
    rng: Rng,
    workload: &'a Workload,
    living: Vec<Living>,
    commit: Vec<(u32, u32)>,
    ids: Vec<BatchId>,
}

impl Writer<'_> {
    fn write(&mut self, store: &mut Store, bytes: u64) {
        let end = store.written.user + bytes;
        let hopeless = store.written.to_device() + HOPELESS * bytes;
        let mut commits = 0u64;
        while store.written.user < end && store.written.to_device() < hopeless {
            self.commit(store);
            commits += 1;
            if commits.is_multiple_of(1024) {
                let partitions =
                    self.living.iter().map(|living| u64::from(living.class.partitions));
                let segments = self.living.iter().map(Living::segments);
                store.note_facts(partitions.sum(), segments.sum());
            }
        }
    }

    fn commit(&mut self, store: &mut Store) {
        let class = self.pick();
        let shape = self.living[class].class;
        self.commit.clear();
        for _ in 0..self.workload.commit {
            let partition = self.rng.below(u64::from(shape.partitions)) as u32;
            self.commit.push((class as u32 * PARTITIONS_MAX + partition, shape.batch_bytes));
        }
        if !store.commit(shape.chain, &self.commit, &mut self.ids) {
            self.give_way(store);
            return;
        }
        for (&(partition, _), &id) in self.commit.iter().zip(&self.ids) {
            self.living[class].came(store, &mut self.rng, partition % PARTITIONS_MAX, id);
        }
    }

    /// The store is full: retention becomes shorter by half a percent, everywhere. Segments roll by
    /// time where none is closed.
    fn give_way(&mut self, store: &mut Store) {
        for living in &mut self.living {
            living.target -= living.target / 200;
            if living.closed.is_empty() {
                living.closed.extend(living.filling.iter_mut().map(std::mem::take));
            }
            living.retire(store);
        }
    }

    /// A class by its share of the traffic.
    fn pick(&mut self) -> usize {
        let total = self.living.iter().map(|living| living.class.traffic).sum();
        let mut draw = self.rng.below(total);
        for (index, living) in self.living.iter().enumerate() {
            match draw.checked_sub(living.class.traffic) {
                None => return index,
                Some(rest) => draw = rest,
            }
        }
        unreachable!("the draw is below the sum");
    }
}
