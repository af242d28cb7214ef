//! What recovery found becomes the strand's state: judged use by use, replayed entry by entry as it
//! ran live (R10–R12).

use std::collections::BTreeMap;

use crate::base::Mutant;
use crate::base::Now;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::log::Log;
use crate::strand::Damage;
use crate::strand::DamageReport;
use crate::strand::Entry;
use crate::strand::EntryId;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::Notice;
use crate::strand::Output;
use crate::strand::Predecessor;
use crate::strand::Truncation;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::config::IN_FLIGHT_LIMIT;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::extents::Live;
use crate::strand::ledger::Ledger;
use crate::strand::ledger::stored;
use crate::strand::machine::Phase;
use crate::strand::machine::Strand;
use crate::strand::recover::Recovery;
use crate::strand::recover::chain::Closing;
use crate::strand::recover::chain::Link;
use crate::strand::recover::contents::Contents;
use crate::strand::recover::contents::FoundFooter;
use crate::strand::recover::contents::FoundFrame;
use crate::strand::recover::judge;
use crate::strand::writing::FOOTERS_MISSING_MAX;

/// Use numbers that are left out when an extent cannot be read: far more than a process can have
/// begun and left no other trace of.
const HIDDEN_USES: u64 = 1 << 16;

/// What is gathered over all uses.
struct Replay {
    /// Replay changes logs from this sequence on; what is older is in the checkpoint.
    from: u64,
    /// The highest sequence that the checkpoint holds.
    saved: u64,
    /// The last sequence that counts, and the use that holds it.
    last: Option<Predecessor>,
    /// The highest sequence ever seen, void ones included.
    highest_sequence: u64,
    /// The last sequence at which each partition's end was told.
    told: BTreeMap<PartitionId, u64>,
    /// The highest sequence whose table is lost.
    lost: Option<u64>,
    is_damaged: bool,
    /// Nothing counts from here on: an earlier use has a torn tail.
    is_torn: bool,
}

impl Strand {
    pub(super) fn finish_recovery(
        &mut self,
        now: Now,
        mut recovery: Box<Recovery>,
        out: &mut Output,
    ) {
        let head = std::mem::take(&mut recovery.head);
        let headers = recovery.headers.iter().map(|header| header.first_sequence);
        let highest = headers.max().unwrap_or(0).max(head.needs).max(head.from.saturating_sub(1));
        let mut replay = Replay {
            from: head.from,
            saved: head.needs.max(head.from.saturating_sub(1)),
            last: None,
            highest_sequence: highest,
            told: BTreeMap::new(),
            lost: None,
            is_damaged: false,
            is_torn: false,
        };
        for (extent, _) in &recovery.listing.extents {
            self.extents.insert(*extent, Extent::new(Life::Ready));
        }
        let is_fenced = |record: &&ExtentRecord| record.state == ExtentState::Fenced;
        let fenced = head.extents.iter().filter(is_fenced).map(|record| record.extent);
        let fenced: Vec<ExtentId> = fenced.collect();
        for truncation in head.truncations {
            self.space.truncated(truncation);
        }
        for index in head.indexes {
            self.indexes.insert(index.index, index);
        }
        let listed = recovery.listing.indexes.iter().map(|(index, _)| index.0 + 1);
        self.next_index = listed.max().unwrap_or(1).max(head.next_index).max(1);
        for number in 0..recovery.chain.links.len() {
            self.replay_link(&mut recovery, number, head.needs, &mut replay, out);
        }
        self.fence_unreadable(&recovery, &fenced, &mut replay, out);
        for place in &recovery.chain.gone {
            report(place.extent, 0, None, Damage::Header, out);
            replay.is_damaged = true;
        }
        let proven = replay.last.map_or(0, |last| last.closing_end);
        for place in std::mem::take(&mut recovery.chain.void) {
            self.extents.insert_dead(place, proven, self.checkpoints.generation());
        }
        self.resume(now, &recovery, &replay, out);
    }

