//! Small stores for tests: batches, frames and extents as a strand writes them.

use bytes::Bytes;

use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::record::BatchBuilder;
use crate::strand::batch::BatchHead;
use crate::strand::config::StrandIdentity;
use crate::strand::entry::Append;
use crate::strand::entry::Entry;
use crate::strand::footer::FooterFrame;
use crate::strand::footer::FooterPlace;
use crate::strand::footer::encode_footer;
use crate::strand::footer::footer_bytes;
use crate::strand::frame::Frame;
use crate::strand::frame::FramePlace;
use crate::strand::frame::FrameStamp;
use crate::strand::frame::Gathering;
use crate::strand::frame::TableEntry;
use crate::strand::header::ExtentHeader;
use crate::strand::header::Predecessor;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;
use crate::strand::run::PlacedRun;
use crate::strand::run::RunMap;
use crate::strand::run::Use;
use crate::strand::run::runs_of;

pub(super) const KEY: StoreKey = StoreKey { store: [7; 16], secret: *b"a secret of ours" };
pub(super) const STRAND: StrandId = StrandId(3);

pub(super) fn identity() -> StrandIdentity {
    StrandIdentity { key: KEY, strand: STRAND, manifest: 1 }
}

/// A batch of `records` records as a producer sends it; `seed` makes its bytes its own.
pub(super) fn batch(records: usize, value_bytes: usize, seed: u8) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for number in 0..records {
        let value = vec![seed.wrapping_add(number as u8); value_bytes];
        builder.push(1_000 + i64::from(seed), None, Some(&value), &[]);
    }
    builder.finish()
}

/// The entry of `batch` at `base_offset` in leader epoch 4.
pub(super) fn append(partition: u64, base_offset: Offset, batch: &[u8]) -> Append {
    let head = BatchHead::parse(batch).expect("a batch");
    Append {
        partition: PartitionId(partition),
        base_offset,
        leader_epoch: 4,
        last_offset_delta: head.last_offset_delta,
        count: head.last_offset_delta + 1,
        bytes: head.bytes,
        crc: head.crc,
        max_timestamp: head.max_timestamp,
        attributes: 0,
        producer_id: -1,
        producer_epoch: -1,
        first_sequence: -1,
        rolls: false,
        appended_ms: 5_000,
    }
}

/// An extent that is filled frame by frame, in memory.
pub(super) struct Extent {
    pub(super) place: Use,
    pub(super) bytes: Vec<u8>,
    pub(super) position: u32,
    pub(super) sequence: u64,
    pub(super) runs: RunMap,
    /// Position, sequence and table of each frame.
    pub(super) frames: Vec<(u32, u64, Vec<TableEntry>)>,
}

impl Extent {
    /// A use that begins with sequence `first_sequence`, in an extent full of old bytes.
    pub(super) fn new(extent: u32, number: u64, first_sequence: u64, extent_bytes: usize) -> Self {
        Self::after(extent, number, first_sequence, extent_bytes, None)
    }

    /// A use of the same start that follows another one.
    pub(super) fn after(
        extent: u32,
        number: u64,
        first_sequence: u64,
        extent_bytes: usize,
        predecessor: Option<Predecessor>,
    ) -> Self {
        let place = Use { number, extent: ExtentId(extent) };
        let mut bytes = vec![0xa5; extent_bytes];
        let header = ExtentHeader {
            strand: STRAND,
            extent: place.extent,
            extent_bytes: extent_bytes as u32,
            use_number: number,
            start: 1,
            first_sequence,
            predecessor,
        };
        header.encode(&KEY, &mut bytes[..PAGE]);
        let (position, sequence) = (PAGE as u32, first_sequence);
        Self { place, bytes, position, sequence, runs: RunMap::default(), frames: Vec::new() }
    }

    pub(super) fn frame_place(&self) -> FramePlace {
        let Use { number: use_number, extent } = self.place;
        FramePlace { strand: STRAND, extent, use_number, position: self.position }
    }

    /// Writes the next frame and gives its position and bytes.
    pub(super) fn frame(&mut self, items: &[(Entry, Vec<u8>)]) -> (u32, Vec<u8>) {
        let mut gathering = Gathering::default();
        for (entry, batch) in items {
            gathering.push(entry.clone(), Bytes::copy_from_slice(batch));
        }
        let stamp = FrameStamp {
            place: self.frame_place(),
            sequence: self.sequence,
            proven: self.sequence - 1,
            in_flight: 2,
        };
        let at = self.position as usize;
        let end = at + gathering.frame_bytes();
        let table = gathering.encode(&stamp, &KEY, &mut self.bytes[at..end]);
        for run in runs_of(&table) {
            self.runs.insert(PlacedRun { place: self.place, run });
        }
        self.frames.push((self.position, self.sequence, table));
        let written = (self.position, self.bytes[at..end].to_vec());
        self.position = end as u32;
        self.sequence += 1;
        written
    }

    /// A frame that appends `batches` to partitions from the offsets given.
    pub(super) fn append(&mut self, batches: &[(u64, Offset, Vec<u8>)]) -> (u32, Vec<u8>) {
        let items: Vec<(Entry, Vec<u8>)> = batches
            .iter()
            .map(|(partition, base, batch)| {
                (Entry::Append(append(*partition, *base, batch)), batch.clone())
            })
            .collect();
        self.frame(&items)
    }

    pub(super) fn footer_place(&self) -> FooterPlace {
        self.frame_place().footer(self.bytes.len() as u32)
    }

    /// Writes the footer and gives its length.
    pub(super) fn foot(&mut self) -> usize {
        let found: Vec<Frame<'_>> = self
            .frames
            .iter()
            .map(|(position, _, _)| {
                let place = FramePlace { position: *position, ..self.frame_place() };
                Frame::parse(&self.bytes[*position as usize..], &KEY, &place).expect("a frame")
            })
            .collect();
        let frames: Vec<FooterFrame<'_>> = found
            .iter()
            .map(|frame| FooterFrame {
                sequence: frame.header().sequence,
                position: frame.header().place.position,
                entries: frame.header().entries,
                table: frame.table_bytes(),
            })
            .collect();
        let table_bytes = frames.iter().map(|frame| frame.table.len()).sum();
        let mut footer = vec![0xa5; footer_bytes(frames.len(), table_bytes, self.runs.len())];
        let place = self.footer_place();
        encode_footer(&KEY, &place, &frames, self.position, &self.runs, &mut footer);
        let start = self.bytes.len() - footer.len();
        assert!(self.position as usize <= start, "the footer has room");
        self.bytes[start..].copy_from_slice(&footer);
        footer.len()
    }
}

/// Bytes as hex, 32 to a line: what golden tests compare.
pub(super) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(line).collect::<Vec<String>>().join("\n")
}

/// Flips a bit of every byte of `bytes` in turn and gives the positions at which nobody minded.
pub(super) fn unseen_flips(bytes: &[u8], is_seen: impl Fn(&[u8]) -> bool) -> Vec<usize> {
    let mut flipped = bytes.to_vec();
    let mut unseen = Vec::new();
    for at in 0..flipped.len() {
        flipped[at] ^= 1 << (at % 8);
        if !is_seen(&flipped) {
            unseen.push(at);
        }
        flipped[at] = bytes[at];
    }
    unseen
}
