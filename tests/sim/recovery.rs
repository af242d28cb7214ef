//! What must be so after every recovery, however the process died.

use std::iter;

use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::log::LogImage;
use strandlog::strand::Checkpoint;
use strandlog::strand::Entry;
use strandlog::strand::EntryId;
use strandlog::strand::Strand;

use crate::faults::is_no_frame;
use crate::model::Partition;
use crate::model::State;
use crate::model::partition_of;
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
        options.bent_slot_one_in = 0;
        options.capacity = u64::MAX;
    }

    /// A process is ready: finds out which of the possible states the store came back with, and
    /// holds it to it from here on, for what is served once must be there for ever (R9).
    pub fn adopt(&mut self) {
        self.watch.on_ready(&self.disk, &self.batches);
        let mut candidates = self.model.candidates();
        candidates.reverse();
        let mut differences = Vec::new();
        for (survived, state) in candidates {
            let strand = &self.process().strand;
            let Some(difference) = difference(strand, &state) else {
                let durable = strand.durable();
                self.model.keep_pending(survived, state, durable);
                return self.adopted();
            };
            differences.push(format!("with {survived}: {difference}"));
        }
        if let Err(without) = self.adopt_with_losses() {
            panic!(
                "the store came back in a state that it never promised and never was in, {} \
                 facts pending; {}; without frames {:?}: {without}",
                self.model.pending.len(),
                differences.join("; "),
                self.faults.frames
            );
        }
        self.adopted();
    }

    fn adopted(&mut self) {
        let partitions = self.model.committed.partitions.len() as u64;
        self.digest.add(&[0x52, self.model.durable, partitions]);
        let strand = &mut self.process().strand;
        if strand.wants_partitions() {
            self.name_partitions();
        }
    }

    /// As metadata does: says which partitions there are, and learns of which everything is lost.
    fn name_partitions(&mut self) {
        let named: Vec<PartitionId> = self.named.iter().copied().collect();
        for (partition, sequence) in self.process().strand.name_partitions(named) {
            let end = self.process().strand.log(partition).map_or(0, strandlog::log::Log::end);
            self.model.hand_over(sequence, Entry::Lost { partition, from: 0, to: end });
            assert_eq!(end, LOST_OFFSETS, "R11: {partition:?} was lost as a whole");
        }
    }

    /// After rot. Of the frames that were hit, each is either whole again in a checkpoint, or its
    /// table is lost: its facts are gone, and ends are advanced (R11). Where nothing proves it,
    /// it is the beginning of a torn tail. Nothing else may be missing.
    fn adopt_with_losses(&mut self) -> Result<(), String> {
        let facts = self.model.facts();
        let checkpoint = self.watch.newest_checkpoint(&self.disk);
        let (from, captured) = (checkpoint.head.from, captured(&facts, &checkpoint));
        let proven = self.watch.proven_on(&self.disk);
        let mut hit: Vec<u64> =
            self.faults.frames.iter().copied().filter(|of| *of >= from).collect();
        // One page that nobody can read permits what several do.
        let unreadable = hit.iter().copied().find(|of| is_no_frame(*of));
        hit.retain(|of| !is_no_frame(*of) || Some(*of) == unreadable);
        let mut cuts = vec![u64::MAX];
        cuts.extend(self.model.pending.iter().rev().map(|(sequence, _)| *sequence));
        cuts.extend(hit.iter().rev().filter(|of| **of > proven && !is_no_frame(**of)));
        cuts.dedup();
        let holes = self.holes().into_iter().filter(|_| unreadable.is_some());
        let mut without = String::new();
        for hole in iter::once(None).chain(holes.map(Some)) {
            for cut in &cuts {
                for choice in 0..1_u32 << hit.len() {
                    let captured = &captured;
                    let loss = Loss { hit: &hit, choice, hole, cut: *cut, from, captured };
                    match self.adopt_without(&facts, &loss) {
                        Some(difference) => without = difference,
                        None => return Ok(()),
                    }
                }
            }
        }
        Err(without)
    }

    /// Frames in a row, in flight at the crash, that may never have arrived where a page cannot be
    /// read: that is no torn tail (R10), and what lies behind counts.
    fn holes(&self) -> Vec<(u64, u64)> {
        let mut in_flight: Vec<u64> = self.model.pending.iter().map(|(of, _)| *of).collect();
        in_flight.dedup();
        in_flight.truncate(usize::from(self.options.strand.in_flight_max));
        let ends = |from: u64| in_flight.iter().copied().filter(move |to| *to >= from);
        let from = in_flight.iter().copied();
        from.flat_map(|from| ends(from).map(move |to| (from, to))).collect()
    }

    /// Gives how the store differs from what is left of the facts, if it does.
    fn adopt_without(&mut self, facts: &[(u64, Entry)], loss: &Loss<'_>) -> Option<String> {
        let strand = &self.process.as_ref().expect("a ready process").strand;
        let durable = strand.durable();
        let mut kept = loss.kept(facts);
        let (state, added) = State::after_loss(&kept, loss.highest());
        let difference = difference(strand, &state);
        if difference.is_none() {
            kept.extend(added.into_iter().map(|entry| (durable, entry)));
            self.model.keep_facts(kept, state, durable);
            // A page that nobody can read stays so, and the next tail may end before it again.
            self.faults.frames.retain(|of| is_no_frame(*of) || !loss.is_gone(*of));
        }
        difference
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
            + figures.extents_dead
            + figures.extents_fenced;
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

/// What rot may have taken: one of the ways in which a store may come back.
struct Loss<'a> {
    /// Frames that were hit.
    hit: &'a [u64],
    /// Those of them whose table is lost, a bit for each.
    choice: u32,
    /// Frames that never arrived, from this one to that.
    hole: Option<(u64, u64)>,
    /// The tail is torn here.
    cut: u64,
    /// The lowest frame that is replayed.
    from: u64,
    /// Of each fact, whether the checkpoint holds it.
    captured: &'a [bool],
}

