//! Frames as they are found on disk: every byte may be anything.

use crate::strand::batch;
use crate::strand::batch::BatchHead;
use crate::strand::batch::HEADER;
use crate::strand::entry::Append;
use crate::strand::fields::Fields;
use crate::strand::frame::header::FRAME_HEADER;
use crate::strand::frame::header::FrameHeader;
use crate::strand::frame::header::FramePlace;
use crate::strand::frame::table::ENTRY_BYTES_MIN;
use crate::strand::frame::table::TableEntry;
use crate::strand::frame::table::parse_entry;
use crate::strand::key::StoreKey;

/// Why bytes are not a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    /// Nothing here claims to be a frame.
    Absent,
    /// It begins like a frame, but the header's keyed CRC does not fit or its fields contradict
    /// each other.
    Header,
    /// A frame of a format that this version does not know.
    Version(u16),
    /// A frame of another place: an earlier use of the extent, or a misdirected write.
    Foreign(FramePlace),
    /// The frame is `needs` bytes long and fewer are at hand.
    Short { needs: u32 },
    /// The header is sound, the table is not.
    Table { sequence: u64 },
}

/// A frame whose header and table are sound. Its batches may still be damaged.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    header: FrameHeader,
    table: Vec<TableEntry>,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame at the front of `bytes`, which must be where `place` says.
    pub fn parse(bytes: &'a [u8], key: &StoreKey, place: &FramePlace) -> Result<Self, FrameFault> {
        let header = FrameHeader::parse(bytes, key)?;
        if header.place != *place {
            return Err(FrameFault::Foreign(header.place));
        }
        let needs = header.frame_bytes();
        let bytes = bytes.get(..needs as usize).ok_or(FrameFault::Short { needs })?;
        let table = Self::parse_table(&header, bytes)
            .ok_or(FrameFault::Table { sequence: header.sequence })?;
        Ok(Self { header, table, bytes })
    }

    fn parse_table(header: &FrameHeader, bytes: &[u8]) -> Option<Vec<TableEntry>> {
        let table = bytes.get(FRAME_HEADER..header.payload_start() as usize)?;
        if crc32c::crc32c(table) != header.table_crc {
            return None;
        }
        let payload_start = header.place.position.checked_add(header.payload_start())?;
        let (entries, batch_end) = table_entries(table, header.entries, payload_start)?;
        (batch_end == payload_start.checked_add(header.payload_bytes)?).then_some(entries)
    }

    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    pub fn table(&self) -> &[TableEntry] {
        &self.table
    }

    pub fn into_table(self) -> Vec<TableEntry> {
        self.table
    }

    /// The bytes of the table as they lie on disk: what a footer repeats.
    pub fn table_bytes(&self) -> &'a [u8] {
        &self.bytes[FRAME_HEADER..self.header.payload_start() as usize]
    }

    /// Header and table as they lie on disk.
    pub(in crate::strand) fn head_bytes(&self) -> &'a [u8] {
        &self.bytes[..self.header.payload_start() as usize]
    }

    /// The batch of the table's entry `number`; empty for an entry without one.
    pub fn batch(&self, number: usize) -> &'a [u8] {
        let entry = self.table.get(number);
        let Some((entry, append)) = entry.and_then(|entry| Some((entry, entry.entry.batch()?)))
        else {
            return &[];
        };
        let start = (entry.position - self.header.place.position) as usize;
        &self.bytes[start..start + append.bytes as usize]
    }

    /// Numbers of the entries whose batch does not hold what was written.
    pub fn damaged(&self) -> Vec<u32> {
        let is_damaged = |(number, entry): (usize, &TableEntry)| {
            let append = entry.entry.batch()?;
            let sound = check_batch(append, entry.header_crc, self.batch(number));
            (!sound).then_some(number as u32)
        };
        self.table.iter().enumerate().filter_map(is_damaged).collect()
    }

    /// Whether all bytes after the payload are zeros (R8).
    pub fn padding_is_zero(&self) -> bool {
        let end = (self.header.payload_start() + self.header.payload_bytes) as usize;
        self.bytes[end..].iter().all(|byte| *byte == 0)
    }
}

/// Reads `count` entries that fill `table` exactly; their batches lie back to back from
/// `payload_start`. Gives them and where the last batch ends.
pub(in crate::strand) fn table_entries(
    table: &[u8],
    count: u32,
    payload_start: u32,
) -> Option<(Vec<TableEntry>, u32)> {
    // Bounded by the bytes at hand, whatever the count says.
    let mut entries = Vec::with_capacity((count as usize).min(table.len() / ENTRY_BYTES_MIN));
    let mut fields = Fields::new(table);
    let mut position = payload_start;
    for _ in 0..count {
        let (entry, header_crc) = parse_entry(&mut fields)?;
        let batch_bytes = entry.batch().map(|append| append.bytes);
        if batch_bytes.is_some_and(|bytes| (bytes as usize) < HEADER) {
            return None;
        }
        entries.push(TableEntry { entry, position, header_crc });
        position = position.checked_add(batch_bytes.unwrap_or(0))?;
    }
    fields.is_empty().then_some((entries, position))
}

/// Whether `bytes` is the batch that `append` describes, header and body.
pub(in crate::strand) fn check_batch(append: &Append, header_crc: u32, bytes: &[u8]) -> bool {
    let Some(head) = BatchHead::parse(bytes) else { return false };
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    bytes.len() == append.bytes as usize
        && head.bytes == append.bytes
        && batch::header_crc(append.partition, header) == header_crc
        && head.crc == append.crc
        && batch::body_crc(bytes) == append.crc
}
