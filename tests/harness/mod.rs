//! A whole node in one thread: the real shards and strands over disks in memory, in virtual time,
//! with real protocol bytes in and out. Included by path from test binaries.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "every test binary uses its own part"
)]

mod client;
mod disk;
mod topics;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use strandlog::base::ConnId;
use strandlog::base::HeapPool;
use strandlog::base::Now;
use strandlog::base::ShardId;
use strandlog::base::StrandId;
use strandlog::shard::AdminMessage;
use strandlog::shard::CloseReason;
use strandlog::shard::Effects;
use strandlog::shard::Event;
use strandlog::shard::Job;
use strandlog::shard::JobId;
use strandlog::shard::Message;
use strandlog::shard::Shard;
use strandlog::shard::ShardConfig;
use strandlog::shard::ShardFigures;
use strandlog::strand::IoFailure;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::StoreKey;
use strandlog::strand::Strand;
use strandlog::strand::StrandConfig;
use strandlog::strand::StrandIdentity;
use strandlog::strand::Token;

pub use client::Client;
pub use client::decode;
pub use client::fetch_request;
pub use client::produce_request;
pub use disk::MemoryDisk;
pub use topics::Topics;

/// Where virtual time begins: wall clock in milliseconds.
pub const WALL_MS: i64 = 1_700_000_000_000;

/// How long the disk counts as short of space after an extent was refused: longer than strands
/// wait before they ask again.
const SHORT_US: u64 = 3_000_000;

/// How a node is made.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub shards: u16,
    pub shard: ShardConfig,
    pub strand: StrandConfig,
    /// Shard 0 drives the metadata strand and its controller; else the node's tests say what
    /// topics there are.
    pub controller: bool,
    /// Extents that there is room for on the disk that all strands share.
    pub extents_max: Option<usize>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        let strand = StrandConfig { extent_bytes: 4 << 20, ..StrandConfig::default() };
        Self {
            shards: 1,
            shard: ShardConfig::default(),
            strand,
            controller: false,
            extents_max: None,
        }
    }
}

/// One core: its shard, and what is on its way to it.
struct Core {
    shard: Shard,
    events: VecDeque<Event>,
    deadline: Option<u64>,
    ready: bool,
    stopped: bool,
}

/// One client's end of a connection.
#[derive(Debug, Default)]
struct Wire {
    shard: u16,
    /// What the broker sent and the client took.
    received: Vec<u8>,
    /// What the broker sent and the client did not take: it does not read.
    unread: VecDeque<Bytes>,
    deaf: bool,
    closed: Option<CloseReason>,
    paused: bool,
}

/// A node, its disks and its clients.
pub struct TestNode {
    pub now: Now,
    options: NodeOptions,
    cores: Vec<Core>,
    disks: BTreeMap<StrandId, MemoryDisk>,
    wires: BTreeMap<ConnId, Wire>,
    last_conn: u64,
    pub topics: Topics,
    /// Ops wait until they are let go.
    pub hold_disk: bool,
    /// An extent was refused: until then the shards are told that the disk is short of space.
    short_until_us: Option<u64>,
    held_ops: VecDeque<(StrandId, Token, Op)>,
    /// Jobs wait until they are let go.
    pub hold_jobs: bool,
    held_jobs: VecDeque<(u16, JobId, Job)>,
    /// Jobs that were run.
    pub jobs: usize,
    /// Messages between cores, for who counts them.
    pub messages: usize,
}

impl TestNode {
    /// A started node that serves, without topics.
    pub fn new(options: NodeOptions) -> Self {
        let strands = (0..options.shards).map(StrandId);
        let strands = strands.chain(options.controller.then_some(StrandId::METADATA));
        let disks = strands.map(|strand| (strand, MemoryDisk::default())).collect();
        let topics = Topics::new(options.shards);
        let now = Now { mono_us: 1_000_000, wall_ms: WALL_MS };
        let node = Self::start(options, disks, topics, now, |_| {});
        assert!(node.is_ready(), "a fresh node is ready at once");
        node
    }

    /// A node with one shard and Kafka's defaults.
    pub fn single() -> Self {
        Self::new(NodeOptions::default())
    }

    /// Stops the node without a word, and starts another over what its disks hold.
    pub fn kill_and_restart(self) -> Self {
        self.kill_and_restart_with(|_| {})
    }

    /// The same; `before` is done to the node before anything happens in it.
    pub fn kill_and_restart_with(self, before: impl FnOnce(&mut Self)) -> Self {
        let Self { options, disks, topics, now, .. } = self;
        Self::start(options, disks, topics, now, before)
    }

