//! The node, its disk, its network and its clients in one thread and virtual time: what happens
//! next, whoever it happens to.

use std::rc::Rc;

use strandlog::base::ConnId;
use strandlog::base::Lifetime;
use strandlog::base::Now;
use strandlog::base::Rng;
use strandlog::base::ShardId;
use strandlog::base::StrandId;
use strandlog::metadata::Advertise;
use strandlog::shard::Fatal;
use strandlog::strand::Manifest;
use strandlog::strand::StoreKey;
use strandlog::strand::StrandPlace;

use super::client::Client;
use super::client::Setting;
use super::mind::Mind;
use super::mind::Role;
use super::network::Arrival;
use super::network::Network;
use super::options::Cast;
use super::options::Ending;
use super::options::Options;
use super::options::pick;
use super::process::Outside;
use super::process::Process;
use super::requests;
use super::truth::Features;
use super::truth::Truth;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::world::outcome_mark;

/// Wall time at the beginning, milliseconds.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// Extents of the metadata strand.
const METADATA_EXTENT_BYTES: u32 = 256 << 10;

/// Cores at most.
const SHARDS_MAX: u64 = 3;

/// A client that could not connect, or was thrown out, comes back after about this long.
const COMES_BACK_US: u64 = 2_000;

/// See the module.
pub struct World {
    pub options: Rc<Options>,
    pub now: u64,
    pub disk: Disk,
    pub network: Network,
    pub digest: Digest,
    pub process: Option<Process>,
    pub manifest: Manifest,
    pub clients: Vec<Client>,
    pub truth: Truth,
    pub healing: bool,
    /// Cores, crashes, and what else happens to the node as a whole.
    fate: Rng,
    /// Seeds of the processes.
    lives: Rng,
    cast: Rng,
    pub starts: u64,
    pub turns: u64,
    pub messages: u64,
    pub fatals: u64,
}

impl World {
    pub fn new(options: Rc<Options>) -> Self {
        let rng = Rng::new(options.seed).fork(0x5e7);
        let metadata = StrandPlace {
            strand: StrandId::METADATA,
            shard: ShardId(0),
            extent_bytes: METADATA_EXTENT_BYTES,
            lifetime: Lifetime::Endless,
        };
        let manifest = Manifest {
            key: StoreKey { store: [7; 16], secret: [9; 16] },
            node: 1,
            cluster: [1; 16],
            generation: 0,
            strands: vec![metadata],
        };
        let features = Features {
            retention: options.retention,
            deletes_topics: options.deletes_topics,
            rewrites: options.rewrites,
        };
        let mut world = Self {
            now: 1_000_000,
            disk: Disk::new(options.disk.clone(), rng.fork(1)),
            network: Network::new(options.network, rng.fork(2)),
            digest: Digest::default(),
            process: None,
            manifest,
            clients: Vec::new(),
            truth: Truth::new(features),
            healing: false,
            fate: rng.fork(3),
            lives: rng.fork(4),
            cast: rng.fork(5),
            starts: 0,
            turns: 0,
            messages: 0,
            fatals: 0,
            options,
        };
        let Cast { producers, consumers, members, admins, probers } = world.options.cast;
        for (role, count) in [
            (Role::Admin, admins),
            (Role::Producer, producers),
            (Role::Consumer, consumers),
            (Role::Prober, probers),
            (Role::Member, members),
        ] {
            (0..count).for_each(|_| world.add_client(role));
        }
        world
    }

    pub fn add_client(&mut self, role: Role) {
        let number = self.clients.len() as u64;
        let mut rng = self.cast.fork(number);
        let mind = Mind::new(role, &self.options, &mut rng);
        let mut client = Client::new(rng, mind);
        client.acts_at = self.now + self.cast.below(1_000);
        self.clients.push(client);
    }

    pub fn time(&self) -> Now {
        Now { mono_us: self.now, wall_ms: EPOCH_MS + (self.now / 1000) as i64 }
    }

