//! What a shard owns of the data: its strands, the partitions in them, and who waits for what of
//! them. Answers [`Question`]s; knows no protocol and no connection.

mod append;
mod disk;
mod fetch;
mod images;
mod jobs;
mod offsets;
mod producers;
mod own;
mod records;
mod retention;
mod watches;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use super::Shard;
use super::limits;
use super::route::Asker;
use crate::api::Answer;
use crate::api::Question;
use crate::api::Rejection;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::log::Log;
use crate::partition::Led;
use crate::shard::Effects;
use crate::shard::ShardFigures;
use crate::strand;
use crate::strand::Notice;
use crate::strand::ReadId;
use crate::strand::Strand;
use crate::strand::StrandFigures;

#[derive(Debug)]
pub(super) struct Owner {
    strands: BTreeMap<StrandId, StrandState>,
    partitions: BTreeMap<PartitionId, Led>,
    /// News of the strands that were not looked at yet.
    news: VecDeque<(StrandId, Notice)>,
    /// Partitions with appends that wait for an off-core job or for the disk.
    held: BTreeMap<PartitionId, append::Held>,
    held_bytes: usize,
    /// Partitions whose held appends wait for the disk alone, in the order in which they came.
    deferred: VecDeque<PartitionId>,
    watches: watches::Watches,
    fetches: BTreeMap<FetchId, fetch::Reading>,
    last_fetch: u64,
    searches: offsets::Searches,
    reads: BTreeMap<(StrandId, ReadId), ReadFor>,
    jobs: jobs::Jobs,
    producers: producers::Recency,
    retention: retention::Sweep,
    stopped: bool,
}

/// A fetch of which parts are read from the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct FetchId(u64);

/// A search for a record by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct SearchId(u64);

/// Who waits for a read of a strand.
#[derive(Clone, Copy, Debug)]
enum ReadFor {
    Fetch {
        fetch: FetchId,
        index: usize,
    },
    Search(SearchId),
    /// The coordinator of the partition's groups loads.
    Groups(PartitionId),
}

/// A strand, and what waits for its durable end.
#[derive(Debug)]
struct StrandState {
    strand: Strand,
    ready: bool,
    stopped: bool,
    /// By rising sequence.
    undurable: VecDeque<Undurable>,
    undurable_bytes: usize,
}

/// Something that may be said once its frame is durable.
#[derive(Debug)]
struct Undurable {
    sequence: u64,
    due: Due,
}

#[derive(Debug)]
enum Due {
    /// A batch of `bytes` ends at `end` of the partition.
    Appended { asker: Asker, partition: PartitionId, end: Offset, bytes: usize, answer: Answer },
    /// A batch of the broker's own, for which nobody waits.
    Written { partition: PartitionId, end: Offset, bytes: usize },
    /// The partition's log starts at `to`.
    Started { partition: PartitionId, to: Offset },
    /// An answer that speaks of what was appended before it (R12).
    Answer { asker: Asker, answer: Answer },
}

impl Owner {
    pub(super) fn new(strands: BTreeMap<StrandId, Strand>) -> Self {
        let strands = strands.into_iter().map(|(id, strand)| (id, StrandState::new(strand)));
        Self {
            strands: strands.collect(),
            partitions: BTreeMap::new(),
            news: VecDeque::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            deferred: VecDeque::new(),
            watches: watches::Watches::default(),
            fetches: BTreeMap::new(),
            last_fetch: 0,
            searches: offsets::Searches::default(),
            reads: BTreeMap::new(),
            jobs: jobs::Jobs::default(),
            producers: producers::Recency::default(),
            retention: retention::Sweep::default(),
            stopped: false,
        }
    }

    /// A strand of this shard, for who writes to it directly: the controller.
    pub(super) fn strand_mut(&mut self, strand: StrandId) -> Option<&mut Strand> {
        self.strands.get_mut(&strand).map(|state| &mut state.strand)
    }

    pub(super) fn count(&self, figures: ShardFigures) -> ShardFigures {
        ShardFigures {
            searches: self.searches.under_way(),
            searches_waiting: self.searches.waiting(),
            jobs: self.jobs.running(),
            jobs_waiting: self.jobs.waiting(),
            undurable_bytes: self.undurable_bytes(),
            producers: self.producers.len(),
            partitions: self.partitions.len(),
            ..figures
        }
    }

