//! Appends: decided by the partition, carried out on its strand, in the partition's order also
//! where a batch must be opened off-core first.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Due;
use super::Undurable;
use super::jobs::JobFor;
use crate::api::Answer;
use crate::api::Append;
use crate::api::Readiness;
use crate::api::Rejection;
use crate::base::Mutant;
use crate::base::Now;
use crate::base::PartitionId;
use crate::log::Log;
use crate::partition::AppendTerms;
use crate::partition::Decision;
use crate::partition::decide;
use crate::record::Accepted;
use crate::record::Opened;
use crate::record::Refusal;
use crate::shard::Effects;
use crate::shard::Job;
use crate::shard::JobId;
use crate::shard::Shard;
use crate::shard::limits;
use crate::shard::route::Asker;
use crate::strand;

/// Appends of one partition that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: VecDeque<HeldAppend>,
    bytes: usize,
}

#[derive(Debug)]
struct HeldAppend {
    asker: Asker,
    batch: Bytes,
    /// The batch was compressed anew: its bytes are not those of a request.
    rebuilt: bool,
    state: HeldState,
}

#[derive(Debug)]
enum HeldState {
    Opening(JobId),
    Ready(Result<Accepted, Box<Refusal>>),
}

impl Shard {
    pub(super) fn on_append(&mut self, now: Now, asker: Asker, append: Append, out: &mut Effects) {
        let Append { partition, batch, readiness } = append;
        let strand = match self.owner.led(partition) {
            Ok((led, _)) => led.strand,
            Err(rejection) => return self.answer(asker, Answer::Appended(Err(rejection))),
        };
        let must_wait = (self.owner.held.contains_key(&partition)
            && !Mutant::HeldAppendsOvertaken.is_on())
            || self.owner.is_busy(strand, batch.len());
        match readiness {
            Readiness::Checked(accepted) if !must_wait => {
                self.append_accepted(now, asker, partition, &accepted, &batch);
            }
            readiness => self.hold_append(asker, Append { partition, batch, readiness }, out),
        }
    }

    /// The append waits for the ones before it, for its own job, or for the disk.
    fn hold_append(&mut self, asker: Asker, append: Append, out: &mut Effects) {
        let Append { partition, batch, readiness } = append;
        let held = self.owner.held.entry(partition).or_default();
        let bytes = held.bytes.saturating_add(batch.len());
        if held.queue.len() >= limits::HELD_APPENDS_MAX
            || (bytes > limits::HELD_BYTES_MAX && !held.queue.is_empty())
        {
            return self.answer(asker, Answer::Appended(Err(Rejection::Overloaded)));
        }
        held.bytes = bytes;
        self.owner.held_bytes += batch.len();
        let state = match readiness {
            Readiness::Checked(accepted) => {
                self.owner.deferred.push_back(partition);
                HeldState::Ready(Ok(accepted))
            }
            Readiness::Unopened(rules) => {
                let bytes_max = self.config.opened_bytes_max;
                let job = Job::Open { batch: batch.clone(), rules, bytes_max };
                HeldState::Opening(self.owner.jobs.push(JobFor::Append(partition), job))
            }
        };
        let held = self.owner.held.entry(partition).or_default();
        held.queue.push_back(HeldAppend { asker, batch, rebuilt: false, state });
        self.start_jobs(out);
    }

    pub(super) fn on_opened(
        &mut self,
        now: Now,
        partition: PartitionId,
        job: JobId,
        result: Result<Opened, Refusal>,
    ) {
        let Some(held) = self.owner.held.get_mut(&partition) else { return };
        let opening =
            |append: &&mut HeldAppend| matches!(append.state, HeldState::Opening(id) if id == job);
        if let Some(append) = held.queue.iter_mut().find(opening) {
            let before = append.batch.len();
            append.state = HeldState::Ready(match result {
                Ok(Opened::AsItIs(accepted)) => Ok(accepted),
                Ok(Opened::Rebuilt { accepted, batch }) => {
                    self.owner.jobs.rebuilt_bytes += batch.len();
                    append.rebuilt = true;
                    append.batch = batch;
                    Ok(accepted)
                }
                Err(refusal) => Err(Box::new(refusal)),
            });
            held.bytes = held.bytes - before + append.batch.len();
            self.owner.held_bytes = self.owner.held_bytes - before + append.batch.len();
        }
        self.append_held(now, partition);
    }

    /// The disk has taken something: appends that waited for it go on, in the order in which
    /// they came.
    pub(super) fn append_deferred(&mut self, now: Now, out: &mut Effects) {
        for _ in 0..self.owner.deferred.len() {
            let Some(partition) = self.owner.deferred.pop_front() else { break };
            self.append_held(now, partition);
        }
        self.start_jobs(out);
    }

