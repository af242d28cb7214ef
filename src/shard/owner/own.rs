//! What the shard itself keeps in partitions: coordinators append to their log and read it, without
//! a request that waits for it.

use bytes::Bytes;

use super::Due;
use super::Owner;
use super::ReadFor;
use super::Undurable;
use super::append::rejected;
use super::fetch::read_rejection;
use crate::api::Answer;
use crate::api::Rejection;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::log::Log;
use crate::partition::AppendTerms;
use crate::partition::Decision;
use crate::partition::decide;
use crate::record::Accepted;
use crate::record::BatchHeader;
use crate::record::TimeStamp;
use crate::shard::Effects;
use crate::shard::Shard;
use crate::shard::route::Asker;
use crate::strand::Batches;
use crate::strand::Output;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;

impl Owner {
    /// Appends a batch that this broker made, without a producer, at once or not at all.
    pub(in crate::shard) fn append_own(
        &mut self,
        now: Now,
        partition: PartitionId,
        batch: &Bytes,
    ) -> Result<(), Rejection> {
        let (led, state) = self.led(partition)?;
        if batch.len() > led.config.max_message_bytes as usize {
            return Err(Rejection::BatchTooLarge);
        }
        let header = BatchHeader::parse(batch).expect("a batch that this broker made");
        let accepted = Accepted { header, bytes: batch.len(), time: TimeStamp::Keep };
        // Without a producer nothing expires.
        let now_ms = now.wall_ms;
        let terms = AppendTerms { now_ms, elapsed_ms: now_ms, producer_expiration_ms: i64::MAX };
        let empty = Log::default();
        let log = state.log(partition, &empty);
        let (append, batch) = match decide(led, log, &accepted, batch, terms) {
            Decision::Append { append, batch, .. } => (append, batch),
            Decision::Refuse(rejection) | Decision::RefuseWhenDurable(rejection) => {
                return Err(rejection);
            }
            Decision::Duplicate(_) => unreachable!("a batch without a producer has no duplicate"),
        };
        if !led.epoch_started {
            state.strand.start_epoch(partition, led.epoch).map_err(rejected)?;
            led.epoch_started = true;
        }
        let (end, bytes) = (append.end(), batch.len());
        let sequence = state.strand.append(append, batch).map_err(rejected)?;
        led.last_sequence = sequence;
        state.undurable_bytes += bytes;
        let due = Due::Written { partition, end, bytes };
        state.undurable.push_back(Undurable { sequence, due });
        Ok(())
    }

    /// The partition is led here, and its strand has recovered.
    pub(in crate::shard) fn is_led(&self, partition: PartitionId) -> bool {
        let strand = self.partitions.get(&partition).and_then(|led| self.strands.get(&led.strand));
        strand.is_some_and(|state| state.ready)
    }

    /// Log start and high watermark.
    pub(in crate::shard) fn visible(&mut self, partition: PartitionId) -> Option<(Offset, Offset)> {
        let (led, state) = self.led(partition).ok()?;
        let start = state.strand.log(partition).map_or(0, Log::start);
        Some((start, led.high_watermark))
    }

    pub(in crate::shard) fn log_end(&mut self, partition: PartitionId) -> Option<Offset> {
        let (_, state) = self.led(partition).ok()?;
        Some(state.strand.log(partition).map_or(0, Log::end))
    }

    /// Everything that the partition holds is durable.
    pub(in crate::shard) fn is_durable(&mut self, partition: PartitionId) -> bool {
        self.led(partition).is_ok_and(|(led, state)| state.is_durable(led))
    }

    /// The log starts at `to`, which is visible.
    pub(in crate::shard) fn move_own_start(
        &mut self,
        partition: PartitionId,
        to: Offset,
    ) -> Result<(), Rejection> {
        let (led, state) = self.led(partition)?;
        state.move_start(led, to).map_err(rejected)
    }
}

impl Shard {
    /// Answers once everything that the partition holds is durable.
    pub(in crate::shard) fn answer_appended(
        &mut self,
        partition: PartitionId,
        asker: Asker,
        answer: Answer,
    ) {
        match self.owner.led(partition) {
            Ok((led, state)) if !state.is_durable(led) => {
                state.answer_when_durable(led, asker, answer);
            }
            _ => self.answer(asker, answer),
        }
    }

    /// Reads whole batches of the partition from `from` on, about `bytes` of them; `None`: the disk
    /// is asked, and `on_groups_read` follows.
    pub(in crate::shard) fn read_own(
        &mut self,
        now: Now,
        partition: PartitionId,
        from: Offset,
        bytes: u32,
        out: &mut Effects,
    ) -> Option<Result<Batches, Rejection>> {
        let (led, state) = match self.owner.led(partition) {
            Ok(found) => found,
            Err(rejection) => return Some(Err(rejection)),
        };
        let (strand, limit) = (led.strand, led.high_watermark);
        let request = ReadRequest { partition, from, limit, bytes_max: bytes, at_least_one: true };
        let mut output = Output::default();
        let outcome = state.strand.read(now, request, &mut output);
        self.carry(strand, output, out);
        match outcome {
            ReadOutcome::Ready(batches) => Some(Ok(batches)),
            ReadOutcome::Pending(read) => {
                self.owner.reads.insert((strand, read), ReadFor::Groups(partition));
                None
            }
            ReadOutcome::Failed(error) => Some(Err(read_rejection(error))),
        }
    }
}
