//! The life of a store: lives of processes, what clients do to them, and how they end.

use std::rc::Rc;

use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::strand::Entry;

use crate::clients::Producer;
use crate::options::Ending;
use crate::options::Options;
use crate::rot;
use crate::world::World;

/// Endless partitions of an aged store: nothing of them is ever removed.
const ENDLESS: u64 = 2;

/// What a seed amounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    pub digest: u64,
    pub starts: u64,
    pub probes: u64,
    pub appends: u64,
    pub relocated: u64,
    pub frames: u64,
    pub refused: u64,
    pub damages: u64,
    pub fenced_reads: u64,
}

impl Report {
    pub fn add(&mut self, other: &Self) {
        self.digest ^= other.digest;
        self.starts += other.starts;
        self.probes += other.probes;
        self.appends += other.appends;
        self.relocated += other.relocated;
        self.frames += other.frames;
        self.refused += other.refused;
        self.damages += other.damages;
        self.fenced_reads += other.fenced_reads;
    }
}

pub struct Workload {
    pub world: World,
    pub producers: Vec<Producer>,
    pub next_partition: u64,
    partitions: Vec<PartitionId>,
    /// One generator for each concern: a draw more in one does not move the others.
    pub produce: Rng,
    rule: Rng,
    consume: Rng,
    crash: Rng,
    rot: Rng,
    report: Report,
}

/// Runs a seed from formatting to the last verification.
pub fn run(options: Options, loud: bool) -> Report {
    let mut workload = Workload::new(Rc::new(options));
    workload.world.digest.loud = loud;
    let lives = workload.world.options.lives;
    for life in 0..lives {
        workload.live();
        let ending = workload.world.options.ending(&mut workload.crash);
        workload.die(ending, life);
    }
    workload.heal_and_demand_everything();
    workload.finish()
}

impl Workload {
    fn new(options: Rc<Options>) -> Self {
        let rng = Rng::new(options.seed);
        let mut world = World::new(Rc::clone(&options));
        let mut crash = rng.fork(13);
        world.recover(0, &mut crash);
        let partitions: Vec<PartitionId> = (1..=options.partitions).map(PartitionId).collect();
        let producer = |number: u64| {
            let id = if number % 4 == 3 { -1 } else { 1_000 + number as i64 };
            Producer::new(id, partitions[(number % options.partitions) as usize])
        };
        Self {
            producers: (0..options.producers.max(options.partitions)).map(producer).collect(),
            next_partition: options.partitions + 1,
            partitions,
            produce: rng.fork(10),
            rule: rng.fork(11),
            consume: rng.fork(12),
            crash,
            rot: rng.fork(14),
            report: Report::default(),
            world,
        }
    }

    /// One life of the process, up to its end or its death.
    fn live(&mut self) {
        let options = Rc::clone(&self.world.options);
        for _ in 0..options.steps {
            let gap = self.rule.below(2 * options.gap_us + 1);
            self.pass(gap);
            if self.world.process.is_none() {
                self.come_back();
            }
            if self.world.is_ready() {
                self.act();
            }
            self.world.check_live();
            self.world.check_extents();
            let events = self.rule.below(3);
            for _ in 0..events {
                self.world.finish_turn();
            }
        }
    }

    /// Lets time pass; now and then a fork of the world dies on the way.
    pub fn pass(&mut self, gap: u64) {
        let until = self.world.now + gap;
        let probe = self.world.options.probe_one_in;
        while self.world.step(until) {
            if probe > 0 && self.crash.one_in(probe) && self.world.is_ready() {
                self.probe();
            }
        }
        self.world.run_until(until);
        for producer in &mut self.producers {
            producer.take_answers(&self.world);
        }
    }

