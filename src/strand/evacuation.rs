//! R17: the live batches of the deadest use are copied into ordinary frames as `Relocate`, so that
//! its extent can be given back.
//!
//! It runs only when room is needed, and takes the use whose copy costs least (the space model:
//! whatever is copied earlier would mostly have died by itself). Each batch is compared and set:
//! at the moment its copy is taken in, the index must still point to where it was read.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::base::Block;
use crate::base::Mutant;
use crate::base::Now;
use crate::base::PAGE;
use crate::strand::Append;
use crate::strand::Damage;
use crate::strand::DamageReport;
use crate::strand::Entry;
use crate::strand::EntryId;
use crate::strand::FRAME_HEADER;
use crate::strand::File;
use crate::strand::FooterPlace;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Place;
use crate::strand::Refusal;
use crate::strand::TableEntry;
use crate::strand::Trailer;
use crate::strand::Use;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::frame::check_batch;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;
use crate::strand::space::Need;

/// What is read of a use at once.
const WINDOW_BYTES: u32 = 256 << 10;

/// Above this share of an extent a copy gains nothing: what it frees it fills again.
const COST_MAX_PERCENT: u64 = 95;

/// For the sake of another strand of the disk nothing is copied that costs more than it gains.
const COST_FOR_OTHERS_PERCENT: u64 = 50;

/// What a copy takes at most beside its batch: its entry in the frame's table and once more in the
/// footer's, and its run.
const COPY_BYTES: u64 = 256;

/// Header, a frame that only seals, and the shortest footer.
const OVERHEAD_PAGES: u64 = 5;

/// Copies wait while this much of theirs or of producers' gathers: a producer's frame is never
/// longer for them than this (R17, paced).
const GATHERED_MAX: usize = 256 << 10;

/// When too much gathers, copying is tried again after this long.
const ROOM_RETRY_US: u64 = 1_000;

/// A live batch of the use that is evacuated.
#[derive(Clone, Copy, Debug)]
struct Survivor {
    append: Append,
    written: EntryId,
    position: u32,
    header_crc: u32,
}

#[derive(Debug)]
enum Step {
    Trailer,
    Footer(Box<Trailer>),
    /// The next window is read when pace and room allow it.
    Copy,
    /// A window is on its way: its position and length.
    Window {
        start: u32,
    },
    /// A window is here and is being taken in.
    Push {
        start: u32,
        block: Block,
    },
    /// All copies are taken in; they have to be durable.
    Settle {
        sequence: u64,
    },
}

#[derive(Debug)]
struct Victim {
    place: Use,
    step: Step,
    /// By position.
    survivors: VecDeque<Survivor>,
    last_copy: u64,
    /// Bytes of the window that were copied so far.
    copied: u64,
}

#[derive(Debug, Default)]
pub(super) struct Evacuation {
    victim: Option<Victim>,
    /// Copies may go on from here: `Now::mono_us`.
    paced_until: u64,
    /// No victim was found that costs at most this, and nothing has died or was sealed since.
    none_below: Option<u64>,
}

impl Evacuation {
    /// There may be a victim where none was.
    pub(super) fn look_again(&mut self) {
        self.none_below = None;
    }
}

impl Strand {
    /// Goes on with evacuation, or begins it when room is needed.
    pub(super) fn evacuate(&mut self, now: Now, out: &mut Output) {
        if !self.is_running() {
            return;
        }
        if self.evacuation.victim.is_none() {
            self.choose_victim(out);
        }
        let Some(mut victim) = self.evacuation.victim.take() else { return };
        if matches!(victim.step, Step::Copy) {
            self.read_survivors(now, &mut victim, out);
        }
        let goes_on = match victim.step {
            Step::Trailer | Step::Footer(_) | Step::Copy | Step::Window { .. } => true,
            Step::Push { start, ref block } => {
                let block = block.clone();
                self.push_survivors(now, &mut victim, start, &block, out)
            }
            Step::Settle { sequence } => !self.settle_evacuation(&victim, sequence, out),
        };
        if goes_on {
            self.evacuation.victim = Some(victim);
        }
    }

