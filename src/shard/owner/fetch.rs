//! Reads of several partitions for one reader: what memory holds is answered at once, the rest
//! when the disk has it.

use super::FetchId;
use super::ReadFor;
use crate::api::Data;
use crate::api::Fetch;
use crate::api::FetchPart;
use crate::api::Fetched;
use crate::api::PartFetched;
use crate::api::Rejection;
use crate::base::Now;
use crate::log::Log;
use crate::partition::ReadStart;
use crate::partition::read_start;
use crate::shard::Effects;
use crate::shard::Part;
use crate::shard::Shard;
use crate::shard::route::Asker;
use crate::strand::Batches;
use crate::strand::Output;
use crate::strand::ReadError;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;

/// A fetch whose parts are not all there.
#[derive(Debug)]
pub(super) struct Reading {
    asker: Asker,
    parts: Vec<PartFetched<Part>>,
    pending: usize,
}

/// What is left of a fetch's budget.
struct Budget {
    bytes: u32,
    /// Nothing was read yet: the next batch is given whatever its size (rule 64).
    at_least_one: bool,
}

impl Budget {
    fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.at_least_one &= bytes == 0;
    }
}

impl Shard {
    pub(super) fn on_fetch_question(
        &mut self,
        now: Now,
        asker: Asker,
        fetch: Fetch,
        out: &mut Effects,
    ) {
        self.owner.last_fetch += 1;
        let id = FetchId(self.owner.last_fetch);
        let mut budget = Budget { bytes: fetch.max_bytes, at_least_one: true };
        let mut reading =
            Reading { asker, parts: Vec::with_capacity(fetch.parts.len()), pending: 0 };
        for (index, part) in fetch.parts.iter().enumerate() {
            let read_for = ReadFor::Fetch { fetch: id, index };
            let (read, pending) = self.read_part(now, part, &mut budget, read_for, out);
            reading.pending += usize::from(pending);
            reading.parts.push(read);
        }
        if reading.pending == 0 {
            self.answer_fetched(asker, Fetched { parts: reading.parts });
        } else {
            self.owner.fetches.insert(id, reading);
        }
    }

    /// One part: what there is to say of it at once, and whether its batches follow.
    fn read_part(
        &mut self,
        now: Now,
        part: &FetchPart,
        budget: &mut Budget,
        read_for: ReadFor,
        out: &mut Effects,
    ) -> (PartFetched<Part>, bool) {
        let (led, state) = match self.owner.led(part.partition) {
            Ok(found) => found,
            Err(rejection) => return (PartFetched::rejected(rejection), false),
        };
        let empty = Log::default();
        let log = state.log(part.partition, &empty);
        let (log_start, leader_epoch) = (led.log_start, led.epoch);
        let high_watermark = led.high_watermark;
        let read = |data| PartFetched { data, high_watermark, log_start, leader_epoch };
        let nothing = Data::Batches { slices: Vec::new(), bytes: 0 };
        let (from, limit) = match read_start(led, log, part) {
            Ok(ReadStart::At { from, limit }) => (from, limit),
            Ok(ReadStart::Nothing) => return (read(Ok(nothing)), false),
            Ok(ReadStart::Diverged(end)) => {
                return (read(Ok(Data::Diverged { epoch: end.epoch, end: end.end })), false);
            }
            // An offset out of range is answered with the ends, so that the reader finds back.
            Err(rejection) => return (read(Err(rejection)), false),
        };
        let bytes_max = part.max_bytes.min(budget.bytes);
        if bytes_max == 0 && !budget.at_least_one {
            return (read(Ok(nothing)), false);
        }
        let at_least_one = budget.at_least_one;
        let request =
            ReadRequest { partition: part.partition, from, limit, bytes_max, at_least_one };
        let strand = led.strand;
        let mut output = Output::default();
        let outcome = state.strand.read(now, request, &mut output);
        self.carry(strand, output, out);
        match outcome {
            ReadOutcome::Ready(batches) => {
                budget.spend(batches.bytes);
                (read(Ok(data(batches))), false)
            }
            ReadOutcome::Pending(id) => {
                // At least one batch will come; what it may take is not given to others.
                budget.spend(bytes_max.max(1) as usize);
                self.owner.reads.insert((strand, id), read_for);
                (read(Ok(nothing)), true)
            }
            ReadOutcome::Failed(error) => (read(Err(read_rejection(error))), false),
        }
    }

    pub(super) fn on_part_read(
        &mut self,
        fetch: FetchId,
        index: usize,
        result: Result<Batches, ReadError>,
    ) {
        let Some(reading) = self.owner.fetches.get_mut(&fetch) else { return };
        reading.parts[index].data = result.map(data).map_err(read_rejection);
        reading.pending -= 1;
        if reading.pending == 0
            && let Some(reading) = self.owner.fetches.remove(&fetch)
        {
            self.answer_fetched(reading.asker, Fetched { parts: reading.parts });
        }
    }
}

fn data(batches: Batches) -> Data<Part> {
    let slices = batches.slices.into_iter().map(Part::Stored).collect();
    Data::Batches { slices, bytes: batches.bytes }
}

pub(super) fn read_rejection(error: ReadError) -> Rejection {
    match error {
        ReadError::UnknownPartition => Rejection::UnknownPartition,
        ReadError::OutOfRange => Rejection::OffsetOutOfRange,
        ReadError::Damaged => Rejection::StorageDamaged,
        ReadError::Overloaded => Rejection::Overloaded,
    }
}
