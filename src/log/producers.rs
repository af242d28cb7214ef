//! Idempotent producers of one partition: what each appended last, and whether an append fits
//! (rules 16 to 23; `ProducerStateManager`, `ProducerAppendInfo`).

use std::sync::Arc;

use imbl::OrdMap;

use crate::base::Offset;
use crate::strand::Append;

/// Batches of a producer that are remembered, and so the pipeline depth up to which a retry is
/// recognised (rule 16; `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub const RETAINED_BATCHES: usize = 5;

/// Producers remembered per partition. Beyond it those that have been silent longest are
/// forgotten, as if their state had expired: a client that asks for a producer id per record
/// cannot use up the memory.
pub const PRODUCERS_MAX: usize = 65_536;

/// A batch that was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProducerBatch {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub base_offset: Offset,
    pub last_offset_delta: i32,
    /// Largest timestamp of the batch, milliseconds.
    pub timestamp: i64,
}

impl ProducerBatch {
    /// Exclusive end of the batch's offsets.
    pub fn end(&self) -> Offset {
        self.base_offset + Offset::from(self.last_offset_delta) + 1
    }
}

/// What is known of one producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Producer {
    pub epoch: i16,
    /// Sequence of the last record appended in this epoch.
    pub last_sequence: i32,
    /// Wall clock of the last append, milliseconds: expiry counts from it. (Kafka counts from the
    /// records' own timestamps, and so forgets a producer of old records at once.)
    pub appended_ms: i64,
    batches: [ProducerBatch; RETAINED_BATCHES],
    retained: u8,
}

impl Producer {
    /// For checkpoints: at most the last [`RETAINED_BATCHES`] of `batches` are kept.
    pub fn new(
        epoch: i16,
        last_sequence: i32,
        appended_ms: i64,
        batches: &[ProducerBatch],
    ) -> Self {
        let mut producer = Self {
            epoch,
            last_sequence,
            appended_ms,
            batches: [ProducerBatch::default(); RETAINED_BATCHES],
            retained: 0,
        };
        for batch in batches {
            producer.retain(*batch);
        }
        producer.last_sequence = last_sequence;
        producer
    }

    /// The batches that a retry can match, oldest first.
    pub fn batches(&self) -> &[ProducerBatch] {
        &self.batches[..usize::from(self.retained)]
    }

    fn retain(&mut self, batch: ProducerBatch) {
        if usize::from(self.retained) == RETAINED_BATCHES {
            self.batches.rotate_left(1);
            self.retained -= 1;
        }
        self.batches[usize::from(self.retained)] = batch;
        self.retained += 1;
        self.last_sequence = batch.last_sequence;
    }

    /// Forgets batches that end above `to`. False: nothing is left that is known of the producer.
    fn truncate(&mut self, to: Offset) -> bool {
        let keep = self.batches().iter().take_while(|batch| batch.end() <= to).count();
        if keep == usize::from(self.retained) {
            return true;
        }
        let first_cut = self.batches[keep];
        self.batches[keep..].fill(ProducerBatch::default());
        self.retained = keep as u8;
        // A producer has at most `RETAINED_BATCHES` in flight, so what came before the oldest cut
        // batch is the batch whose sequence precedes it; of an epoch's first batch nothing does.
        self.last_sequence = sequence_before(first_cut.first_sequence);
        first_cut.first_sequence != 0
    }
}

/// What a producer wants to append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub first_sequence: i32,
    pub last_sequence: i32,
}

