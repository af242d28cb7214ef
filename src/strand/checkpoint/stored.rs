//! A checkpoint's state as it is archived. These types are format 1: what runs has types of its
//! own and is converted, so that neither changes the other unseen. Only integers, vectors and
//! options of them. Vectors are written before what names them ([`Written`]), so that long ones can
//! be written in parts.

use std::fmt;
use std::marker::PhantomData;

use rkyv::Archive;
use rkyv::Place;
use rkyv::Serialize;
use rkyv::SerializeUnsized;
use rkyv::rancor::Fallible;
use rkyv::vec::ArchivedVec;
use rkyv::vec::VecResolver;

use crate::base::PartitionId;
use crate::log::Log;
use crate::log::LogImage;
use crate::log::Producer;
use crate::log::ProducerBatch;
use crate::log::Segment;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::checkpoint::Truncation;
use crate::strand::checkpoint::encoder::Archiver;
use crate::strand::checkpoint::encoder::Pieces;
use crate::strand::checkpoint::encoder::serialize;
use crate::strand::entry::EntryId;
use crate::strand::op::ExtentId;
use crate::strand::op::IndexId;
use crate::strand::run::Use;

/// A vector that is in the archive already.
pub(super) struct Written<T> {
    at: usize,
    rows: usize,
    of: PhantomData<T>,
}

impl<T> Written<T> {
    /// So many rows that lie at `at`, one behind the other.
    pub(super) fn new(at: usize, rows: usize) -> Self {
        Self { at, rows, of: PhantomData }
    }

    /// Writes all of them at once.
    fn whole(rows: &[T], out: &mut Pieces) -> Self
    where
        [T]: for<'a> SerializeUnsized<Archiver<'a>>,
    {
        let at = serialize(out, |out| rows.serialize_unsized(out));
        Self::new(at, rows.len())
    }
}

impl<T> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows at {}", self.rows, self.at)
    }
}

impl<T: Archive> Archive for Written<T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(self.rows, resolver, out);
    }
}

impl<T: Archive, S: Fallible + ?Sized> Serialize<S> for Written<T> {
    fn serialize(&self, _: &mut S) -> Result<VecResolver, S::Error> {
        Ok(VecResolver::from_pos(self.at))
    }
}

#[derive(Archive, Serialize)]
pub(super) struct StoredCheckpoint {
    pub(super) generation: u64,
    manifest: u64,
    from: u64,
    pub(super) needs: u64,
    start: u64,
    next_use: u64,
    next_index: u64,
    wall_ms: i64,
    extents: Written<StoredExtent>,
    indexes: Written<StoredIndex>,
    truncations: Written<StoredTruncation>,
    pub(super) logs: Written<StoredLog>,
}

#[derive(Archive, Serialize)]
struct StoredExtent {
    extent: u32,
    state: u8,
    use_number: u64,
    first_sequence: u64,
    last_sequence: u64,
    killer: u64,
    index: Option<u64>,
}

#[derive(Archive, Serialize)]
struct StoredIndex {
    index: u64,
    bytes: u64,
    uses: Vec<StoredUse>,
}

#[derive(Archive, Serialize)]
struct StoredUse {
    number: u64,
    extent: u32,
}

#[derive(Archive, Serialize)]
struct StoredTruncation {
    partition: u64,
    to: i64,
    sequence: u64,
    number: u32,
}

#[derive(Archive, Serialize)]
pub(super) struct StoredLog {
    partition: u64,
    start: i64,
    end: i64,
    applied_sequence: u64,
    applied_number: u32,
    appended_ms: i64,
    epochs: Written<StoredEpoch>,
    segments: Written<StoredSegment>,
    pub(super) producers: Written<StoredProducer>,
}

#[derive(Archive, Serialize)]
struct StoredEpoch {
    epoch: i32,
    at: i64,
}

#[derive(Archive, Serialize)]
struct StoredSegment {
    base: i64,
    bytes: u64,
    first_timestamp: i64,
    max_timestamp: i64,
    created_ms: i64,
    appended_ms: i64,
}

