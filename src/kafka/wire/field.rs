//! The types that a field of a message can have, and their forms on the wire.

use bytes::Bytes;
use uuid::Uuid;

use crate::base::TopicId;

use super::fault::DecodeError;
use super::fault::EncodeError;
use super::fault::Fault;
use super::fault::Refusal;
use super::reader::Reader;
use super::writer::Writer;

/// What decides how a field looks on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub version: i16,
    /// Compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether the field may be null in this version.
    pub nullable: bool,
    /// Whether it is a tagged field: null looks otherwise there.
    pub tagged: bool,
}

impl Form {
    pub(crate) fn nullable(self, nullable: bool) -> Self {
        Self { nullable, tagged: false, ..self }
    }

    pub(crate) fn tagged(self, nullable: bool) -> Self {
        Self { nullable, tagged: true, ..self }
    }
}

/// A type that a field can have.
pub trait Field: Sized {
    /// The value of a field that the version lacks and for which nothing else is said: 0, false,
    /// empty (also for a field that can be null), as in Kafka's generator.
    fn initial() -> Self;

    /// The fewest bytes that a value takes.
    fn floor(form: Form) -> usize;

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError>;

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError>;
}

/// A type whose wire form has a null.
pub trait Nullable: Field {
    /// The fewest bytes that a value or null takes: null is the length alone.
    fn floor_nullable(form: Form) -> usize {
        Self::floor(form)
    }

    fn read_nullable(reader: &mut Reader, form: Form) -> Result<Option<Self>, DecodeError>;

    /// Writes the value in the form that could also be null.
    fn write_some(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        self.write(writer, form)
    }

    fn write_null(writer: &mut Writer, form: Form) -> Result<(), EncodeError>;
}

/// A value whose form could also say null, where null is no value.
fn read_present<T: Nullable>(reader: &mut Reader, form: Form) -> Result<T, DecodeError> {
    T::read_nullable(reader, form)?.ok_or_else(|| reader.error(Fault::Null))
}

impl<T: Nullable> Field for Option<T> {
    fn initial() -> Self {
        Some(T::initial())
    }

    fn floor(form: Form) -> usize {
        if form.nullable { T::floor_nullable(form) } else { T::floor(form) }
    }

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        if form.nullable { T::read_nullable(reader, form) } else { T::read(reader, form).map(Some) }
    }

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        match (self, form.nullable) {
            (Some(value), true) => value.write_some(writer, form),
            (Some(value), false) => value.write(writer, form),
            (None, true) => T::write_null(writer, form),
            (None, false) => Err(EncodeError::new(Refusal::Null)),
        }
    }
}

macro_rules! number {
    ($($number:ty),*) => { $(
        impl Field for $number {
            fn initial() -> Self {
                Self::default()
            }

            fn floor(_: Form) -> usize {
                size_of::<Self>()
            }

            fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(reader.array()?))
            }

            fn write(&self, writer: &mut Writer, _: Form) -> Result<(), EncodeError> {
                writer.put(&self.to_be_bytes());
                Ok(())
            }
        }
    )* };
}

number!(i8, i16, i32, i64, u16, f64);

impl Field for bool {
    fn initial() -> Self {
        false
    }

    fn floor(_: Form) -> usize {
        1
    }

    fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }

    fn write(&self, writer: &mut Writer, _: Form) -> Result<(), EncodeError> {
        writer.i8(i8::from(*self));
        Ok(())
    }
}

impl Field for TopicId {
    fn initial() -> Self {
        Self::NONE
    }

    fn floor(_: Form) -> usize {
        16
    }

    fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
        Ok(Self(reader.array()?))
    }

    fn write(&self, writer: &mut Writer, _: Form) -> Result<(), EncodeError> {
        writer.put(&self.0);
        Ok(())
    }
}

impl Field for Uuid {
    fn initial() -> Self {
        Self::nil()
    }

    fn floor(_: Form) -> usize {
        16
    }

    fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
        Ok(Self::from_bytes(reader.array()?))
    }

    fn write(&self, writer: &mut Writer, _: Form) -> Result<(), EncodeError> {
        writer.put(self.as_bytes());
        Ok(())
    }
}

/// Strings are at most this long in both forms; Kafka refuses longer ones.
pub(crate) const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// The length of a string, checked against the bytes at hand.
pub(crate) fn read_string_length(
    reader: &mut Reader,
    flexible: bool,
) -> Result<Option<usize>, DecodeError> {
    let length = if flexible { reader.compact_length()? } else { reader.short_length()? };
    match length {
        Some(length) if length > STRING_BYTES_MAX => {
            Err(reader.error(Fault::Length(length as i64)))
        }
        other => Ok(other),
    }
}