/// Whether it fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Accept,
    /// The very batch was appended before (rule 17): answer as then, once it is durable.
    Duplicate(ProducerBatch),
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER` (rules 18 and 19). To be said only once the log's end is
    /// durable: it speaks of `last_sequence` (R12).
    OutOfOrder {
        last_sequence: i32,
    },
    /// `INVALID_PRODUCER_EPOCH` (rule 21).
    OldEpoch {
        current: i16,
    },
}

/// Producers by id. A clone costs the same however many there are: a checkpoint reads it while the
/// log goes on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Producers {
    by_id: OrdMap<i64, Arc<Producer>>,
}

impl Producers {
    pub(super) fn from_entries(entries: Vec<(i64, Producer)>) -> Self {
        Self { by_id: entries.into_iter().map(|(id, state)| (id, Arc::new(state))).collect() }
    }

    /// Kafka's decision on a client's append, at wall time `now_ms` with
    /// `producer.id.expiration.ms`.
    pub fn check(&self, attempt: &Attempt, now_ms: i64, expiration_ms: i64) -> Verdict {
        let known = self.by_id.get(&attempt.producer_id);
        // Rule 23: expired state is no state. Rule 20: without state any sequence is accepted.
        let live = known.filter(|state| now_ms.saturating_sub(state.appended_ms) < expiration_ms);
        let Some(state) = live else { return Verdict::Accept };
        if attempt.producer_epoch < state.epoch {
            return Verdict::OldEpoch { current: state.epoch };
        }
        let last_sequence = state.last_sequence;
        if attempt.producer_epoch > state.epoch {
            return match attempt.first_sequence {
                0 => Verdict::Accept,
                _ => Verdict::OutOfOrder { last_sequence },
            };
        }
        let same = |batch: &&ProducerBatch| {
            batch.first_sequence == attempt.first_sequence
                && batch.last_sequence == attempt.last_sequence
        };
        if let Some(batch) = state.batches().iter().find(same) {
            return Verdict::Duplicate(*batch);
        }
        match attempt.first_sequence == next_sequence(last_sequence) {
            true => Verdict::Accept,
            false => Verdict::OutOfOrder { last_sequence },
        }
    }

    pub(super) fn update(&mut self, append: &Append) {
        if append.producer_id < 0 || append.first_sequence < 0 {
            return;
        }
        let batch = ProducerBatch {
            first_sequence: append.first_sequence,
            last_sequence: sequence_after(append.first_sequence, append.last_offset_delta),
            base_offset: append.base_offset,
            last_offset_delta: append.last_offset_delta,
            timestamp: append.max_timestamp,
        };
        match self.by_id.get_mut(&append.producer_id).map(Arc::make_mut) {
            Some(state) if state.epoch == append.producer_epoch => {
                state.retain(batch);
                state.appended_ms = state.appended_ms.max(append.appended_ms);
            }
            Some(state) => {
                *state = Producer::new(
                    append.producer_epoch,
                    batch.last_sequence,
                    append.appended_ms,
                    &[batch],
                );
            }
            None => {
                let state = Producer::new(
                    append.producer_epoch,
                    batch.last_sequence,
                    append.appended_ms,
                    &[batch],
                );
                self.by_id.insert(append.producer_id, Arc::new(state));
                self.bound();
            }
        }
    }

    /// Forgets the eighth of the producers that was silent longest once there are too many.
    fn bound(&mut self) {
        if self.by_id.len() <= PRODUCERS_MAX {
            return;
        }
        let mut ages: Vec<(i64, i64)> =
            self.iter().map(|(id, state)| (state.appended_ms, id)).collect();
        ages.sort_unstable();
        for &(_, id) in ages.iter().take(PRODUCERS_MAX / 8) {
            self.by_id.remove(&id);
        }
    }

    pub(super) fn truncate(&mut self, to: Offset) {
        for id in self.ids_of(|state| state.batches().iter().any(|batch| batch.end() > to)) {
            let state = self.by_id.get_mut(&id).map(Arc::make_mut);
            if state.is_some_and(|state| !state.truncate(to)) {
                self.by_id.remove(&id);
            }
        }
    }

    pub(super) fn forget(&mut self, before_ms: i64) {
        for id in self.ids_of(|state| state.appended_ms < before_ms) {
            self.by_id.remove(&id);
        }
    }

    fn ids_of(&self, wanted: impl Fn(&Producer) -> bool) -> Vec<i64> {
        self.iter().filter(|(_, state)| wanted(state)).map(|(id, _)| id).collect()
    }

    pub(super) fn remove(&mut self, producer_id: i64) {
        self.by_id.remove(&producer_id);
    }

    pub fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.by_id.get(&producer_id).map(|state| &**state)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// By producer id, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(&id, state)| (id, &**state))
    }

    /// By producer id, ascending, from this one on.
    pub fn iter_from(&self, first: i64) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.range(first..).map(|(&id, state)| (id, &**state))
    }
}

/// The sequence after `sequence`: i32::MAX is followed by 0 (rule 18).
pub fn next_sequence(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

/// The sequence `count` after `sequence`, both not negative, wrapping as [`next_sequence`] does.
pub fn sequence_after(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(count);
    (sum % (i64::from(i32::MAX) + 1)) as i32
}

fn sequence_before(sequence: i32) -> i32 {
    if sequence == 0 { i32::MAX } else { sequence - 1 }
}
