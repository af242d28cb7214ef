//! A start: from files to a running strand (R5, R9–R12, R14).
//!
//! 1. List the files; lock every one that will be written, on the descriptors that will write it;
//!    then flush the device; only then read (R9).
//! 2. Both slots; the newest valid one counts (R10, R14).
//! 3. The header of every extent; an extent without a valid one is searched for frames (R5).
//! 4. The chain of uses that bind; of each that no index file holds, its contents.
//! 5. Judge, use by use: what is taken, damaged, torn. Replay what is taken.

mod chain;
mod contents;
mod judge;
mod replay;
mod slots;
mod strays;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::base::Mutant;
use crate::base::Now;
use crate::base::PAGE;
use crate::strand::ExtentHeader;
use crate::strand::ExtentId;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::FooterPlace;
use crate::strand::HeaderFault;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Listing;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Slot;
use crate::strand::Token;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentState;
use crate::strand::machine::Phase;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;
use crate::strand::recover::chain::Chain;
use crate::strand::recover::chain::Stray;
use crate::strand::recover::slots::SlotReader;
use crate::strand::recover::strays::Headless;
use crate::strand::recover::strays::StrayReader;

pub(super) use crate::strand::recover::contents::Contents;
pub(super) use crate::strand::recover::contents::UseReader;

/// Ops of recovery in flight at once: enough to keep a device busy with headers.
const IN_FLIGHT_MAX: usize = 64;

/// A read of recovery that fails is tried so often: what it would say otherwise is that something
/// was lost.
const READ_TRIES: u8 = 3;

/// What recovery waits for.
enum Step {
    Listing,
    Locking,
    Flushing,
    Slots(SlotReader),
    Headers,
    Strays(StrayReader),
    Uses(UseReader),
}

/// How far a start has come.
pub(super) struct Recovery {
    step: Step,
    listing: Listing,
    /// Ops of this step that are still to be issued.
    todo: VecDeque<Op>,
    in_flight: BTreeMap<Token, Op>,
    /// How often reads have failed, by where they began and how long they are.
    failed: BTreeMap<(File, u64, u32), u8>,
    head: CheckpointHead,
    headers: Vec<ExtentHeader>,
    /// Extents without a valid header.
    headless: Vec<(ExtentId, Headless)>,
    /// Of those, the ones whose first page is not zeros: each may have begun a use of which nothing
    /// else is left.
    damaged_headers: u64,
    strays: Vec<Stray>,
    /// Extents without a valid header in which a page, too, could not be read.
    unreadable: Vec<(ExtentId, u32)>,
    chain: Chain,
    /// The link whose contents are read.
    reading: usize,
    contents: BTreeMap<usize, Contents>,
}

impl Recovery {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Listing,
            listing: Listing::default(),
            todo: VecDeque::new(),
            in_flight: BTreeMap::new(),
            failed: BTreeMap::new(),
            head: CheckpointHead::default(),
            headers: Vec::new(),
            headless: Vec::new(),
            damaged_headers: 0,
            strays: Vec::new(),
            unreadable: Vec::new(),
            chain: Chain::default(),
            reading: 0,
            contents: BTreeMap::new(),
        }
    }

    fn tries_again(&mut self, op: &Op, outcome: &Outcome) -> bool {
        let (Op::Read { file, position, bytes }, Outcome::Failed(_)) = (op, outcome) else {
            return false;
        };
        let failed = self.failed.entry((*file, *position, *bytes)).or_default();
        *failed += 1;
        let tries_again = *failed < READ_TRIES;
        if tries_again {
            self.todo.push_back(op.clone());
        }
        tries_again
    }

    pub(super) fn listed_indexes(&self) -> impl Iterator<Item = IndexId> + '_ {
        self.listing.indexes.iter().map(|(index, _)| *index)
    }
}

impl Strand {
    pub(super) fn begin_recovery(&mut self, out: &mut Output) {
        let mut recovery = Box::new(Recovery::new());
        recovery.todo.push_back(Op::List);
        self.recover_on(recovery, out);
    }

    /// Goes on with recovery: issues what may be issued.
    fn recover_on(&mut self, mut recovery: Box<Recovery>, out: &mut Output) {
        while recovery.in_flight.len() < IN_FLIGHT_MAX {
            let Some(op) = recovery.todo.pop_front() else { break };
            let token = self.ops.issue(Purpose::Recovery, op.clone(), out);
            recovery.in_flight.insert(token, op);
        }
        self.phase = Phase::Recovering(recovery);
    }