    pub fn is_ready(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_ready)
    }

    /// A process starts over what the disk holds, perhaps with another number of cores.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "one process at a time");
        self.starts += 1;
        let shards = match self.options.cores_change {
            true => 1 + self.fate.below(SHARDS_MAX) as u16,
            false => self.options.shards,
        };
        let extent_bytes = self.options.strand.extent_bytes;
        self.manifest.map_to(shards, extent_bytes).expect("few strands");
        self.digest.add(&[0x57, self.starts, u64::from(shards), self.now]);
        let (now, starts) = (self.now, self.starts);
        self.digest.say(now, || format!("start {starts} with {shards} cores"));
        let now = self.time();
        let rng = self.lives.fork(self.starts);
        let mut outside =
            Outside { disk: &mut self.disk, network: &mut self.network, digest: &mut self.digest };
        let process = Process::start(&self.options, &self.manifest, now, rng, &mut outside);
        self.process = Some(process);
    }

    /// The process is gone, and its connections with it.
    pub fn die(&mut self, ending: Ending) {
        let now = self.now;
        self.digest.add(&[0xdead, now]);
        self.digest.say(now, || format!("the node dies: {ending:?}"));
        if let Some(process) = self.process.take() {
            self.turns += process.turns;
            self.messages += process.messages;
        }
        match ending {
            Ending::PowerCut => self.disk.cut_power(),
            Ending::Kill | Ending::Shutdown => self.disk.kill(),
            Ending::KillThenPowerCut => {
                self.disk.kill();
                self.now += self.fate.below(2_000_000);
                self.disk.cut_power();
            }
        }
        self.network.reset_all(self.now);
        self.truth.on_death();
    }

    fn next_due(&self) -> Option<u64> {
        let process = self.process.as_ref();
        let acts = self.clients.iter().map(|client| client.acts_at).min();
        let disk = process.and_then(|_| self.disk.next_due());
        [disk, self.network.next_due(), process.and_then(Process::next_due), acts]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets the next thing happen that is due until `limit`; false: nothing is.
    pub fn step(&mut self, limit: u64) -> bool {
        let Some(at) = self.next_due().filter(|at| *at <= limit) else { return false };
        self.now = self.now.max(at);
        let now = self.time();
        if let Some(process) = &mut self.process
            && let Some((strand, token, outcome)) = self.disk.complete(self.now)
        {
            self.digest.add(&[self.now, token.0, outcome_mark(&outcome)]);
            self.digest.say(self.now, || format!("← {strand:?} {} {outcome:?}", token.0));
            process.on_disk(self.now, strand, token, outcome);
        } else if let Some((conn, arrival)) = self.network.pop(self.now) {
            self.arrive(conn, arrival);
        } else if self.step_process(now) {
            self.check_process();
        } else if let Some(number) =
            self.clients.iter().position(|client| client.acts_at <= self.now)
        {
            self.act(number);
        }
        true
    }

    fn step_process(&mut self, now: Now) -> bool {
        let Some(process) = &mut self.process else { return false };
        let mut outside =
            Outside { disk: &mut self.disk, network: &mut self.network, digest: &mut self.digest };
        process.step(now, &mut outside)
    }

    /// A process that stops by itself must have a reason.
    fn check_process(&mut self) {
        let Some(process) = &self.process else { return };
        process.check_bounds();
        let Some(fatal) = process.fatal.clone() else { return };
        let disk = &self.options.disk;
        let permitted = match &fatal {
            Fatal::WriteFailed { .. } => disk.bad_write_one_in > 0,
            Fatal::Unrecoverable { .. } => disk.bad_read_one_in > 0,
            Fatal::Locked { .. } => false,
        };
        assert!(permitted && !self.healing, "the node stops without a reason: {fatal:?}");
        self.fatals += 1;
        self.die(Ending::Kill);
    }

    pub fn run_until(&mut self, until: u64) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    fn arrive(&mut self, conn: ConnId, arrival: Arrival) {
        let Some(shard) = self.network.shard_of(conn) else { return };
        match arrival {
            Arrival::Opened => {
                let accepted = self
                    .process
                    .as_mut()
                    .is_some_and(|process| process.accept(self.now, shard, conn));
                if !accepted {
                    self.network.reset(self.now, conn);
                }
            }
            Arrival::Up => {
                let (bytes, is_end) = self.network.take(self.now, conn, true);
                if let Some(process) = &mut self.process {
                    process.receive(self.now, shard, conn, &bytes, is_end);
                }
            }
            Arrival::Room => {
                if let Some(process) = &mut self.process {
                    process.send_more(self.now, shard, conn, &mut self.network);
                }
            }
            Arrival::Down => self.arrive_down(conn),
        }
    }

    fn arrive_down(&mut self, conn: ConnId) {
        let (bytes, is_end) = self.network.take(self.now, conn, false);
        let (now, wall_ms, healing) = (self.now, self.time().wall_ms, self.healing);
        let is_its = |client: &Client| client.link.as_ref().is_some_and(|link| link.conn == conn);
        let Some(number) = self.clients.iter().position(is_its) else { return };
        let crc = u64::from(crc32c::crc32c(&bytes));
        self.digest.add(&[now, conn.0, crc, u64::from(is_end)]);
        let client = &mut self.clients[number];
        let truth = &mut self.truth;
        let sent = client.receive(Setting { now, wall_ms, truth, healing }, &bytes);
        self.network.send_up(now, conn, &sent);
        if is_end {
            self.digest.say(now, || format!("client {number} has lost {conn:?}"));
            let truth = &mut self.truth;
            self.clients[number].lose(Setting { now, wall_ms, truth, healing });
            self.network.hang_up(now, conn);
            self.clients[number].acts_at = now + 1 + self.cast.below(COMES_BACK_US);
        }
    }

    /// A client does what it does next.
    fn act(&mut self, number: usize) {
        let (now, wall_ms, healing) = (self.now, self.time().wall_ms, self.healing);
        let gap = if healing { self.options.gap_us.min(20_000) } else { self.options.gap_us };
        let client = &mut self.clients[number];
        client.acts_at = now + 1 + client.rng.below(2 * gap);
        let Some(link) = &client.link else { return self.connect(number) };
        let (conn, is_spoilt) = (link.conn, link.is_spoilt);
        if is_spoilt || client.asked() >= client.mind.pipeline {
            return;
        }
        if !healing && client.rng.one_in(300) {
            return self.network.hang_up(now, conn);
        }
        let api = client.mind.next_request(&mut client.rng);
        let truth = &mut self.truth;
        let sent = client.act(Setting { now, wall_ms, truth, healing }, |stage| {
            requests::ask(api, stage);
        });
        if !sent.is_empty() {
            self.digest.add(&[now, number as u64, u64::from(crc32c::crc32c(&sent))]);
            self.digest.say(now, || format!("client {number} on {conn:?}: {api}"));
            self.network.send_up(now, conn, &sent);
        }
    }

    fn connect(&mut self, number: usize) {
        let shards = u64::from(self.process.as_ref().map_or(1, Process::shards));
        let client = &mut self.clients[number];
        let any = client.rng.below(shards) as u16;
        let shard = match self.options.advertise {
            Advertise::Node => any,
            // It may still believe in a core that there was before.
            Advertise::Core => {
                let believed = client.mind.wanted_core.filter(|_| client.rng.one_in(2));
                pick(&mut client.rng, &[any, believed.unwrap_or(any)])
            }
        };
        let conn = self.network.open(self.now, shard);
        client.connect(conn);
        let now = self.now;
        self.digest.say(now, || format!("client {number} connects to core {shard}: {conn:?}"));
    }

    pub fn describe(&self) -> String {
        let process = self.process.as_ref().map(Process::describe);
        let waiting = self.clients.iter().enumerate().filter_map(|(number, client)| {
            let (api, at) = client.oldest()?;
            Some(format!("client {number} waits for {api} since {at}"))
        });
        let waiting: Vec<String> = waiting.collect();
        let lanes = self.clients.iter().flat_map(|client| &client.mind.producing.lanes);
        let open = lanes.filter(|(_, lane)| !lane.unacked.is_empty());
        let open: Vec<String> = open
            .map(|(place, lane)| {
                let batches = lane.unacked.iter().map(|batch| (batch.id, batch.in_flight));
                format!("{place:?}: {:?}, refused {:?}", batches.collect::<Vec<_>>(), lane.refused)
            })
            .collect();
        format!("now {}, {waiting:?}, {open:?}, {}", self.now, process.unwrap_or_default())
    }
}
