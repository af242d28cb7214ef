//! Checkpoints: the state of a strand at a moment, so that a start replays only what came after.
//! Two slot files are written in turn. A slot counts only after it was read back and validated.
//!
//! A slot is one page of header and then the state, an rkyv archive of the types in `stored` that
//! is read in place once its CRC and bytecheck accept it:
//!
//! | at | field |
//! |---|---|
//! | 0 | magic `SLck` |
//! | 4 | version u16 (1), strand u16 |
//! | 8 | generation u64 |
//! | 16 | bytes of the state u64 |
//! | 24 | zeros |
//! | 4088 | CRC-32C of the state's pages u32 |
//! | 4092 | keyed CRC-32C of bytes 0–4091 u32 |
//! | 4096 | the state; zeros up to a page |

mod encoder;
mod stored;
#[cfg(test)]
mod tests;

pub(super) use encoder::EncodedSlot;
pub(super) use encoder::PIECE_BYTES;
pub(super) use encoder::SlotEncoder;

use rkyv::rancor;
use rkyv::util::AlignedVec;

use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::base::StrandId;
#[cfg(test)]
use crate::log::Log;
use crate::log::LogImage;
use crate::strand::checkpoint::stored::ArchivedStoredCheckpoint;
use crate::strand::entry::EntryId;
use crate::strand::fields::Fields;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;
use crate::strand::op::IndexId;
use crate::strand::run::Use;

const MAGIC: [u8; 4] = *b"SLck";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"ckpt";
const STATE_CRC_AT: usize = PAGE - 8;
const CRC_AT: usize = PAGE - 4;

/// What an extent is in, at the moment of a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtentState {
    /// Nothing in it counts; the next use may take it.
    Free,
    /// Frames are being written into it.
    Open,
    /// Its `Seal` is durable.
    Sealed,
    /// Nothing in it is live, but its recycling waits for both slots (R13).
    Dead,
    /// A start could not read what it holds, and counted it as lost (R11). Not written again.
    Fenced,
}

/// An extent and its use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtentRecord {
    pub extent: ExtentId,
    /// 0: never used.
    pub use_number: u64,
    pub state: ExtentState,
    pub first_sequence: u64,
    /// Highest sequence of the use; of an open one, the highest at the checkpoint.
    pub last_sequence: u64,
    /// Sequence of the entry that killed the last live byte; 0 while something is live.
    pub killer: u64,
    /// The index file that covers the use.
    pub index: Option<IndexId>,
}

/// An index file and what it covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexRecord {
    pub index: IndexId,
    pub uses: Vec<Use>,
    /// Length of the file.
    pub bytes: u64,
}

/// A truncation that batches in older uses still have to be measured against: what the partition
/// was given before `entry` and reaches above `to` is void, wherever it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Truncation {
    pub partition: PartitionId,
    pub to: Offset,
    /// The `Truncate`.
    pub entry: EntryId,
}

/// All of a checkpoint but the partitions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CheckpointHead {
    /// Higher than that of the slot it follows.
    pub generation: u64,
    /// Generation of the manifest it was written under.
    pub manifest: u64,
    /// Replay starts with this sequence.
    pub from: u64,
    /// Highest sequence that may be inside; proven by the slot's validity (R10).
    pub needs: u64,
    /// Number of the process start that wrote it.
    pub start: u64,
    /// Lowest use number that was never given.
    pub next_use: u64,
    /// Lowest index number that was never given.
    pub next_index: u64,
    /// Wall clock when it was made, milliseconds (R23).
    pub wall_ms: i64,
    /// Ascending by extent.
    pub extents: Vec<ExtentRecord>,
    /// Ascending by number.
    pub indexes: Vec<IndexRecord>,
    /// In the order in which they came.
    pub truncations: Vec<Truncation>,
}

/// A whole checkpoint, as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checkpoint {
    pub head: CheckpointHead,
    /// Ascending by partition.
    pub logs: Vec<(PartitionId, LogImage)>,
}

/// Why a slot does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotFault {
    /// All zeros: it was never written.
    Empty,
    /// It does not validate.
    Damaged,
    /// It is of a format that this version does not know.
    Version(u16),
    /// The slot is `needs` bytes long and fewer are at hand.
    Short { needs: u64 },
}