    pub(super) fn strand_figures(&self) -> impl Iterator<Item = (StrandId, StrandFigures)> {
        self.strands.iter().map(|(&id, state)| (id, state.strand.figures()))
    }

    /// Bytes of appends that were taken in and are not durable.
    pub(super) fn undurable_bytes(&self) -> usize {
        let appended: usize = self.strands.values().map(|state| state.undurable_bytes).sum();
        appended + self.held_bytes
    }

    /// Whether the strand has all that it should have to write, or a batch of so many bytes would
    /// wait for an extent that is in the making.
    fn is_busy(&mut self, strand: StrandId, batch_bytes: usize) -> bool {
        let Some(state) = self.strands.get_mut(&strand) else { return false };
        state.undurable_bytes >= limits::UNDURABLE_BYTES_MAX
            || state.strand.awaits_extent(batch_bytes)
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.strands.values().filter_map(|state| state.strand.next_deadline()).min()
    }

    /// Whether all strands have stopped; true once.
    pub(super) fn take_stopped(&mut self) -> bool {
        let stops = !self.stopped && self.strands.values().all(|state| state.stopped);
        self.stopped |= stops;
        stops
    }

    /// The partition with its strand, if it is led here and its strand has recovered.
    fn led(&mut self, partition: PartitionId) -> Result<(&mut Led, &mut StrandState), Rejection> {
        let led = self.partitions.get_mut(&partition).ok_or(Rejection::UnknownPartition)?;
        let state = self.strands.get_mut(&led.strand).ok_or(Rejection::NotLeader)?;
        if state.ready { Ok((led, state)) } else { Err(Rejection::NotLeader) }
    }
}

impl StrandState {
    fn new(strand: Strand) -> Self {
        Self {
            strand,
            ready: false,
            stopped: false,
            undurable: VecDeque::new(),
            undurable_bytes: 0,
        }
    }

    /// The partition's facts; one that was never written to has none in the strand.
    fn log<'a>(&'a self, partition: PartitionId, empty: &'a Log) -> &'a Log {
        self.strand.log(partition).unwrap_or(empty)
    }

    /// Whether the partition's newest change is durable.
    fn is_durable(&self, led: &Led) -> bool {
        led.last_sequence <= self.strand.durable()
    }

    /// Moves the partition's log start up: it counts here at once, and is shown once it is durable.
    fn move_start(&mut self, led: &mut Led, to: Offset) -> Result<(), strand::Refusal> {
        let sequence = self.strand.move_start(led.id, to)?;
        led.last_sequence = sequence;
        let due = Due::Started { partition: led.id, to };
        self.undurable.push_back(Undurable { sequence, due });
        Ok(())
    }

    /// The answer may be given once everything that was appended so far is durable.
    fn answer_when_durable(&mut self, led: &Led, asker: Asker, answer: Answer) {
        // Sequences in the queue rise: what was appended last is in its newest frame.
        let newest = self.undurable.back().map_or(0, |undurable| undurable.sequence);
        let sequence = newest.max(led.last_sequence);
        self.undurable.push_back(Undurable { sequence, due: Due::Answer { asker, answer } });
    }
}

impl Shard {
    /// Answers at once, or remembers who asked.
    pub(super) fn on_question(
        &mut self,
        now: Now,
        asker: Asker,
        question: Question,
        out: &mut Effects,
    ) {
        match question {
            Question::Append(append) => self.on_append(now, asker, append, out),
            Question::Fetch(fetch) => self.on_fetch_question(now, asker, fetch, out),
            Question::Watch { parts, bytes } => self.on_watch(asker, &parts, bytes),
            Question::Unwatch => self.owner.watches.remove(asker),
            Question::FindOffset { partition, current_epoch, at } => {
                self.on_find_offset(now, asker, partition, current_epoch, at);
            }
            Question::DeleteRecords { partition, to } => {
                self.on_delete_records(asker, partition, to);
            }
            Question::Sizes { partitions } => self.on_sizes(asker, &partitions),
            Question::Producers { partition } => self.on_producers(asker, partition),
            Question::EpochEnd { partition, current_epoch, epoch } => {
                self.on_epoch_end(asker, partition, current_epoch, epoch);
            }
            Question::Group { partition, group, command } => {
                self.on_group_command(now, asker, partition, &group, command);
            }
            Question::ListGroups => self.on_list_groups(asker),
        }
    }
}
