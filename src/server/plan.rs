//! From settings, machine and store to what each shard is made from. All memory is divided here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use tracing::warn;

use crate::base::Now;
use crate::base::Pool;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::config;
use crate::config::Bytes;
use crate::config::Config;
use crate::config::GroupAssignor;
use crate::config::GroupMigration;
use crate::config::Loaded;
use crate::config::SETTINGS;
use crate::group;
use crate::io::Clock;
use crate::io::ConnectionLimit;
use crate::io::Control;
use crate::io::Core;
use crate::io::ExecutorPlan;
use crate::io::FileSystem;
use crate::io::Host;
use crate::io::MeshEnds;
use crate::io::Room;
use crate::io::SHARD_MEMORY_LEAST;
use crate::io::ShardListeners;
use crate::io::Share;
use crate::io::Watchdog;
use crate::io::entropy;
use crate::io::host_name;
use crate::metadata;
use crate::metadata::Advertise;
use crate::metadata::Layout;
use crate::metadata::Listener;
use crate::metadata::Settings;
use crate::record::OPENED_BYTES_MAX;
use crate::server::failure::Failure;
use crate::server::store::Store;
use crate::shard::Effects;
use crate::shard::Event;
use crate::shard::IntakeLimits;
use crate::shard::Shard;
use crate::shard::ShardConfig;
use crate::strand::Strand;
use crate::strand::StrandConfig;
use crate::strand::StrandIdentity;
use crate::strand::StrandPlace;

/// Of the limit of open files, what connections may not take: files of strands, listeners, rings.
const FILES_RESERVED_SHARE: u64 = 4;

/// A request up to this size is small: it has memory of its own that large ones cannot take.
const SMALL_REQUEST: usize = 64 << 10;

/// The slowest that a request may arrive.
const REQUEST_BYTES_PER_SECOND: u64 = 16 << 10;

/// Frames are at most this long, but for one oversized batch (R3).
const FRAME_BYTES_MAX: u32 = 1 << 20;

/// Extents that are each strand's own, whatever the others take: the one that is written, the two
/// of R16, and one for producers.
const EXTENTS_RESERVED: u64 = 4;

/// The metadata strand's: it goes on when data fills the disk.
const METADATA_EXTENTS_RESERVED: u64 = 16;

/// Memory of the metadata strand.
const METADATA_CACHE: usize = 1 << 20;

/// What an idempotent producer takes in memory, in bytes: its last batches, its place by age, and
/// what collections add.
const PRODUCER_BYTES: usize = 320;

/// What a partition in a fetch session takes, in bytes.
const SESSION_PARTITION_BYTES: usize = 256;

/// The longest answer to a fetch takes at most this part of the memory for answers, so that a few
/// readers do not use it up.
const FETCHES_AT_LEAST: usize = 4;

/// Connections that there may be whatever the limit of open files says.
const CONNECTIONS_LEAST: u64 = 64;

/// How a shard's memory is divided. Frames take nearly half: what they are cut from rounds lengths
/// up to powers of two, so caches of them are counted twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Budget {
    shards: u16,
    per_shard: u64,
}

impl Budget {
    pub(super) fn new(config: &Config, host: &Host, shards: u16) -> Result<Self, Failure> {
        let memory = config.memory.map_or_else(|| host.memory(), |Bytes(bytes)| bytes);
        let per_shard = memory / u64::from(shards);
        if per_shard < SHARD_MEMORY_LEAST {
            return Err(Failure::Config(format!(
                "memory: {} for {shards} shards is too little, each needs {}: set `memory` higher \
                 or `shards` lower",
                Bytes(memory),
                Bytes(SHARD_MEMORY_LEAST)
            )));
        }
        Ok(Self { shards, per_shard })
    }

    pub(super) fn total(&self) -> u64 {
        self.per_shard * u64::from(self.shards)
    }

    fn share(&self, thirtyseconds: u64) -> usize {
        usize::try_from(self.per_shard / 32 * thirtyseconds).unwrap_or(usize::MAX)
    }