#[derive(Archive, Serialize)]
pub(super) struct StoredProducer {
    id: i64,
    epoch: i16,
    last_sequence: i32,
    appended_ms: i64,
    batches: Written<StoredBatch>,
}

#[derive(Archive, Serialize)]
struct StoredBatch {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
    last_offset_delta: i32,
    timestamp: i64,
}

const FREE: u8 = 0;
const OPEN: u8 = 1;
const SEALED: u8 = 2;
const DEAD: u8 = 3;
const FENCED: u8 = 4;

impl StoredCheckpoint {
    /// Writes what `head` holds; there are no logs yet.
    pub(super) fn begin(head: &CheckpointHead, out: &mut Pieces) -> Self {
        let extents: Vec<_> = head.extents.iter().map(StoredExtent::from).collect();
        let indexes: Vec<_> = head.indexes.iter().map(StoredIndex::from).collect();
        let truncations: Vec<_> = head.truncations.iter().map(StoredTruncation::from).collect();
        Self {
            generation: head.generation,
            manifest: head.manifest,
            from: head.from,
            needs: head.needs,
            start: head.start,
            next_use: head.next_use,
            next_index: head.next_index,
            wall_ms: head.wall_ms,
            extents: Written::whole(&extents, out),
            indexes: Written::whole(&indexes, out),
            truncations: Written::whole(&truncations, out),
            logs: Written::new(0, 0),
        }
    }
}

impl From<&ExtentRecord> for StoredExtent {
    fn from(record: &ExtentRecord) -> Self {
        let state = match record.state {
            ExtentState::Free => FREE,
            ExtentState::Open => OPEN,
            ExtentState::Sealed => SEALED,
            ExtentState::Dead => DEAD,
            ExtentState::Fenced => FENCED,
        };
        Self {
            extent: record.extent.0,
            state,
            use_number: record.use_number,
            first_sequence: record.first_sequence,
            last_sequence: record.last_sequence,
            killer: record.killer,
            index: record.index.map(|index| index.0),
        }
    }
}

impl From<&IndexRecord> for StoredIndex {
    fn from(record: &IndexRecord) -> Self {
        let stored_use = |of: &Use| StoredUse { number: of.number, extent: of.extent.0 };
        Self {
            index: record.index.0,
            bytes: record.bytes,
            uses: record.uses.iter().map(stored_use).collect(),
        }
    }
}

impl From<&Truncation> for StoredTruncation {
    fn from(of: &Truncation) -> Self {
        Self {
            partition: of.partition.0,
            to: of.to,
            sequence: of.entry.sequence,
            number: of.entry.number,
        }
    }
}

impl StoredLog {
    /// Writes what the log holds but for its producers.
    pub(super) fn begin(partition: PartitionId, log: &Log, out: &mut Pieces) -> Self {
        let epochs = log.epochs().entries().iter();
        let epochs: Vec<_> = epochs.map(|&(epoch, at)| StoredEpoch { epoch, at }).collect();
        let segments: Vec<_> = log.segments().iter().map(StoredSegment::from).collect();
        Self {
            partition: partition.0,
            start: log.start(),
            end: log.end(),
            applied_sequence: log.applied().sequence,
            applied_number: log.applied().number,
            appended_ms: log.appended_ms(),
            epochs: Written::whole(&epochs, out),
            segments: Written::whole(&segments, out),
            producers: Written::new(0, 0),
        }
    }
}

impl From<&Segment> for StoredSegment {
    fn from(segment: &Segment) -> Self {
        Self {
            base: segment.base,
            bytes: segment.bytes,
            first_timestamp: segment.first_timestamp,
            max_timestamp: segment.max_timestamp,
            created_ms: segment.created_ms,
            appended_ms: segment.appended_ms,
        }
    }
}

impl StoredProducer {
    /// Writes the batches that it remembers.
    pub(super) fn begin(id: i64, producer: &Producer, out: &mut Pieces) -> Self {
        let batches: Vec<_> = producer.batches().iter().map(StoredBatch::from).collect();
        Self {
            id,
            epoch: producer.epoch,
            last_sequence: producer.last_sequence,
            appended_ms: producer.appended_ms,
            batches: Written::whole(&batches, out),
        }
    }
}