    pub(super) fn on_recovery(
        &mut self,
        now: Now,
        token: Token,
        outcome: Outcome,
        out: &mut Output,
    ) {
        let phase = std::mem::replace(&mut self.phase, Phase::Failed);
        let Phase::Recovering(mut recovery) = phase else {
            // Stopped while it recovered.
            self.phase = phase;
            return;
        };
        let op = recovery.in_flight.remove(&token).expect("recovery issued what ended");
        if recovery.tries_again(&op, &outcome) {
            self.recover_on(recovery, out);
            return;
        }
        if let Err(fatal) = self.recovery_took(&mut recovery, &op, outcome) {
            self.phase = Phase::Recovering(recovery);
            self.fail(fatal, out);
            return;
        }
        while recovery.todo.is_empty() && recovery.in_flight.is_empty() {
            match self.recovery_next(&mut recovery) {
                Ok(true) => {}
                Ok(false) => {
                    self.finish_recovery(now, recovery, out);
                    return;
                }
                Err(fatal) => {
                    self.phase = Phase::Recovering(recovery);
                    self.fail(fatal, out);
                    return;
                }
            }
        }
        self.recover_on(recovery, out);
    }

    /// Takes one outcome in.
    fn recovery_took(
        &mut self,
        recovery: &mut Recovery,
        op: &Op,
        outcome: Outcome,
    ) -> Result<(), Fatal> {
        match (&mut recovery.step, op, outcome) {
            (Step::Listing, _, Outcome::Listed(listing)) => recovery.listing = listing,
            (Step::Locking, _, Outcome::Locked) | (Step::Flushing, _, Outcome::Flushed) => {}
            (Step::Locking, Op::Lock { file }, Outcome::Failed(IoFailure::Locked)) => {
                return Err(Fatal::Locked { what: format!("{file:?} is held by another process") });
            }
            (Step::Slots(reader), Op::Read { .. }, outcome) => reader.on_read(&outcome),
            (Step::Headers, Op::Read { file: File::Extent(extent), .. }, outcome) => {
                return self.on_header(recovery, *extent, &outcome);
            }
            (Step::Strays(reader), Op::Read { .. }, outcome) => reader.on_read(&outcome),
            (Step::Uses(reader), Op::Read { .. }, outcome) => match outcome {
                Outcome::Read(block) => reader.on_read(Some(&block)),
                _ => reader.on_read(None),
            },
            (_, op, outcome) => {
                return Err(Fatal::Unrecoverable {
                    what: format!("{op:?} ended with {outcome:?}"),
                });
            }
        }
        Ok(())
    }

    /// The step is over: begins the next one, which may want nothing. `false`: it was the last.
    fn recovery_next(&mut self, recovery: &mut Recovery) -> Result<bool, Fatal> {
        match &mut recovery.step {
            Step::Listing => self.lock_files(recovery)?,
            Step::Locking => {
                recovery.step = Step::Flushing;
                if !Mutant::RecoveryWithoutFlush.is_on() {
                    recovery.todo.push_back(Op::Flush);
                }
            }
            Step::Flushing => {
                let reader = SlotReader::new(self.identity, &recovery.listing.slots);
                recovery.step = Step::Slots(reader);
            }
            Step::Slots(reader) => {
                if let Some(op) = reader.wants() {
                    recovery.todo.push_back(op);
                } else {
                    self.slots_are_read(recovery)?;
                }
            }
            Step::Headers => return Ok(self.search_headless(recovery)),
            Step::Strays(reader) => {
                if let Some(op) = reader.wants() {
                    recovery.todo.push_back(op);
                } else {
                    recovery.strays.extend(reader.found());
                    recovery.unreadable.extend(reader.unreadable());
                    return Ok(self.search_headless(recovery));
                }
            }
            Step::Uses(reader) => {
                if let Some((position, bytes)) = reader.wants() {
                    let place = recovery.chain.links[recovery.reading].place;
                    let file = File::Extent(place.extent);
                    recovery.todo.push_back(Op::Read { file, position, bytes });
                } else {
                    return self.use_is_read(recovery);
                }
            }
        }
        Ok(true)
    }

    fn lock_files(&self, recovery: &mut Recovery) -> Result<(), Fatal> {
        let listing = &recovery.listing;
        let expected = u64::from(self.config.extent_bytes);
        if let Some((extent, bytes)) = listing.extents.iter().find(|(_, bytes)| *bytes != expected)
        {
            let what = format!("extent {} is {bytes} bytes long, not {expected}", extent.0);
            return Err(Fatal::Unrecoverable { what });
        }
        let extents = listing.extents.iter().map(|(extent, _)| File::Extent(*extent));
        let slots = listing.slots.iter().map(|(slot, _)| File::Slot(*slot));
        let mut files: Vec<File> = slots.chain(extents).collect();
        if Mutant::LockOnAnotherFile.is_on() {
            files.truncate(1);
        }
        recovery.todo.extend(files.into_iter().map(|file| Op::Lock { file }));
        recovery.step = Step::Locking;
        Ok(())
    }

