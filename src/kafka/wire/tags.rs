//! Tagged fields (KIP-482) that the version does not know: kept, and written again in their place.

use bytes::Bytes;

use super::fault::DecodeError;
use super::fault::EncodeError;
use super::fault::Fault;
use super::fault::Refusal;
use super::reader::Outer;
use super::reader::Reader;
use super::writer::Writer;

/// Tagged fields unknown to the decoded version, by rising tag.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnknownTags(Vec<UnknownTag>);

/// One of them: its tag and its bytes as they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownTag {
    pub tag: u32,
    pub bytes: Bytes,
}

impl UnknownTags {
    /// Adds a field; one with the same tag is replaced.
    pub fn insert(&mut self, tag: u32, bytes: Bytes) {
        match self.0.binary_search_by_key(&tag, |unknown| unknown.tag) {
            Ok(index) => self.0[index].bytes = bytes,
            Err(index) => self.0.insert(index, UnknownTag { tag, bytes }),
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &UnknownTag> {
        self.0.iter()
    }
}

/// Walks over the tagged fields of one struct: [`TagReader::next`] enters a field, and the caller
/// either reads it and calls [`TagReader::leave`] or hands it to [`TagReader::keep`].
pub(crate) struct TagReader {
    left: u32,
    least: u64,
}

impl TagReader {
    pub(crate) fn open(reader: &mut Reader) -> Result<Self, DecodeError> {
        let left = reader.uvarint()?;
        // A tagged field takes two bytes at least.
        let needed = (left as usize).saturating_mul(2);
        if needed > reader.remaining() {
            return Err(reader.error(Fault::Short { needed, left: reader.remaining() }));
        }
        Ok(Self { left, least: 0 })
    }

    pub(crate) fn next(
        &mut self,
        reader: &mut Reader,
    ) -> Result<Option<(u32, Outer)>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let tag = reader.uvarint()?;
        if u64::from(tag) < self.least {
            return Err(reader.error(Fault::TagOrder));
        }
        self.least = u64::from(tag) + 1;
        let length = reader.uvarint()? as usize;
        Ok(Some((tag, reader.enter(length)?)))
    }

    pub(crate) fn leave(reader: &mut Reader, outer: Outer) -> Result<(), DecodeError> {
        reader.leave(outer)
    }

    pub(crate) fn keep(
        reader: &mut Reader,
        (tag, outer): (u32, Outer),
        unknown: &mut UnknownTags,
    ) -> Result<(), DecodeError> {
        let bytes = reader.take(reader.remaining())?;
        reader.leave(outer)?;
        let grown = unknown.0.len() + 1;
        if unknown.0.capacity() < grown {
            // Vec doubles: the memory that it frees when it grows is charged too.
            let capacity = (2 * unknown.0.len()).max(1);
            reader.charge(capacity, size_of::<UnknownTag>())?;
            unknown.0.reserve_exact(capacity - unknown.0.len());
        }
        unknown.0.push(UnknownTag { tag, bytes });
        Ok(())
    }

    /// Skips all tagged fields of a struct.
    pub(crate) fn skip(reader: &mut Reader) -> Result<(), DecodeError> {
        let mut tags = Self::open(reader)?;
        while let Some((_, outer)) = tags.next(reader)? {
            let left = reader.remaining();
            reader.slice(left)?;
            reader.leave(outer)?;
        }
        Ok(())
    }
}

/// Writes the tagged fields of one struct, known ones and unknown ones, by rising tag.
pub(crate) struct TagWriter<'a> {
    unknown: &'a [UnknownTag],
}

impl<'a> TagWriter<'a> {
    /// `known`: how many known fields will be written.
    pub(crate) fn open(
        writer: &mut Writer,
        known: u32,
        unknown: &'a UnknownTags,
    ) -> Result<Self, EncodeError> {
        let count = u32::try_from(unknown.len()).ok().and_then(|count| count.checked_add(known));
        let Some(count) = count else {
            return Err(EncodeError::new(Refusal::TooLong(unknown.len())));
        };
        writer.uvarint(count);
        Ok(Self { unknown: &unknown.0 })
    }

    /// Writes the unknown fields that come before the known field `tag`, whether that one is
    /// written or not.
    pub(crate) fn advance(&mut self, writer: &mut Writer, tag: u32) -> Result<(), EncodeError> {
        while let Some((first, rest)) = self.unknown.split_first() {
            if tag < first.tag {
                break;
            }
            if tag == first.tag {
                return Err(EncodeError::new(Refusal::Tag));
            }
            Self::write(writer, first)?;
            self.unknown = rest;
        }
        Ok(())
    }

    pub(crate) fn finish(self, writer: &mut Writer) -> Result<(), EncodeError> {
        for unknown in self.unknown {
            Self::write(writer, unknown)?;
        }
        Ok(())
    }

    fn write(writer: &mut Writer, unknown: &UnknownTag) -> Result<(), EncodeError> {
        let Ok(length) = u32::try_from(unknown.bytes.len()) else {
            return Err(EncodeError::new(Refusal::TooLong(unknown.bytes.len())));
        };
        writer.uvarint(unknown.tag);
        writer.uvarint(length);
        writer.put(&unknown.bytes);
        Ok(())
    }
}
