//! Runs into answers: batches are walked, checked if they come from the disk, and handed out as
//! slices of the memory they lie in.

use std::ops::Range;
use std::rc::Rc;

use crate::base::Block;
use crate::base::Memory;
use crate::base::Offset;
use crate::base::Slice;
use crate::strand::batch;
use crate::strand::batch::BatchHead;
use crate::strand::batch::HEADER;
use crate::strand::output::Batches;
use crate::strand::output::ReadRequest;
use crate::strand::run::PlacedRun;
use crate::strand::run::Run;
use crate::strand::run::chain_check;

/// Shorter slices are copied: they would pin a whole frame for little (R19).
const COPIED_BELOW: usize = 4096;

/// The bytes of a run in memory.
#[derive(Clone, Debug)]
pub(super) struct RunBytes {
    pub(super) block: Block,
    pub(super) range: Range<usize>,
    /// They are what this process wrote, and need no check.
    pub(super) is_own: bool,
}

impl RunBytes {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.block.bytes()[self.range.clone()]
    }
}

/// Whether `bytes` is the run that the index describes: as many batches, back to back, offsets
/// rising, each batch's body and the headers of all as they were written for this partition (R21).
pub(super) fn check_run(run: &Run, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut check = 0;
    let mut end = 0;
    for _ in 0..run.batches {
        let Some(head) = BatchHead::parse(rest) else { return false };
        let Some((whole, after)) = rest.split_at_checked(head.bytes as usize) else { return false };
        let Some(header) = whole.first_chunk::<HEADER>() else { return false };
        if head.base_offset < end || batch::body_crc(whole) != head.crc {
            return false;
        }
        check = chain_check(check, batch::header_crc(run.partition, header));
        end = head.end();
        rest = after;
    }
    rest.is_empty() && check == run.check
}

/// An answer that grows run by run.
pub(super) struct Assembly {
    request: ReadRequest,
    pieces: Vec<Piece>,
    bytes: usize,
    next: Offset,
}

struct Piece {
    block: Block,
    range: Range<usize>,
}

impl Assembly {
    pub(super) fn new(request: ReadRequest) -> Self {
        Self { request, pieces: Vec::new(), bytes: 0, next: request.from }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Where to go on.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// There is nothing to read below `to`.
    pub(super) fn skip(&mut self, to: Offset) {
        self.next = self.next.max(to.min(self.request.limit));
    }

    /// Adds the visible batches of a checked run. False: the answer is full.
    pub(super) fn add(&mut self, placed: &PlacedRun, found: &RunBytes) -> bool {
        let limit = placed.run.to.min(self.request.limit);
        let mut at = 0;
        let mut taken: Option<Range<usize>> = None;
        let mut has_room = true;
        while let Some(head) = BatchHead::parse(&found.bytes()[at..]) {
            let end = at + head.bytes as usize;
            if head.base_offset >= limit || end > found.range.len() {
                break;
            }
            if head.end() > self.next {
                has_room = self.fits(head.bytes as usize);
                if !has_room {
                    break;
                }
                taken = Some(taken.map_or(at, |range| range.start)..end);
                self.bytes += head.bytes as usize;
                self.next = head.end();
            }
            at = end;
        }
        if let Some(range) = taken {
            let start = found.range.start;
            self.push(&found.block, start + range.start..start + range.end);
        }
        has_room && self.next < self.request.limit
    }

    fn fits(&self, bytes: usize) -> bool {
        let is_first = self.bytes == 0 && self.request.at_least_one;
        is_first || self.bytes + bytes <= self.request.bytes_max as usize
    }

    fn push(&mut self, block: &Block, range: Range<usize>) {
        if let Some(last) = self.pieces.last_mut() {
            let is_same = std::ptr::eq(last.block.bytes(), block.bytes());
            if is_same && last.range.end == range.start {
                last.range.end = range.end;
                return;
            }
        }
        self.pieces.push(Piece { block: block.clone(), range });
    }

    /// The answer: long pieces as they are, neighbouring short ones copied together.
    pub(super) fn finish(self) -> Batches {
        let mut slices = Vec::with_capacity(self.pieces.len());
        let mut copied: Vec<u8> = Vec::new();
        for piece in self.pieces {
            if piece.range.len() < COPIED_BELOW {
                copied.extend_from_slice(&piece.block.bytes()[piece.range]);
                continue;
            }
            if !copied.is_empty() {
                slices.push(copy_of(std::mem::take(&mut copied)));
            }
            slices.push(piece.block.slice(piece.range));
        }
        if !copied.is_empty() {
            slices.push(copy_of(copied));
        }
        Batches { slices, bytes: self.bytes, next: self.next }
    }
}

/// Bytes that pin nothing but themselves.
struct Copied(Vec<u8>);

impl Memory for Copied {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn copy_of(bytes: Vec<u8>) -> Slice {
    let length = bytes.len();
    Block::new(Rc::new(Copied(bytes))).slice(0..length)
}
