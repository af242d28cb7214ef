//! What a seed stands for: a store, a disk, a workload and its misfortunes (swarm testing: most
//! features are off in most seeds, so that the others get room).

use strandlog::base::PAGE;
use strandlog::base::Rng;
use strandlog::strand::StrandConfig;

use crate::disk::DiskOptions;

/// How the life of a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Kill,
    PowerCut,
    /// `kill -9`, and the power goes before, during or after the recovery.
    KillThenPowerCut,
    Shutdown,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub strand: StrandConfig,
    pub disk: DiskOptions,
    /// Lives of the process, each with a share of the steps.
    pub lives: u64,
    pub steps: u64,
    pub partitions: u64,
    pub producers: u64,
    /// Mean time between two actions of the workload, microseconds.
    pub gap_us: u64,
    /// Largest value of a record, and how often a batch is as large as the strand takes.
    pub value_bytes_max: u64,
    pub giant_one_in: u64,
    /// Weights of the workload's actions beside producing.
    pub read: u64,
    pub truncate: u64,
    pub move_start: u64,
    pub drop_partition: u64,
    pub epoch: u64,
    pub idle: u64,
    /// A fork of the world crashes and recovers, once in so many effects.
    pub probe_one_in: u64,
    /// A crash inside the recovery, once in so many starts.
    pub crash_in_recovery_one_in: u64,
    /// Retention keeps about this share of the store's bytes live, in percent.
    pub fill_percent: u64,
    /// What rots while the process is down, once in so many starts.
    pub rot_one_in: u64,
    /// One of the two slots is made unreadable, once in so many crashes.
    pub slot_rot_one_in: u64,
    /// A fork of the world loses both of them, once in so many crashes.
    pub no_slot_one_in: u64,
    /// At the end the store is full of what nobody removes: evacuation alone makes room.
    pub ends_endless: bool,
}

/// Kinds of seeds, in turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Everything at once, short.
    Chaos,
    /// Filled nearly to the brim with a few endless partitions among short-lived ones.
    Aged,
    /// Many restarts with little between them.
    Restarts,
    /// Bits flip and sectors break while the process is down.
    Rot,
    /// The disk is full, and has room again.
    Full,
    /// Writes and reads fail.
    Errors,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Chaos, Self::Aged, Self::Restarts, Self::Rot, Self::Full, Self::Errors];

    pub fn of(seed: u64) -> Self {
        Self::ALL[(seed % Self::ALL.len() as u64) as usize]
    }
}

