//! One life of the node: its cores with their ports, the rings between them, and the work that is
//! done off-core. Every core takes its turns when it comes to it, not when others do.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use strandlog::base::ConnId;
use strandlog::base::HeapPool;
use strandlog::base::Now;
use strandlog::base::Rng;
use strandlog::base::ShardId;
use strandlog::base::StrandId;
use strandlog::base::TopicId;
use strandlog::group;
use strandlog::metadata::Layout;
use strandlog::metadata::Listener;
use strandlog::metadata::Setting;
use strandlog::metadata::Settings;
use strandlog::shard::Effects;
use strandlog::shard::Event;
use strandlog::shard::Fatal;
use strandlog::shard::JobId;
use strandlog::shard::JobResult;
use strandlog::shard::Message;
use strandlog::shard::Shard;
use strandlog::shard::ShardConfig;
use strandlog::strand::IoFailure;
use strandlog::strand::Manifest;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Strand;
use strandlog::strand::StrandConfig;
use strandlog::strand::StrandIdentity;
use strandlog::strand::StrandPlace;
use strandlog::strand::Token;

use super::network::Network;
use super::options::Options;
use super::port::Port;
use crate::digest::Digest;
use crate::disk::Disk;

/// The port of core 0, where each core is shown as a broker; the others follow it.
pub const CORE_PORT: u16 = 9_100;

/// Extents that are a strand's own, whatever others take (R16).
const RESERVED: u64 = 4;
const METADATA_RESERVED: u64 = 64;

/// How long the disk counts as short of space after an extent was refused.
const SHORT_US: u64 = 3_000_000;

/// Events that a core takes in one turn at most.
const EVENTS_PER_TURN: usize = 64;

/// What lies outside of the process.
pub struct Outside<'a> {
    pub disk: &'a mut Disk,
    pub network: &'a mut Network,
    pub digest: &'a mut Digest,
}

struct Core {
    shard: Shard,
    port: Port,
    inbox: VecDeque<Event>,
    deadline: Option<u64>,
    turn_planned: bool,
    ready: bool,
    stopped: bool,
}

enum Happening {
    Turn,
    Ring {
        from: ShardId,
        message: Message,
    },
    Job {
        job: JobId,
        result: JobResult,
    },
    /// The count of extents refused one.
    Refused {
        strand: StrandId,
        token: Token,
    },
    Space {
        is_short: bool,
    },
}

/// See the module.
pub struct Process {
    cores: Vec<Core>,
    owners: BTreeMap<StrandId, u16>,
    agenda: BTreeMap<(u64, u64), (usize, Happening)>,
    planned: u64,
    /// When the last message of each ring arrives: they do not pass each other.
    rings: BTreeMap<(usize, usize), u64>,
    rng: Rng,
    turn_us: u64,
    mesh_us: u64,
    spare_extents: u64,
    /// Extents that are in the making, and those that strands have.
    extents: BTreeMap<StrandId, u64>,
    making: BTreeMap<(StrandId, Token), ()>,
    short_until: u64,
    pub fatal: Option<Fatal>,
    /// Ops by kind, messages between cores, turns: what the seed amounted to.
    pub turns: u64,
    pub messages: u64,
}

impl Process {
    pub fn start(
        options: &Options,
        manifest: &Manifest,
        now: Now,
        rng: Rng,
        out: &mut Outside<'_>,
    ) -> Self {
        let shards = 1 + manifest.strands.iter().map(|place| place.shard.0).max().unwrap_or(0);
        let layout = Arc::new(layout(options, manifest, shards));
        let settings = Arc::new(settings());
        let cores = (0..shards).map(|number| {
            let config = config(options, number, shards, &layout, &settings, &rng);
            let places = manifest.strands.iter().filter(|place| place.shard.0 == number);
            let strands = places.map(|place| (place.strand, strand(options, manifest, place)));
            Core {
                shard: Shard::new(config, strands.collect()),
                port: Port::new(),
                inbox: VecDeque::new(),
                deadline: None,
                turn_planned: false,
                ready: false,
                stopped: false,
            }
        });
        let owners = manifest.strands.iter().map(|place| (place.strand, place.shard.0));
        let mut extents = BTreeMap::new();
        for (strand, file) in out.disk.keys() {
            if matches!(file, strandlog::strand::File::Extent(_)) {
                *extents.entry(strand).or_default() += 1;
            }
        }
        let mut process = Self {
            cores: cores.collect(),
            owners: owners.collect(),
            agenda: BTreeMap::new(),
            planned: 0,
            rings: BTreeMap::new(),
            rng,
            turn_us: options.turn_us,
            mesh_us: options.mesh_us,
            spare_extents: options.spare_extents,
            extents,
            making: BTreeMap::new(),
            short_until: 0,
            fatal: None,
            turns: 0,
            messages: 0,
        };
        for number in 0..process.cores.len() {
            let mut effects = Effects::default();
            let shard = &mut process.cores[number].shard;
            shard.start(now, &mut effects);
            shard.finish_turn(now, &mut HeapPool, &mut effects);
            process.carry_out(now, number, effects, out);
        }
        process
    }

