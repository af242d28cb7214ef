//! A string that shares the memory of the message it came in.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::fault::DecodeError;
use super::fault::EncodeError;
use super::fault::Fault;
use super::field::Field;
use super::field::Form;
use super::field::Nullable;
use super::field::read_string_length;
use super::field::write_string;
use super::reader::Reader;
use super::writer::Writer;

/// UTF-8 bytes. Keeps the whole message in memory: for what lives no longer than the request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Bytes);

impl Text {
    /// `None` when `bytes` are not UTF-8.
    pub fn new(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes valid UTF-8, and the bytes never change.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(string: &str) -> Self {
        Self(Bytes::copy_from_slice(string.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(string: String) -> Self {
        Self(Bytes::from(string))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Field for Text {
    fn initial() -> Self {
        Self::default()
    }

    fn floor(form: Form) -> usize {
        String::floor(form)
    }

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        Self::read_nullable(reader, form)?.ok_or_else(|| reader.error(Fault::Null))
    }

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_string(writer, Some(self), form.flexible)
    }
}

impl Nullable for Text {
    fn read_nullable(reader: &mut Reader, form: Form) -> Result<Option<Self>, DecodeError> {
        let Some(length) = read_string_length(reader, form.flexible)? else {
            return Ok(None);
        };
        let start = reader.position();
        match Self::new(reader.take(length)?) {
            Some(text) => Ok(Some(text)),
            None => Err(DecodeError { field: "", at: start, fault: Fault::Utf8 }),
        }
    }

    fn write_null(writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_string(writer, None, form.flexible)
    }
}