    fn start(
        options: NodeOptions,
        disks: BTreeMap<StrandId, MemoryDisk>,
        topics: Topics,
        now: Now,
        before: impl FnOnce(&mut Self),
    ) -> Self {
        let cores =
            (0..options.shards).map(|number| Core::new(&options, &topics, number)).collect();
        let mut node = Self {
            now,
            options,
            cores,
            disks,
            wires: BTreeMap::new(),
            last_conn: 0,
            topics,
            hold_disk: false,
            short_until_us: None,
            held_ops: VecDeque::new(),
            hold_jobs: false,
            held_jobs: VecDeque::new(),
            jobs: 0,
            messages: 0,
        };
        before(&mut node);
        for number in 0..node.cores.len() {
            let mut out = Effects::default();
            node.cores[number].shard.start(now, &mut out);
            node.carry_out(number, out);
        }
        if !node.options.controller {
            let started = node.topics.start();
            node.publish(started);
        }
        node.run();
        node
    }

    /// Stops in good order, which it must come to.
    pub fn shut_down(&mut self) {
        for core in &mut self.cores {
            core.events.push_back(Event::Shutdown);
        }
        self.run();
        assert!(self.cores.iter().all(|core| core.stopped), "every shard has stopped");
    }

    pub fn is_ready(&self) -> bool {
        self.cores.iter().all(|core| core.ready)
    }

    /// Makes a topic with these configs and tells every shard.
    pub fn create_topic(&mut self, name: &str, partitions: u16, configs: &[(&str, &str)]) {
        let publication = self.topics.create(name, partitions, configs);
        self.publish(publication);
        self.run();
    }

    pub fn delete_topic(&mut self, name: &str) {
        let publication = self.topics.delete(name);
        self.publish(publication);
        self.run();
    }

    fn publish(&mut self, publication: strandlog::metadata::Publication) {
        for core in &mut self.cores {
            let message = Message::Admin(AdminMessage::Publish(Box::new(publication.clone())));
            core.events.push_back(Event::Mesh { from: ShardId(0), message });
        }
    }

    /// A client that is connected to a core.
    pub fn connect(&mut self, shard: u16) -> Client {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.wires.insert(conn, Wire { shard, ..Wire::default() });
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        self.cores[usize::from(shard)].events.push_back(Event::Accepted {
            conn,
            peer,
            listener: 0,
        });
        Client::new(conn)
    }

    /// One frame without its length prefix.
    pub fn send(&mut self, conn: ConnId, frame: Bytes) {
        let shard = self.wires[&conn].shard;
        if self.wires[&conn].closed.is_none() {
            self.cores[usize::from(shard)].events.push_back(Event::Received { conn, frame });
        }
    }

    /// The client hangs up.
    pub fn hang_up(&mut self, conn: ConnId) {
        let shard = self.wires[&conn].shard;
        self.cores[usize::from(shard)].events.push_back(Event::Ended { conn });
        self.run();
    }

    /// The client stops reading, or reads on.
    pub fn set_deaf(&mut self, conn: ConnId, deaf: bool) {
        let wire = self.wires.get_mut(&conn).expect("a connection of this node");
        wire.deaf = deaf;
        if !deaf {
            let unread: Vec<_> = wire.unread.drain(..).collect();
            unread.into_iter().for_each(|bytes| self.deliver(conn, bytes));
        }
    }

    /// Whole response frames that the client has, without their length prefixes.
    pub fn take_frames(&mut self, conn: ConnId) -> Vec<Bytes> {
        let received = &mut self.wires.get_mut(&conn).expect("a connection of this node").received;
        let mut frames = Vec::new();
        while let Some(prefix) = received.first_chunk::<4>() {
            let end = 4 + u32::from_be_bytes(*prefix) as usize;
            if received.len() < end {
                break;
            }
            frames.push(Bytes::copy_from_slice(&received[4..end]));
            received.drain(..end);
        }
        frames
    }

    /// What a shard holds.
    pub fn figures(&self, shard: u16) -> ShardFigures {
        self.cores[usize::from(shard)].shard.figures()
    }

    /// Jobs that wait to be let go.
    pub fn held_jobs(&self) -> usize {
        self.held_jobs.len()
    }

    /// Bytes that wait for a client that does not read.
    pub fn unread_bytes(&self, conn: ConnId) -> usize {
        self.wires[&conn].unread.iter().map(Bytes::len).sum()
    }

    pub fn is_paused(&self, conn: ConnId) -> bool {
        self.wires[&conn].paused
    }

    pub fn closed(&self, conn: ConnId) -> Option<&CloseReason> {
        self.wires[&conn].closed.as_ref()
    }

    pub fn disk_mut(&mut self, strand: u16) -> &mut MemoryDisk {
        self.disks.get_mut(&StrandId(strand)).expect("a strand of this node")
    }

    /// Lets everything happen that can happen at this moment.
    pub fn run(&mut self) {
        for _ in 0..100_000 {
            self.let_go();
            let mut idle = true;
            for number in 0..self.cores.len() {
                idle &= !self.turn(number);
            }
            if idle {
                return;
            }
        }
        panic!("the node does not come to rest");
    }

