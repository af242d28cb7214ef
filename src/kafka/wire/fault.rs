//! What can be wrong with bytes that came in, or with a message that is to go out.

use std::fmt;

/// Bytes that are not the message they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// `Struct.field` of the innermost field that was being read; the message's name when the fault
    /// lies in no field.
    pub field: &'static str,
    /// Bytes from the start of the reader's input to where the fault was seen.
    pub at: usize,
    pub fault: Fault,
}

/// Why bytes were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The value needs `needed` bytes, the input (or the tagged field around it) has `left`.
    Short { needed: usize, left: usize },
    /// A length or count that cannot be: negative, or beyond what the type may have.
    Length(i64),
    /// Null where this version has no null.
    Null,
    /// A string that is not UTF-8.
    Utf8,
    /// A variable-length integer with more bits than its type.
    Varint,
    /// Tagged fields whose tags do not rise strictly.
    TagOrder,
    /// Bytes after the end of the message, or of a tagged field.
    Trailing(usize),
    /// The decoded message would take more memory than its bytes justify.
    Budget,
    /// A version that the message does not have.
    Version(i16),
}

impl DecodeError {
    /// The same error, said of `field`, unless an inner field was named already.
    pub fn within(self, field: &'static str) -> Self {
        if self.field.is_empty() { Self { field, ..self } } else { self }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.field, self.at)?;
        match self.fault {
            Fault::Short { needed, left } => write!(f, "needs {needed} bytes, {left} are left"),
            Fault::Length(length) => write!(f, "impossible length {length}"),
            Fault::Null => f.write_str("null where this version has none"),
            Fault::Utf8 => f.write_str("not UTF-8"),
            Fault::Varint => f.write_str("variable-length integer too long"),
            Fault::TagOrder => f.write_str("tags do not rise"),
            Fault::Trailing(bytes) => write!(f, "{bytes} bytes too many"),
            Fault::Budget => f.write_str("takes too much memory for its size"),
            Fault::Version(version) => write!(f, "has no version {version}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message that a version cannot carry. Always a fault of who built the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodeError {
    /// `Struct.field` of the innermost field.
    pub field: &'static str,
    pub refusal: Refusal,
}

/// Why a message was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Null where this version has no null.
    Null,
    /// A value other than the default in a field that this version lacks and that may not be left
    /// out silently (Kafka's `ignorable: false`).
    Lacking,
    /// Longer than the length field can say.
    TooLong(usize),
    /// Unknown tagged fields in a version without tagged fields, or one whose tag the version knows.
    Tag,
    /// A version that the message does not have.
    Version(i16),
}

impl EncodeError {
    pub(crate) fn new(refusal: Refusal) -> Self {
        Self { field: "", refusal }
    }

    /// The same error, said of `field`, unless an inner field was named already.
    pub fn within(self, field: &'static str) -> Self {
        if self.field.is_empty() { Self { field, ..self } } else { self }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        match self.refusal {
            Refusal::Null => f.write_str("null where this version has none"),
            Refusal::Lacking => f.write_str("set, but this version lacks it"),
            Refusal::TooLong(length) => write!(f, "{length} is too long"),
            Refusal::Tag => f.write_str("unknown tagged field where this version has none"),
            Refusal::Version(version) => write!(f, "has no version {version}"),
        }
    }
}

impl std::error::Error for EncodeError {}