/// The whole slot that holds `checkpoint`: a multiple of a page.
#[cfg(test)]
pub(super) fn encode_slot(key: &StoreKey, strand: StrandId, checkpoint: &Checkpoint) -> Vec<u8> {
    let Checkpoint { head, logs } = checkpoint;
    let mut encoder = SlotEncoder::new(key, strand, head, logs.len());
    for (partition, image) in logs {
        let log = Log::from_image(image.clone());
        encoder.begin_log(*partition, &log);
        log.producers().iter().for_each(|(id, state)| encoder.producer(id, state));
        assert!(encoder.end_log(usize::MAX), "there is no limit");
    }
    loop {
        if let Some(slot) = encoder.finish(head.needs, usize::MAX) {
            return slot.concat();
        }
    }
}

/// The first page of a slot: how much more there is to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotHeader {
    pub generation: u64,
    state_bytes: u64,
    state_crc: u32,
}

impl SlotHeader {
    pub fn parse(page: &[u8], key: &StoreKey, strand: StrandId) -> Result<Self, SlotFault> {
        let page = page.first_chunk::<PAGE>().ok_or(SlotFault::Damaged)?;
        if page.iter().all(|byte| *byte == 0) {
            return Err(SlotFault::Empty);
        }
        let crc = Fields::new(&page[CRC_AT..]).u32().ok_or(SlotFault::Damaged)?;
        if page[..4] != MAGIC || crc != key.crc(&DOMAIN, &page[..CRC_AT]) {
            return Err(SlotFault::Damaged);
        }
        let mut fields = Fields::new(&page[4..]);
        match fields.u16() {
            Some(VERSION) => {}
            Some(version) => return Err(SlotFault::Version(version)),
            None => return Err(SlotFault::Damaged),
        }
        let state_crc = Fields::new(&page[STATE_CRC_AT..]).u32();
        let header = fields.u16().zip(fields.u64()).zip(fields.u64()).zip(state_crc);
        let (((of, generation), state_bytes), state_crc) = header.ok_or(SlotFault::Damaged)?;
        let is_ours = of == strand.0 && state_bytes <= u64::from(u32::MAX);
        let header = Self { generation, state_bytes, state_crc };
        if is_ours { Ok(header) } else { Err(SlotFault::Damaged) }
    }

    /// Length of the whole slot, header included: a multiple of a page.
    pub fn slot_bytes(&self) -> u64 {
        PAGE as u64 + self.state_bytes.next_multiple_of(PAGE as u64)
    }
}

/// A slot that validated, read where it lies.
#[derive(Clone, Copy)]
pub struct SlotView<'a> {
    header: SlotHeader,
    stored: &'a ArchivedStoredCheckpoint,
}

impl<'a> SlotView<'a> {
    /// Validates a whole slot. `bytes` begins with its header, on an address that is a multiple of
    /// 16 (as everything is that a port reads), and may be longer.
    pub fn validate(bytes: &'a [u8], key: &StoreKey, strand: StrandId) -> Result<Self, SlotFault> {
        let header = SlotHeader::parse(bytes, key, strand)?;
        let needs = header.slot_bytes();
        let state = usize::try_from(needs).ok().and_then(|end| bytes.get(PAGE..end));
        let state = state.ok_or(SlotFault::Short { needs })?;
        if crc32c::crc32c(state) != header.state_crc {
            return Err(SlotFault::Damaged);
        }
        let state = &state[..header.state_bytes as usize];
        let stored = rkyv::access::<ArchivedStoredCheckpoint, rancor::Error>(state)
            .map_err(|_| SlotFault::Damaged)?;
        let is_whole = stored.generation == header.generation;
        if is_whole { Ok(Self { header, stored }) } else { Err(SlotFault::Damaged) }
    }

    pub fn header(&self) -> SlotHeader {
        self.header
    }

    /// All but the partitions. `None`: what was written is not what a strand writes.
    pub fn head(&self) -> Option<CheckpointHead> {
        self.stored.head()
    }

    /// Partitions in the slot.
    pub fn partitions(&self) -> usize {
        self.stored.logs.len()
    }

    /// The partitions' durable facts, ascending, each made when it is asked for.
    pub fn logs(&self) -> impl Iterator<Item = (PartitionId, LogImage)> + use<'a> {
        self.stored.logs.iter().map(stored::log_image)
    }
}

/// Validates a whole slot, wherever its bytes lie, and copies its content out.
pub fn read_slot(bytes: &[u8], key: &StoreKey, strand: StrandId) -> Result<Checkpoint, SlotFault> {
    if bytes.is_empty() {
        return Err(SlotFault::Empty);
    }
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    let view = SlotView::validate(&aligned, key, strand)?;
    let head = view.head().ok_or(SlotFault::Damaged)?;
    Ok(Checkpoint { head, logs: view.logs().collect() })
}
