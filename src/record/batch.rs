//! The header of a record batch, walking several batches, the CRC and the stamps of the broker.
//!
//! | bytes | field | | bytes | field |
//! |--|--|--|--|--|
//! | 0..8 | base offset | | 27..35 | base timestamp |
//! | 8..12 | length of what follows | | 35..43 | max timestamp |
//! | 12..16 | leader epoch | | 43..51 | producer id |
//! | 16 | magic (2) | | 51..53 | producer epoch |
//! | 17..21 | CRC-32C of 21.. | | 53..57 | base sequence |
//! | 21..23 | attributes | | 57..61 | count of records |
//! | 23..27 | last offset delta | | 61.. | records |

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::record::Codec;
use std::fmt;

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the length itself.
pub(super) const LENGTH_END: usize = 12;
/// Where the magic byte lies, in every format that Kafka ever had.
pub(super) const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
const MAGIC: i8 = 2;

/// The producer id of a batch from a producer that is not idempotent.
pub const NO_PRODUCER: i64 = -1;
/// The base sequence of a batch without a producer id.
pub const NO_SEQUENCE: i32 = -1;
/// The timestamp of a record without one.
pub const NO_TIMESTAMP: i64 = -1;

/// Whose clock the timestamps of a batch show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's: every record has the batch's max timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// `Err` holds an id that names no codec.
    pub fn codec(self) -> Result<Codec, u8> {
        let id = (self.0 & Self::CODEC) as u8;
        Codec::from_id(id).ok_or(id)
    }

    #[must_use]
    pub fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & !Self::CODEC) | i16::from(codec.id()))
    }

    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    #[must_use]
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        match kind {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    #[must_use]
    pub fn with_transactional(self) -> Self {
        Self(self.0 | Self::TRANSACTIONAL)
    }

    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    #[must_use]
    pub fn with_control(self) -> Self {
        Self(self.0 | Self::CONTROL)
    }

    /// The base timestamp holds the moment at which tombstones may go (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}

/// Why bytes are not a batch of format 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchError {
    /// Fewer bytes than the header or the declared length needs.
    Short { needed: usize, present: usize },
    /// The declared length is smaller than a header.
    Length(i32),
    /// Another format, or none.
    Magic(i8),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, present } => {
                write!(f, "a batch of {needed} bytes has only {present}")
            }
            Self::Length(length) => write!(f, "impossible batch length {length}"),
            Self::Magic(magic) => write!(f, "magic {magic} is not 2"),
        }
    }
}

/// The 61 bytes before the records, decoded. Nothing but length and magic was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub base_offset: Offset,
    /// As declared: the bytes that follow the length field.
    pub length: i32,
    pub leader_epoch: LeaderEpoch,
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    /// Milliseconds since the Unix epoch; the timestamps of records are relative to it.
    pub base_timestamp: i64,
    /// Milliseconds since the Unix epoch, or [`NO_TIMESTAMP`].
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    /// Records, as declared.
    pub count: i32,
}

impl BatchHeader {
    /// Decodes the header of the batch at the front of `bytes`, which must hold all of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let header = Self::parse_prefix(bytes)?;
        if bytes.len() < header.total_bytes() {
            let needed = header.total_bytes();
            return Err(BatchError::Short { needed, present: bytes.len() });
        }
        Ok(header)
    }

    /// Decodes the header alone; the records need not be there.
    pub fn parse_prefix(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Short { needed: HEADER_BYTES, present: bytes.len() });
        };
        let magic = head[MAGIC_AT] as i8;
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let header = Self {
            base_offset: i64::from_be_bytes(field(head, 0)),
            length: i32::from_be_bytes(field(head, 8)),
            leader_epoch: i32::from_be_bytes(field(head, 12)),
            crc: u32::from_be_bytes(field(head, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(head, 21))),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp: i64::from_be_bytes(field(head, 27)),
            max_timestamp: i64::from_be_bytes(field(head, 35)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            count: i32::from_be_bytes(field(head, 57)),
        };
        if header.length < (HEADER_BYTES - LENGTH_END) as i32 {
            return Err(BatchError::Length(header.length));
        }
        Ok(header)
    }

    /// The header as bytes, magic included.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut head = [0; HEADER_BYTES];
        head[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        head[8..12].copy_from_slice(&self.length.to_be_bytes());
        head[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        head[MAGIC_AT] = MAGIC as u8;
        head[CRC_AT..CRC_FROM].copy_from_slice(&self.crc.to_be_bytes());
        head[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        head[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        head[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        head[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        head[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        head[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        head[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        head[57..61].copy_from_slice(&self.count.to_be_bytes());
        head
    }

    /// Bytes of the whole batch, header included. At least [`HEADER_BYTES`] after a parse.
    pub fn total_bytes(&self) -> usize {
        LENGTH_END + self.length.max(0) as usize
    }

    /// The offset after the last record's.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    pub fn has_producer(&self) -> bool {
        self.producer_id > NO_PRODUCER
    }

    /// The sequence of the last record; sequences wrap from `i32::MAX` to 0 (rule 18).
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return NO_SEQUENCE;
        }
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last & i64::from(i32::MAX)) as i32
    }
}

fn field<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *head[at..].first_chunk().expect("every field of the header lies within its 61 bytes")
}

/// One batch among others: its header and all of its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub header: BatchHeader,
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the front of `bytes`; what follows it is left out.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        Ok(Self { header, bytes: &bytes[..header.total_bytes()] })
    }

    /// What follows the header: framed records, or a compressed block of them.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Whether the CRC-32C in the header is that of the bytes.
    pub fn crc_holds(&self) -> bool {
        crc32c::crc32c(&self.bytes[CRC_FROM..]) == self.header.crc
    }

    /// The header with timestamp type and max timestamp stamped (rule 12), and the CRC that the
    /// batch has with it.
    pub fn header_at_time(&self, kind: TimestampType, max_timestamp: i64) -> BatchHeader {
        let attributes = self.header.attributes.with_timestamp_type(kind);
        let mut header = BatchHeader { attributes, max_timestamp, ..self.header };
        let head = crc32c::crc32c(&header.encode()[CRC_FROM..]);
        header.crc = crc32c::crc32c_append(head, self.payload());
        header
    }
}

/// Walks the batches in a range of bytes, as a fetch or a produce carries them. A batch that is cut
/// off at the end is not an error (Kafka's fetches may end so): the walk ends before it, and
/// [`Batches::rest`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not walked yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    /// After an error the walk is over: where the next batch begins is not known.
    fn next(&mut self) -> Option<Self::Item> {
        match Batch::parse(self.rest) {
            Ok(batch) => {
                self.rest = &self.rest[batch.bytes.len()..];
                Some(Ok(batch))
            }
            Err(BatchError::Short { .. }) => None,
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// Stamps what lies outside the CRC: base offset and leader epoch. `batch` begins with a header.
pub fn stamp(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    assert!(batch.len() >= HEADER_BYTES, "a batch holds a header");
    batch[0..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Computes the CRC of a whole batch and puts it into the header.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests;