    /// R5, R10: an extent without a header may be the newest use, and where a page of it cannot be
    /// read nobody can tell. What it held is counted as lost, once: `known` are those that an
    /// earlier start fenced.
    fn fence_unreadable(
        &mut self,
        recovery: &Recovery,
        known: &[ExtentId],
        replay: &mut Replay,
        out: &mut Output,
    ) {
        for (extent, position) in &recovery.unreadable {
            // A use that counts was judged with its pages.
            if recovery.chain.links.iter().any(|link| link.place.extent == *extent) {
                continue;
            }
            self.extents.insert(*extent, Extent::new(Life::Fenced));
            report(*extent, *position, None, Damage::Unreadable, out);
            if known.contains(extent) {
                continue;
            }
            replay.is_damaged = true;
            replay.lost = Some(u64::MAX);
            // Numbers that may be in there are not given again, should it be readable later.
            replay.highest_sequence += u64::from(self.config.extent_bytes) / PAGE as u64;
            self.extents.note_use(recovery.chain.highest_use + HIDDEN_USES);
        }
    }

    /// Entries may be taken in from here on.
    fn resume(&mut self, now: Now, recovery: &Recovery, replay: &Replay, out: &mut Output) {
        let chain = &recovery.chain;
        self.start = chain.highest_start + 1;
        self.extents.note_use(chain.highest_use + recovery.damaged_headers);
        let proven = replay.last.map_or(0, |last| last.closing_end);
        // Frames that were in flight when the last process died may hold any of the next K.
        let seen = replay.highest_sequence.max(proven);
        let first = seen + u64::from(IN_FLIGHT_LIMIT) + 1;
        self.commit.resume(proven, replay.saved, first, self.extents.highest_use() + 1);
        self.predecessor = replay.last;
        self.phase = Phase::Running;
        self.capture_first(now);
        self.say_ready(replay.lost, &replay.told, out);
        if replay.is_damaged {
            self.space.hold_until(self.commit.newest_sequence());
        }
        let has_replayed = proven >= replay.from && proven > 0;
        if has_replayed || replay.is_damaged {
            self.checkpoints.want();
        }
        self.space.changed(self.newest_use());
        self.look_for_uses();
        self.retire_orphans(recovery);
        self.prepare(now, out);
    }

    fn replay_link(
        &mut self,
        recovery: &mut Recovery,
        number: usize,
        needs: u64,
        replay: &mut Replay,
        out: &mut Output,
    ) {
        let link = recovery.chain.links[number];
        let Some(contents) = recovery.contents.remove(&number) else {
            self.keep_recorded(&link, replay);
            return;
        };
        for frame in &contents.frames {
            replay.highest_sequence = replay.highest_sequence.max(frame.sequence);
        }
        let proven = replay.last.map_or(0, |last| last.closing_end);
        if replay.is_torn {
            self.extents.insert_dead(link.place, proven, self.checkpoints.generation());
            return;
        }
        let next = recovery.contents.get(&(number + 1));
        let closing = link.closing.or_else(|| next.and_then(closed_by_first_frame));
        let next_link = recovery.chain.links.get(number + 1);
        let next_end = next_link.and_then(|link| link.closing).map_or(u64::MAX, |of| of.end);
        let next_has_frames = next.is_some_and(|next| has_frames(next, next_end));
        if link.header_is_damaged && has_frames(&contents, u64::MAX) {
            report(link.place.extent, 0, None, Damage::Header, out);
            replay.is_damaged = true;
        }
        // A footer is written in one piece and may be torn while it is young (R4).
        let is_young = number + FOOTERS_MISSING_MAX + 2 > recovery.chain.links.len();
        if contents.footer_is_damaged && !is_young {
            report(link.place.extent, 0, None, Damage::Footer, out);
        }
        let extent = Extent {
            use_number: link.place.number,
            first_sequence: link.first_sequence,
            ..Extent::new(Life::Sealed)
        };
        self.extents.insert(link.place.extent, extent);
        let proven = judge::proven(&contents, closing, needs, next_has_frames);
        match contents.footer {
            // Without a closing end the footer itself is one: it was written after the `Seal`.
            Some(footer) if closing.is_none_or(|of| of.end == footer.last_sequence) => {
                self.replay_footer(&link, footer, replay);
            }
            // An earlier start dropped the torn tail and wrote the footer of what was left; the
            // header that declares more was never followed by a frame.
            Some(footer)
                if closing.is_some_and(|of| {
                    of.end > footer.last_sequence && of.end.min(proven) <= footer.last_sequence
                }) =>
            {
                self.replay_footer(&link, footer, replay);
                replay.is_torn = true;
            }
            // An earlier start counted what lies behind as lost, and wrote the footer of the rest.
            Some(footer) if closing.is_some_and(|of| of.end > footer.last_sequence) => {
                let end = closing.map_or(0, |of| of.end);
                self.replay_cut_footer(&link, footer, end, replay, out);
            }
            _ => self.replay_frames(&link, contents, closing, proven, replay, out),
        }
    }

