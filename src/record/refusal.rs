//! Why a produced batch is refused, in Kafka's terms and words.

use crate::record::CompressError;
use crate::record::RecordsError;

/// Kafka's error for a refused batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefusalKind {
    InvalidRecord,
    CorruptMessage,
    MessageTooLarge,
    RecordListTooLarge,
    InvalidTimestamp,
    UnsupportedCompressionType,
}

/// What is wrong with one record of a batch whose framing is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordFault {
    /// A compacted topic needs keys.
    NoKey,
    /// All in milliseconds; the bounds are inclusive.
    Timestamp { timestamp: i64, from: i64, to: i64 },
    /// The producer marked its batch as stamped by the broker.
    LogAppendTime,
}

/// One refused record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordRefusal {
    /// Position in the batch.
    pub index: i32,
    pub fault: RecordFault,
}

impl RecordRefusal {
    /// Kafka's text; `partition` is shown as `topic-0`.
    pub fn message(&self, partition: &str) -> String {
        match self.fault {
            RecordFault::NoKey => format!(
                "Compacted topic cannot accept message without key in topic partition {partition}."
            ),
            RecordFault::Timestamp { timestamp, from, to } => format!(
                "Timestamp {timestamp} of message with offset {} is out of range. The timestamp \
                 should be within [{from}, {to}]",
                self.index
            ),
            RecordFault::LogAppendTime => format!(
                "Invalid timestamp type in message {}. Producer should not set timestamp type to \
                 LogAppendTime.",
                self.index
            ),
        }
    }
}

/// Why a produced batch is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nothing there, or only a part of a batch.
    NoBatch,
    /// A record shorter than any format of Kafka has.
    RecordSize(i32),
    /// A format that Kafka never had.
    UnknownMagic(i8),
    /// Format 0 or 1.
    OldMagic(i8),
    /// One batch per partition and request.
    SeveralBatches,
    /// zstd from a client that may not know who can read it.
    ZstdTooEarly,
    UnknownCodec(u8),
    BaseOffset(i64),
    /// Larger than `max.message.bytes`.
    TooLarge {
        bytes: usize,
        bytes_max: usize,
    },
    /// Larger than `max.message.bytes` after it was compressed anew.
    TooLargeRebuilt {
        bytes: usize,
        bytes_max: usize,
    },
    /// Larger than `segment.bytes`.
    LargerThanSegment {
        bytes: usize,
        bytes_max: usize,
    },
    Crc {
        stored: u32,
    },
    OffsetRange {
        last_offset_delta: i32,
    },
    Count(i32),
    CountMismatch {
        last_offset_delta: i32,
        count: i32,
    },
    Control,
    Sequence {
        base_sequence: i32,
        producer_id: i64,
    },
    Malformed(RecordsError),
    Decompression(CompressError),
    /// At least one record is at fault. `faults` holds the first ones.
    Records {
        total: usize,
        faults: Vec<RecordRefusal>,
    },
}