pub(crate) fn write_string(
    writer: &mut Writer,
    string: Option<&str>,
    flexible: bool,
) -> Result<(), EncodeError> {
    let length = string.map(str::len);
    if let Some(length) = length
        && length > STRING_BYTES_MAX
    {
        return Err(EncodeError::new(Refusal::TooLong(length)));
    }
    if flexible {
        writer.compact_length(length)?;
    } else {
        // Checked above.
        writer.i16(length.map_or(-1, |length| length as i16));
    }
    writer.put(string.unwrap_or_default().as_bytes());
    Ok(())
}

impl Field for String {
    fn initial() -> Self {
        Self::new()
    }

    fn floor(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        read_present(reader, form)
    }

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_string(writer, Some(self), form.flexible)
    }
}

impl Nullable for String {
    fn read_nullable(reader: &mut Reader, form: Form) -> Result<Option<Self>, DecodeError> {
        let Some(length) = read_string_length(reader, form.flexible)? else {
            return Ok(None);
        };
        reader.need(length)?;
        reader.charge(length, 1)?;
        let start = reader.position();
        match std::str::from_utf8(reader.slice(length)?) {
            Ok(string) => Ok(Some(string.to_owned())),
            Err(_) => Err(DecodeError { field: "", at: start, fault: Fault::Utf8 }),
        }
    }

    fn write_null(writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_string(writer, None, form.flexible)
    }
}

/// The length of `bytes` and `records`, or the count of an array.
pub(crate) fn read_length(
    reader: &mut Reader,
    flexible: bool,
) -> Result<Option<usize>, DecodeError> {
    if flexible { reader.compact_length() } else { reader.wide_length() }
}

pub(crate) fn write_length(
    writer: &mut Writer,
    length: Option<usize>,
    flexible: bool,
) -> Result<(), EncodeError> {
    if flexible { writer.compact_length(length) } else { writer.wide_length(length) }
}

/// The fewest bytes of what [`write_length`] begins.
fn length_floor(form: Form) -> usize {
    if form.flexible { 1 } else { 4 }
}

/// `bytes` and `records`: shares the memory of the message.
impl Field for Bytes {
    fn initial() -> Self {
        Self::new()
    }

    fn floor(form: Form) -> usize {
        length_floor(form)
    }

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        read_present(reader, form)
    }

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_length(writer, Some(self.len()), form.flexible)?;
        writer.put(self);
        Ok(())
    }
}

impl Nullable for Bytes {
    fn read_nullable(reader: &mut Reader, form: Form) -> Result<Option<Self>, DecodeError> {
        match read_length(reader, form.flexible)? {
            Some(length) => reader.take(length).map(Some),
            None => Ok(None),
        }
    }

    fn write_null(writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_length(writer, None, form.flexible)
    }
}

/// The count of an array whose elements take `floor` bytes or more: what the bytes at hand cannot
/// hold is refused before anything is allocated.
pub(crate) fn read_count(
    reader: &mut Reader,
    flexible: bool,
    floor: usize,
) -> Result<Option<usize>, DecodeError> {
    let Some(count) = read_length(reader, flexible)? else {
        return Ok(None);
    };
    let needed = count.saturating_mul(floor);
    if needed > reader.remaining() {
        return Err(reader.error(Fault::Short { needed, left: reader.remaining() }));
    }
    Ok(Some(count))
}

impl<T: Field> Field for Vec<T> {
    fn initial() -> Self {
        Self::new()
    }

    fn floor(form: Form) -> usize {
        length_floor(form)
    }

    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        read_present(reader, form)
    }

    fn write(&self, writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_length(writer, Some(self.len()), form.flexible)?;
        let form = form.nullable(false);
        self.iter().try_for_each(|element| element.write(writer, form))
    }
}

impl<T: Field> Nullable for Vec<T> {
    fn read_nullable(reader: &mut Reader, form: Form) -> Result<Option<Self>, DecodeError> {
        let form = form.nullable(false);
        let Some(count) = read_count(reader, form.flexible, T::floor(form))? else {
            return Ok(None);
        };
        reader.charge(count, size_of::<T>().max(1))?;
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(reader, form)?);
        }
        Ok(Some(elements))
    }

    fn write_null(writer: &mut Writer, form: Form) -> Result<(), EncodeError> {
        write_length(writer, None, form.flexible)
    }
}