    /// A use whose runs are in an index file, or that is dead: nothing of it is read.
    fn keep_recorded(&mut self, link: &Link, replay: &mut Replay) {
        let Some(record) = link.record else { return };
        let life = match record.state {
            // The older slot may not know it yet.
            ExtentState::Dead => Life::Dead {
                killer: record.killer,
                generation: self.checkpoints.generation().saturating_sub(1),
            },
            _ => Life::Sealed,
        };
        let unknown = u64::from(self.config.extent_bytes);
        let bytes = if life == Life::Sealed { unknown } else { 0 };
        let extent = Extent {
            use_number: record.use_number,
            first_sequence: record.first_sequence,
            last_sequence: record.last_sequence,
            stored_bytes: bytes,
            // Until the first sweep: nothing of it is known to be dead.
            live: Live { bytes, batches: 0 },
            index: record.index,
            has_footer: true,
            ..Extent::new(life)
        };
        self.extents.insert(record.extent, extent);
        replay.highest_sequence = replay.highest_sequence.max(record.last_sequence);
        if record.last_sequence > 0 && record.last_sequence >= record.first_sequence {
            replay.end_at(link, record.last_sequence);
        }
    }

    fn replay_footer(&mut self, link: &Link, footer: FoundFooter, replay: &mut Replay) {
        let mut stored = Live::default();
        for (id, entry) in &footer.entries {
            self.replay_entry(*id, &entry.entry, replay);
            if let Some(append) = entry.entry.batch() {
                stored.add(Live { bytes: u64::from(append.bytes), batches: 1 });
            }
        }
        for run in footer.runs {
            self.runs.insert(run);
        }
        let extent = self.extents.used_mut(link.place.number).expect("it was just inserted");
        extent.last_sequence = footer.last_sequence;
        extent.stored_bytes = stored.bytes;
        extent.live = stored;
        extent.used_bytes = footer.used_bytes;
        extent.has_footer = true;
        replay.highest_sequence = replay.highest_sequence.max(footer.last_sequence);
        replay.end_at(link, footer.last_sequence);
    }

    fn replay_cut_footer(
        &mut self,
        link: &Link,
        footer: FoundFooter,
        end: u64,
        replay: &mut Replay,
        out: &mut Output,
    ) {
        let position = PAGE as u64 + footer.used_bytes;
        // The slot holds what was made of it.
        let is_settled = end < replay.from;
        if !is_settled {
            report(link.place.extent, position as u32, None, Damage::Frame, out);
            replay.is_damaged = true;
            replay.lost = replay.lost.max(Some(end));
        }
        self.replay_footer(link, footer, replay);
        let extent = self.extents.used_mut(link.place.number).expect("it was just inserted");
        extent.last_sequence = end;
        replay.highest_sequence = replay.highest_sequence.max(end);
        replay.end_at(link, end);
    }