impl Refusal {
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::NoBatch
            | Self::OldMagic(_)
            | Self::SeveralBatches
            | Self::BaseOffset(_)
            | Self::OffsetRange { .. }
            | Self::Count(_)
            | Self::CountMismatch { .. }
            | Self::Control
            | Self::Sequence { .. }
            | Self::Malformed(_)
            | Self::Decompression(CompressError::Corrupt(_)) => RefusalKind::InvalidRecord,
            Self::RecordSize(_) | Self::UnknownMagic(_) | Self::Crc { .. } => {
                RefusalKind::CorruptMessage
            }
            Self::ZstdTooEarly | Self::UnknownCodec(_) => RefusalKind::UnsupportedCompressionType,
            Self::TooLarge { .. }
            | Self::TooLargeRebuilt { .. }
            | Self::Decompression(CompressError::TooLarge { .. }) => RefusalKind::MessageTooLarge,
            Self::LargerThanSegment { .. } => RefusalKind::RecordListTooLarge,
            Self::Records { faults, .. } => {
                let timestamps = |refusal: &RecordRefusal| refusal.fault != RecordFault::NoKey;
                if faults.iter().any(timestamps) {
                    RefusalKind::InvalidTimestamp
                } else {
                    RefusalKind::InvalidRecord
                }
            }
        }
    }

    /// The records at fault, for `record_errors` of a Produce answer (version 8 and later).
    pub fn record_faults(&self) -> &[RecordRefusal] {
        match self {
            Self::Records { faults, .. } => faults,
            _ => &[],
        }
    }

    /// Kafka's text; `partition` is shown as `topic-0`.
    pub fn message(&self, partition: &str) -> String {
        match self {
            Self::Malformed(error) => error.to_string(),
            Self::Decompression(error) => error.to_string(),
            Self::RecordSize(size) => {
                format!("Record size {size} is less than the minimum record overhead (14)")
            }
            Self::UnknownMagic(magic) => format!("Invalid magic found in record: {magic}"),
            Self::UnknownCodec(id) => format!("Unknown compression type id: {id}"),
            Self::NoBatch => request_message("must have at least one record batch per partition"),
            Self::OldMagic(_) => {
                request_message("are only allowed to contain record batches with magic version 2")
            }
            Self::SeveralBatches => request_message(
                "are only allowed to contain exactly one record batch per partition",
            ),
            Self::ZstdTooEarly => request_message(
                "with a version below 7 are not allowed to use ZStandard compression",
            ),
            Self::BaseOffset(offset) => format!(
                "The baseOffset of the record batch in the append to {partition} should be 0, \
                 but it is {offset}"
            ),
            Self::Crc { stored } => {
                format!("Record is corrupt (stored crc = {stored}) in topic partition {partition}.")
            }
            Self::TooLarge { bytes, bytes_max } => format!(
                "The record batch size in the append to {partition} is {bytes} bytes which \
                 exceeds the maximum configured value of {bytes_max}."
            ),
            Self::TooLargeRebuilt { bytes, bytes_max } => {
                size_message(partition, *bytes, "", *bytes_max)
            }
            Self::LargerThanSegment { bytes, bytes_max } => {
                size_message(partition, *bytes, "segment ", *bytes_max)
            }
            Self::OffsetRange { .. }
            | Self::Count(_)
            | Self::CountMismatch { .. }
            | Self::Control
            | Self::Sequence { .. } => {
                format!("{} in topic partition {partition}", self.header_fault())
            }
            Self::Records { total, faults } => self.records_message(partition, *total, faults),
        }
    }

    /// What is wrong with the header, without the partition.
    fn header_fault(&self) -> String {
        match self {
            Self::OffsetRange { last_offset_delta } => {
                format!("Batch has an invalid offset range: [0, {last_offset_delta}]")
            }
            Self::Count(count) => format!("Invalid reported count for record batch: {count}"),
            Self::CountMismatch { last_offset_delta, count } => format!(
                "Inconsistent batch offset range [0, {last_offset_delta}] and count of records \
                 {count}"
            ),
            Self::Sequence { base_sequence, producer_id } => format!(
                "Invalid sequence number {base_sequence} in record batch with producerId \
                 {producer_id}"
            ),
            _ => "Clients are not allowed to write control records".to_owned(),
        }
    }

    fn records_message(&self, partition: &str, total: usize, faults: &[RecordRefusal]) -> String {
        if self.kind() == RefusalKind::InvalidTimestamp {
            return "One or more records have been rejected due to invalid timestamp".to_owned();
        }
        let shown: Vec<String> =
            faults.iter().take(3).map(|refusal| refusal.message(partition)).collect();
        format!(
            "One or more records have been rejected due to {total} record errors in total, and \
             only showing the first three errors at most: [{}]",
            shown.join(", ")
        )
    }
}

fn request_message(fault: &str) -> String {
    format!("Produce requests {fault}")
}

fn size_message(partition: &str, bytes: usize, what: &str, bytes_max: usize) -> String {
    format!(
        "Message batch size is {bytes} bytes in append to partition {partition} which exceeds the \
         maximum configured {what}size of {bytes_max}."
    )
}

impl From<RecordsError> for Refusal {
    fn from(error: RecordsError) -> Self {
        Self::Malformed(error)
    }
}

impl From<CompressError> for Refusal {
    fn from(error: CompressError) -> Self {
        Self::Decompression(error)
    }
}