impl Options {
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork(0x0b71);
        let mut options = Self::chaos(seed, &mut rng);
        match Kind::of(seed) {
            Kind::Chaos => options.bend(&mut rng),
            Kind::Aged => options.age(&mut rng),
            Kind::Restarts => options.restart(&mut rng),
            Kind::Rot => options.rot(&mut rng),
            Kind::Full => options.fill(&mut rng),
            Kind::Errors => options.fail(&mut rng),
        }
        options.bound_the_device();
        options.end_endless();
        options.slow_down();
        options
    }

    fn chaos(seed: u64, rng: &mut Rng) -> Self {
        let extent_pages = pick(rng, &[16, 16, 24, 32]);
        let frame_pages = pick(rng, &[2, 4, 8]);
        let strand = StrandConfig {
            extent_bytes: (extent_pages * PAGE) as u32,
            frame_bytes_max: (frame_pages * PAGE) as u32,
            in_flight_max: pick(rng, &[1, 2, 2, 3, 4]),
            second_frame_bytes_min: pick(rng, &[1, 4096, 8192]),
            extents_max: pick(rng, &[8, 12, 16, 24]),
            checkpoint_bytes: pick(rng, &[16 << 10, 64 << 10, 256 << 10]),
            checkpoint_us: pick(rng, &[20_000, 200_000, 5_000_000]),
            quiet_us: pick(rng, &[2_000, 50_000, 1_000_000]),
            index_extents: pick(rng, &[1, 2, 4]),
            cache_bytes: pick(rng, &[8 << 10, 64 << 10, 1 << 20]),
            ..StrandConfig::tiny()
        };
        Self {
            seed,
            strand,
            disk: Self::disk(rng),
            lives: 2 + rng.below(4),
            steps: 150 + rng.below(250),
            partitions: pick(rng, &[1, 2, 4, 9]),
            producers: pick(rng, &[1, 3, 6]),
            gap_us: pick(rng, &[5, 60, 300, 3_000]),
            value_bytes_max: pick(rng, &[8, 200, 2_000, 6_000]),
            giant_one_in: pick(rng, &[0, 0, 40]),
            read: pick(rng, &[0, 2, 6]),
            truncate: pick(rng, &[0, 0, 1, 2]),
            move_start: pick(rng, &[0, 1, 2]),
            drop_partition: pick(rng, &[0, 0, 1]),
            epoch: pick(rng, &[0, 1]),
            idle: pick(rng, &[0, 1, 1]),
            probe_one_in: pick(rng, &[0, 40, 80]),
            crash_in_recovery_one_in: pick(rng, &[0, 2, 3]),
            fill_percent: pick(rng, &[30, 60]),
            rot_one_in: 0,
            slot_rot_one_in: pick(rng, &[0, 4]),
            no_slot_one_in: 0,
            ends_endless: false,
        }
    }

    fn disk(rng: &mut Rng) -> DiskOptions {
        DiskOptions {
            latency_us: pick(rng, &[20, 150, 900]),
            stall_one_in: pick(rng, &[0, 30]),
            stall_us: pick(rng, &[5_000, 200_000]),
            ..DiskOptions::default()
        }
    }

    fn age(&mut self, rng: &mut Rng) {
        self.strand.extent_bytes = 16 * PAGE as u32;
        self.strand.extents_max = pick(rng, &[12, 16, 24]);
        self.fill_percent = pick(rng, &[80, 90, 95]);
        self.lives = 2 + rng.below(2);
        self.steps = 500;
        self.partitions = 6;
        self.value_bytes_max = pick(rng, &[200, 1_500]);
        self.move_start = 2;
        self.probe_one_in = 25;
        self.giant_one_in = 0;
    }

    fn bend(&mut self, rng: &mut Rng) {
        self.disk.bent_slot_one_in = pick(rng, &[0, 0, 3, 20]);
        self.no_slot_one_in = 3;
    }

    fn restart(&mut self, rng: &mut Rng) {
        self.lives = 8 + rng.below(10);
        self.steps = 10 + rng.below(50);
        self.probe_one_in = 0;
        self.crash_in_recovery_one_in = 2;
        self.gap_us = pick(rng, &[5, 60]);
    }

    fn rot(&mut self, rng: &mut Rng) {
        self.rot_one_in = 1;
        self.slot_rot_one_in = 0;
        self.probe_one_in = 0;
        self.lives = 4;
        self.steps = 60 + rng.below(200);
        self.read = 3;
    }

    fn fill(&mut self, rng: &mut Rng) {
        self.strand.extents_max = pick(rng, &[6, 8, 12]);
        self.fill_percent = 200;
        self.value_bytes_max = pick(rng, &[1_500, 6_000]);
        self.steps = 500;
        self.lives = 2 + rng.below(2);
        self.probe_one_in = 60;
    }

    /// Every other full store meets the device's end before its own: `Allocate`, `GrowSlot` and
    /// `StoreIndex` are refused in turn. A generator of its own: other draws stay what they are.
    fn bound_the_device(&mut self) {
        let mut rng = Rng::new(self.seed).fork(0x0d15c);
        if Kind::of(self.seed) == Kind::Full && rng.one_in(2) {
            let extents = u64::from(self.strand.extents_max);
            let spare = pick(&mut rng, &[0, 1, 3, 7]) * PAGE as u64;
            self.disk.capacity = extents * u64::from(self.strand.extent_bytes) + spare;
            self.strand.extents_max = 64;
        }
    }

    /// A generator of its own: other draws stay what they are.
    fn end_endless(&mut self) {
        let mut rng = Rng::new(self.seed).fork(0x0e0d);
        self.ends_endless = matches!(Kind::of(self.seed), Kind::Aged | Kind::Full) && rng.one_in(3);
    }

    /// Zeroing that takes longer than anybody may wait (R15), and evacuation that takes its time
    /// (R17). A generator of its own, too.
    fn slow_down(&mut self) {
        let mut rng = Rng::new(self.seed).fork(0x510e);
        match Kind::of(self.seed) {
            Kind::Chaos | Kind::Restarts => {
                self.disk.zeroing_us = pick(&mut rng, &[0, 0, 30_000_000]);
            }
            Kind::Aged => {
                let rates = [1 << 20, 1 << 20, 100_000];
                self.strand.evacuation_bytes_per_second = pick(&mut rng, &rates);
            }
            Kind::Rot | Kind::Full | Kind::Errors => {}
        }
    }

    fn fail(&mut self, rng: &mut Rng) {
        self.disk.bad_write_one_in = pick(rng, &[0, 60, 200]);
        self.disk.bad_read_one_in = pick(rng, &[0, 100, 400]);
        self.disk.bent_slot_one_in = pick(rng, &[0, 10]);
        self.lives = 6;
        self.probe_one_in = 0;
    }

    pub fn ending(&self, rng: &mut Rng) -> Ending {
        match rng.below(10) {
            0..=2 => Ending::Kill,
            3..=5 => Ending::PowerCut,
            6..=8 => Ending::KillThenPowerCut,
            _ => Ending::Shutdown,
        }
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}
