//! Offsets by time (rule 75): the index says where to begin, then batches are read until one
//! holds the record; compressed ones are opened off-core.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bytes::Bytes;

use super::ReadFor;
use super::SearchId;
use super::fetch::read_rejection;
use super::jobs::JobFor;
use crate::api::Answer;
use crate::api::At;
use crate::api::FoundOffset;
use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::Slice;
use crate::log::Log;
use crate::record::Attributes;
use crate::record::Batch;
use crate::record::Codec;
use crate::record::TimestampType;
use crate::shard::Effects;
use crate::shard::Job;
use crate::shard::Shard;
use crate::shard::find_record;
use crate::shard::limits;
use crate::shard::route::Asker;
use crate::strand::Batches;
use crate::strand::Output;
use crate::strand::ReadError;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;
use crate::strand::SeekOutcome;

/// A search for the first record at or after a timestamp.
#[derive(Debug)]
pub(super) struct Search {
    asker: Asker,
    partition: PartitionId,
    timestamp: i64,
    /// Records below it do not count: the log start as of the question.
    start: Offset,
    /// Records at or above it are not visible.
    limit: Offset,
    /// When it was asked for, in `Now::mono_us`.
    begun_us: u64,
    /// The index has said where to begin.
    sought: bool,
    reads: u32,
    /// Batches that were read and not looked at, with the offset behind them.
    unread: Vec<Slice>,
    next: Offset,
    /// The leader epoch of the batch that a job looks at.
    epoch: LeaderEpoch,
}

/// Searches by time: a few of them read, the others wait.
#[derive(Debug, Default)]
pub(super) struct Searches {
    by_id: BTreeMap<SearchId, Search>,
    last: u64,
    waiting: VecDeque<SearchId>,
}

