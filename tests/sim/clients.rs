//! Producers: some idempotent, all of them impatient. What was not answered when a process died is
//! sent again, byte for byte; what was answered is sometimes sent again, too.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::log::Attempt;
use strandlog::log::Verdict;
use strandlog::strand::Refusal;

use crate::batch::BatchCrc;
use crate::batch::Draft;
use crate::batch::crc_of;
use crate::batch::facts;
use crate::world::World;

/// `max.in.flight.requests.per.connection` of an idempotent producer.
const IN_FLIGHT: usize = 5;

/// Producer state never expires in the simulator's time.
const EXPIRATION_MS: i64 = i64::MAX;

#[derive(Clone)]
struct Sent {
    batch: Bytes,
    draft: Draft,
    /// The frame that it is in; `None`: it must be sent (again).
    frame: Option<u64>,
}

/// One producer, writing to one partition at a time.
pub struct Producer {
    /// -1: not idempotent.
    id: i64,
    epoch: i16,
    pub partition: PartitionId,
    next: i32,
    unanswered: VecDeque<Sent>,
    /// The last batch that was answered, for a retry that nobody needs.
    answered: Option<Sent>,
}

/// What became of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempted {
    Appended,
    Duplicate,
    Full,
    TooLarge,
    /// Damage took what the producer's sequence stood on.
    Fenced,
}

impl Producer {
    pub fn new(id: i64, partition: PartitionId) -> Self {
        let (unanswered, answered) = (VecDeque::new(), None);
        Self { id, epoch: 0, partition, next: 0, unanswered, answered }
    }

    pub fn may_send(&self) -> bool {
        self.unanswered.len() < IN_FLIGHT
    }

    /// Sends a batch that was never sent before.
    pub fn send(&mut self, world: &mut World, count: i32, value_bytes: usize, rng: &mut Rng) {
        let draft = Draft {
            count,
            value_bytes,
            timestamp: world.time().wall_ms,
            producer_id: self.id,
            producer_epoch: if self.id < 0 { -1 } else { self.epoch },
            first_sequence: if self.id < 0 { -1 } else { self.next },
        };
        let batch = Rc::make_mut(&mut world.batches).make(&draft, rng);
        self.next += count;
        self.unanswered.push_back(Sent { batch, draft, frame: None });
        self.retry(world, rng);
    }

    /// Sends, in order, what waits to be sent.
    pub fn retry(&mut self, world: &mut World, rng: &mut Rng) {
        for number in 0..self.unanswered.len() {
            let sent = &self.unanswered[number];
            if sent.frame.is_some() || !world.is_ready() {
                continue;
            }
            match self.attempt(world, sent, rng) {
                Attempted::Appended => {
                    self.unanswered[number].frame = world.model.pending.back().map(|last| last.0);
                }
                // The original is durable: after a restart everything that is there is.
                Attempted::Duplicate => self.unanswered[number].frame = Some(0),
                Attempted::Full => return,
                Attempted::TooLarge | Attempted::Fenced => return self.begin_again(),
            }
        }
    }

    fn attempt(&self, world: &mut World, sent: &Sent, rng: &mut Rng) -> Attempted {
        let (model, draft) = (&world.model.newest, &sent.draft);
        let known = model.partitions.get(&self.partition);
        let end = known.map_or(0, |partition| partition.end);
        let epoch = known.map_or(0, |partition| partition.epoch());
        let is_there = known.is_some_and(|it| it.appended.contains(&crc_of(&sent.batch)));
        if let Some(verdict) = self.verdict(world, draft) {
            return self.check_verdict(world, verdict, is_there);
        }
        if self.id >= 0 {
            assert!(!is_there, "a batch of an idempotent producer would be there twice");
        }
        let mut append = facts(&sent.batch, draft, self.partition, end, epoch);
        append.rolls = rng.one_in(20);
        match world.append(append, sent.batch.clone()) {
            Ok(_) => Attempted::Appended,
            Err(Refusal::Full | Refusal::Overloaded) => Attempted::Full,
            Err(Refusal::TooLarge) => {
                let limit = world.options.strand.extent_bytes as usize / 2;
                assert!(sent.batch.len() > limit, "too large: {} bytes", sent.batch.len());
                Attempted::TooLarge
            }
            Err(refusal) => panic!("an append to a ready strand was refused: {refusal:?}"),
        }
    }

    /// `None`: the append is welcome.
    fn verdict(&self, world: &mut World, draft: &Draft) -> Option<Verdict> {
        let wall_ms = world.time().wall_ms;
        let log = world.process().strand.log(self.partition)?;
        let attempt = Attempt {
            producer_id: self.id,
            producer_epoch: draft.producer_epoch,
            first_sequence: draft.first_sequence,
            last_sequence: draft.first_sequence + draft.count - 1,
        };
        let verdict =
            (self.id >= 0).then(|| log.producers().check(&attempt, wall_ms, EXPIRATION_MS));
        verdict.filter(|verdict| *verdict != Verdict::Accept)
    }

    fn check_verdict(&self, world: &World, verdict: Verdict, is_there: bool) -> Attempted {
        match verdict {
            Verdict::Duplicate(_) => {
                assert!(
                    is_there || !world.faults.is_sound(),
                    "answered as a duplicate, and it is not there: {verdict:?}"
                );
                Attempted::Duplicate
            }
            _ => {
                assert!(!world.faults.is_sound(), "a good sequence is refused: {verdict:?}");
                Attempted::Fenced
            }
        }
    }

    /// Answers arrive: what is durable was acknowledged. Gives how many.
    pub fn take_answers(&mut self, world: &World) -> usize {
        let durable = world.model.durable;
        let before = self.unanswered.len();
        while let Some(sent) =
            self.unanswered.pop_front_if(|sent| sent.frame.is_some_and(|frame| frame <= durable))
        {
            self.answered = Some(sent);
        }
        before - self.unanswered.len()
    }

    /// The process died: nothing that was not answered is known to be there.
    pub fn on_crash(&mut self) {
        if self.id < 0 {
            self.unanswered.clear();
        }
        for sent in &mut self.unanswered {
            sent.frame = None;
        }
    }

    /// A client that lost its answer: the batch is there, and must not be there twice.
    pub fn repeat_the_last(&mut self, world: &mut World, rng: &mut Rng) {
        if self.id < 0 || !self.unanswered.is_empty() {
            return;
        }
        let Some(sent) = self.answered.clone() else { return };
        let again = self.attempt(world, &sent, rng);
        assert!(
            again == Attempted::Duplicate || !world.faults.is_sound(),
            "an acknowledged batch sent again is {again:?}"
        );
    }

    /// The log was cut: a new epoch of the producer, from sequence 0 on.
    pub fn begin_again(&mut self) {
        self.unanswered.clear();
        self.answered = None;
        self.epoch += 1;
        self.next = 0;
    }

    pub fn move_to(&mut self, partition: PartitionId) {
        self.partition = partition;
        self.begin_again();
    }

    /// Batches that wait for an answer, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = BatchCrc> {
        self.unanswered.iter().map(|sent| crc_of(&sent.batch))
    }
}
