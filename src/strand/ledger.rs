//! What a use holds, kept while it is young: its footer is made from it.

use crate::strand::Entry;
use crate::strand::FRAME_HEADER;
use crate::strand::FooterFrame;
use crate::strand::FooterPlace;
use crate::strand::PlacedRun;
use crate::strand::RunMap;
use crate::strand::StoreKey;
use crate::strand::TableEntry;
use crate::strand::Use;
use crate::strand::encode_footer;
use crate::strand::extents::Live;
use crate::strand::footer_bytes;
use crate::strand::frame::entry_bytes;
use crate::strand::runs_of;

#[derive(Clone, Copy, Debug)]
struct LedgerFrame {
    sequence: u64,
    position: u32,
    entries: u32,
    table_bytes: u32,
}

/// Frames and runs of one use, in order, up to the last durable one.
#[derive(Debug)]
pub(super) struct Ledger {
    pub place: Use,
    frames: Vec<LedgerFrame>,
    /// The tables of the frames, end to end, as they lie on disk.
    tables: Vec<u8>,
    runs: RunMap,
    /// Position behind the last frame.
    frames_end: u32,
}

impl Ledger {
    pub(super) fn new(place: Use) -> Self {
        Self {
            place,
            frames: Vec::new(),
            tables: Vec::new(),
            runs: RunMap::default(),
            frames_end: crate::base::PAGE as u32,
        }
    }

    /// Adds a frame of `frame_bytes`; `head` is its header and table, and may be more of it.
    pub(super) fn add(
        &mut self,
        sequence: u64,
        position: u32,
        frame_bytes: u32,
        head: &[u8],
        table: &[TableEntry],
    ) {
        let table_bytes: usize = table.iter().map(|entry| entry_bytes(&entry.entry)).sum();
        self.tables.extend_from_slice(&head[FRAME_HEADER..FRAME_HEADER + table_bytes]);
        self.frames.push(LedgerFrame {
            sequence,
            position,
            entries: table.len() as u32,
            table_bytes: table_bytes as u32,
        });
        self.frames_end = position + frame_bytes;
        for run in runs_of(table) {
            self.runs.insert(PlacedRun { place: self.place, run });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn footer_bytes(&self) -> usize {
        footer_bytes(self.frames.len(), self.tables.len(), self.runs.len())
    }

    /// Whether the footer fits behind the frames. It does where this version wrote the use.
    pub(super) fn has_room(&self, extent_bytes: u32) -> bool {
        self.frames_end as usize + self.footer_bytes() <= extent_bytes as usize
    }

    pub(super) fn encode(&self, key: &StoreKey, place: &FooterPlace, out: &mut [u8]) {
        let mut rest = self.tables.as_slice();
        let frames: Vec<FooterFrame<'_>> = self
            .frames
            .iter()
            .map(|frame| {
                let (table, after) = rest.split_at(frame.table_bytes as usize);
                rest = after;
                FooterFrame {
                    sequence: frame.sequence,
                    position: frame.position,
                    entries: frame.entries,
                    table,
                }
            })
            .collect();
        encode_footer(key, place, &frames, self.frames_end, &self.runs, out);
    }
}

/// The batches that a frame's entries brought.
pub(super) fn stored(table: &[TableEntry]) -> Live {
    let mut stored = Live::default();
    for append in table.iter().filter_map(|entry| Entry::batch(&entry.entry)) {
        stored.add(Live { bytes: u64::from(append.bytes), batches: 1 });
    }
    stored
}
