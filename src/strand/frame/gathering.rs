//! The frame that gathers while another is on its way to the disk.

use bytes::Bytes;

use crate::base::Mutant;
use crate::base::PAGE;
use crate::strand::batch;
use crate::strand::entry::Append;
use crate::strand::entry::Entry;
use crate::strand::fields::Filling;
use crate::strand::frame::header::FRAME_HEADER;
use crate::strand::frame::header::FrameHeader;
use crate::strand::frame::header::FramePlace;
use crate::strand::frame::table::TableEntry;
use crate::strand::frame::table::encode_entry;
use crate::strand::frame::table::entry_bytes;
use crate::strand::key::StoreKey;

/// What is known of a frame only when it is handed to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameStamp {
    pub place: FramePlace,
    pub sequence: u64,
    /// Highest sequence known durable at this moment.
    pub proven: u64,
    /// K: frames that may be in flight together, this one included.
    pub in_flight: u16,
}

/// Entries and batches in the order in which they came. Grows until it is encoded once.
#[derive(Default)]
pub struct Gathering {
    items: Vec<Item>,
    table_bytes: usize,
    payload_bytes: usize,
}

struct Item {
    entry: Entry,
    batch: Bytes,
    header_crc: u32,
}

impl Gathering {
    /// Takes a fact in and gives its number in the table. `batch` is the whole batch of an
    /// `Append` or `Relocate` as it came, and empty for every other entry; base offset and leader
    /// epoch are stamped from the entry when it is written.
    pub fn push(&mut self, entry: Entry, batch: Bytes) -> u32 {
        let append = entry.batch();
        let expected = append.map_or(0, |append| append.bytes as usize);
        assert_eq!(batch.len(), expected, "an entry and its batch disagree");
        let header_crc = append.map_or(0, |append| {
            let header = batch::stamped_header(&batch, append.base_offset, append.leader_epoch);
            batch::header_crc(append.partition, &header)
        });
        self.table_bytes += entry_bytes(&entry);
        self.payload_bytes += batch.len();
        self.items.push(Item { entry, batch, header_crc });
        (self.items.len() - 1) as u32
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Entries so far.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The entries in order, with their numbers being their positions in it.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.items.iter().map(|item| &item.entry)
    }

    /// Length of the frame if it was written as it is, padding included.
    pub fn frame_bytes(&self) -> usize {
        (FRAME_HEADER + self.table_bytes + self.payload_bytes).next_multiple_of(PAGE)
    }

    /// Length of the frame with one entry more.
    pub fn frame_bytes_with(&self, entry: &Entry) -> usize {
        let batch = entry.batch().map_or(0, |append| append.bytes as usize);
        let bytes = FRAME_HEADER + self.table_bytes + self.payload_bytes;
        (bytes + entry_bytes(entry) + batch).next_multiple_of(PAGE)
    }

    /// Writes the frame into `out`, which has exactly [`Self::frame_bytes`], and says where each
    /// batch went.
    pub fn encode(&self, stamp: &FrameStamp, key: &StoreKey, out: &mut [u8]) -> Vec<TableEntry> {
        assert_eq!(out.len(), self.frame_bytes(), "a buffer of another frame");
        let payload_start = FRAME_HEADER + self.table_bytes;
        let mut table = Vec::with_capacity(self.items.len());
        let mut fields = Filling::new(&mut out[FRAME_HEADER..payload_start]);
        let mut at = payload_start;
        for item in &self.items {
            encode_entry(&mut fields, &item.entry, item.header_crc);
            table.push(TableEntry {
                entry: item.entry.clone(),
                position: stamp.place.position + at as u32,
                header_crc: item.header_crc,
            });
            at += item.batch.len();
        }
        assert_eq!(fields.at(), self.table_bytes, "an entry was counted wrong");
        self.encode_payload(&mut out[payload_start..]);
        let header = FrameHeader {
            place: stamp.place,
            sequence: stamp.sequence,
            proven: stamp.proven,
            in_flight: stamp.in_flight,
            table_bytes: self.table_bytes as u32,
            payload_bytes: self.payload_bytes as u32,
            entries: self.items.len() as u32,
            table_crc: crc32c::crc32c(&out[FRAME_HEADER..payload_start]),
        };
        header.encode(key, out);
        table
    }

    fn encode_payload(&self, out: &mut [u8]) {
        let mut payload = Filling::new(out);
        for item in &self.items {
            let Some(append) = item.entry.batch() else { continue };
            encode_batch(&mut payload, append, &item.batch);
        }
        if !Mutant::PaddingNotZeroed.is_on() {
            payload.zero_rest();
        }
    }
}

/// Copies a batch once, with base offset and leader epoch stamped on the way.
fn encode_batch(payload: &mut Filling<'_>, append: &Append, bytes: &[u8]) {
    payload.put(&batch::stamped_header(bytes, append.base_offset, append.leader_epoch));
    payload.put(&bytes[batch::HEADER..]);
}
