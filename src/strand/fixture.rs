//! Small stores for tests: batches, frames and extents as a strand writes them.

use crate::log::Log;
use crate::strand::checkpoint::Checkpoint;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::checkpoint::encode_slot;
use crate::strand::entry::EntryId;
use crate::strand::index::encode_index;
use crate::strand::index::index_bytes;
use crate::strand::op::File;
use crate::strand::op::IndexId;
use crate::strand::op::Listing;
use crate::strand::op::Slot;
use crate::strand::verify::StoreFiles;
use bytes::Bytes;
use std::collections::BTreeMap;

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

pub(crate) const KEY: StoreKey = StoreKey { store: [7; 16], secret: *b"a secret of ours" };
pub(crate) const STRAND: StrandId = StrandId(3);

pub(crate) fn identity() -> StrandIdentity {
    StrandIdentity { key: KEY, strand: STRAND, manifest: 1 }
}

/// A batch of `records` records as a producer sends it; `seed` makes its bytes its own.
pub(crate) fn batch(records: usize, value_bytes: usize, seed: u8) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for number in 0..records {
        let value = vec![seed.wrapping_add(number as u8); value_bytes];
        builder.push(1_000 + i64::from(seed), None, Some(&value), &[]);
    }
    builder.finish()
}

/// The entry of `batch` at `base_offset` in leader epoch 4.
pub(crate) fn append(partition: u64, base_offset: Offset, batch: &[u8]) -> Append {
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
pub(crate) struct Extent {
    pub(crate) place: Use,
    pub(crate) bytes: Vec<u8>,
    pub(crate) position: u32,
    pub(crate) sequence: u64,
    pub(crate) runs: RunMap,
    /// Position, sequence and table of each frame.
    pub(crate) frames: Vec<(u32, u64, Vec<TableEntry>)>,
}

impl Extent {
    /// A use that begins with sequence `first_sequence`, in an extent full of old bytes.
    pub(crate) fn new(extent: u32, number: u64, first_sequence: u64, extent_bytes: usize) -> Self {
        Self::after(extent, number, first_sequence, extent_bytes, None)
    }

    /// A use of the same start that follows another one.
    pub(crate) fn after(
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

    pub(crate) fn frame_place(&self) -> FramePlace {
        let Use { number: use_number, extent } = self.place;
        FramePlace { strand: STRAND, extent, use_number, position: self.position }
    }

    /// Writes the next frame and gives its position and bytes.
    pub(crate) fn frame(&mut self, items: &[(Entry, Vec<u8>)]) -> (u32, Vec<u8>) {
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
    pub(crate) fn append(&mut self, batches: &[(u64, Offset, Vec<u8>)]) -> (u32, Vec<u8>) {
        let items: Vec<(Entry, Vec<u8>)> = batches
            .iter()
            .map(|(partition, base, batch)| {
                (Entry::Append(append(*partition, *base, batch)), batch.clone())
            })
            .collect();
        self.frame(&items)
    }

    pub(crate) fn footer_place(&self) -> FooterPlace {
        self.frame_place().footer(self.bytes.len() as u32)
    }

    /// Writes the footer and gives its length.
    pub(crate) fn foot(&mut self) -> usize {
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

/// Length of the extents of [`store`].
pub(crate) const EXTENT: usize = 128 << 10;

/// The files of a strand.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) files: BTreeMap<File, Vec<u8>>,
    /// Where the last frame of the last use begins.
    pub(crate) last_frame: usize,
}

impl StoreFiles for Store {
    fn listing(&self) -> Result<Listing, String> {
        let mut listing = Listing::default();
        for (file, bytes) in &self.files {
            let bytes = bytes.len() as u64;
            match file {
                File::Extent(extent) => listing.extents.push((*extent, bytes)),
                File::Slot(slot) => listing.slots.push((*slot, bytes)),
                File::Index(index) => listing.indexes.push((*index, bytes)),
            }
        }
        Ok(listing)
    }

    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        self.files.get(&file).cloned().ok_or_else(|| "it is not there".to_owned())
    }
}

/// Four uses on a chain, the first two in an index file, three with footers; a checkpoint over the
/// first two. Partition 9 has a batch of three records in every frame, partition 7 is truncated.
pub(crate) fn store() -> Store {
    let mut store = Store::default();
    let mut offset: Offset = 0;
    let mut sequence = 100;
    let mut before: Option<Predecessor> = None;
    let mut runs = RunMap::default();
    let mut logs: BTreeMap<PartitionId, Log> = BTreeMap::new();
    let mut records = Vec::new();
    for number in 1..=4_u64 {
        let extent = number as u32;
        let mut made = Extent::after(extent, number, sequence, EXTENT, before);
        for _ in 0..5 {
            let mut items =
                vec![(Entry::Append(append(9, offset, &batch(3, 700, 1))), batch(3, 700, 1))];
            if offset == 6 {
                let partition = PartitionId(7);
                items.push((Entry::Append(append(7, 0, &batch(5, 40, 2))), batch(5, 40, 2)));
                items.push((Entry::Truncate { partition, to: 0 }, Vec::new()));
                items.push((Entry::Append(append(7, 0, &batch(2, 40, 3))), batch(2, 40, 3)));
            }
            store.last_frame = made.position as usize;
            made.frame(&items);
            offset += 3;
        }
        if number < 4 {
            let next = Entry::Seal { extent: ExtentId(extent + 1), use_number: number + 1 };
            made.frame(&[(next, Vec::new())]);
            made.foot();
        }
        sequence = made.sequence;
        let (closing_end, use_number) = (sequence - 1, number);
        let extent = made.place.extent;
        before = Some(Predecessor { extent, use_number, closing_end, proven: closing_end });
        if number <= 2 {
            made.runs.iter().for_each(|placed| runs.insert(*placed));
            for (_, sequence, table) in &made.frames {
                for (number, entry) in table.iter().enumerate() {
                    let Some(partition) = entry.entry.partition() else { continue };
                    let id = EntryId { sequence: *sequence, number: number as u32 };
                    logs.entry(partition).or_default().apply(id, &entry.entry);
                }
            }
            records.push(ExtentRecord {
                extent,
                use_number,
                state: ExtentState::Sealed,
                first_sequence: made.frames[0].1,
                last_sequence: closing_end,
                killer: 0,
                index: Some(IndexId(1)),
            });
        }
        store.files.insert(File::Extent(extent), made.bytes);
    }
    let uses: Vec<Use> =
        [1, 2].map(|number| Use { number, extent: ExtentId(number as u32) }).to_vec();
    let mut file = vec![0; index_bytes(&uses, &runs)];
    encode_index(&KEY, STRAND, IndexId(1), &uses, &runs, &mut file);
    let index = IndexRecord { index: IndexId(1), uses, bytes: file.len() as u64 };
    store.files.insert(File::Index(IndexId(1)), file);
    let head = CheckpointHead {
        generation: 1,
        from: records[1].last_sequence + 1,
        needs: records[1].last_sequence,
        extents: records,
        indexes: vec![index],
        ..CheckpointHead::default()
    };
    let logs = logs.into_iter().map(|(partition, log)| (partition, log.image())).collect();
    store.files.insert(File::Slot(Slot::A), encode_slot(&KEY, STRAND, &Checkpoint { head, logs }));
    store.files.insert(File::Slot(Slot::B), vec![0; 2 * PAGE]);
    store
}

/// Bytes as hex, 32 to a line: what golden tests compare.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(line).collect::<Vec<String>>().join("\n")
}

/// Flips a bit of every byte of `bytes` in turn and gives the positions at which nobody minded.
pub(crate) fn unseen_flips(bytes: &[u8], is_seen: impl Fn(&[u8]) -> bool) -> Vec<usize> {
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
