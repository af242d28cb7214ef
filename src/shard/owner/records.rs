//! DeleteRecords (rule 87) and OffsetForLeaderEpoch (rule 73) at the owner.

use super::append::rejected;
use crate::api::ActiveProducer;
use crate::api::Answer;
use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Mutant;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::log::Log;
use crate::partition::delete_to;
use crate::partition::epoch_end;
use crate::shard::Shard;
use crate::shard::route::Asker;

impl Shard {
    pub(super) fn on_delete_records(
        &mut self,
        asker: Asker,
        partition: PartitionId,
        to: Option<Offset>,
    ) {
        if let Err(rejection) = self.delete_records(asker, partition, to) {
            self.answer(asker, Answer::DeletedRecords(Err(rejection)));
        }
    }

    fn delete_records(
        &mut self,
        asker: Asker,
        partition: PartitionId,
        to: Option<Offset>,
    ) -> Result<(), Rejection> {
        let (led, state) = self.owner.led(partition)?;
        let empty = Log::default();
        let log = state.log(partition, &empty);
        let to = delete_to(led, log, to)?;
        if to > log.start() {
            state.move_start(led, to).map_err(rejected)?;
        }
        if Mutant::DeletionAnsweredEarly.is_on() {
            self.answer(asker, Answer::DeletedRecords(Ok(to)));
            return Ok(());
        }
        // A deletion is answered once it is durable: what was deleted does not come back.
        state.answer_when_durable(led, asker, Answer::DeletedRecords(Ok(to)));
        let strand = led.strand;
        self.on_durable(strand);
        Ok(())
    }

    pub(super) fn on_epoch_end(
        &mut self,
        asker: Asker,
        partition: PartitionId,
        current_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    ) {
        let answer = self.owner.led(partition).and_then(|(led, state)| {
            led.check_epoch(current_epoch)?;
            let empty = Log::default();
            let end = epoch_end(led, state.log(partition, &empty), epoch);
            Ok(end.map(|end| (end.epoch, end.end)))
        });
        self.answer(asker, Answer::EpochEnd(answer));
    }

    pub(super) fn on_sizes(&mut self, asker: Asker, partitions: &[PartitionId]) {
        let empty = Log::default();
        let sizes = partitions.iter().map(|partition| {
            let (_, state) = self.owner.led(*partition).ok()?;
            Some(state.log(*partition, &empty).bytes())
        });
        let sizes = sizes.collect();
        self.answer(asker, Answer::Sizes(sizes));
    }

    pub(super) fn on_producers(&mut self, asker: Asker, partition: PartitionId) {
        let answer = self.owner.led(partition).map(|(_, state)| {
            let empty = Log::default();
            let log = state.log(partition, &empty);
            let active = log.producers().iter().map(|(producer_id, producer)| ActiveProducer {
                producer_id,
                epoch: producer.epoch,
                last_sequence: producer.last_sequence,
                last_timestamp: producer.batches().last().map_or(-1, |batch| batch.timestamp),
            });
            active.collect()
        });
        self.answer(asker, Answer::Producers(answer));
    }
}
