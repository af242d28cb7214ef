//! Looks at every op on its way to the disk and at every answer, and holds the strand to the rules
//! that an end-to-end check would only find with luck.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use strandlog::base::Block;
use strandlog::base::PAGE;
use strandlog::base::StrandId;
use strandlog::strand::Checkpoint;
use strandlog::strand::ExtentHeader;
use strandlog::strand::ExtentId;
use strandlog::strand::File;
use strandlog::strand::FrameHeader;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Slot;
use strandlog::strand::StoreKey;
use strandlog::strand::Token;
use strandlog::strand::read_slot;

use crate::batch::BatchCrc;
use crate::batch::Batches;
use crate::disk::Disk;
use crate::disk::SLOTS;

/// What the simulator's memory is filled with before a strand gets it.
pub const DIRT: u8 = 0xa5;

/// A batch's bytes in an extent.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    pub crc: BatchCrc,
    pub bytes: usize,
    /// The write that brought it here was answered, or it was found on the disk after a crash.
    pub complete: bool,
    /// The frame that holds it, from the start of the extent.
    pub frame: usize,
}

/// A frame that was handed to the disk and is not answered.
#[derive(Clone, Copy, Debug)]
struct Issued {
    sequence: u64,
    use_number: u64,
}

/// See the module. One for each strand.
#[derive(Clone)]
pub struct Watch {
    strand: StrandId,
    key: StoreKey,
    in_flight_max: u64,
    copies: BTreeMap<(ExtentId, usize), Copy>,
    /// How many complete copies there are of each batch.
    complete: BTreeMap<BatchCrc, u32>,
    issued: BTreeMap<Token, Issued>,
    writes: BTreeMap<Token, (ExtentId, usize, usize)>,
    /// Extents whose header is being written.
    headers: BTreeMap<Token, ExtentId>,
    /// The highest use of a frame in lives of the process before this one.
    former_use: u64,
    highest_use: u64,
    slot_writes: BTreeMap<Token, Slot>,
    /// Slots whose last write was answered: either of them is enough for a recovery.
    pub sound_slots: BTreeSet<Slot>,
    /// Frames of the store, for where rot may strike: extent and position to length and sequence.
    pub frames: BTreeMap<(ExtentId, usize), (usize, u64)>,
    pub frames_issued: u64,
    pub relocated: u64,
}

impl Watch {
    pub fn new(strand: StrandId, key: StoreKey, in_flight_max: u64) -> Self {
        Self {
            strand,
            key,
            in_flight_max,
            copies: BTreeMap::new(),
            complete: BTreeMap::new(),
            issued: BTreeMap::new(),
            writes: BTreeMap::new(),
            headers: BTreeMap::new(),
            former_use: 0,
            highest_use: 0,
            slot_writes: BTreeMap::new(),
            sound_slots: BTreeSet::new(),
            frames: BTreeMap::new(),
            frames_issued: 0,
            relocated: 0,
        }
    }

    /// `is_live`: whether readers may see the batch, by all that was said to be durable.
    pub fn on_submit(
        &mut self,
        token: Token,
        op: &Op,
        batches: &Batches,
        is_live: &dyn Fn(BatchCrc) -> bool,
    ) {
        match op {
            Op::Write { file, position, data } => {
                check_padding(*file, *position, data);
                if let File::Slot(slot) = file {
                    self.sound_slots.remove(slot);
                    self.slot_writes.insert(token, *slot);
                }
                if let File::Extent(extent) = file {
                    let position = *position as usize;
                    self.overwrite(*extent, position, data.len(), is_live);
                    self.writes.insert(token, (*extent, position, data.len()));
                    self.on_extent_write(token, *extent, position, data, batches, is_live);
                }
            }
            Op::StoreIndex { index, data } => check_padding(File::Index(*index), 0, data),
            Op::Remove { file: File::Extent(extent) } => {
                self.overwrite(*extent, 0, usize::MAX, is_live);
            }
            _ => {}
        }
    }

