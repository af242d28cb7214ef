//! Writes primitives into one growing buffer.

use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;

use super::fault::EncodeError;
use super::fault::Refusal;

/// The bytes of a message that is being written.
#[derive(Debug, Default)]
pub struct Writer {
    out: BytesMut,
}

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    /// `bytes`: what is allocated at once; the writer grows beyond it.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: BytesMut::with_capacity(bytes) }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    pub fn into_bytes(self) -> Bytes {
        self.out.freeze()
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn i8(&mut self, value: i8) {
        self.out.put_i8(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.out.put_i16(value);
    }

    pub fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    pub fn i64(&mut self, value: i64) {
        self.out.put_i64(value);
    }

    /// An unsigned variable-length integer of 32 bits.
    pub fn uvarint(&mut self, value: u32) {
        self.base128(u64::from(value));
    }

    /// A zigzag variable-length integer of 32 bits.
    pub fn varint(&mut self, value: i32) {
        self.base128(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()));
    }

    /// A zigzag variable-length integer of 64 bits.
    pub fn varlong(&mut self, value: i64) {
        self.base128(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn base128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }

    /// A length or count in compact form; `None` is null.
    pub(crate) fn compact_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let Some(length) = length else {
            self.uvarint(0);
            return Ok(());
        };
        match i32::try_from(length).ok().and_then(|length| length.checked_add(1)) {
            Some(value) => {
                self.uvarint(value.cast_unsigned());
                Ok(())
            }
            None => Err(EncodeError::new(Refusal::TooLong(length))),
        }
    }

    /// The same as a 32-bit integer.
    pub(crate) fn wide_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let Some(length) = length else {
            self.i32(-1);
            return Ok(());
        };
        match i32::try_from(length) {
            Ok(value) => {
                self.i32(value);
                Ok(())
            }
            Err(_) => Err(EncodeError::new(Refusal::TooLong(length))),
        }
    }

    /// Replaces four bytes written earlier, `at` counted from the start.
    pub(crate) fn patch_i32(&mut self, at: usize, value: i32) {
        self.out[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Puts the length of what was written since `start` in front of it, as an unsigned varint.
    pub(crate) fn prefix_length(&mut self, start: usize) -> Result<(), EncodeError> {
        let written = self.out.len() - start;
        let Ok(length) = u32::try_from(written) else {
            return Err(EncodeError::new(Refusal::TooLong(written)));
        };
        let end = self.out.len();
        self.uvarint(length);
        let prefix = self.out.len() - end;
        self.out[start..].rotate_right(prefix);
        Ok(())
    }
}