    fn slots_are_read(&mut self, recovery: &mut Recovery) -> Result<(), Fatal> {
        let Step::Slots(reader) = std::mem::replace(&mut recovery.step, Step::Headers) else {
            unreachable!("the slots were just read");
        };
        let found = reader.into_found()?;
        let is_fresh = recovery.listing.extents.is_empty();
        if found.newest.is_none() && !is_fresh {
            // R14: it stops, and frees nothing.
            let what = "neither checkpoint slot is valid; see `strandlog log rescue`".to_owned();
            return Err(Fatal::Unrecoverable { what });
        }
        self.checkpoints.resume(found.states);
        if let Some(newest) = found.newest {
            recovery.head = newest.head;
            self.logs = newest.logs;
        }
        for (extent, _) in &recovery.listing.extents {
            let file = File::Extent(*extent);
            recovery.todo.push_back(Op::Read { file, position: 0, bytes: PAGE as u32 });
        }
        Ok(())
    }

    fn on_header(
        &self,
        recovery: &mut Recovery,
        extent: ExtentId,
        outcome: &Outcome,
    ) -> Result<(), Fatal> {
        let parsed = match outcome {
            Outcome::Read(block) => ExtentHeader::parse(block.bytes(), &self.identity.key),
            _ => Err(HeaderFault::Damaged),
        };
        match parsed {
            Ok(header) if header.extent == extent && header.strand == self.identity.strand => {
                recovery.headers.push(header);
            }
            Err(HeaderFault::Zeros) => recovery.headless.push((extent, Headless::Blank)),
            Err(HeaderFault::Version(version)) => {
                let what = format!("extent {} is of format {version}", extent.0);
                return Err(Fatal::Unrecoverable { what });
            }
            Ok(_) | Err(HeaderFault::Damaged) => {
                recovery.headless.push((extent, Headless::Damaged));
                recovery.damaged_headers += 1;
            }
        }
        Ok(())
    }

    /// R5: an extent whose header is bad is free only if no frame in it has a use above all known.
    /// `false`: all are searched, and no use has to be read.
    fn search_headless(&mut self, recovery: &mut Recovery) -> bool {
        let Some((extent, why)) = recovery.headless.pop() else {
            recovery.headers.sort_by_key(|header| header.extent);
            recovery.chain = chain::chain(&recovery.head, &recovery.headers, &recovery.strays);
            recovery.reading = usize::MAX;
            return self.next_use_reader(recovery);
        };
        let reader = StrayReader::new(self.identity, extent, self.config.extent_bytes, why);
        recovery.step = Step::Strays(reader);
        true
    }

    /// Begins to read the next use whose contents matter. `false`: there is none.
    fn next_use_reader(&mut self, recovery: &mut Recovery) -> bool {
        let first = recovery.reading.wrapping_add(1);
        for (number, link) in recovery.chain.links.iter().enumerate().skip(first) {
            let is_indexed = link.record.is_some_and(|record| record.index.is_some());
            let is_dead = link.record.is_some_and(|record| record.state == ExtentState::Dead);
            if is_indexed || is_dead {
                continue;
            }
            let is_last = number + 1 == recovery.chain.links.len();
            let closed_later = if is_last { None } else { Some(u64::MAX) };
            let closing_end = link.closing.map(|closing| closing.end).or(closed_later);
            let place = FooterPlace {
                strand: self.identity.strand,
                extent: link.place.extent,
                use_number: link.place.number,
                extent_bytes: self.config.extent_bytes,
            };
            recovery.reading = number;
            recovery.step = Step::Uses(UseReader::new(place, self.identity.key, closing_end));
            return true;
        }
        recovery.reading = recovery.chain.links.len();
        false
    }

    fn use_is_read(&mut self, recovery: &mut Recovery) -> Result<bool, Fatal> {
        let number = recovery.reading;
        let next = Step::Headers;
        if let Step::Uses(reader) = std::mem::replace(&mut recovery.step, next) {
            let contents = reader.into_contents();
            if let Some(version) = contents.version {
                let what = format!("a frame is of format {version}");
                return Err(Fatal::Unrecoverable { what });
            }
            recovery.contents.insert(number, contents);
        }
        Ok(self.next_use_reader(recovery))
    }
}

/// The slots by their names.
const SLOTS: [Slot; 2] = [Slot::A, Slot::B];