    /// Dies here, in a fork of the world, and comes back with everything.
    fn probe(&mut self) {
        let mut fork = self.world.fork();
        fork.digest.loud = self.world.digest.loud;
        let ending = match self.crash.below(3) {
            0 => Ending::Kill,
            1 => Ending::PowerCut,
            _ => Ending::KillThenPowerCut,
        };
        fork.end(ending, &mut self.crash);
        spoil_a_slot(&mut fork, &mut self.crash);
        let crashes = self.crash.below(2);
        fork.recover(crashes, &mut self.crash);
        self.world.digest.add(&[fork.digest.value()]);
        self.report.probes += 1;
    }

    fn die(&mut self, ending: Ending, life: u64) {
        if self.world.process.is_none() {
            self.come_back();
        }
        let events = self.crash.below(12);
        for _ in 0..events {
            self.world.step(self.world.now + 400);
        }
        if self.world.process.is_some() {
            let mut crash = self.crash.fork(life);
            self.world.end(ending, &mut crash);
            spoil_a_slot(&mut self.world, &mut self.crash);
        }
        self.come_back();
    }

    /// The next start, after whatever killed the process.
    fn come_back(&mut self) {
        let options = Rc::clone(&self.world.options);
        if options.rot_one_in > 0 && self.rot.one_in(options.rot_one_in) {
            rot::strike(&mut self.world, &mut self.rot);
        }
        if options.no_slot_one_in > 0 && self.rot.one_in(options.no_slot_one_in) {
            rot::spoil_both_slots(&mut self.world, &mut self.rot);
        }
        let interrupt = options.crash_in_recovery_one_in;
        let mut crashes = match interrupt > 0 && self.crash.one_in(interrupt) {
            true => 1 + self.crash.below(3),
            false => 0,
        };
        // Bad reads and writes can kill the process while it is being verified.
        for attempt in 0.. {
            assert!(attempt < 60, "liveness: no process lives on: {}", self.world.describe());
            self.world.recover(crashes, &mut self.crash);
            crashes = 0;
            for producer in &mut self.producers {
                producer.on_crash();
                producer.retry(&mut self.world, &mut self.produce);
            }
            self.world.finish_turn();
            if self.world.is_ready() {
                return;
            }
        }
    }