    /// When copying goes on by itself. A turn leaves it in the future, or waits for an outcome.
    pub(super) fn evacuation_deadline(&self) -> Option<u64> {
        let victim = self.evacuation.victim.as_ref()?;
        matches!(victim.step, Step::Copy).then_some(self.evacuation.paced_until)
    }

    /// The sealed use whose copy costs least, if room is needed and it is worth it.
    fn choose_victim(&mut self, out: &mut Output) {
        let starves = Mutant::EvacuationStarvesOnFullDisk.is_on() && self.space.is_full;
        let waits = self.liveness.is_running() || self.space.has_changed;
        if !self.is_short_of_space() || self.has_recyclable() || waits || starves {
            return;
        }
        let extent_bytes = u64::from(self.config.extent_bytes);
        let cost_max = self.cost_max();
        if self.evacuation.none_below.is_some_and(|cost| cost >= cost_max) {
            return;
        }
        let cost = |extent: &Extent| share_of_use(extent).min(self.gathered_anew(extent));
        let is_worth_it = |extent: &Extent| {
            extent.life == Life::Sealed
                && extent.has_footer
                && !extent.damaged
                && cost(extent) <= cost_max
        };
        let victims = self.extents.iter().filter(|(_, extent)| is_worth_it(extent));
        let Some((id, extent)) = victims.min_by_key(|(_, extent)| cost(extent)) else {
            self.evacuation.none_below = Some(cost_max);
            return;
        };
        let place = Use { number: extent.use_number, extent: id };
        self.evacuation.victim = Some(Victim {
            place,
            step: Step::Trailer,
            survivors: VecDeque::new(),
            last_copy: 0,
            copied: 0,
        });
        let position = extent_bytes - PAGE as u64;
        self.read_victim(place, position, PAGE as u32, out);
    }

    /// A copy that takes more gains nothing: an extent holds no more than this of frames, and the
    /// last frame that does not fit it leaves its rest unused.
    fn cost_max(&self) -> u64 {
        let extent_bytes = u64::from(self.config.extent_bytes);
        let holds = extent_bytes.saturating_sub(OVERHEAD_PAGES * PAGE as u64);
        let rest = u64::from(self.config.frame_bytes_max);
        let percent = if self.is_scarce() { COST_MAX_PERCENT } else { COST_FOR_OTHERS_PERCENT };
        (holds * percent / 100).min(holds.saturating_sub(rest))
    }

    /// What the copies take when they are gathered, however few of them shared a frame of the use:
    /// small batches that came one at a time lie in a page each.
    fn gathered_anew(&self, extent: &Extent) -> u64 {
        let bytes =
            extent.live.bytes.saturating_add(extent.live.batches.saturating_mul(COPY_BYTES));
        // A window's copies make a frame, unless they fill one: of two full frames that follow each
        // other one is more than half as long as it may be.
        let windows = 1 + u64::from(self.config.extent_bytes / WINDOW_BYTES);
        let frames = windows + 2 * bytes / u64::from(self.config.frame_bytes_max);
        bytes.saturating_add(frames * (FRAME_HEADER + PAGE) as u64)
    }

    fn read_victim(&mut self, place: Use, position: u64, bytes: u32, out: &mut Output) {
        let op = Op::Read { file: File::Extent(place.extent), position, bytes };
        self.ops.issue(Purpose::Evacuation, op, out);
    }

