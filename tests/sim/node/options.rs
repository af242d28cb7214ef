//! What a seed of the node stands for: cores, a disk, a network, clients and their misfortunes.
//! Most features are off in most seeds, so that the others get room (swarm testing).

use strandlog::base::PAGE;
use strandlog::base::Rng;
use strandlog::metadata::Advertise;
use strandlog::strand::StrandConfig;

use crate::disk::DiskOptions;

/// How a life of the node ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Kill,
    PowerCut,
    /// `kill -9`, and the power goes while its writes are on their way.
    KillThenPowerCut,
    Shutdown,
}

/// What the network does to connections. "One in n", 0 for never.
#[derive(Clone, Copy, Debug)]
pub struct NetworkOptions {
    /// Mean time of a chunk on its way, microseconds.
    pub latency_us: u64,
    /// A chunk of bytes is this long at most: frames are split and merged.
    pub chunk_max: u64,
    /// A send breaks its connection, and what is on its way is lost from somewhere on.
    pub reset_one_in: u64,
    /// A client reads nothing for up to a second.
    pub deaf_one_in: u64,
}

/// How many clients of each kind there are.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    pub producers: u64,
    pub consumers: u64,
    pub members: u64,
    pub admins: u64,
    pub probers: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub shards: u16,
    /// Each start picks a number of cores, up to 3.
    pub cores_change: bool,
    pub advertise: Advertise,
    pub strand: StrandConfig,
    pub disk: DiskOptions,
    /// Extents of the strands for partitions that the disk has room for, beside four of each.
    pub spare_extents: u64,
    pub network: NetworkOptions,
    pub cast: Cast,
    /// Lives of the node, and how long clients act in each, microseconds.
    pub lives: u64,
    pub life_us: u64,
    /// Mean time between two acts of a client, microseconds.
    pub gap_us: u64,
    /// How long a core may be late for its next turn, and a message between cores for its own.
    pub turn_us: u64,
    pub mesh_us: u64,
    /// A process dies before it serves, once in so many starts.
    pub crash_in_start_one_in: u64,
    /// Requests that a client sends without waiting for answers.
    pub pipeline: usize,
    pub value_bytes_max: u64,
    pub fetch_sessions_max: usize,
    /// Half of the topics have retention limits that matter.
    pub retention: bool,
    /// Topics are deleted again.
    pub deletes_topics: bool,
    /// Some topics rewrite batches: compression, LogAppendTime.
    pub rewrites: bool,
}

impl Options {
    pub fn of(seed: u64) -> Self {
        let rng = &mut Rng::new(seed).fork(0x40de);
        let life_us = pick(rng, &[60_000, 250_000, 250_000, 1_000_000, 8_000_000]);
        let mut cast = Self::cast(rng);
        // A generator of its own: other draws stay what they are.
        cast.members = pick(&mut Rng::new(seed).fork(0x6709), &[0, 0, 2, 3, 5]);
        let clients = cast.producers + cast.consumers + cast.members + cast.admins + cast.probers;
        // The same number of acts in a life, however long it is.
        let acts = pick(rng, &[150, 400, 700]);
        Self {
            seed,
            shards: pick(rng, &[1, 2, 2, 3]),
            cores_change: rng.one_in(2),
            advertise: pick(rng, &[Advertise::Node, Advertise::Core]),
            strand: Self::strand(rng),
            disk: Self::disk(rng),
            spare_extents: pick(rng, &[4, 64, 4096, 4096]),
            network: Self::network(rng),
            cast,
            lives: 2 + rng.below(4),
            life_us,
            gap_us: (life_us * clients / acts).max(20),
            turn_us: pick(rng, &[1, 20, 200, 2_000]),
            mesh_us: pick(rng, &[1, 20, 500]),
            crash_in_start_one_in: pick(rng, &[0, 3, 3]),
            pipeline: pick(rng, &[1, 5, 5, 20]),
            value_bytes_max: pick(rng, &[16, 200, 2_000, 6_000]),
            fetch_sessions_max: pick(rng, &[0, 1, 1000, 1000]),
            retention: rng.one_in(2),
            deletes_topics: rng.one_in(2),
            rewrites: rng.one_in(2),
        }
    }

    fn cast(rng: &mut Rng) -> Cast {
        Cast {
            producers: 1 + rng.below(5),
            consumers: 1 + rng.below(4),
            members: 0,
            admins: pick(rng, &[1, 1, 2]),
            probers: pick(rng, &[0, 1, 1]),
        }
    }

    fn strand(rng: &mut Rng) -> StrandConfig {
        let extent_pages = pick(rng, &[16, 32, 64]);
        StrandConfig {
            extent_bytes: (extent_pages * PAGE) as u32,
            frame_bytes_max: pick(rng, &[4, 8]) * PAGE as u32,
            in_flight_max: pick(rng, &[1, 2, 2, 3]),
            second_frame_bytes_min: pick(rng, &[1, 8192]),
            extents_max: 256,
            checkpoint_bytes: pick(rng, &[32 << 10, 256 << 10]),
            checkpoint_us: pick(rng, &[50_000, 5_000_000]),
            quiet_us: pick(rng, &[5_000, 1_000_000]),
            index_extents: pick(rng, &[1, 4]),
            cache_bytes: pick(rng, &[8 << 10, 64 << 10, 1 << 20]),
            reads_max: pick(rng, &[4, 64]),
            ..StrandConfig::tiny()
        }
    }

    fn disk(rng: &mut Rng) -> DiskOptions {
        DiskOptions {
            latency_us: pick(rng, &[20, 150, 900]),
            stall_one_in: pick(rng, &[0, 40]),
            stall_us: pick(rng, &[5_000, 200_000, 1_500_000]),
            bad_write_one_in: pick(rng, &[0, 0, 0, 300]),
            bad_read_one_in: pick(rng, &[0, 0, 0, 40]),
            bent_slot_one_in: pick(rng, &[0, 0, 10]),
            ..DiskOptions::default()
        }
    }

    fn network(rng: &mut Rng) -> NetworkOptions {
        NetworkOptions {
            latency_us: pick(rng, &[5, 50, 500, 5_000]),
            chunk_max: pick(rng, &[7, 100, 1_460, 65_536]),
            reset_one_in: pick(rng, &[0, 0, 40, 200]),
            deaf_one_in: pick(rng, &[0, 0, 100]),
        }
    }

    pub fn ending(rng: &mut Rng) -> Ending {
        match rng.below(10) {
            0..=2 => Ending::Kill,
            3..=6 => Ending::PowerCut,
            7..=8 => Ending::KillThenPowerCut,
            _ => Ending::Shutdown,
        }
    }
}

/// One of them, each as likely as another.
pub fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}