    fn replay_frames(
        &mut self,
        link: &Link,
        contents: Contents,
        closing: Option<Closing>,
        proven: u64,
        replay: &mut Replay,
        out: &mut Output,
    ) {
        let reach = u32::from(self.config.in_flight_max) * self.config.frame_bytes_max;
        let verdict = judge::judge(&contents, link.first_sequence, closing, proven, reach);
        let extent = link.place.extent;
        let is_damaged = !verdict.damage.is_empty();
        for (position, damage) in &verdict.damage {
            report(extent, *position, None, *damage, out);
        }
        if let Some(torn) = verdict.torn {
            replay.is_torn = true;
            if torn.was_seen {
                let (file, position) = (File::Extent(extent), u64::from(torn.position));
                let last_sequence = torn.sequence - 1;
                out.notices.push(Notice::TornTail { file, position, last_sequence });
            }
        }
        let mut ledger = Ledger::new(link.place);
        for number in &verdict.taken {
            self.replay_frame(&contents.frames[*number], &mut ledger, replay);
        }
        replay.is_damaged |= is_damaged;
        if let Some(lost) = verdict.lost.filter(|lost| *lost >= replay.from) {
            replay.lost = replay.lost.max(Some(lost));
        }
        let last = verdict.expected.saturating_sub(1);
        let is_empty = verdict.taken.is_empty() && verdict.lost.is_none();
        if is_empty {
            let proven = replay.last.map_or(0, |last| last.closing_end);
            self.extents.insert_dead(link.place, proven, self.checkpoints.generation());
            return;
        }
        let known = self.extents.used_mut(link.place.number).expect("it was just inserted");
        known.last_sequence = last;
        known.damaged = is_damaged;
        replay.highest_sequence = replay.highest_sequence.max(last);
        replay.end_at(link, last);
        if !ledger.is_empty() && ledger.has_room(self.config.extent_bytes) {
            let footers = if is_damaged { &mut self.lost.footers } else { &mut self.footers };
            footers.push_back(ledger);
        }
    }

    fn replay_frame(&mut self, frame: &FoundFrame, ledger: &mut Ledger, replay: &mut Replay) {
        let Some(table) = &frame.table else { return };
        let place = ledger.place;
        ledger.add(frame.sequence, frame.position, frame.bytes, &frame.head, table);
        self.take_runs(place, table);
        for (entry, number) in table.iter().zip(0..) {
            let id = EntryId { sequence: frame.sequence, number };
            self.replay_entry(id, &entry.entry, replay);
        }
        let stored = stored(table);
        let known = self.extents.used_mut(place.number).expect("the use was inserted");
        known.used_bytes += u64::from(frame.bytes);
        known.stored_bytes += stored.bytes;
        known.live.add(stored);
    }

    fn replay_entry(&mut self, id: EntryId, entry: &Entry, replay: &mut Replay) {
        if let Entry::Seal { use_number, .. } = entry {
            self.extents.note_use(*use_number);
        }
        let Some(partition) = entry.partition() else { return };
        if matches!(entry, Entry::Append(_) | Entry::Lost { .. } | Entry::Truncate { .. }) {
            replay.told.insert(partition, id.sequence);
        }
        let is_forgotten =
            matches!(entry, Entry::LogStart { .. }) && Mutant::LogStartForgotten.is_on();
        if let Entry::Truncate { to, .. } = entry {
            self.space.truncated(Truncation { partition, to: *to, entry: id });
        }
        if id.sequence < replay.from || is_forgotten {
            return;
        }
        match entry {
            Entry::Relocate { .. } => {}
            Entry::Drop { .. } => {
                self.logs.remove(&partition);
            }
            _ => {
                let log: &mut Log = self.logs.entry(partition).or_default();
                log.apply(id, entry);
            }
        }
    }
}

impl Replay {
    fn end_at(&mut self, link: &Link, last_sequence: u64) {
        self.last = Some(Predecessor {
            extent: link.place.extent,
            use_number: link.place.number,
            closing_end: last_sequence,
            proven: last_sequence,
        });
    }
}

/// The end of a use whose successor's header is damaged: the first frame of a use knows everything
/// before it as durable (R4).
fn closed_by_first_frame(next: &Contents) -> Option<Closing> {
    let first = next.frames.first()?;
    let is_first = first.position as usize == PAGE;
    is_first.then_some(Closing { end: first.proven, proven: first.proven })
}

fn has_frames(contents: &Contents, end: u64) -> bool {
    contents.footer.is_some() || contents.frames.iter().any(|frame| frame.sequence <= end)
}

fn report(
    extent: ExtentId,
    position: u32,
    partition: Option<PartitionId>,
    damage: Damage,
    out: &mut Output,
) {
    let file = File::Extent(extent);
    let report = DamageReport { file, position: u64::from(position), partition, damage };
    out.notices.push(Notice::Damage(report));
}