    fn on_extent_write(
        &mut self,
        token: Token,
        extent: ExtentId,
        position: usize,
        data: &Block,
        batches: &Batches,
        is_live: &dyn Fn(BatchCrc) -> bool,
    ) {
        if position == 0 {
            self.headers.insert(token, extent);
            // A header makes everything of earlier uses invisible, whatever is left of it.
            self.overwrite(extent, 0, usize::MAX, is_live);
        }
        let Ok(header) = FrameHeader::parse(data.bytes(), &self.key) else { return };
        self.check_issue(&header, extent);
        self.frames_issued += 1;
        self.frames.insert((extent, position), (data.len(), header.sequence));
        let use_number = header.place.use_number;
        self.highest_use = self.highest_use.max(use_number);
        self.issued.insert(token, Issued { sequence: header.sequence, use_number });
        for (at, crc) in batches.find_in(data.bytes()) {
            let bytes = batches.get(crc).expect("it was found among them").len();
            let copy = Copy { crc, bytes, complete: false, frame: position };
            self.relocated += u64::from(self.complete.contains_key(&crc));
            self.copies.insert((extent, position + at), copy);
        }
    }

    /// R1, R2, R4, R5 at the moment a frame goes to the disk.
    fn check_issue(&self, header: &FrameHeader, extent: ExtentId) {
        let (sequence, use_number) = (header.sequence, header.place.use_number);
        for other in self.issued.values() {
            assert_ne!(other.sequence, sequence, "frame {sequence} issued twice");
            assert!(
                other.sequence + self.in_flight_max > sequence,
                "R2: frame {sequence} issued while {} is in flight",
                other.sequence
            );
            assert!(
                other.sequence > header.proven,
                "frame {sequence} says that {} is proven, and {} is in flight",
                header.proven,
                other.sequence
            );
            assert_eq!(
                other.use_number, use_number,
                "R4: frame {sequence} issued while frame {} of the use before is in flight",
                other.sequence
            );
        }
        assert!(header.proven < sequence, "frame {sequence} proves itself");
        assert!(
            self.headers.values().all(|preparing| *preparing != extent),
            "R4: frame {sequence} issued before the header of its use is durable"
        );
        assert!(
            use_number > self.former_use,
            "R5: frame {sequence} in use {use_number}, which another start began"
        );
    }

    pub fn on_outcome(&mut self, token: Token, outcome: &Outcome) {
        self.issued.remove(&token);
        self.headers.remove(&token);
        if let Some(slot) = self.slot_writes.remove(&token)
            && matches!(outcome, Outcome::Written)
            && !self.slot_writes.values().any(|other| *other == slot)
        {
            self.sound_slots.insert(slot);
        }
        let Some((extent, position, bytes)) = self.writes.remove(&token) else { return };
        if !matches!(outcome, Outcome::Written) {
            return;
        }
        let range = (extent, position)..(extent, position + bytes);
        for copy in self.copies.range_mut(range).map(|(_, copy)| copy) {
            copy.complete = true;
            *self.complete.entry(copy.crc).or_default() += 1;
        }
    }

    /// All frames up to `sequence` were said to be durable.
    pub fn on_durable(&self, sequence: u64) {
        for issued in self.issued.values() {
            assert!(
                issued.sequence > sequence,
                "R1: {sequence} was said to be durable, and frame {} is in flight",
                issued.sequence
            );
        }
    }

    /// Bytes are about to be written over, or their file to vanish: no live batch may have its
    /// last copy there (R13).
    fn overwrite(
        &mut self,
        extent: ExtentId,
        position: usize,
        bytes: usize,
        is_live: &dyn Fn(BatchCrc) -> bool,
    ) {
        let end = position.saturating_add(bytes);
        let first = self.copies.range(..(extent, position)).next_back();
        let first = first.filter(|(at, copy)| at.0 == extent && at.1 + copy.bytes > position);
        let mut hit: Vec<(ExtentId, usize)> = first.map(|(at, _)| *at).into_iter().collect();
        hit.extend(self.copies.range((extent, position)..(extent, end)).map(|(at, _)| *at));
        for at in hit {
            let copy = self.copies.remove(&at).expect("it was there");
            if !copy.complete {
                continue;
            }
            let left = self.complete.get_mut(&copy.crc).expect("it is counted");
            *left -= 1;
            if *left == 0 {
                self.complete.remove(&copy.crc);
                assert!(
                    !is_live(copy.crc),
                    "R13: the last copy of a live batch, in {extent:?} at {}, is written over",
                    at.1
                );
            }
        }
        let gone: Vec<(ExtentId, usize)> =
            self.frames.range((extent, position)..(extent, end)).map(|(at, _)| *at).collect();
        for at in gone {
            self.frames.remove(&at);
        }
    }