    /// Commit buffers, cached and pinned frames.
    fn frames(&self) -> usize {
        self.share(14)
    }

    fn cached_frames(&self) -> usize {
        self.share(5)
    }

    /// What answers may pin.
    fn pinned(&self) -> usize {
        self.share(1)
    }

    /// Answers that clients have not read, and what is read for them.
    fn answers(&self) -> usize {
        self.share(4)
    }

    fn read_ahead(&self) -> usize {
        self.share(4)
    }

    fn index_cache(&self) -> usize {
        self.share(1)
    }

    fn requests(&self) -> usize {
        self.share(4)
    }

    /// One batch that is opened off-core: as it is, and compressed anew.
    fn opened(&self) -> usize {
        self.share(4) / 2
    }

    fn producers(&self) -> usize {
        self.share(1) / 2 / PRODUCER_BYTES
    }

    /// Partitions in fetch sessions.
    fn session_partitions(&self) -> usize {
        self.share(1) / 2 / SESSION_PARTITION_BYTES
    }
}

/// Makes the parts of each shard.
pub(super) struct Assembly<'a> {
    config: &'a Config,
    host: &'a Host,
    budget: &'a Budget,
    store: &'a Store,
    connections: ConnectionLimit,
    /// Bytes that extents may take.
    space: u64,
    room: Arc<Room>,
    shares: BTreeMap<StrandId, Share>,
    layout: Arc<Layout>,
    settings: Arc<Settings>,
    watchdog: Watchdog,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(
        loaded: &'a Loaded,
        host: &'a Host,
        budget: &'a Budget,
        store: &'a Store,
        file_system: &FileSystem,
        ports: &[(u16, u16)],
        clock: Clock,
    ) -> Result<Self, Failure> {
        let config = &loaded.config;
        let by_files = host.open_files / FILES_RESERVED_SHARE * (FILES_RESERVED_SHARE - 1);
        let most = u64::from(config.max_connections).min(by_files.max(CONNECTIONS_LEAST));
        let connections = ConnectionLimit::new(usize::try_from(most).unwrap_or(usize::MAX));
        let space = file_system.free.saturating_add(store.bytes()) / 100 * 95;
        let (room, shares) = share_out(space, store, clock);
        let longest = intake_limits(config, budget).longest();
        if longest < config.socket_request_max_bytes as usize {
            warn!(
                "server: requests above {} are refused: a shard's memory holds no larger one \
                 (`queued.max.request.bytes`, `memory`)",
                Bytes(longest as u64)
            );
        }
        let layout = Arc::new(layout(config, store, budget.shards, ports));
        let settings = Arc::new(settings(loaded)?);
        let watchdog = Watchdog::start().map_err(Failure::Host)?;
        Ok(Self {
            config,
            host,
            budget,
            store,
            connections,
            space,
            room,
            shares,
            layout,
            settings,
            watchdog,
        })
    }

    pub(super) fn executor(
        &mut self,
        shard: ShardId,
        clock: Clock,
        listeners: ShardListeners,
        mesh: MeshEnds,
        control: Control,
    ) -> ExecutorPlan {
        let strands: Vec<StrandId> = self.places(shard).map(|place| place.strand).collect();
        let shares = strands.into_iter().map(|strand| {
            let share = self.shares.remove(&strand);
            (strand, share.expect("every strand has a part, and one executor"))
        });
        let strands = shares.collect();
        let all = self.store.manifest().strands.len() as u64;
        let files = self.host.open_files / FILES_RESERVED_SHARE / all.max(1);
        let spin = match self.host.must_not_spin(self.budget.shards) {
            true => 0,
            false => u64::from(self.config.io_spin_us),
        };
        ExecutorPlan {
            shard,
            cpu: self.host.cpus[usize::from(shard.0) % self.host.cpus.len()],
            clock,
            root: self.store.root().to_owned(),
            strands,
            room: Arc::clone(&self.room),
            open_files: usize::try_from(files).unwrap_or(usize::MAX),
            frame_bytes: self.budget.frames(),
            intake: intake_limits(self.config, self.budget),
            request_max: self.config.socket_request_max_bytes as usize,
            connections: self.connections.clone(),
            listeners,
            mesh,
            spin: Duration::from_micros(spin),
            preempt: Duration::from_micros(u64::from(self.config.io_preempt_timer_us)),
            heartbeat: heartbeat(self.config),
            watchdog: self.watchdog.clone(),
            control,
        }
    }

    fn places(&self, shard: ShardId) -> impl Iterator<Item = &StrandPlace> {
        self.store.manifest().strands.iter().filter(move |place| place.shard == shard)
    }

    /// What makes the shard, on its thread.
    pub(super) fn core(&self, shard: ShardId) -> CorePlan {
        let manifest = self.store.manifest();
        let places: Vec<StrandPlace> = self.places(shard).copied().collect();
        let data = places.iter().filter(|place| place.strand != StrandId::METADATA).count();
        let strands = places.iter().map(|place| {
            let identity = StrandIdentity {
                key: manifest.key,
                strand: place.strand,
                manifest: manifest.generation,
            };
            (place.strand, self.strand(place, data), identity)
        });
        CorePlan { strands: strands.collect(), shard: self.shard(shard) }
    }

    /// `sharing`: the strands that share the shard's memory.
    fn strand(&self, place: &StrandPlace, sharing: usize) -> StrandConfig {
        let extents = self.space / u64::from(place.extent_bytes);
        let frame_bytes_max = FRAME_BYTES_MAX.min(place.extent_bytes / 2) / 4096 * 4096;
        let whole = StrandConfig {
            extent_bytes: place.extent_bytes,
            frame_bytes_max,
            in_flight_max: u8::try_from(self.config.storage_frames_in_flight).unwrap_or(u8::MAX),
            extents_max: u32::try_from(extents.max(EXTENTS_RESERVED)).unwrap_or(u32::MAX),
            ..StrandConfig::default()
        };
        if place.strand == StrandId::METADATA {
            return StrandConfig {
                cache_bytes: METADATA_CACHE,
                read_ahead_bytes: METADATA_CACHE,
                index_cache_bytes: METADATA_CACHE,
                ..whole
            };
        }
        StrandConfig {
            cache_bytes: self.budget.cached_frames() / sharing,
            read_ahead_bytes: self.budget.read_ahead() / sharing,
            index_cache_bytes: self.budget.index_cache() / sharing,
            ..whole
        }
    }

    fn shard(&self, id: ShardId) -> ShardConfig {
        let config = self.config;
        let idle_ms = u64::try_from(config.connections_max_idle_ms);
        let sessions =
            config.max_incremental_fetch_session_cache_slots / u32::from(self.budget.shards);
        ShardConfig {
            id,
            shards: self.budget.shards,
            fetch_bytes_max: u32::try_from(self.budget.answers() / FETCHES_AT_LEAST)
                .unwrap_or(u32::MAX)
                .min(u32::try_from(config.fetch_max_bytes).unwrap_or(0)),
            fetch_sessions_max: sessions as usize,
            fetch_session_partitions_max: self.budget.session_partitions(),
            idle_us: idle_ms.map_or(u64::MAX, |ms| ms.saturating_mul(1_000)),
            slow_us: u64::from(config.request_progress_max_ms) * 1_000,
            producer_expiration_ms: config.producer_id_expiration_ms,
            retention_check_ms: u64::try_from(config.log_retention_check_interval_ms).unwrap_or(1),
            pinned_bytes_max: self.budget.pinned(),
            answer_bytes_max: self.budget.answers(),
            producers_max: self.budget.producers(),
            opened_bytes_max: self.budget.opened().min(OPENED_BYTES_MAX),
            seed: u64::from_ne_bytes(entropy()),
            layout: Arc::clone(&self.layout),
            settings: Arc::clone(&self.settings),
            groups: Arc::new(groups(config)),
            cluster: TopicId(self.store.manifest().cluster),
        }
    }
}

