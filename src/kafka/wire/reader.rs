//! Reads primitives off the bytes of one request or response. Never reads beyond them, never
//! panics, and accounts for what it lets the decoded message allocate.

use bytes::Bytes;

use super::fault::DecodeError;
use super::fault::Fault;

/// A decoded message may take this many times its bytes: a struct's fields in memory take up to
/// this much more than in their shortest form (an empty string is one byte, a `String` 24).
const MEMORY_PER_BYTE: usize = 48;

/// Memory that any message may take, however short.
const MEMORY_BASE: usize = 1024;

/// Memory beyond the message's own size that no message may exceed, however long: some 200,000
/// partitions. The answer takes about twice as much again.
const MEMORY_MAX: usize = 16 << 20;

/// A cursor over one message. What it hands out as [`Bytes`] shares the input's memory.
#[derive(Clone, Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
    end: usize,
    budget: usize,
}

/// Where the bytes around a tagged field end; see [`Reader::enter`].
#[must_use]
pub(crate) struct Outer(usize);

impl Reader {
    /// The decoded message may take 48 times its bytes (and 1 KiB), and no more than its bytes and
    /// 16 MiB.
    pub fn new(bytes: Bytes) -> Self {
        let scaled = bytes.len().saturating_mul(MEMORY_PER_BYTE).saturating_add(MEMORY_BASE);
        let budget = scaled.min(bytes.len().saturating_add(MEMORY_MAX));
        Self::with_budget(bytes, budget)
    }

    /// `budget`: bytes of memory that the decoded message may take beyond its own struct.
    pub fn with_budget(bytes: Bytes, budget: usize) -> Self {
        let end = bytes.len();
        Self { bytes, at: 0, end, budget }
    }

    /// Bytes from the start of the input to the cursor.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes from the cursor to the end of the message, or of the tagged field that is being read.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// What is left of the memory that the decoded message may take.
    pub fn budget(&self) -> usize {
        self.budget
    }

    pub(crate) fn error(&self, fault: Fault) -> DecodeError {
        DecodeError { field: "", at: self.at, fault }
    }

    /// Accounts for memory before it is allocated.
    pub(crate) fn charge(&mut self, count: usize, each: usize) -> Result<(), DecodeError> {
        match count.checked_mul(each).and_then(|bytes| self.budget.checked_sub(bytes)) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.error(Fault::Budget)),
        }
    }

    pub(crate) fn need(&self, needed: usize) -> Result<(), DecodeError> {
        let left = self.remaining();
        if needed <= left { Ok(()) } else { Err(self.error(Fault::Short { needed, left })) }
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let left = &self.bytes[self.at..self.end];
        let Some(array) = left.first_chunk::<N>() else {
            return Err(self.error(Fault::Short { needed: N, left: left.len() }));
        };
        self.at += N;
        Ok(*array)
    }

    /// The next `count` bytes, borrowed.
    pub(crate) fn slice(&mut self, count: usize) -> Result<&[u8], DecodeError> {
        self.need(count)?;
        let start = self.at;
        self.at += count;
        Ok(&self.bytes[start..self.at])
    }

    /// The next `count` bytes, sharing the input's memory.
    pub fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        self.need(count)?;
        let start = self.at;
        self.at += count;
        Ok(self.bytes.slice(start..self.at))
    }

    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An unsigned variable-length integer of 32 bits: seven bits a byte, lowest first.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.base128(5)?).map_err(|_| self.error(Fault::Varint))
    }

    /// A zigzag variable-length integer of 32 bits.
    pub fn varint(&mut self) -> Result<i32, DecodeError> {
        let raw = self.uvarint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A zigzag variable-length integer of 64 bits.
    pub fn varlong(&mut self) -> Result<i64, DecodeError> {
        let raw = self.base128(10)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn base128(&mut self, bytes_max: usize) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index;
            if (bits << shift) >> shift != bits {
                return Err(self.error(Fault::Varint));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(Fault::Varint))
    }

    /// A length of a string or bytes, or a count of elements: `None` for null.
    /// Compact form: an unsigned varint, one more than the length, 0 for null.
    pub(crate) fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.uvarint()?.checked_sub(1).map(|length| length as usize))
    }

    /// The same as a 32-bit integer, -1 for null.
    pub(crate) fn wide_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = self.i32()?;
        self.signed_length(i64::from(length))
    }

    /// The same as a 16-bit integer, -1 for null.
    pub(crate) fn short_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = self.i16()?;
        self.signed_length(i64::from(length))
    }

    fn signed_length(&self, length: i64) -> Result<Option<usize>, DecodeError> {
        if length == -1 {
            return Ok(None);
        }
        usize::try_from(length).map(Some).map_err(|_| self.error(Fault::Length(length)))
    }

    /// From here on only the next `count` bytes can be read, until [`Reader::leave`].
    pub(crate) fn enter(&mut self, count: usize) -> Result<Outer, DecodeError> {
        self.need(count)?;
        let outer = Outer(self.end);
        self.end = self.at + count;
        Ok(outer)
    }

    /// Ends what [`Reader::enter`] began; all of its bytes must have been read.
    pub(crate) fn leave(&mut self, outer: Outer) -> Result<(), DecodeError> {
        self.finish()?;
        self.end = outer.0;
        Ok(())
    }

    /// Checks that nothing is left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(Fault::Trailing(left))),
        }
    }
}