    /// After a crash and a recovery: what was in flight is there or is not.
    pub fn on_ready(&mut self, disk: &Disk, batches: &Batches) {
        let strand = self.strand;
        let is_there = |at: &(ExtentId, usize), copy: &Copy| {
            let Some(file) = disk.file((strand, File::Extent(at.0))) else { return false };
            let batch = batches.get(copy.crc).expect("it was made");
            let found = (at.1 + copy.bytes <= file.len()).then(|| file.durable(at.1, copy.bytes));
            found.is_some_and(|found| found[16..] == batch[16..])
        };
        let complete = &mut self.complete;
        self.copies.retain(|at, copy| {
            if !copy.complete && is_there(at, copy) {
                copy.complete = true;
                *complete.entry(copy.crc).or_default() += 1;
            }
            copy.complete
        });
    }

    /// The highest sequence that anything on the disk proves (R10): a frame, a header, a slot.
    pub fn proven_on(&self, disk: &Disk) -> u64 {
        let page = |file: File, at: usize| disk.file((self.strand, file))?.read(at, PAGE);
        let by_frames = self.frames.keys().filter_map(|(extent, position)| {
            let header = FrameHeader::parse(&page(File::Extent(*extent), *position)?, &self.key);
            let header = header.ok().filter(|it| it.place.position as usize == *position)?;
            Some(header.proven.max(header.sequence.saturating_sub(self.in_flight_max)))
        });
        let by_headers = self.extents().into_iter().filter_map(|extent| {
            let header = ExtentHeader::parse(&page(File::Extent(extent), 0)?, &self.key).ok()?;
            Some(header.predecessor?.proven)
        });
        let by_slots = self.slots_on(disk).into_iter().map(|slot| slot.head.needs);
        by_frames.chain(by_headers).chain(by_slots).max().unwrap_or(0)
    }

    /// What a start begins with; an empty one if no slot is valid.
    pub fn newest_checkpoint(&self, disk: &Disk) -> Checkpoint {
        let newest = self.slots_on(disk).into_iter().max_by_key(|slot| slot.head.generation);
        newest.unwrap_or_default()
    }

    /// The slots that are valid.
    fn slots_on(&self, disk: &Disk) -> Vec<Checkpoint> {
        let read = |slot: &Slot| {
            let file = disk.file((self.strand, File::Slot(*slot)))?;
            read_slot(&file.read(0, usize::MAX)?, &self.key, self.strand).ok()
        };
        SLOTS.iter().filter_map(read).collect()
    }

    /// The process died.
    pub fn on_crash(&mut self) {
        self.issued.clear();
        self.writes.clear();
        self.headers.clear();
        self.slot_writes.clear();
        self.former_use = self.highest_use;
    }

    /// Where batches lie, for rot.
    pub fn copies(&self) -> impl Iterator<Item = (&(ExtentId, usize), &Copy)> {
        self.copies.iter()
    }

    /// Positions of the frames of an extent.
    pub fn frames_of(&self, extent: ExtentId) -> impl Iterator<Item = usize> {
        let range = (extent, 0)..(extent, usize::MAX);
        self.frames.range(range).map(|((_, position), _)| *position)
    }

    /// Extents that hold frames which were written.
    pub fn extents(&self) -> BTreeSet<ExtentId> {
        self.frames.keys().map(|(extent, _)| *extent).collect()
    }
}

/// R8: what the buffer held before must not reach the disk.
fn check_padding(file: File, position: u64, data: &Block) {
    assert_eq!(data.len() % PAGE, 0, "whole pages");
    let dirty = data.bytes().chunks_exact(8).position(|word| word == [DIRT; 8]);
    if let Some(word) = dirty {
        panic!(
            "R8: {file:?} is written with what its buffer held, at {}",
            position + 8 * word as u64
        );
    }
}
