//! One store and the process that drives it, in virtual time: carries ops to the disk, answers
//! back, and tells the model and the watch what was said. Knows nothing of what producers want.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;
use strandlog::base::HeapPool;
use strandlog::base::Now;
use strandlog::base::Offset;
use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::base::StrandId;
use strandlog::strand::Append;
use strandlog::strand::DamageReport;
use strandlog::strand::Entry;
use strandlog::strand::Fatal;
use strandlog::strand::File;
use strandlog::strand::Notice;
use strandlog::strand::Outcome;
use strandlog::strand::Output;
use strandlog::strand::ReadId;
use strandlog::strand::Refusal;
use strandlog::strand::StoreKey;
use strandlog::strand::Strand;
use strandlog::strand::StrandIdentity;

use crate::batch::BatchCrc;
use crate::batch::Batches;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::faults::Faults;
use crate::model::Model;
use crate::model::partition_of;
use crate::options::Options;
use crate::pace::EXTENT_WAIT_MAX_US;
use crate::pace::Pace;
use crate::reading::Reading;
use crate::watch::Watch;

pub const STRAND: StrandId = StrandId(3);
pub const KEY: StoreKey = StoreKey { store: [7; 16], secret: [9; 16] };

/// Wall time at the beginning, milliseconds.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// A recovery, and any wish of a healthy store, ends within this much virtual time.
pub const PATIENCE_US: u64 = 120_000_000;

/// The living process.
pub struct Process {
    pub strand: Strand,
    pub out: Output,
    pub ready: bool,
    pub stopped: bool,
    pub full: bool,
    pub reads: BTreeMap<ReadId, Reading>,
    pace: Pace,
    /// Since when somebody waits for the disk, and nothing came of it.
    waits_since: Option<u64>,
    /// Nothing happened since the last `commit`.
    turn_is_over: bool,
}

/// See the module.
pub struct World {
    pub options: Rc<Options>,
    pub disk: Disk,
    pub batches: Rc<Batches>,
    pub model: Model,
    pub watch: Watch,
    pub faults: Faults,
    pub digest: Digest,
    pub process: Option<Process>,
    pub now: u64,
    /// Where each batch was appended last.
    pub homes: Rc<BTreeMap<BatchCrc, (PartitionId, Offset)>>,
    /// Decides how many events share a turn.
    turns: Rng,
    /// Effects since the beginning: what may be interrupted.
    pub effects: u64,
    pub starts: u64,
    pub forks: u64,
    pub damage: Vec<DamageReport>,
    /// Where the last read that was checked ended.
    pub verified: Offset,
    pub fenced_reads: u64,
    /// How often something of a partition was removed: a read on its way is overtaken by it.
    pub changes: BTreeMap<PartitionId, u64>,
    /// Partitions that metadata knows.
    pub named: BTreeSet<PartitionId>,
}

impl World {
    pub fn new(options: Rc<Options>) -> Self {
        let rng = Rng::new(options.seed);
        let in_flight_max = u64::from(options.strand.in_flight_max);
        Self {
            disk: Disk::new(options.disk.clone(), rng.fork(1)),
            batches: Rc::default(),
            model: Model::default(),
            watch: Watch::new(STRAND, KEY, in_flight_max),
            faults: Faults::default(),
            digest: Digest::default(),
            process: None,
            now: 0,
            homes: Rc::default(),
            turns: rng.fork(2),
            effects: 0,
            starts: 0,
            forks: 0,
            damage: Vec::new(),
            verified: 0,
            fenced_reads: 0,
            changes: BTreeMap::new(),
            named: BTreeSet::new(),
            options,
        }
    }

    /// The same store with the same past, about to suffer something else. Its process is dead.
    pub fn fork(&mut self) -> Self {
        self.forks += 1;
        let mut watch = self.watch.clone();
        watch.on_crash();
        Self {
            options: Rc::clone(&self.options),
            disk: self.disk.fork(self.forks),
            batches: Rc::clone(&self.batches),
            model: self.model.clone(),
            watch,
            faults: self.faults.clone(),
            digest: Digest::default(),
            process: None,
            now: self.now,
            homes: Rc::clone(&self.homes),
            turns: self.turns.fork(self.forks),
            effects: 0,
            starts: self.starts,
            forks: 0,
            damage: Vec::new(),
            verified: 0,
            fenced_reads: 0,
            changes: BTreeMap::new(),
            named: self.named.clone(),
        }
    }

    pub fn time(&self) -> Now {
        Now { mono_us: self.now, wall_ms: EPOCH_MS + (self.now / 1000) as i64 }
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a living process")
    }