    pub fn shards(&self) -> u16 {
        self.cores.len() as u16
    }

    pub fn is_ready(&self) -> bool {
        self.cores.iter().all(|core| core.ready)
    }

    pub fn has_stopped(&self) -> bool {
        self.cores.iter().all(|core| core.stopped)
    }

    pub fn shut_down(&mut self, now: u64) {
        for number in 0..self.cores.len() {
            self.tell(now, number, Event::Shutdown);
        }
    }

    /// When something happens next by itself.
    pub fn next_due(&self) -> Option<u64> {
        let planned = self.agenda.keys().next().map(|(due, _)| *due);
        let running = self.cores.iter().filter(|core| !core.turn_planned && !core.stopped);
        let deadline = running.filter_map(|core| core.deadline).min();
        planned.into_iter().chain(deadline).min()
    }

    fn plan(&mut self, due: u64, core: usize, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((due, self.planned), (core, happening));
    }

    /// An event waits for the core's next turn.
    fn tell(&mut self, now: u64, number: usize, event: Event) {
        self.cores[number].inbox.push_back(event);
        self.plan_turn(now, number);
    }

    fn plan_turn(&mut self, now: u64, number: usize) {
        if !self.cores[number].turn_planned && !self.cores[number].stopped {
            self.cores[number].turn_planned = true;
            let due = now + 1 + self.rng.below(self.turn_us);
            self.plan(due, number, Happening::Turn);
        }
    }

    /// Lets the next thing happen that is due; false: nothing is.
    pub fn step(&mut self, now: Now, out: &mut Outside<'_>) -> bool {
        let due = self.agenda.first_entry().filter(|entry| entry.key().0 <= now.mono_us);
        if let Some((number, happening)) = due.map(|entry| entry.remove()) {
            self.happen(now, number, happening, out);
            return true;
        }
        let is_due = |core: &Core| {
            let due = core.deadline.is_some_and(|deadline| deadline <= now.mono_us);
            due && !core.turn_planned && !core.stopped
        };
        let Some(number) = self.cores.iter().position(is_due) else { return false };
        self.turn(now, number, out);
        true
    }

    fn happen(&mut self, now: Now, number: usize, happening: Happening, out: &mut Outside<'_>) {
        match happening {
            Happening::Turn => {
                self.cores[number].turn_planned = false;
                self.turn(now, number, out);
            }
            Happening::Ring { from, message } => {
                self.tell(now.mono_us, number, Event::Mesh { from, message });
            }
            Happening::Job { job, result } => {
                self.tell(now.mono_us, number, Event::Job { job, result });
            }
            Happening::Refused { strand, token } => {
                self.short_until = now.mono_us + SHORT_US;
                let outcome = Outcome::Failed(IoFailure::Full);
                self.tell(now.mono_us, number, Event::Disk { strand, token, outcome });
                for core in 0..self.cores.len() {
                    self.tell(now.mono_us, core, Event::Space { is_short: true });
                    self.plan(self.short_until, core, Happening::Space { is_short: false });
                }
            }
            Happening::Space { is_short } => {
                if now.mono_us >= self.short_until {
                    self.tell(now.mono_us, number, Event::Space { is_short });
                }
            }
        }
    }

    /// One turn of a core.
    fn turn(&mut self, now: Now, number: usize, out: &mut Outside<'_>) {
        self.turns += 1;
        let mut effects = Effects::default();
        let core = &mut self.cores[number];
        let due = core.deadline.is_some_and(|deadline| deadline <= now.mono_us);
        let events = core.inbox.len().min(EVENTS_PER_TURN);
        for event in core.inbox.drain(..events) {
            core.shard.step(now, event, &mut effects);
        }
        if due {
            core.shard.step(now, Event::Tick, &mut effects);
        }
        core.shard.finish_turn(now, &mut HeapPool, &mut effects);
        let expelled = if due { core.port.sweep(now.mono_us) } else { Vec::new() };
        for conn in expelled {
            self.close(now, number, conn, out);
        }
        self.carry_out(now, number, effects, out);
        if !self.cores[number].inbox.is_empty() {
            self.plan_turn(now.mono_us, number);
        }
    }

