//! A checkpoint's state as it is archived. These types are format 1: what runs has types of its
//! own and is converted, so that neither changes the other unseen. Only integers, vectors and
//! options of them.

use rkyv::Archive;
use rkyv::Serialize;

use crate::base::PartitionId;
use crate::log::LogImage;
use crate::log::Producer;
use crate::log::ProducerBatch;
use crate::log::Segment;
use crate::strand::checkpoint::Checkpoint;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::checkpoint::Truncation;
use crate::strand::entry::EntryId;
use crate::strand::op::ExtentId;
use crate::strand::op::IndexId;
use crate::strand::run::Use;

#[derive(Archive, Serialize)]
pub(super) struct StoredCheckpoint {
    pub(super) generation: u64,
    manifest: u64,
    from: u64,
    needs: u64,
    start: u64,
    next_use: u64,
    next_index: u64,
    wall_ms: i64,
    extents: Vec<StoredExtent>,
    indexes: Vec<StoredIndex>,
    truncations: Vec<StoredTruncation>,
    pub(super) logs: Vec<StoredLog>,
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
    epochs: Vec<StoredEpoch>,
    segments: Vec<StoredSegment>,
    producers: Vec<StoredProducer>,
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
struct StoredProducer {
    id: i64,
    epoch: i16,
    last_sequence: i32,
    appended_ms: i64,
    batches: Vec<StoredBatch>,
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

impl From<&Checkpoint> for StoredCheckpoint {
    fn from(checkpoint: &Checkpoint) -> Self {
        let head = &checkpoint.head;
        Self {
            generation: head.generation,
            manifest: head.manifest,
            from: head.from,
            needs: head.needs,
            start: head.start,
            next_use: head.next_use,
            next_index: head.next_index,
            wall_ms: head.wall_ms,
            extents: head.extents.iter().map(StoredExtent::from).collect(),
            indexes: head.indexes.iter().map(StoredIndex::from).collect(),
            truncations: head.truncations.iter().map(StoredTruncation::from).collect(),
            logs: checkpoint.logs.iter().map(StoredLog::from).collect(),
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

impl From<&(PartitionId, LogImage)> for StoredLog {
    fn from((partition, image): &(PartitionId, LogImage)) -> Self {
        let epochs = image.epochs.iter().map(|&(epoch, at)| StoredEpoch { epoch, at });
        Self {
            partition: partition.0,
            start: image.start,
            end: image.end,
            applied_sequence: image.applied.sequence,
            applied_number: image.applied.number,
            appended_ms: image.appended_ms,
            epochs: epochs.collect(),
            segments: image.segments.iter().map(StoredSegment::from).collect(),
            producers: image.producers.iter().map(StoredProducer::from).collect(),
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

impl From<&(i64, Producer)> for StoredProducer {
    fn from((id, producer): &(i64, Producer)) -> Self {
        Self {
            id: *id,
            epoch: producer.epoch,
            last_sequence: producer.last_sequence,
            appended_ms: producer.appended_ms,
            batches: producer.batches().iter().map(StoredBatch::from).collect(),
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