    pub fn is_ready(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.ready)
    }

    /// A new process begins its recovery.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "one process at a time");
        self.starts += 1;
        self.digest.add(&[0x57, self.starts, self.now]);
        let identity = StrandIdentity { key: KEY, strand: STRAND, manifest: 1 };
        let mut strand = Strand::new(self.options.strand.clone(), identity);
        let mut out = Output::default();
        strand.start(self.time(), &mut out);
        let (ready, stopped, full) = (false, false, false);
        self.process = Some(Process {
            strand,
            out,
            ready,
            stopped,
            full,
            reads: BTreeMap::new(),
            pace: Pace::default(),
            waits_since: None,
            turn_is_over: true,
        });
        self.carry_out();
    }

    /// The process is gone; what it had in flight is on its own.
    pub fn kill(&mut self) {
        self.digest.add(&[0x4b, self.now]);
        self.process = None;
        self.watch.on_crash();
        self.disk.kill();
    }

    pub fn cut_power(&mut self) {
        self.digest.add(&[0x50, self.now]);
        self.process = None;
        self.watch.on_crash();
        self.disk.cut_power();
    }

    /// When something happens next by itself.
    fn next_event(&self) -> Option<u64> {
        let deadline = self.process.as_ref().and_then(|process| process.strand.next_deadline());
        [self.disk.next_due(), deadline].into_iter().flatten().min()
    }

    /// Lets the next thing happen that is due until `limit`. False: nothing is, or the process
    /// died of it.
    pub fn step(&mut self, limit: u64) -> bool {
        let Some(at) = self.next_event().filter(|at| *at <= limit) else { return false };
        self.now = self.now.max(at);
        self.check_wait();
        let now = self.time();
        if let Some((strand, token, outcome)) = self.disk.complete(self.now) {
            assert_eq!(strand, STRAND, "there is one");
            self.digest.outcome(self.now, token, &outcome);
            self.watch.on_outcome(token, &outcome);
            for slot in &self.disk.bent {
                self.watch.sound_slots.remove(slot);
                self.faults.damaged.insert(File::Slot(*slot));
            }
            self.faults.on_outcome(&outcome);
            let process = self.process();
            if matches!(outcome, Outcome::Allocated | Outcome::Failed(_)) {
                process.waits_since = None;
            }
            process.strand.on_outcome(now, token, outcome, &mut process.out);
        } else {
            let process = self.process();
            process.strand.on_tick(now, &mut process.out);
            self.finish_turn();
            self.check_deadline();
        }
        self.effects += 1;
        if self.turns.below(4) != 0 {
            self.finish_turn();
        } else {
            self.carry_out();
        }
        self.process.is_some()
    }

    /// A timer that has gone off must not stay due: the port would spin.
    fn check_deadline(&self) {
        let Some(process) = &self.process else { return };
        let next = process.strand.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that passed stays: {next:?}");
    }

    /// Nobody waits for an extent to be zeroed where one can be had without (R15). A turn that is
    /// not over keeps everybody waiting, however long the simulator makes it.
    fn check_wait(&mut self) {
        let now = self.now;
        let Some(process) = &mut self.process else { return };
        if !std::mem::take(&mut process.turn_is_over) {
            process.waits_since = process.waits_since.map(|_| now);
            return;
        }
        let made = self.disk.extents() + self.disk.allocations_in_flight();
        let has_room = made < self.options.strand.extents_max as usize;
        let is_long = process.waits_since.is_some_and(|since| now - since > EXTENT_WAIT_MAX_US);
        let is_tried = self.options.disk.zeroing_us > EXTENT_WAIT_MAX_US;
        assert!(
            !(is_tried && is_long && has_room),
            "R15: an extent is waited for until it is zeroed: {}",
            self.describe()
        );
    }

    /// Lets time pass up to `until`, or until the process dies.
    pub fn run_until(&mut self, until: u64) {
        while self.step(until) {}
        if self.process.is_some() {
            self.finish_turn();
            self.now = self.now.max(until);
        }
    }

    /// Steps until `done`; panics if that takes longer than anything may.
    pub fn run_till(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let limit = self.now + PATIENCE_US;
        let mut steps = 0u32;
        while self.process.is_some() && !done(self) {
            if !self.step(limit) && self.process.is_some() {
                self.finish_turn();
                assert!(
                    self.next_event().is_some_and(|at| at <= limit) || done(self),
                    "liveness: {what} has not happened and nothing will: {}",
                    self.describe()
                );
            }
            steps += 1;
            assert!(steps < 2_000_000, "liveness: {what} takes for ever: {}", self.describe());
        }
    }

    /// The strand may issue a commit, as it may once a turn.
    pub fn finish_turn(&mut self) {
        let now = self.time();
        let Some(process) = &mut self.process else { return };
        process.strand.commit(now, &mut HeapPool, &mut process.out);
        process.turn_is_over = true;
        self.carry_out();
    }

    /// Ops go to the disk, notices to whom they concern.
    pub fn carry_out(&mut self) {
        let Some(process) = &mut self.process else { return };
        process.pace.check(self.now, &self.options.strand, &process.strand.figures());
        let ops = std::mem::take(&mut process.out.ops);
        let notices = std::mem::take(&mut process.out.notices);
        for (token, op) in ops {
            self.digest.op(self.now, token, &op);
            let (committed, homes, faults) = (&self.model.committed, &self.homes, &self.faults);
            // What damage may have taken is nobody's to keep: no index knows it any more.
            let is_live = |crc: BatchCrc| {
                !faults.fenced.contains(&crc)
                    && homes.get(&crc).is_some_and(|(to, base)| committed.is_live(*to, *base, crc))
            };
            self.watch.on_submit(token, &op, &self.batches, &is_live);
            self.disk.submit(self.now, STRAND, token, op);
        }
        for notice in notices {
            self.on_notice(notice);
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        self.digest.notice(self.now, &notice);
        match notice {
            Notice::Ready => {
                self.process().ready = true;
                self.adopt();
            }
            Notice::Stopped => self.process().stopped = true,
            Notice::Durable { sequence } => {
                self.watch.on_durable(sequence);
                self.model.become_durable(sequence);
                let is_over = self.model.pending.is_empty();
                let now = self.now;
                self.process().waits_since = (!is_over).then_some(now);
            }
            Notice::Read { id, result } => {
                let Some(process) = &mut self.process else { return };
                let reading = process.reads.remove(&id).expect("an answer to a question");
                self.check_read(&reading, result);
            }
            Notice::Sought { .. } => {}
            Notice::Full { full } => self.process().full = full,
            Notice::Damage(report) => {
                self.faults.on_damage(&report);
                self.damage.push(report);
            }
            Notice::TornTail { last_sequence, .. } => self.faults.on_torn_tail(last_sequence),
            Notice::Fatal(fatal) => self.on_fatal(&fatal),
        }
    }

    fn on_fatal(&mut self, fatal: &Fatal) {
        self.faults.on_fatal(fatal);
        self.faults.clean = false;
        self.kill();
    }

    /// A batch goes to the end of its partition.
    pub fn append(&mut self, append: Append, batch: Bytes) -> Result<u64, Refusal> {
        self.named.insert(append.partition);
        let (now, bytes) = (self.now, batch.len());
        let process = self.process();
        process.turn_is_over = false;
        let taken = process.strand.append(append, batch);
        if taken.is_ok() || process.strand.awaits_extent(bytes) {
            process.waits_since.get_or_insert(now);
        }
        let sequence = taken?;
        Rc::make_mut(&mut self.homes).insert(append.crc, (append.partition, append.base_offset));
        self.model.hand_over(sequence, Entry::Append(append));
        let (to, base, end) = (append.partition.0, append.base_offset, append.end());
        self.digest.say(self.now, || format!("append {to}: {base}..{end} in {sequence}"));
        self.digest.add(&[0x41, sequence, append.partition.0, append.base_offset as u64]);
        Ok(sequence)
    }

    /// Any other fact.
    pub fn command(&mut self, entry: Entry) -> Result<u64, Refusal> {
        let strand = &mut self.process().strand;
        let sequence = match &entry {
            Entry::Truncate { partition, to } => strand.truncate(*partition, *to)?,
            Entry::LogStart { partition, to } => strand.move_start(*partition, *to)?,
            Entry::EpochStart { partition, epoch, .. } => strand.start_epoch(*partition, *epoch)?,
            Entry::Drop { partition } => strand.drop_partition(*partition)?,
            other => unreachable!("not a command: {other:?}"),
        };
        *self.changes.entry(partition_of(&entry)).or_default() += 1;
        if let Entry::Drop { partition } = &entry {
            self.named.remove(partition);
        }
        self.digest.say(self.now, || format!("{entry:?} in {sequence}"));
        self.digest.add(&[0x43, sequence]);
        self.model.hand_over(sequence, entry);
        Ok(sequence)
    }

    pub fn describe(&self) -> String {
        let figures =
            self.process.as_ref().map(|process| format!("{:?}", process.strand.figures()));
        format!(
            "now {} µs, start {}, {} effects, {} pending, durable {}, {}",
            self.now,
            self.starts,
            self.effects,
            self.model.pending.len(),
            self.model.durable,
            figures.unwrap_or_else(|| "no process".into())
        )
    }
}

/// What an answer of the disk was, for the digest.
pub fn outcome_mark(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Listed(_) => 1,
        Outcome::Locked => 2,
        Outcome::Flushed => 3,
        Outcome::Read(block) => 4 + u64::from(crc32c::crc32c(block.bytes())),
        Outcome::Written => 5,
        Outcome::Allocated => 6,
        Outcome::Stored => 7,
        Outcome::Grown => 8,
        Outcome::Removed => 9,
        Outcome::Failed(_) => 10,
    }
}