impl From<&ProducerBatch> for StoredBatch {
    fn from(batch: &ProducerBatch) -> Self {
        Self {
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
            base_offset: batch.base_offset,
            last_offset_delta: batch.last_offset_delta,
            timestamp: batch.timestamp,
        }
    }
}

impl ArchivedStoredCheckpoint {
    pub(super) fn head(&self) -> Option<CheckpointHead> {
        Some(CheckpointHead {
            generation: self.generation.into(),
            manifest: self.manifest.into(),
            from: self.from.into(),
            needs: self.needs.into(),
            start: self.start.into(),
            next_use: self.next_use.into(),
            next_index: self.next_index.into(),
            wall_ms: self.wall_ms.into(),
            extents: self.extents.iter().map(extent_record).collect::<Option<_>>()?,
            indexes: self.indexes.iter().map(index_record).collect(),
            truncations: self.truncations.iter().map(truncation).collect(),
        })
    }
}

fn extent_record(stored: &ArchivedStoredExtent) -> Option<ExtentRecord> {
    let state = match stored.state {
        FREE => ExtentState::Free,
        OPEN => ExtentState::Open,
        SEALED => ExtentState::Sealed,
        DEAD => ExtentState::Dead,
        FENCED => ExtentState::Fenced,
        _ => return None,
    };
    Some(ExtentRecord {
        extent: ExtentId(stored.extent.into()),
        use_number: stored.use_number.into(),
        state,
        first_sequence: stored.first_sequence.into(),
        last_sequence: stored.last_sequence.into(),
        killer: stored.killer.into(),
        index: stored.index.as_ref().map(|index| IndexId(index.to_native())),
    })
}

fn index_record(stored: &ArchivedStoredIndex) -> IndexRecord {
    let place = |of: &ArchivedStoredUse| Use {
        number: of.number.into(),
        extent: ExtentId(of.extent.into()),
    };
    IndexRecord {
        index: IndexId(stored.index.into()),
        uses: stored.uses.iter().map(place).collect(),
        bytes: stored.bytes.into(),
    }
}

fn truncation(stored: &ArchivedStoredTruncation) -> Truncation {
    let partition = PartitionId(stored.partition.into());
    Truncation {
        partition,
        to: stored.to.into(),
        entry: EntryId { sequence: stored.sequence.into(), number: stored.number.into() },
    }
}

pub(super) fn log_image(stored: &ArchivedStoredLog) -> (PartitionId, LogImage) {
    let applied =
        EntryId { sequence: stored.applied_sequence.into(), number: stored.applied_number.into() };
    let epochs = stored.epochs.iter();
    let image = LogImage {
        start: stored.start.into(),
        end: stored.end.into(),
        applied,
        appended_ms: stored.appended_ms.into(),
        epochs: epochs.map(|of| (of.epoch.into(), of.at.into())).collect(),
        segments: stored.segments.iter().map(segment).collect(),
        producers: stored.producers.iter().map(producer).collect(),
    };
    (PartitionId(stored.partition.into()), image)
}

fn segment(stored: &ArchivedStoredSegment) -> Segment {
    Segment {
        base: stored.base.into(),
        bytes: stored.bytes.into(),
        first_timestamp: stored.first_timestamp.into(),
        max_timestamp: stored.max_timestamp.into(),
        created_ms: stored.created_ms.into(),
        appended_ms: stored.appended_ms.into(),
    }
}

fn producer(stored: &ArchivedStoredProducer) -> (i64, Producer) {
    let batches: Vec<ProducerBatch> = stored.batches.iter().map(producer_batch).collect();
    let producer = Producer::new(
        stored.epoch.into(),
        stored.last_sequence.into(),
        stored.appended_ms.into(),
        &batches,
    );
    (stored.id.into(), producer)
}

fn producer_batch(stored: &ArchivedStoredBatch) -> ProducerBatch {
    ProducerBatch {
        first_sequence: stored.first_sequence.into(),
        last_sequence: stored.last_sequence.into(),
        base_offset: stored.base_offset.into(),
        last_offset_delta: stored.last_offset_delta.into(),
        timestamp: stored.timestamp.into(),
    }
}