/// What extents may take, divided: each strand's reserve and what it has already are its own, the
/// rest is for whoever asks first (R16).
fn share_out(space: u64, store: &Store, clock: Clock) -> (Arc<Room>, BTreeMap<StrandId, Share>) {
    let room = Room::new(space, clock);
    let owned = store.extents();
    let share = |place: &StrandPlace| {
        let reserved = match place.strand {
            StrandId::METADATA => METADATA_EXTENTS_RESERVED,
            _ => EXTENTS_RESERVED,
        };
        let owned = owned.get(&place.strand).copied().unwrap_or(0);
        (place.strand, room.share(place.extent_bytes, reserved, owned))
    };
    let shares: BTreeMap<StrandId, Share> = store.manifest().strands.iter().map(share).collect();
    let bytes = shares.values().map(Share::bytes).fold(0, u64::saturating_add);
    if bytes > space {
        warn!(
            "storage: extents of {} strands take {} at least, and the file system has room for \
             {}: one may find it full before it has its part (`shards`, `storage.extent.bytes`)",
            shares.len(),
            Bytes(bytes),
            Bytes(space)
        );
    }
    (room, shares)
}

/// By what group coordinators work.
fn groups(config: &Config) -> group::Config {
    let unsigned = |number: i32| usize::try_from(number).unwrap_or(0);
    group::Config {
        initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        session_timeout_ms_min: config.group_min_session_timeout_ms,
        session_timeout_ms_max: config.group_max_session_timeout_ms,
        size_max: unsigned(config.group_max_size),
        offset_metadata_max: unsigned(config.offset_metadata_max_bytes),
        retention_ms: i64::from(config.offsets_retention_minutes).saturating_mul(60_000),
        retention_check_ms: u64::try_from(config.offsets_retention_check_interval_ms).unwrap_or(1),
        consumer_size_max: unsigned(config.group_consumer_max_size),
        assignors: config.group_consumer_assignors.iter().map(|&named| assignor(named)).collect(),
        migration: match config.group_consumer_migration_policy {
            GroupMigration::Bidirectional => group::Migration::Bidirectional,
            GroupMigration::Upgrade => group::Migration::Upgrade,
            GroupMigration::Downgrade => group::Migration::Downgrade,
            GroupMigration::Disabled => group::Migration::Disabled,
        },
        ..group::Config::default()
    }
}