    fn close(&mut self, now: Now, number: usize, conn: ConnId, out: &mut Outside<'_>) {
        let mut events = Vec::new();
        self.cores[number].port.close(conn, &mut events);
        out.network.close_down(now.mono_us, conn);
        self.tell_all(now.mono_us, number, events);
    }

    fn tell_all(&mut self, now: u64, number: usize, events: Vec<Event>) {
        for event in events {
            self.tell(now, number, event);
        }
    }

    fn carry_out(&mut self, now: Now, number: usize, effects: Effects, out: &mut Outside<'_>) {
        let core = &mut self.cores[number];
        core.deadline = effects.deadline.map(|deadline| deadline.max(now.mono_us + 1));
        core.ready |= effects.ready;
        core.stopped |= effects.stopped;
        if let Some(fatal) = effects.fatal {
            self.fatal.get_or_insert(fatal);
        }
        for (strand, token, op) in effects.ops {
            self.submit(now.mono_us, strand, token, op, out);
        }
        for (job, work) in effects.jobs {
            let due = now.mono_us + 1 + self.rng.below(2_000);
            self.plan(due, number, Happening::Job { job, result: work.run() });
        }
        let from = ShardId(number as u16);
        for (to, message) in effects.mesh {
            self.messages += 1;
            let to = usize::from(to.0);
            let due = now.mono_us + 1 + self.rng.below(self.mesh_us);
            let last = self.rings.entry((number, to)).or_default();
            *last = due.max(*last);
            let due = *last;
            self.plan(due, to, Happening::Ring { from, message });
        }
        let mut events = Vec::new();
        let port = &mut self.cores[number].port;
        for (conn, part) in effects.sends {
            port.enqueue(conn, Bytes::copy_from_slice(part.bytes()));
            out.network.ask_room(now.mono_us, conn);
        }
        effects.pauses.into_iter().for_each(|conn| port.pause(conn));
        for conn in effects.resumes {
            port.resume(now.mono_us, conn, &mut events);
        }
        for (conn, bytes) in effects.released {
            port.released(now.mono_us, conn, bytes, &mut events);
        }
        self.tell_all(now.mono_us, number, events);
        for (conn, reason) in effects.closes {
            out.digest.say(now.mono_us, || format!("core {number} closes {conn:?}: {reason:?}"));
            self.close(now, number, conn, out);
        }
    }

    fn submit(&mut self, now: u64, strand: StrandId, token: Token, op: Op, out: &mut Outside<'_>) {
        out.digest.op(now, token, &op);
        if matches!(op, Op::Allocate { .. }) {
            if !self.has_room(strand) {
                let owner = usize::from(self.owners[&strand]);
                return self.plan(now + 50, owner, Happening::Refused { strand, token });
            }
            *self.extents.entry(strand).or_default() += 1;
            self.making.insert((strand, token), ());
        }
        if let Op::Remove { file: strandlog::strand::File::Extent(_) } = &op {
            let extents = self.extents.entry(strand).or_default();
            *extents = extents.saturating_sub(1);
        }
        out.disk.submit(now, strand, token, op);
    }

    /// Whether the strand may have one more extent (R16).
    fn has_room(&self, strand: StrandId) -> bool {
        let reserved =
            |strand| if strand == StrandId::METADATA { METADATA_RESERVED } else { RESERVED };
        let owned = self.extents.get(&strand).copied().unwrap_or(0);
        let beyond = |(&strand, &owned): (&StrandId, &u64)| owned.saturating_sub(reserved(strand));
        let taken: u64 = self.extents.iter().map(beyond).sum();
        owned < reserved(strand) || taken < self.spare_extents
    }

    /// The disk has answered.
    pub fn on_disk(&mut self, now: u64, strand: StrandId, token: Token, outcome: Outcome) {
        if self.making.remove(&(strand, token)).is_some() && matches!(outcome, Outcome::Failed(_)) {
            *self.extents.entry(strand).or_default() -= 1;
        }
        let owner = usize::from(self.owners[&strand]);
        self.tell(now, owner, Event::Disk { strand, token, outcome });
    }