    pub(super) fn on_evacuation(&mut self, now: Now, outcome: &Outcome, out: &mut Output) {
        let Some(mut victim) = self.evacuation.victim.take() else {
            unreachable!("an op of evacuation belongs to its victim");
        };
        // It died meanwhile, and its extent may hold something else.
        let is_there = self.extents.used(victim.place.number);
        if is_there.is_none_or(|extent| extent.life != Life::Sealed) {
            return;
        }
        let block = match outcome {
            Outcome::Read(block) => Some(block),
            _ => None,
        };
        let went_on = match std::mem::replace(&mut victim.step, Step::Copy) {
            Step::Trailer => block.is_some_and(|block| self.on_trailer(&mut victim, block, out)),
            Step::Footer(trailer) => {
                block.is_some_and(|block| self.on_footer(&mut victim, &trailer, block))
            }
            Step::Window { start } => block.is_some_and(|block| {
                victim.step = Step::Push { start, block: block.clone() };
                true
            }),
            _ => unreachable!("nothing was read in this step"),
        };
        if went_on {
            self.evacuation.victim = Some(victim);
            self.evacuate(now, out);
        } else {
            let damage = if block.is_some() { Damage::Footer } else { Damage::Unreadable };
            self.abandon(&victim, damage, out);
        }
    }

    /// The victim cannot be read whole: it stays where it is, and is not tried again.
    fn abandon(&mut self, victim: &Victim, damage: Damage, out: &mut Output) {
        if let Some(extent) = self.extents.used_mut(victim.place.number) {
            extent.damaged = true;
        }
        let file = File::Extent(victim.place.extent);
        let report = DamageReport { file, position: 0, partition: None, damage };
        out.notices.push(Notice::Damage(report));
    }

    fn on_trailer(&mut self, victim: &mut Victim, block: &Block, out: &mut Output) -> bool {
        let place = FooterPlace {
            strand: self.identity.strand,
            extent: victim.place.extent,
            use_number: victim.place.number,
            extent_bytes: self.config.extent_bytes,
        };
        let Some(trailer) = Trailer::parse(block.bytes(), &self.identity.key, &place) else {
            return false;
        };
        let (start, bytes) = (u64::from(trailer.start()), trailer.footer_bytes());
        victim.step = Step::Footer(Box::new(trailer));
        self.read_victim(victim.place, start, bytes, out);
        true
    }

    fn on_footer(&mut self, victim: &mut Victim, trailer: &Trailer, block: &Block) -> bool {
        let Some(entries) = trailer.entries(block.bytes()) else { return false };
        let survivor = |(written, entry): (EntryId, TableEntry)| {
            let append = *entry.entry.batch()?;
            let (position, header_crc) = (entry.position, entry.header_crc);
            Some(Survivor { append, written, position, header_crc })
        };
        let all = entries.into_iter().filter_map(survivor);
        victim.survivors = all.filter(|of| self.survives(victim.place, of)).collect();
        true
    }

    /// Whether the index still points to the batch in this place.
    fn survives(&self, place: Use, of: &Survivor) -> bool {
        let append = &of.append;
        if !self.is_live(append.partition, append.base_offset, append.end()) {
            return false;
        }
        if self.space.is_truncated(append, of.written) {
            return false;
        }
        // Memory is younger than every index file: what it says is final.
        let held = self.runs.from(append.partition, append.base_offset).next();
        match held.filter(|held| held.run.from < append.end()) {
            Some(held) => {
                let end = held.run.position.saturating_add(held.run.bytes);
                held.place == place && (held.run.position..end).contains(&of.position)
            }
            None => self.extents.used(place.number).is_some_and(|extent| extent.index.is_some()),
        }
    }

    /// Reads the next window of survivors, if pace and room allow it.
    fn read_survivors(&mut self, now: Now, victim: &mut Victim, out: &mut Output) {
        while victim.survivors.front().is_some_and(|of| !self.survives(victim.place, of)) {
            victim.survivors.pop_front();
        }
        let Some(first) = victim.survivors.front() else {
            victim.step = Step::Settle { sequence: victim.last_copy };
            return;
        };
        if !self.may_copy(now) {
            if self.evacuation.paced_until <= now.mono_us {
                self.evacuation.paced_until = now.mono_us.saturating_add(ROOM_RETRY_US);
            }
            return;
        }
        let page = PAGE as u32;
        let start = first.position / page * page;
        let mut end = first.position + first.append.bytes;
        for of in &victim.survivors {
            let next = of.position + of.append.bytes;
            if next - start > WINDOW_BYTES {
                break;
            }
            end = end.max(next);
        }
        let bytes = (end - start).next_multiple_of(page);
        victim.step = Step::Window { start };
        self.read_victim(victim.place, u64::from(start), bytes, out);
    }

