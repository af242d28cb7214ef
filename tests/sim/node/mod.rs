//! The simulator of the whole node: the real shards of a node with several cores, over the disk
//! model of the storage's simulator and a network of its own, with clients that speak Kafka's bytes.
//!
//! A seed is a story in phases: lives of the node under chaos, each ended by a crash, with safety
//! checks at every answer; then the chaos ends, everything that was begun must be answered, and all
//! that was ever told is read back; then the power goes once more, and it is read back again.

mod client;
mod membership;
mod mind;
pub mod mutants;
mod network;
mod options;
mod port;
mod process;
mod requests;
pub mod seeds;
mod truth;
mod world;

use std::rc::Rc;

use strandlog::base::Rng;

use mind::Role;
use options::Ending;
use options::Options;
use world::World;

/// A recovery, and every answer of a healthy node, comes within this much virtual time.
const PATIENCE_US: u64 = 120_000_000;

/// A process that is told to stop does so within this.
const SHUTDOWN_US: u64 = 30_000_000;

/// What a seed amounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    pub digest: u64,
    pub starts: u64,
    pub fatals: u64,
    pub turns: u64,
    pub messages: u64,
    pub acknowledged: u64,
    pub read: u64,
    pub topics: u64,
}

impl Report {
    pub fn add(&mut self, other: &Self) {
        self.digest ^= other.digest;
        self.starts += other.starts;
        self.fatals += other.fatals;
        self.turns += other.turns;
        self.messages += other.messages;
        self.acknowledged += other.acknowledged;
        self.read += other.read;
        self.topics += other.topics;
    }
}

/// Runs a seed from formatting to the last verification.
pub fn run(seed: u64, loud: bool) -> Report {
    let mut story = Story::new(Options::of(seed));
    story.world.digest.loud = loud;
    for life in 0..story.world.options.lives {
        story.begin_life(life);
        story.live();
        let ending = Options::ending(&mut story.crash);
        story.end_life(ending);
    }
    story.heal();
    story.demand_everything();
    story.world.die(Ending::PowerCut);
    story.demand_everything();
    story.report()
}

struct Story {
    world: World,
    crash: Rng,
}

impl Story {
    fn new(options: Options) -> Self {
        let crash = Rng::new(options.seed).fork(0xc5a5);
        Self { world: World::new(Rc::new(options)), crash }
    }

    /// The node starts, and dies over it now and then.
    fn begin_life(&mut self, life: u64) {
        let one_in = self.world.options.crash_in_start_one_in;
        while life > 0 && one_in > 0 && self.crash.one_in(one_in) {
            self.start();
            let until = self.world.now + self.crash.below(5_000);
            self.world.run_until(until);
            let ending = Options::ending(&mut self.crash);
            self.die(ending);
        }
        self.start();
    }

    fn start(&mut self) {
        if self.world.process.is_none() {
            self.world.start();
        }
    }

    fn die(&mut self, ending: Ending) {
        if self.world.process.is_some() {
            self.world.die(ending);
        }
    }

    /// Clients act; a process that its disk has killed is started again.
    fn live(&mut self) {
        self.run_till("the node serves", World::is_ready);
        let until = self.world.now + self.world.options.life_us;
        while self.world.now < until {
            if !self.world.step(until) {
                self.world.now = until;
            }
            self.start();
        }
    }

    fn end_life(&mut self, ending: Ending) {
        if ending == Ending::Shutdown
            && let Some(process) = &mut self.world.process
        {
            process.shut_down(self.world.now);
            let until = self.world.now + SHUTDOWN_US;
            let has_stopped =
                |world: &World| world.process.as_ref().is_none_or(|process| process.has_stopped());
            while !has_stopped(&self.world) {
                let went_on = self.world.step(until);
                assert!(went_on, "liveness: the node does not stop: {}", self.world.describe());
            }
        }
        self.die(ending);
    }

    /// Steps until `done`; panics if that takes longer than anything may.
    fn run_till(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        let limit = self.world.now + PATIENCE_US;
        while !done(&self.world) {
            let went_on = self.world.step(limit);
            assert!(went_on, "liveness: {what} has not happened: {}", self.world.describe());
            self.start();
        }
    }

    /// Nothing goes wrong any more.
    fn heal(&mut self) {
        let world = &mut self.world;
        world.healing = true;
        let disk = world.disk.options_mut();
        (disk.bad_write_one_in, disk.bad_read_one_in, disk.bent_slot_one_in) = (0, 0, 0);
        (disk.stall_one_in, disk.capacity) = (0, u64::MAX);
        world.network.heal();
        let mut options = (*world.options).clone();
        options.spare_extents = u64::MAX;
        world.options = Rc::new(options);
    }

    /// Every request is answered, every batch delivered, every reader at the end, and one that
    /// begins at the beginning finds everything.
    fn demand_everything(&mut self) {
        self.start();
        self.run_till("the node serves", World::is_ready);
        self.world.add_client(Role::Auditor);
        let auditor = self.world.clients.len() - 1;
        // The auditor follows what there is once nobody produces any more.
        let since = self.world.now;
        self.run_till("what was begun is done", |world| {
            world.clients.iter().all(|client| {
                let is_answered = client.oldest().is_none_or(|(_, at)| at > since);
                is_answered && client.mind.is_content()
            })
        });
        let places = self.world.truth.places();
        let following = &mut self.world.clients[auditor].mind.reading.following;
        following.extend(places.iter().map(|place| (place.clone(), Default::default())));
        self.run_till("readers have read everything", |world| {
            let behind = |client: &client::Client| requests::is_behind(&world.truth, &client.mind);
            !world.clients.iter().any(behind)
        });
        for place in &places {
            let following = &self.world.clients[auditor].mind.reading.following;
            if let Some(next) = following.get(place).and_then(|position| position.next) {
                self.world.truth.check_whole(place, next);
            }
        }
    }

    fn report(mut self) -> Report {
        self.world.die(Ending::Kill);
        let world = self.world;
        Report {
            digest: world.digest.value(),
            starts: world.starts,
            fatals: world.fatals,
            turns: world.turns,
            messages: world.messages,
            acknowledged: world.truth.acknowledged,
            read: world.truth.read,
            topics: world.truth.topics.len() as u64,
        }
    }
}
