//! The records of an uncompressed batch (or of a decompressed payload), as slices of it.

use crate::record::varint::Cursor;
use std::fmt;

/// What is wrong with the records of a batch. The texts are Kafka's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordsError {
    /// Fewer records than the header says.
    Missing,
    /// Bytes follow the last record that the header announces.
    Remaining { bytes: usize },
    /// A record says it is longer than what is left.
    Overrun { declared: i32, present: usize },
    /// The parts of a record do not add up to its length.
    Mismatch { declared: i32, read: usize },
    /// Negative, or more than the record has bytes for.
    HeaderCount { count: i32, present: usize },
    /// Header keys are never null.
    NullHeaderKey { size: i32 },
    /// Cut off, or an overlong varint.
    Structure,
    /// Offset deltas of what a producer sends are 0, 1, 2, …
    OffsetDelta { index: i32, found: i32 },
}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Incorrect declared batch size, premature EOF reached"),
            Self::Remaining { .. } => {
                f.write_str("Incorrect declared batch size, records still remaining in file")
            }
            Self::Overrun { declared, present } => write!(
                f,
                "Invalid record size: expected {declared} bytes in record payload, but instead \
                 the buffer has only {present} remaining bytes."
            ),
            Self::Mismatch { declared, read } => write!(
                f,
                "Invalid record size: expected to read {declared} bytes in record payload, but \
                 instead read {read}"
            ),
            Self::HeaderCount { count, .. } if *count < 0 => {
                write!(f, "Found invalid number of record headers {count}")
            }
            Self::HeaderCount { count, .. } => write!(
                f,
                "Found invalid number of record headers. {count} is larger than the remaining \
                 size of the buffer"
            ),
            Self::NullHeaderKey { size } => write!(f, "Invalid negative header key size {size}"),
            Self::Structure => f.write_str("Found invalid record structure"),
            Self::OffsetDelta { index, found } => write!(
                f,
                "Record {index} does not have incremental offsets: its offset delta is {found}"
            ),
        }
    }
}

/// One record. Keys, values and headers are slices of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Kafka defines no bit of it.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offsets after the batch's base offset.
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// The headers of a record in their order, duplicates included. Their framing was checked when the
/// record was read.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    left: usize,
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        read_header(&mut self.cursor).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Walks `count` records. After an error, or when `count` records were read, the walk is over; the
/// last step reports bytes that remain.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    left: i32,
    over: bool,
}

impl<'a> Records<'a> {
    /// `payload`: what follows the header, decompressed. `count`: what the header says.
    pub fn new(payload: &'a [u8], count: i32) -> Self {
        Self { cursor: Cursor::new(payload), left: count, over: false }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordsError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = if self.left > 0 {
            self.left -= 1;
            read_record(&mut self.cursor)
        } else {
            self.over = true;
            match self.cursor.remaining() {
                0 => return None,
                bytes => Err(RecordsError::Remaining { bytes }),
            }
        };
        self.over |= step.is_err();
        Some(step)
    }
}

#[inline]
fn read_record<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, RecordsError> {
    if cursor.remaining() == 0 {
        return Err(RecordsError::Missing);
    }
    let declared = cursor.varint().ok_or(RecordsError::Structure)?;
    let size = usize::try_from(declared).map_err(|_| RecordsError::Structure)?;
    let present = cursor.remaining();
    let body = cursor.take(size).ok_or(RecordsError::Overrun { declared, present })?;
    let mut body = Cursor::new(body);
    let record = read_body(&mut body)?;
    if body.remaining() != 0 {
        let read = size - body.remaining();
        return Err(RecordsError::Mismatch { declared, read });
    }
    Ok(record)
}

/// Reads one record and leaves the cursor behind its last header.
#[inline]
fn read_body<'a>(body: &mut Cursor<'a>) -> Result<Record<'a>, RecordsError> {
    let attributes = body.byte().ok_or(RecordsError::Structure)? as i8;
    let timestamp_delta = body.varlong().ok_or(RecordsError::Structure)?;
    let offset_delta = body.varint().ok_or(RecordsError::Structure)?;
    let key = read_nullable(body)?;
    let value = read_nullable(body)?;
    let count = body.varint().ok_or(RecordsError::Structure)?;
    let present = body.remaining();
    let left = match usize::try_from(count) {
        Ok(count) if count <= present => count,
        _ => return Err(RecordsError::HeaderCount { count, present }),
    };
    let headers = Headers { left, cursor: *body };
    for _ in 0..left {
        read_header(body)?;
    }
    Ok(Record { attributes, timestamp_delta, offset_delta, key, value, headers })
}

/// Any negative length is null, as Kafka reads it.
#[inline]
fn read_nullable<'a>(body: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, RecordsError> {
    let size = body.varint().ok_or(RecordsError::Structure)?;
    match usize::try_from(size) {
        Ok(size) => body.take(size).map(Some).ok_or(RecordsError::Structure),
        Err(_) => Ok(None),
    }
}

fn read_header<'a>(body: &mut Cursor<'a>) -> Result<Header<'a>, RecordsError> {
    let size = body.varint().ok_or(RecordsError::Structure)?;
    let Ok(bytes) = usize::try_from(size) else {
        return Err(RecordsError::NullHeaderKey { size });
    };
    let key = body.take(bytes).ok_or(RecordsError::Structure)?;
    let value = read_nullable(body)?;
    Ok(Header { key, value })
}

#[cfg(test)]
mod tests;