fn assignor(named: GroupAssignor) -> group::Assignor {
    match named {
        GroupAssignor::Uniform => group::Assignor::Uniform,
        GroupAssignor::Range => group::Assignor::Range,
    }
}

fn intake_limits(config: &Config, budget: &Budget) -> IntakeLimits {
    let by_setting = config.queued_max_request_bytes.map(|Bytes(bytes)| {
        usize::try_from(bytes / u64::from(budget.shards)).unwrap_or(usize::MAX)
    });
    let total = by_setting.unwrap_or_else(|| budget.requests()).max(8 * SMALL_REQUEST);
    IntakeLimits {
        total,
        small_share: total / 4,
        small: SMALL_REQUEST,
        progress_us: u64::from(config.request_progress_max_ms) * 1_000,
        bytes_per_second: REQUEST_BYTES_PER_SECOND,
    }
}

/// The node as clients are shown it.
fn layout(config: &Config, store: &Store, shards: u16, ports: &[(u16, u16)]) -> Layout {
    let manifest = store.manifest();
    let data = manifest.strands.iter().filter(|place| place.strand != StrandId::METADATA);
    let listeners = config.listeners.iter().zip(ports).map(|(own, (port, core_port))| {
        let named = config.advertised_listeners.iter().find(|shown| shown.name == own.name);
        // Behind an address translation, the cores' ports are as far from the listener's as here.
        let (host, port, core_port) = match named {
            Some(shown) => {
                let own = shown.port.saturating_add(config.shard_port_offset);
                (&shown.host, shown.port, own)
            }
            None => (&own.host, *port, *core_port),
        };
        let host = if host.is_empty() { host_name() } else { host.clone() };
        Listener { name: own.name.clone(), host, port, core_port }
    });
    Layout {
        node: manifest.node,
        rack: config.broker_rack.clone(),
        shards,
        strands: data.map(|place| (place.strand, (place.shard, place.lifetime))).collect(),
        advertise: match config.advertise {
            config::Advertise::Node => Advertise::Node,
            config::Advertise::Core => Advertise::Core,
        },
        listeners: listeners.collect(),
    }
}