    /// Time passes; whatever is due happens when it is due.
    pub fn advance(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.run();
            let next = self.cores.iter().filter_map(|core| core.deadline).min();
            match next.filter(|&at| at < end) {
                Some(at) => self.set_time(at.max(self.now.mono_us + 1)),
                None => break,
            }
        }
        self.set_time(end);
        self.run();
    }

    pub fn advance_ms(&mut self, ms: u64) {
        self.advance(ms * 1000);
    }

    fn set_time(&mut self, mono_us: u64) {
        let passed = mono_us - self.now.mono_us;
        self.now.mono_us = mono_us;
        // Whole milliseconds of monotonic time, so that the clocks never disagree.
        let before = (mono_us - passed) / 1000;
        self.now.wall_ms += (mono_us / 1000 - before) as i64;
        if self.short_until_us.take_if(|until| *until <= mono_us).is_some() {
            self.tell_space(false);
        }
    }

    fn let_go(&mut self) {
        if !self.hold_disk {
            while let Some((strand, token, op)) = self.held_ops.pop_front() {
                let outcome = if matches!(op, Op::Allocate { .. }) && self.is_full() {
                    self.short_until_us = Some(self.now.mono_us + SHORT_US);
                    self.tell_space(true);
                    Outcome::Failed(IoFailure::Full)
                } else {
                    let disk = self.disks.get_mut(&strand).expect("a strand of this node");
                    disk.carry_out(op)
                };
                let owner = match strand {
                    StrandId::METADATA => 0,
                    StrandId(number) => usize::from(number) % self.cores.len(),
                };
                self.cores[owner].events.push_back(Event::Disk { strand, token, outcome });
            }
        }
        if !self.hold_jobs {
            while let Some((shard, job, work)) = self.held_jobs.pop_front() {
                self.jobs += 1;
                let result = work.run();
                self.cores[usize::from(shard)].events.push_back(Event::Job { job, result });
            }
        }
    }

    fn is_full(&self) -> bool {
        let made: usize = self.disks.values().map(MemoryDisk::extents).sum();
        self.options.extents_max.is_some_and(|most| made >= most)
    }

    fn tell_space(&mut self, is_short: bool) {
        for core in &mut self.cores {
            core.events.push_back(Event::Space { is_short });
        }
    }

    /// One turn of a core; false: it had nothing to do.
    fn turn(&mut self, number: usize) -> bool {
        let now = self.now;
        let core = &mut self.cores[number];
        let due = core.deadline.is_some_and(|at| at <= now.mono_us);
        if core.events.is_empty() && !due {
            return false;
        }
        let mut out = Effects::default();
        if due {
            core.events.push_back(Event::Tick);
        }
        while let Some(event) = core.events.pop_front() {
            core.shard.step(now, event, &mut out);
        }
        core.shard.finish_turn(now, &mut HeapPool, &mut out);
        core.deadline = out.deadline;
        self.carry_out(number, out);
        true
    }

    fn carry_out(&mut self, number: usize, out: Effects) {
        assert!(out.fatal.is_none(), "the node stopped: {:?}", out.fatal);
        let core = &mut self.cores[number];
        core.ready |= out.ready;
        core.stopped |= out.stopped;
        self.held_ops.extend(out.ops);
        self.held_jobs.extend(out.jobs.into_iter().map(|(job, work)| (number as u16, job, work)));
        for (to, message) in out.mesh {
            self.messages += 1;
            let from = ShardId(number as u16);
            self.cores[usize::from(to.0)].events.push_back(Event::Mesh { from, message });
        }
        for (conn, part) in out.sends {
            self.deliver(conn, Bytes::copy_from_slice(part.bytes()));
        }
        for conn in out.pauses {
            self.wires.get_mut(&conn).expect("a connection").paused = true;
        }
        for conn in out.resumes {
            self.wires.get_mut(&conn).expect("a connection").paused = false;
        }
        for (conn, reason) in out.closes {
            let wire = self.wires.get_mut(&conn).expect("a connection");
            wire.closed.get_or_insert(reason);
        }
    }

    fn deliver(&mut self, conn: ConnId, bytes: Bytes) {
        let wire = self.wires.get_mut(&conn).expect("a connection");
        if wire.deaf {
            return wire.unread.push_back(bytes);
        }
        wire.received.extend_from_slice(&bytes);
        let shard = usize::from(wire.shard);
        self.cores[shard].events.push_back(Event::Sent { conn, bytes: bytes.len() });
    }
}

impl Core {
    fn new(options: &NodeOptions, topics: &Topics, number: u16) -> Self {
        let config = ShardConfig {
            id: ShardId(number),
            shards: options.shards,
            seed: u64::from(number) + 1,
            layout: topics.layout(),
            ..options.shard.clone()
        };
        let key = StoreKey { store: [7; 16], secret: [9; 16] };
        let strand = |strand| {
            let identity = StrandIdentity { key, strand, manifest: 1 };
            (strand, Strand::new(options.strand.clone(), identity))
        };
        let mut strands = BTreeMap::from([strand(StrandId(number))]);
        if options.controller && number == 0 {
            strands.extend([strand(StrandId::METADATA)]);
        }
        Self {
            shard: Shard::new(config, strands),
            events: VecDeque::new(),
            deadline: None,
            ready: false,
            stopped: false,
        }
    }
}