    /// A connection arrives; false: nobody listens there.
    pub fn accept(&mut self, now: u64, shard: u16, conn: ConnId) -> bool {
        let number = usize::from(shard);
        let Some(core) = self.cores.get_mut(number).filter(|core| core.ready && !core.stopped)
        else {
            return false;
        };
        core.port.open(conn);
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        self.tell(now, number, Event::Accepted { conn, peer, listener: 0 });
        true
    }

    /// Bytes arrive from a client, perhaps the last ones.
    pub fn receive(&mut self, now: u64, shard: u16, conn: ConnId, bytes: &[u8], is_end: bool) {
        let number = usize::from(shard);
        let mut events = Vec::new();
        let Some(core) = self.cores.get_mut(number) else { return };
        core.port.receive(now, conn, bytes, &mut events);
        if is_end {
            core.port.end(now, conn, &mut events);
        }
        self.tell_all(now, number, events);
    }

    /// The socket of a connection takes more.
    pub fn send_more(&mut self, now: u64, shard: u16, conn: ConnId, network: &mut Network) {
        let number = usize::from(shard);
        let most = network.room(conn);
        let mut events = Vec::new();
        let Some(core) = self.cores.get_mut(number) else { return };
        let taken = core.port.take(conn, most, &mut events);
        let is_left = core.port.unsent(conn) > 0;
        network.send_down(now, conn, &taken);
        if is_left {
            network.ask_room(now, conn);
        }
        self.tell_all(now, number, events);
    }

    /// Bounds that hold at every moment, whatever clients do.
    pub fn check_bounds(&self) {
        for core in &self.cores {
            let figures = core.shard.figures();
            assert!(
                figures.jobs <= strandlog::shard::limits::JOBS_MAX,
                "bounds: batches opened at a time: {figures:?}"
            );
            assert!(
                figures.searches <= strandlog::shard::limits::SEARCHES_MAX,
                "bounds: searches at a time: {figures:?}"
            );
        }
    }

    pub fn describe(&self) -> String {
        let cores = self.cores.iter().map(|core| {
            format!(
                "ready {} stopped {} inbox {} deadline {:?} {:?}",
                core.ready,
                core.stopped,
                core.inbox.len(),
                core.deadline,
                core.shard.figures()
            )
        });
        cores.collect::<Vec<_>>().join("; ")
    }
}

fn layout(options: &Options, manifest: &Manifest, shards: u16) -> Layout {
    let data = manifest.strands.iter().filter(|place| place.strand != StrandId::METADATA);
    Layout {
        node: manifest.node,
        rack: None,
        shards,
        strands: data.map(|place| (place.strand, (place.shard, place.lifetime))).collect(),
        advertise: options.advertise,
        listeners: vec![Listener {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            core_port: CORE_PORT,
        }],
    }
}

fn settings() -> Settings {
    let set = |name, value: &str| {
        (name, Setting { value: Some(value.to_owned()), explicit: true, doc: "" })
    };
    let settings = [
        set("num.partitions", "2"),
        set("offsets.topic.num.partitions", "3"),
        set("auto.create.topics.enable", "true"),
    ];
    Settings::new(settings).expect("values that these settings may have")
}

fn config(
    options: &Options,
    number: u16,
    shards: u16,
    layout: &Arc<Layout>,
    settings: &Arc<Settings>,
    rng: &Rng,
) -> ShardConfig {
    let groups = group::Config {
        initial_rebalance_delay_ms: 20,
        session_timeout_ms_min: 10,
        ..group::Config::default()
    };
    ShardConfig {
        id: ShardId(number),
        shards,
        fetch_sessions_max: options.fetch_sessions_max,
        retention_check_ms: 1_000,
        pinned_bytes_max: 256 << 10,
        answer_bytes_max: 4 << 20,
        fetch_bytes_max: 1 << 20,
        seed: rng.fork(u64::from(number)).next_u64(),
        layout: Arc::clone(layout),
        settings: Arc::clone(settings),
        groups: Arc::new(groups),
        cluster: TopicId([1; 16]),
        ..ShardConfig::default()
    }
}

fn strand(options: &Options, manifest: &Manifest, place: &StrandPlace) -> Strand {
    let identity =
        StrandIdentity { key: manifest.key, strand: place.strand, manifest: manifest.generation };
    let config = StrandConfig { extent_bytes: place.extent_bytes, ..options.strand.clone() };
    Strand::new(config, identity)
}