    /// R17: paced while producers are served; at once when they are refused.
    fn may_copy(&self, now: Now) -> bool {
        let has_room = self.commit.waiting_bytes() < GATHERED_MAX;
        let is_paced = !self.space.is_full && !Mutant::EvacuationUnpaced.is_on();
        has_room && (!is_paced || now.mono_us >= self.evacuation.paced_until)
    }

    /// Takes in what the window holds. `false`: the victim was given up.
    fn push_survivors(
        &mut self,
        now: Now,
        victim: &mut Victim,
        start: u32,
        block: &Block,
        out: &mut Output,
    ) -> bool {
        while let Some(of) = victim.survivors.front().copied() {
            let from = (of.position.wrapping_sub(start)) as usize;
            let end = from.saturating_add(of.append.bytes as usize);
            let Some(bytes) = block.bytes().get(from..end) else { break };
            if self.survives(victim.place, &of) {
                if !check_batch(&of.append, of.header_crc, bytes) {
                    self.abandon(victim, Damage::Batch, out);
                    return false;
                }
                match self.relocate(victim.place, &of, bytes) {
                    Ok(sequence) => victim.last_copy = sequence,
                    // No room at the moment: the window stays.
                    Err(_) => return true,
                }
                victim.copied += bytes.len() as u64;
            }
            victim.survivors.pop_front();
        }
        let per_second = self.config.evacuation_bytes_per_second.max(1);
        let copied = std::mem::take(&mut victim.copied);
        let pause = (copied.saturating_mul(1_000_000) / per_second).max(1);
        self.evacuation.paced_until = now.mono_us.saturating_add(pause);
        victim.step = Step::Copy;
        true
    }

    fn relocate(&mut self, place: Use, of: &Survivor, bytes: &[u8]) -> Result<u64, Refusal> {
        let from = Place { extent: place.extent, use_number: place.number, position: of.position };
        let entry = Entry::Relocate { batch: of.append, from };
        self.admits(Need::Evacuation, &entry)?;
        self.figures.evacuated_batches += 1;
        self.figures.evacuated_bytes += bytes.len() as u64;
        Ok(self.push(of.append.partition, entry, Bytes::copy_from_slice(bytes)).sequence)
    }

    /// Everything live is elsewhere, and durable there: the use is dead. Says whether it is over.
    fn settle_evacuation(&mut self, victim: &Victim, sequence: u64, out: &mut Output) -> bool {
        if self.commit.durable() < sequence {
            return false;
        }
        let killer = self.commit.newest_sequence().max(sequence);
        let is_sealed =
            self.extents.used(victim.place.number).is_some_and(|of| of.life == Life::Sealed);
        if is_sealed {
            self.extents.kill(victim.place.number, killer, self.checkpoints.generation());
        }
        self.recycle(out);
        if self.has_recyclable() {
            self.checkpoints.want();
        }
        true
    }
}

/// What the live part takes where it lies: live batches take the same share of what the use filled
/// as they are of its batches.
fn share_of_use(extent: &Extent) -> u64 {
    if extent.stored_bytes == 0 {
        return 0;
    }
    let known = extent.used_bytes;
    let used = if known > 0 { known } else { extent.stored_bytes.saturating_mul(3) / 2 };
    let cost = u128::from(used) * u128::from(extent.live.bytes) / u128::from(extent.stored_bytes);
    cost as u64
}