/// The configuration as clients may ask for it.
fn settings(loaded: &Loaded) -> Result<Settings, Failure> {
    let all = SETTINGS.iter().map(|setting| {
        let given = loaded.given.get(setting.name);
        let text = given.map_or(setting.default, String::as_str);
        let value = (!text.is_empty()).then(|| text.to_owned());
        let doc = setting.meaning.trim();
        (setting.name, metadata::Setting { value, explicit: given.is_some(), doc })
    });
    Settings::new(all).map_err(Failure::Config)
}

#[cfg(mutant)]
fn heartbeat(config: &Config) -> Option<Duration> {
    let is_off = std::env::var_os("STRANDLOG_NO_HEARTBEAT").is_some();
    (!is_off).then(|| Duration::from_millis(u64::from(config.io_heartbeat_ms)))
}

#[cfg(not(mutant))]
fn heartbeat(config: &Config) -> Option<Duration> {
    Some(Duration::from_millis(u64::from(config.io_heartbeat_ms)))
}

/// What one shard is made from: plain values that cross to its thread.
pub(super) struct CorePlan {
    strands: Vec<(StrandId, StrandConfig, StrandIdentity)>,
    shard: ShardConfig,
}

impl CorePlan {
    pub(super) fn make(self) -> Shard {
        let strands: BTreeMap<StrandId, Strand> = self
            .strands
            .into_iter()
            .map(|(id, config, identity)| (id, Strand::new(config, identity)))
            .collect();
        Shard::new(self.shard, strands)
    }
}

impl Core for Shard {
    fn start(&mut self, now: Now, out: &mut Effects) {
        Self::start(self, now, out);
    }

    fn step(&mut self, now: Now, event: Event, out: &mut Effects) {
        Self::step(self, now, event, out);
    }

    fn finish_turn(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Effects) {
        Self::finish_turn(self, now, pool, out);
    }

    fn tell_figures(&self) {
        info!("shard: {:?}", self.figures());
        for (strand, figures) in self.strand_figures() {
            info!("strand: {:?} {figures:?}", strand);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::log::Producer;

    use super::*;

    #[test]
    fn the_parts_of_a_shards_memory_are_no_more_than_the_whole() {
        for per_shard in [SHARD_MEMORY_LEAST, 1 << 30, 1 << 40] {
            let budget = Budget { shards: 1, per_shard };
            let parts = [
                budget.frames(),
                budget.answers(),
                budget.read_ahead(),
                budget.index_cache(),
                budget.requests(),
                2 * budget.opened(),
                budget.producers() * PRODUCER_BYTES,
                budget.session_partitions() * SESSION_PARTITION_BYTES,
            ];
            assert!(parts.iter().sum::<usize>() as u64 <= per_shard, "{parts:?} of {per_shard}");
            assert!(2 * budget.cached_frames() < budget.frames(), "commits find room");
        }
    }

    #[test]
    fn a_producer_takes_what_it_is_counted_with() {
        // Its box, its entry by id and its entry by age, in trees that are two thirds full.
        let trees = (16 + 24) * 3 / 2;
        assert!(size_of::<Producer>() + 16 + trees <= PRODUCER_BYTES);
    }
}
