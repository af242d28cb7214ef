//! The metadata log as batches: one record per event or piece of a snapshot, *offset = index,
//! leader epoch = term*. The quorum that will keep the log replaces who appends, not what it holds.

use std::fmt;

use bytes::Bytes;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::metadata::EncodingError;
use crate::metadata::Event;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::BatchError;
use crate::record::BatchHeader;
use crate::record::Batches;
use crate::record::Records;
use crate::record::RecordsError;
use crate::record::stamp;

/// The partition of the metadata strand that holds the events.
pub const EVENTS: PartitionId = PartitionId(0);

/// The partition of the metadata strand that holds snapshots.
pub const SNAPSHOTS: PartitionId = PartitionId(1);

/// Where the controller writes. Appends become durable in their order.
pub trait Journal {
    /// Appends a whole batch to [`EVENTS`] or [`SNAPSHOTS`]. Gives a number that grows from append
    /// to append: [`super::Controller::on_durable`] with it or a higher one says that it is durable.
    fn append(&mut self, partition: PartitionId, batch: Bytes) -> Result<u64, JournalFull>;

    /// Everything of `partition` below `to` is not needed any more.
    fn move_start(&mut self, partition: PartitionId, to: Offset);
}

/// The log takes nothing at the moment: its space is used up, or it is not ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalFull;

/// Why a stored batch is no part of a metadata log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalError {
    Batch(BatchError),
    Compressed,
    Checksum {
        at: Offset,
    },
    Records {
        at: Offset,
        error: RecordsError,
    },
    /// A record without a value.
    Empty {
        at: Offset,
    },
    Encoding {
        at: Offset,
        error: EncodingError,
    },
    /// Bytes follow the last whole batch.
    Rest,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(error) => write!(f, "no batch: {error}"),
            Self::Compressed => f.write_str("a compressed batch"),
            Self::Checksum { at } => write!(f, "batch {at}: its checksum is wrong"),
            Self::Records { at, error } => write!(f, "batch {at}: {error}"),
            Self::Empty { at } => write!(f, "record {at}: it has no value"),
            Self::Encoding { at, error } => write!(f, "record {at}: {error}"),
            Self::Rest => f.write_str("a batch is cut off"),
        }
    }
}

/// One record of the metadata log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalRecord<'a> {
    pub offset: Offset,
    pub term: LeaderEpoch,
    pub value: &'a [u8],
}

/// The batch that holds `values`, at least one, from offset `first` on.
pub(super) fn batch(
    first: Offset,
    term: LeaderEpoch,
    now_ms: i64,
    values: impl IntoIterator<Item = Vec<u8>>,
) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(now_ms, None, Some(&value), &[]);
    }
    let mut batch = builder.finish();
    stamp(&mut batch, first, term);
    batch.into()
}

/// Calls `each` with every record of the whole batches in `bytes`, in order.
pub fn read_records<E: From<JournalError>>(
    bytes: &[u8],
    mut each: impl FnMut(JournalRecord<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut batches = Batches::new(bytes);
    for batch in &mut batches {
        let batch = batch.map_err(JournalError::Batch)?;
        read_batch(&batch, &mut each)?;
    }
    if batches.rest().is_empty() { Ok(()) } else { Err(JournalError::Rest.into()) }
}

fn read_batch<E: From<JournalError>>(
    batch: &Batch<'_>,
    each: &mut impl FnMut(JournalRecord<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let BatchHeader { base_offset: at, leader_epoch: term, count, .. } = batch.header;
    if !batch.crc_holds() {
        return Err(JournalError::Checksum { at }.into());
    }
    if batch.header.attributes.codec() != Ok(crate::record::Codec::None) {
        return Err(JournalError::Compressed.into());
    }
    for record in Records::new(batch.payload(), count) {
        let record = record.map_err(|error| JournalError::Records { at, error })?;
        let offset = at.saturating_add(record.offset_delta.into());
        let value = record.value.ok_or(JournalError::Empty { at: offset })?;
        each(JournalRecord { offset, term, value })?;
    }
    Ok(())
}

impl JournalRecord<'_> {
    /// The event that a record of [`EVENTS`] holds.
    pub fn event(&self) -> Result<Event, JournalError> {
        Event::decode(self.value).map_err(|error| JournalError::Encoding { at: self.offset, error })
    }
}