impl Loss<'_> {
    fn is_lost(&self, frame: u64) -> bool {
        let at = self.hit.iter().position(|hit| *hit == frame);
        at.is_some_and(|at| self.choice >> at & 1 == 1) || self.is_in_hole(frame)
    }

    fn is_in_hole(&self, frame: u64) -> bool {
        self.hole.is_some_and(|(from, to)| (from..=to).contains(&frame))
    }

    /// The highest frame whose table is lost.
    fn highest(&self) -> u64 {
        let counts = |of: &u64| self.is_lost(*of) && (*of < self.cut || is_no_frame(*of));
        let hit = self.hit.iter().copied().filter(counts).max();
        hit.max(self.hole.map(|(_, to)| to)).unwrap_or(0)
    }

    fn is_gone(&self, frame: u64) -> bool {
        self.is_lost(frame) || frame >= self.cut
    }

    fn kept(&self, facts: &[(u64, Entry)]) -> Vec<(u64, Entry)> {
        let is_replayed = |frame: u64| frame >= self.from && !self.is_lost(frame);
        let is_kept =
            |frame: u64, captured: bool| frame < self.cut && (captured || is_replayed(frame));
        let facts = facts.iter().zip(self.captured);
        facts
            .filter(|((frame, _), of)| is_kept(*frame, **of))
            .map(|(fact, _)| fact.clone())
            .collect()
    }
}

/// Of each fact, whether the checkpoint holds it. Its partitions were captured one after another,
/// while facts came: each holds all of its own that came before `from`, and some that came since.
fn captured(facts: &[(u64, Entry)], checkpoint: &Checkpoint) -> Vec<bool> {
    let mut captured = vec![false; facts.len()];
    for (id, image) in &checkpoint.logs {
        let mut state = State::default();
        let own = facts.iter().enumerate().filter(|(_, (_, entry))| partition_of(entry) == *id);
        for (at, (frame, entry)) in own {
            let here = state.partitions.get(id);
            let is_image = || here.is_some_and(|it| difference_of(it, image.clone()).is_none());
            if *frame >= checkpoint.head.from && is_image() {
                break;
            }
            state.apply(entry);
            captured[at] = true;
        }
    }
    captured
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
