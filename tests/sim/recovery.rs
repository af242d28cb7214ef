//! What must be so after every recovery, however the process died.

use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::log::LogImage;
use strandlog::strand::EntryId;
use strandlog::strand::Strand;

use crate::model::Partition;
use crate::model::State;
use crate::options::Ending;
use crate::world::World;

/// Offsets that damage takes at the most, for each frame whose table is unreadable (R11).
const LOST_OFFSETS: i64 = 1 << 32;

impl World {
    /// The process ends.
    pub fn end(&mut self, ending: Ending, rng: &mut Rng) {
        self.faults.clean = ending == Ending::Shutdown;
        match ending {
            Ending::Kill => self.kill(),
            Ending::PowerCut => self.cut_power(),
            Ending::KillThenPowerCut => {
                self.kill();
                self.faults.on_start();
                self.start();
                let events = rng.below(40);
                self.run_events(events);
                if rng.one_in(2) {
                    self.run_till("recovery", Self::is_ready);
                }
                self.cut_power();
            }
            Ending::Shutdown => self.shut_down(),
        }
    }

    fn run_events(&mut self, events: u64) {
        for _ in 0..events {
            if !self.step(u64::MAX) {
                return;
            }
        }
    }

    fn shut_down(&mut self) {
        let now = self.time();
        let process = self.process();
        process.strand.shutdown(now, &mut process.out);
        self.carry_out();
        self.run_till("shutdown", |world| {
            world.process.as_ref().is_some_and(|process| process.stopped)
        });
        if self.process.is_none() {
            self.faults.clean = false;
            return;
        }
        // What waits for an extent that a full device does not give is left behind: nobody was told.
        let is_full = self.options.disk.capacity != u64::MAX;
        let is_all_there = self.model.pending.is_empty() || is_full;
        assert!(is_all_there, "shutdown leaves facts behind: {}", self.describe());
        assert_eq!(self.disk.writes_in_flight(), 0, "shutdown leaves writes behind");
        self.kill();
    }

    /// Starts until a process is ready, and checks everything it came back with. `crashes`: how
    /// many recoveries are interrupted.
    pub fn recover(&mut self, mut crashes: u64, rng: &mut Rng) {
        for attempt in 0.. {
            assert!(attempt < 60, "liveness: no start ever gets ready: {}", self.describe());
            if attempt > 20 {
                self.heal();
            }
            self.faults.on_start();
            self.start();
            if crashes > 0 {
                crashes -= 1;
                self.faults.clean = false;
                self.run_events(1 + rng.below(60));
                if rng.one_in(2) {
                    self.kill()
                } else {
                    self.cut_power()
                }
                continue;
            }
            self.run_till("recovery", Self::is_ready);
            if self.process.is_some() {
                break;
            }
        }
        self.verify();
    }

    /// Errors end: from here on everything must be answered.
    pub fn heal(&mut self) {
        let options = self.disk.options_mut();
        options.bad_read_one_in = 0;
        options.bad_write_one_in = 0;
        options.capacity = u64::MAX;
    }

    /// A process is ready: finds out which of the possible states the store came back with, and
    /// holds it to it from here on, for what is served once must be there for ever (R9).
    pub fn adopt(&mut self) {
        self.watch.on_ready(&self.disk, &self.batches);
        let strand = &self.process.as_ref().expect("a ready process").strand;
        let mut candidates = self.model.candidates();
        candidates.reverse();
        let mut differences = Vec::new();
        let mut found = None;
        for (survived, state) in candidates {
            match difference(strand, &state) {
                None => {
                    found = Some(state);
                    break;
                }
                Some(difference) => differences.push(format!("with {survived}: {difference}")),
            }
        }
        let state = found.or_else(|| self.reconcile());
        let Some(state) = state else {
            panic!(
                "the store came back in a state that it never promised and never was in, \
                 {} facts pending; {}",
                self.model.pending.len(),
                differences.join("; ")
            );
        };
        let durable = self.process().strand.durable();
        self.model.recover(state, durable);
        self.digest.add(&[0x52, durable, self.model.committed.partitions.len() as u64]);
    }

    /// After damage that may take whole frames: ends may lie higher, never lower, and what is
    /// declared lost is known to be lost.
    fn reconcile(&self) -> Option<State> {
        if !self.faults.may_lose() {
            return None;
        }
        let strand = &self.process.as_ref()?.strand;
        let candidates = self.model.candidates();
        candidates.into_iter().rev().find_map(|(_, mut state)| {
            let known: Vec<PartitionId> = strand.logs().map(|(id, _)| id).collect();
            if !state.partitions.keys().all(|id| known.contains(id)) {
                return None;
            }
            for (id, partition) in &mut state.partitions {
                let log = strand.log(*id)?;
                let advance = log.end() - partition.end;
                let frames = self.faults.hit.len() as i64;
                if log.start() > partition.start && log.start() <= partition.end {
                    return None;
                }
                if !(0..=LOST_OFFSETS * frames).contains(&advance) {
                    return None;
                }
                if advance > 0 {
                    partition.lost.push((partition.end, log.end()));
                    partition.end = log.end();
                }
                partition.log = log.clone();
            }
            Some(state)
        })
    }

    /// Reads everything back.
    pub fn verify(&mut self) {
        let partitions: Vec<PartitionId> = self.model.newest.partitions.keys().copied().collect();
        for partition in partitions {
            self.read_all(partition);
        }
    }

    /// Every extent on the disk is in one place of its life, and in no other; there are never more
    /// than the strand may have.
    pub fn check_extents(&self) {
        let Some(process) = self.process.as_ref().filter(|process| process.ready) else { return };
        let figures = process.strand.figures();
        let counted = figures.extents_preparing
            + figures.extents_ready
            + figures.extents_open
            + figures.extents_sealed
            + figures.extents_dead;
        let there = self.disk.extents() + self.disk.allocations_in_flight();
        assert_eq!(counted as usize, there, "extents are lost or counted twice: {figures:?}");
        assert!(counted <= figures.extents_max, "more extents than there may be: {figures:?}");
        assert!(figures.live_bytes <= figures.stored_bytes, "more lives than is stored");
    }

    /// Compares what the living strand says of its partitions with the model.
    pub fn check_live(&self) {
        let Some(process) = self.process.as_ref().filter(|process| process.ready) else { return };
        if let Some(difference) = difference(&process.strand, &self.model.newest) {
            panic!("the living strand differs from the model: {difference}");
        }
    }
}

/// The first thing in which the strand's partitions differ from this state.
fn difference(strand: &Strand, state: &State) -> Option<String> {
    for (id, log) in strand.logs() {
        if !state.partitions.contains_key(&id) {
            return Some(format!("{id:?} exists, {}..{}", log.start(), log.end()));
        }
    }
    state.partitions.iter().find_map(|(id, partition)| {
        let Some(log) = strand.log(*id) else { return Some(format!("{id:?} is missing")) };
        difference_of(partition, log.image()).map(|difference| format!("{id:?}: {difference}"))
    })
}

fn difference_of(partition: &Partition, mut found: LogImage) -> Option<String> {
    let (start, end) = (partition.start, partition.end);
    if (found.start, found.end) != (start, end) {
        return Some(format!("{}..{} instead of {start}..{end}", found.start, found.end));
    }
    // Which entry was the last is the strand's affair.
    found.applied = EntryId::default();
    let wanted = LogImage { applied: EntryId::default(), ..partition.log.image() };
    (found != wanted).then(|| format!("{found:?} instead of {wanted:?}"))
}