    /// One thing that a client or an operator does.
    fn act(&mut self) {
        let options = Rc::clone(&self.world.options);
        let weights = [
            10,
            options.read,
            options.truncate,
            options.move_start,
            options.drop_partition,
            options.epoch,
            options.idle,
            1,
        ];
        let mut at = self.rule.below(weights.iter().sum());
        let chosen = weights.iter().position(|weight| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        match chosen.expect("one of them") {
            0 => self.produce(),
            1 => self.consume(),
            2 => self.truncate(),
            3 => self.retain(),
            4 => self.replace_partition(),
            5 => self.raise_epoch(),
            6 => self.pass(options.strand.quiet_us * 2),
            _ => self.repeat(),
        }
        if self.world.is_ready() {
            self.keep_within_fill();
        }
    }

    fn produce(&mut self) {
        let options = Rc::clone(&self.world.options);
        let number = self.produce.below(self.producers.len() as u64) as usize;
        let (count, bytes) = self.shape(&options);
        let producer = &mut self.producers[number];
        if producer.may_send() && self.world.is_ready() {
            producer.retry(&mut self.world, &mut self.produce);
            producer.send(&mut self.world, count, bytes, &mut self.produce);
            self.report.appends += 1;
        }
    }

    /// Records of a batch and bytes of each value.
    fn shape(&mut self, options: &Options) -> (i32, usize) {
        if options.giant_one_in > 0 && self.produce.one_in(options.giant_one_in) {
            let limit = u64::from(options.strand.extent_bytes) * 5 / 8;
            return (1, self.produce.below(limit) as usize);
        }
        let count = 1 + self.produce.below(4) as i32;
        (count, self.produce.below(options.value_bytes_max) as usize)
    }

    fn consume(&mut self) {
        let number = self.consume.below(self.partitions.len() as u64) as usize;
        let partition = self.partitions[number];
        let Some(model) = self.world.model.newest.partitions.get(&partition) else { return };
        let (start, end) = (model.start, self.world.visible_end(partition));
        if start >= end {
            return;
        }
        let lost = model.lost.iter().map(|(from, _)| *from).chain([end]).min().unwrap_or(end);
        let readable = lost.max(start + 1);
        let from = match self.consume.one_in(2) {
            true => readable.saturating_sub(1 + self.consume.below(3) as i64).max(start),
            false => start + self.consume.below((readable - start) as u64) as i64,
        };
        let bytes_max = 1 + self.consume.below(40_000) as u32;
        self.world.read(partition, from, bytes_max, false);
    }

    fn truncate(&mut self) {
        let number = self.rule.below(self.partitions.len() as u64) as usize;
        let partition = self.partitions[number];
        let Some(model) = self.world.model.newest.partitions.get(&partition) else { return };
        let cuts: Vec<i64> =
            model.batches.keys().copied().filter(|at| *at >= model.start).collect();
        let Some(last) = cuts.len().checked_sub(1) else { return };
        let back = self.rule.below(6) as usize;
        let to = cuts[last.saturating_sub(back)];
        if self.world.command(Entry::Truncate { partition, to }).is_ok() {
            for producer in self.producers.iter_mut().filter(|it| it.partition == partition) {
                producer.begin_again();
            }
        }
    }

    /// Retention, or DeleteRecords.
    fn retain(&mut self) {
        let number = self.rule.below(self.partitions.len() as u64) as usize;
        if !self.is_endless(number) {
            let share = 1 + self.rule.below(4);
            self.move_start(number, share);
        }
    }

    fn is_endless(&self, number: usize) -> bool {
        self.world.options.fill_percent >= 80
            && (number as u64) < ENDLESS
            && self.partitions.len() as u64 > ENDLESS
    }

    /// Removes the oldest `share` quarters of a partition's records.
    fn move_start(&mut self, number: usize, share: u64) {
        let partition = self.partitions[number];
        let Some(model) = self.world.model.newest.partitions.get(&partition) else { return };
        let to = model.start + ((model.end - model.start) as u64 * share / 4) as i64;
        if to > model.start {
            // Refused only by a strand that is full to the last reserved byte: later, then.
            let _ = self.world.command(Entry::LogStart { partition, to });
        }
    }

    fn replace_partition(&mut self) {
        let number = self.rule.below(self.partitions.len() as u64) as usize;
        let dropped = self.partitions[number];
        if !self.world.model.newest.partitions.contains_key(&dropped) || self.is_endless(number) {
            return;
        }
        if self.world.command(Entry::Drop { partition: dropped }).is_err() {
            return;
        }
        let made = PartitionId(self.next_partition);
        self.next_partition += 1;
        self.partitions[number] = made;
        for producer in self.producers.iter_mut().filter(|it| it.partition == dropped) {
            producer.move_to(made);
        }
    }

    fn raise_epoch(&mut self) {
        let number = self.rule.below(self.partitions.len() as u64) as usize;
        let partition = self.partitions[number];
        let Some(model) = self.world.model.newest.partitions.get(&partition) else { return };
        let (epoch, at) = (model.epoch() + 1 + self.rule.below(2) as i32, model.end);
        let _ = self.world.command(Entry::EpochStart { partition, epoch, at });
    }

    fn repeat(&mut self) {
        let number = self.produce.below(self.producers.len() as u64) as usize;
        if self.world.is_ready() {
            self.producers[number].repeat_the_last(&mut self.world, &mut self.produce);
        }
    }

    /// Keeps about the share of the store live that the seed wants.
    fn keep_within_fill(&mut self) {
        let options = Rc::clone(&self.world.options);
        let strand = &options.strand;
        let capacity = u64::from(strand.extent_bytes) * u64::from(strand.extents_max);
        let live = self.world.model.newest.live_bytes();
        if self.world.process.as_ref().is_some_and(|process| process.full) {
            self.report.refused += 1;
            if self.rule.one_in(40) {
                (0..self.partitions.len()).for_each(|number| self.move_start(number, 3));
            }
        } else if live * 100 > capacity * options.fill_percent {
            let number = self.rule.below(self.partitions.len() as u64) as usize;
            if !self.is_endless(number) {
                self.move_start(number, 2);
            }
        }
    }

    /// The errors end and most data is removed: everything that waits must be answered.
    fn heal_and_demand_everything(&mut self) {
        self.world.heal();
        if self.world.process.is_none() {
            self.come_back();
        }
        self.demand_an_answer_everywhere();
        self.die(Ending::Shutdown, u64::MAX);
        self.world.verify();
        self.demand_an_answer_everywhere();
        self.world.verify();
        if self.world.options.ends_endless && self.world.is_ready() {
            self.demand_room_by_evacuation();
        }
        self.demand_all_space_back();
    }

    /// When nothing is live any more, no extent stays sealed: nothing keeps space for ever.
    fn demand_all_space_back(&mut self) {
        let limit = self.world.now + crate::world::PATIENCE_US;
        // What is damaged is kept as it is.
        while self.world.faults.is_sound() && !self.world.faults.read_failed {
            let Some(process) = &self.world.process else { return };
            if process.strand.figures().extents_sealed == 0 {
                return;
            }
            let is_time = self.world.now < limit;
            assert!(is_time, "liveness: dead extents are kept: {}", self.world.describe());
            self.remove_what_is_durable();
            self.pass(50_000);
        }
    }

    /// Retention that catches up: all that is durable goes, of partitions that nobody writes to
    /// any more, too.
    fn remove_what_is_durable(&mut self) {
        let partitions = &self.world.model.committed.partitions;
        let ends: Vec<(PartitionId, i64)> =
            partitions.iter().map(|(id, partition)| (*id, partition.end)).collect();
        for (partition, to) in ends {
            let newest = self.world.model.newest.partitions.get(&partition);
            if newest.is_some_and(|newest| newest.start < to && to <= newest.end) {
                // Refused only by a strand that is full to the last reserved byte: later, then.
                let _ = self.world.command(Entry::LogStart { partition, to });
            }
        }
    }

    /// Every producer gets a batch acknowledged, while retention goes on.
    fn demand_an_answer_everywhere(&mut self) {
        for number in 0..self.producers.len() {
            let limit = self.world.now + crate::world::PATIENCE_US;
            let mut acknowledged = false;
            while !acknowledged {
                assert!(
                    self.world.now < limit,
                    "liveness: a batch is never acknowledged: {}",
                    self.world.describe()
                );
                if self.world.is_ready() {
                    self.remove_what_is_durable();
                }
                let producer = &mut self.producers[number];
                producer.retry(&mut self.world, &mut self.produce);
                if producer.waiting().next().is_none() {
                    producer.send(&mut self.world, 1, 30, &mut self.produce);
                }
                self.world.finish_turn();
                self.pass(50_000);
                if self.world.process.is_none() {
                    self.come_back();
                }
                acknowledged = self.producers[number].waiting().next().is_none();
            }
        }
    }

    fn finish(mut self) -> Report {
        self.report.digest = self.world.digest.value();
        self.report.starts = self.world.starts;
        self.report.relocated = self.world.watch.relocated;
        self.report.frames = self.world.watch.frames_issued;
        self.report.damages = self.world.damage.len() as u64;
        self.report.fenced_reads = self.world.fenced_reads;
        self.report
    }
}

fn spoil_a_slot(world: &mut World, rng: &mut Rng) {
    let one_in = world.options.slot_rot_one_in;
    if one_in > 0 && rng.one_in(one_in) {
        rot::spoil_one_slot(world, rng);
    }
}