impl Searches {
    pub(super) fn under_way(&self) -> usize {
        self.by_id.len() - self.waiting.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// What looking at a batch says.
enum Look {
    Found(FoundOffset),
    /// Nothing in it; go on behind it.
    Behind,
    /// It must be opened off-core.
    Open {
        batch: Bytes,
        epoch: LeaderEpoch,
    },
}

impl Shard {
    pub(super) fn on_find_offset(
        &mut self,
        now: Now,
        asker: Asker,
        partition: PartitionId,
        current_epoch: LeaderEpoch,
        at: At,
    ) {
        let place = self.find_place(partition, current_epoch, at);
        let (timestamp, start, limit) = match place {
            Ok(Place::Known(found)) => {
                return self.answer(asker, Answer::FoundOffset(Ok(found)));
            }
            Ok(Place::Search { timestamp, start, limit }) => (timestamp, start, limit),
            Err(rejection) => return self.answer(asker, Answer::FoundOffset(Err(rejection))),
        };
        let searches = &mut self.owner.searches;
        if searches.waiting.len() >= limits::SEARCHES_WAITING_MAX {
            let overloaded = Answer::FoundOffset(Err(Rejection::Overloaded));
            return self.answer(asker, overloaded);
        }
        searches.last += 1;
        let id = SearchId(searches.last);
        let search = Search {
            asker,
            partition,
            timestamp,
            start,
            limit,
            begun_us: now.mono_us,
            sought: false,
            reads: 0,
            unread: Vec::new(),
            next: start,
            epoch: -1,
        };
        searches.by_id.insert(id, search);
        searches.waiting.push_back(id);
    }

    /// Lets searches go on as far as they may; false: none could.
    pub(in crate::shard) fn begin_searches(&mut self, now: Now, out: &mut Effects) -> bool {
        let mut any = false;
        while self.owner.searches.under_way() < limits::SEARCHES_MAX
            && let Some(id) = self.owner.searches.waiting.pop_front()
        {
            any = true;
            let Some(search) = self.owner.searches.by_id.get(&id) else { continue };
            match search.sought {
                false => self.seek(now, id, out),
                true => self.search_on(now, id, out),
            }
        }
        any
    }

    fn find_place(
        &mut self,
        partition: PartitionId,
        current_epoch: LeaderEpoch,
        at: At,
    ) -> Result<Place, Rejection> {
        let (led, state) = self.owner.led(partition)?;
        led.check_epoch(current_epoch)?;
        let empty = Log::default();
        let log = state.log(partition, &empty);
        let known = |offset, leader_epoch| {
            Ok(Place::Known(Some(FoundOffset { offset, timestamp: -1, leader_epoch })))
        };
        let (start, limit) = (log.start(), led.high_watermark);
        match at {
            At::Latest => known(limit, led.epoch),
            At::Earliest => {
                let start = led.log_start;
                // Where nothing is written the epoch that writes next begins.
                let epoch =
                    if start == log.end() { Some(led.epoch) } else { log.epochs().epoch_of(start) };
                known(start, epoch.unwrap_or(-1))
            }
            At::MaxTimestamp => match log.segments().max_timestamp() {
                timestamp if timestamp >= 0 => Ok(Place::Search { timestamp, start, limit }),
                _ => Ok(Place::Known(None)),
            },
            At::Timestamp(timestamp) => Ok(Place::Search { timestamp, start, limit }),
        }
    }

    fn seek(&mut self, now: Now, id: SearchId, out: &mut Effects) {
        let Some(search) = self.owner.searches.by_id.get(&id) else { return };
        let (partition, timestamp) = (search.partition, search.timestamp);
        let Ok((led, state)) = self.owner.led(partition) else {
            return self.end_search(id, Err(Rejection::UnknownPartition));
        };
        let strand = led.strand;
        let mut output = Output::default();
        let outcome = state.strand.seek(now, partition, timestamp, &mut output);
        self.carry(strand, output, out);
        match outcome {
            SeekOutcome::Ready(place) => self.on_sought(now, id, Ok(place), out),
            SeekOutcome::Pending(read) => {
                self.owner.reads.insert((strand, read), ReadFor::Search(id));
            }
            SeekOutcome::Failed(error) => self.on_sought(now, id, Err(error), out),
        }
    }

    pub(super) fn on_sought(
        &mut self,
        now: Now,
        id: SearchId,
        result: Result<Option<Offset>, ReadError>,
        out: &mut Effects,
    ) {
        match result {
            Ok(Some(from)) => {
                if let Some(search) = self.owner.searches.by_id.get_mut(&id) {
                    search.next = from.max(search.start);
                    search.sought = true;
                }
                self.search_on(now, id, out);
            }
            Ok(None) => self.end_search(id, Ok(None)),
            Err(error) => self.end_search(id, Err(read_rejection(error))),
        }
    }

    /// Looks at batches, and reads more, until something has to be waited for.
    fn search_on(&mut self, now: Now, id: SearchId, out: &mut Effects) {
        loop {
            let Some(search) = self.owner.searches.by_id.get_mut(&id) else { return };
            match search.look() {
                Some(Look::Found(found)) => return self.end_search(id, Ok(Some(found))),
                Some(Look::Behind) => {}
                Some(Look::Open { batch, epoch }) => {
                    search.epoch = epoch;
                    let (timestamp, from) = (search.timestamp, search.start);
                    let bytes_max = self.config.opened_bytes_max;
                    let job = Job::FindRecord { batch, timestamp, from, bytes_max };
                    self.owner.jobs.push(JobFor::Search(id), job);
                    return self.start_jobs(out);
                }
                None => {
                    if !self.search_read(now, id, out) {
                        return;
                    }
                }
            }
        }
    }

    /// Reads the next batches; false: they are awaited, or the search is over.
    fn search_read(&mut self, now: Now, id: SearchId, out: &mut Effects) -> bool {
        let Some(search) = self.owner.searches.by_id.get_mut(&id) else { return false };
        if search.next >= search.limit {
            self.end_search(id, Ok(None));
            return false;
        }
        if now.mono_us.saturating_sub(search.begun_us) >= limits::SEARCH_US {
            self.end_search(id, Err(Rejection::TimedOut));
            return false;
        }
        search.reads += 1;
        if search.reads > limits::SEARCH_READS_MAX {
            search.reads = 0;
            self.owner.searches.waiting.push_back(id);
            return false;
        }
        let request = ReadRequest {
            partition: search.partition,
            from: search.next,
            limit: search.limit,
            bytes_max: limits::SEARCH_BYTES,
            at_least_one: true,
        };
        let Ok((led, state)) = self.owner.led(request.partition) else {
            self.end_search(id, Err(Rejection::UnknownPartition));
            return false;
        };
        let strand = led.strand;
        let mut output = Output::default();
        let outcome = state.strand.read(now, request, &mut output);
        self.carry(strand, output, out);
        match outcome {
            ReadOutcome::Ready(batches) => self.search_batches(id, Ok(batches)),
            ReadOutcome::Pending(read) => {
                self.owner.reads.insert((strand, read), ReadFor::Search(id));
                false
            }
            ReadOutcome::Failed(error) => self.search_batches(id, Err(error)),
        }
    }

    /// Takes read batches over; false: the search is over.
    fn search_batches(&mut self, id: SearchId, result: Result<Batches, ReadError>) -> bool {
        let Some(search) = self.owner.searches.by_id.get_mut(&id) else { return false };
        match result {
            Ok(batches) if !batches.slices.is_empty() => {
                search.next = batches.next.max(search.next + 1);
                search.unread = batches.slices;
                search.unread.reverse();
                true
            }
            Ok(_) => {
                self.end_search(id, Ok(None));
                false
            }
            Err(error) => {
                self.end_search(id, Err(read_rejection(error)));
                false
            }
        }
    }

    pub(super) fn on_search_read(
        &mut self,
        now: Now,
        id: SearchId,
        result: Result<Batches, ReadError>,
        out: &mut Effects,
    ) {
        if self.search_batches(id, result) {
            self.search_on(now, id, out);
        }
    }

    pub(super) fn on_record_found(
        &mut self,
        now: Now,
        id: SearchId,
        found: Option<(Offset, i64)>,
        out: &mut Effects,
    ) {
        let Some(search) = self.owner.searches.by_id.get(&id) else { return };
        match found {
            Some((offset, timestamp)) => {
                let leader_epoch = search.epoch;
                self.end_search(id, Ok(Some(FoundOffset { offset, timestamp, leader_epoch })));
            }
            None => self.search_on(now, id, out),
        }
    }

    fn end_search(&mut self, id: SearchId, result: Result<Option<FoundOffset>, Rejection>) {
        if let Some(search) = self.owner.searches.by_id.remove(&id) {
            // R12: what is not durable is not there yet.
            let visible = |found: &FoundOffset| found.offset < search.limit;
            let result = result.map(|found| found.filter(visible));
            self.answer(search.asker, Answer::FoundOffset(result));
        }
    }
}

enum Place {
    Known(Option<FoundOffset>),
    Search { timestamp: i64, start: Offset, limit: Offset },
}

impl Search {
    /// Looks at the next batch that was read; `None`: there is none.
    fn look(&mut self) -> Option<Look> {
        let slice = self.unread.pop()?;
        let Ok(batch) = Batch::parse(slice.bytes()) else { return Some(Look::Behind) };
        if batch.bytes.len() < slice.len() {
            self.unread.push(slice.slice(batch.bytes.len()..slice.len()));
        }
        let header = batch.header;
        if header.max_timestamp < self.timestamp || header.end_offset() <= self.start {
            return Some(Look::Behind);
        }
        let epoch = header.leader_epoch;
        if is_compressed(header.attributes) {
            return Some(Look::Open { batch: Bytes::copy_from_slice(batch.bytes), epoch });
        }
        let found = find_record(batch.bytes, self.timestamp, self.start, batch.bytes.len());
        Some(found.map_or(Look::Behind, |(offset, timestamp)| {
            Look::Found(FoundOffset { offset, timestamp, leader_epoch: epoch })
        }))
    }
}

/// Whether records must be decompressed to be told apart: where the broker stamped the time, all
/// have the batch's.
fn is_compressed(attributes: Attributes) -> bool {
    attributes.codec() != Ok(Codec::None)
        && attributes.timestamp_type() == TimestampType::CreateTime
}