    /// Appends what is ready at the front, as far as the disk takes it.
    fn append_held(&mut self, now: Now, partition: PartitionId) {
        let Some(strand) = self.owner.partitions.get(&partition).map(|led| led.strand) else {
            return self.refuse_held(partition);
        };
        loop {
            let Some(held) = self.owner.held.get(&partition) else { return };
            let bytes = held.queue.front().map_or(0, |first| first.batch.len());
            let busy = self.owner.is_busy(strand, bytes);
            let Some(held) = self.owner.held.get_mut(&partition) else { return };
            match held.queue.front() {
                None => {
                    self.owner.held.remove(&partition);
                    return;
                }
                Some(HeldAppend { state: HeldState::Opening(_), .. }) => return,
                Some(_) if busy => return self.owner.deferred.push_back(partition),
                Some(_) => {}
            }
            let Some(HeldAppend { asker, batch, rebuilt, state: HeldState::Ready(result) }) =
                held.queue.pop_front()
            else {
                return;
            };
            held.bytes -= batch.len();
            self.owner.held_bytes -= batch.len();
            if rebuilt {
                self.owner.jobs.rebuilt_bytes -= batch.len();
            }
            match result {
                Ok(accepted) => self.append_accepted(now, asker, partition, &accepted, &batch),
                Err(refusal) => {
                    self.answer(asker, Answer::Appended(Err(Rejection::Batch(refusal))));
                }
            }
        }
    }

    /// The partition was deleted: what waits for it is refused.
    pub(super) fn refuse_held(&mut self, partition: PartitionId) {
        let Some(held) = self.owner.held.remove(&partition) else { return };
        self.owner.held_bytes -= held.bytes;
        for append in held.queue.into_iter().filter(|_| !Mutant::EndedNotAnswered.is_on()) {
            if append.rebuilt {
                self.owner.jobs.rebuilt_bytes -= append.batch.len();
            }
            self.answer(append.asker, Answer::Appended(Err(Rejection::UnknownPartition)));
        }
    }

    fn append_accepted(
        &mut self,
        now: Now,
        asker: Asker,
        partition: PartitionId,
        accepted: &Accepted,
        batch: &Bytes,
    ) {
        let terms = AppendTerms {
            now_ms: now.wall_ms,
            elapsed_ms: self.owner.retention.elapsed_ms(now),
            producer_expiration_ms: self.config.producer_expiration_ms,
        };
        let immediate = self.append_now(asker, partition, accepted, batch, terms);
        if let Err(rejection) = immediate {
            self.answer(asker, Answer::Appended(Err(rejection)));
        }
    }

    /// `Err`: refused, and nothing changed.
    fn append_now(
        &mut self,
        asker: Asker,
        partition: PartitionId,
        accepted: &Accepted,
        batch: &Bytes,
        terms: AppendTerms,
    ) -> Result<(), Rejection> {
        let (led, state) = self.owner.led(partition)?;
        let empty = Log::default();
        let later = match decide(led, state.log(partition, &empty), accepted, batch, terms) {
            Decision::Append { append, batch, appended } => {
                if !led.epoch_started {
                    state.strand.start_epoch(partition, led.epoch).map_err(rejected)?;
                    led.epoch_started = true;
                }
                let (end, bytes) = (append.end(), batch.len());
                let producer = append.producer_id;
                let before = state.producer_age(partition, producer);
                let sequence = state.strand.append(append, batch).map_err(rejected)?;
                let after = state.producer_age(partition, producer);
                led.last_sequence = sequence;
                if Mutant::HighWatermarkEarly.is_on() {
                    led.raise_high_watermark(end);
                }
                let answer = Answer::Appended(Ok(appended));
                let due = Due::Appended { asker, partition, end, bytes, answer };
                state.undurable_bytes += bytes;
                let acks_early = Mutant::AckBeforeDurable.is_on();
                let due = if acks_early { Due::Written { partition, end, bytes } } else { due };
                state.undurable.push_back(Undurable { sequence, due });
                if acks_early {
                    self.answer(asker, Answer::Appended(Ok(appended)));
                }
                self.owner.producers.moved(partition, producer, before, after);
                self.bound_producers();
                return Ok(());
            }
            Decision::Duplicate(appended) => Ok(appended),
            Decision::RefuseWhenDurable(rejection) => Err(rejection),
            Decision::Refuse(rejection) => return Err(rejection),
        };
        // R12: what speaks of an earlier append waits until that one is durable.
        let answer = Answer::Appended(later);
        if state.is_durable(led) || Mutant::DuplicateAnsweredBeforeDurability.is_on() {
            self.answer(asker, answer);
        } else {
            state.answer_when_durable(led, asker, answer);
        }
        Ok(())
    }
}

/// A strand's refusal, which left no trace.
pub(super) fn rejected(refusal: strand::Refusal) -> Rejection {
    match refusal {
        strand::Refusal::Full => Rejection::StorageFull,
        strand::Refusal::TooLarge => Rejection::BatchTooLarge,
        strand::Refusal::NotReady => Rejection::NotLeader,
        strand::Refusal::Overloaded => Rejection::Overloaded,
        strand::Refusal::UnknownPartition => Rejection::UnknownPartition,
    }
}
