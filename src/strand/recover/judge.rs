//! Torn tail or damage (R10): what of a use's frames is taken, what is missing and was proven, and
//! where a tail ends that nobody was ever told of. Pure.

use crate::base::Mutant;
use crate::base::PAGE;
use crate::strand::Damage;
use crate::strand::recover::chain::Closing;
use crate::strand::recover::contents::Contents;
use crate::strand::recover::contents::FoundFrame;

/// What a use's frames are worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::strand) struct Verdict {
    /// Frames that count, by their number in the contents.
    pub taken: Vec<usize>,
    /// What is proven and not there, by position.
    pub damage: Vec<(u32, Damage)>,
    /// Highest sequence whose table is lost (R11).
    pub lost: Option<u64>,
    /// The tail is torn: this sequence and all behind it are void, in later uses too.
    pub torn: Option<Torn>,
    /// The next sequence of the use, if another frame followed.
    pub expected: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strand) struct Torn {
    pub sequence: u64,
    pub position: u32,
    /// Something of the tail was seen: worth a line in the log.
    pub was_seen: bool,
}

/// The highest sequence that is proven, as far as this use is concerned. `next_has_frames`: a use
/// takes frames only when all of its predecessor is durable (R4).
pub(in crate::strand) fn proven(
    contents: &Contents,
    closing: Option<Closing>,
    needs: u64,
    next_has_frames: bool,
) -> u64 {
    if Mutant::TornTailTakenForDamage.is_on() {
        return u64::MAX;
    }
    if Mutant::DamageTakenForTornTail.is_on() {
        return 0;
    }
    let end = closing.map_or(u64::MAX, |closing| closing.end);
    let counting = contents.frames.iter().filter(|frame| frame.sequence <= end);
    let by_frames = counting.map(|frame| frame.proves).max().unwrap_or(0);
    let by_header = closing.map_or(0, |closing| closing.proven);
    let by_next = if next_has_frames && end != u64::MAX { end } else { 0 };
    by_frames.max(by_header).max(by_next).max(needs)
}

/// `first`: the sequence of the use's first frame, 0 if nobody knows. `reach`: bytes behind the last
/// frame in which the next ones can lie that were in flight with it (R2).
pub(in crate::strand) fn judge(
    contents: &Contents,
    first: u64,
    closing: Option<Closing>,
    proven: u64,
    reach: u32,
) -> Verdict {
    let mut judging = Judging {
        contents,
        proven,
        reach,
        cursor: PAGE as u32,
        verdict: Verdict { expected: first, ..Verdict::default() },
    };
    judging.frames(closing.map_or(u64::MAX, |closing| closing.end));
    judging.tail(closing);
    judging.verdict
}

struct Judging<'a> {
    contents: &'a Contents,
    proven: u64,
    reach: u32,
    /// Behind the last frame that was taken.
    cursor: u32,
    verdict: Verdict,
}

impl Judging<'_> {
    fn frames(&mut self, end: u64) {
        for (number, frame) in self.contents.frames.iter().enumerate() {
            if frame.sequence > end {
                return;
            }
            if self.verdict.expected == 0 {
                self.verdict.expected = first_of(frame);
            }
            if frame.sequence < self.verdict.expected {
                continue;
            }
            let before = frame.position;
            if frame.sequence > self.verdict.expected
                && !self.is_missing(frame.sequence - 1, before)
            {
                return;
            }
            let behind = frame.position + frame.bytes;
            if frame.table.is_none() {
                self.cursor = frame.position;
                if !self.is_missing(frame.sequence, behind) {
                    return;
                }
                self.cursor = behind;
                continue;
            }
            if !frame.damaged.is_empty() {
                let unreadable = self.unreadable_in(frame.position, behind);
                if frame.sequence > self.proven && unreadable.is_none() {
                    self.tear(true);
                    return;
                }
                let damage = unreadable.map_or(Damage::Batch, |_| Damage::Unreadable);
                self.verdict.damage.push((unreadable.unwrap_or(frame.position), damage));
            }
            self.verdict.taken.push(number);
            self.verdict.expected = frame.sequence + 1;
            self.cursor = behind;
        }
    }

    /// The expected frame, and all up to `last`, are not there, before the position `before`. Says
    /// whether that is damage, after which replay goes on; else the tail is torn here. What nobody
    /// can read is never a torn tail.
    fn is_missing(&mut self, last: u64, before: u32) -> bool {
        let unreadable = self.unreadable_in(self.cursor, before);
        if self.verdict.expected > self.proven && unreadable.is_none() {
            self.tear(true);
            return false;
        }
        let damage = unreadable.map_or(Damage::Frame, |_| Damage::Unreadable);
        self.verdict.damage.push((unreadable.unwrap_or(self.cursor), damage));
        self.verdict.lost = Some(last);
        self.verdict.expected = last + 1;
        true
    }

    /// The first page in the range that the device would not read.
    fn unreadable_in(&self, from: u32, until: u32) -> Option<u32> {
        self.contents.unreadable.iter().copied().find(|page| (from..until).contains(page))
    }

    fn tear(&mut self, was_seen: bool) {
        self.verdict.torn =
            Some(Torn { sequence: self.verdict.expected, position: self.cursor, was_seen });
    }

    /// What should have followed the last frame. A page that cannot be read is never a torn tail,
    /// where a frame could lie at all.
    fn tail(&mut self, closing: Option<Closing>) {
        let end = closing.map_or(u64::MAX, |closing| closing.end);
        let is_open = end == u64::MAX;
        let until = if is_open { self.cursor.saturating_add(self.reach) } else { u32::MAX };
        let page = self.unreadable_in(self.cursor, until);
        if let Some(page) = page.filter(|_| self.verdict.expected <= end) {
            let is_known = is_open && self.verdict.expected > 0;
            self.verdict.damage.push((page, Damage::Unreadable));
            self.verdict.lost = Some(if is_known { self.verdict.expected } else { end });
            self.verdict.torn = None;
            return;
        }
        if self.verdict.torn.is_some() {
            return;
        }
        let end = closing.map_or(u64::MAX, |closing| closing.end).min(self.proven);
        let expected = self.verdict.expected;
        if end != u64::MAX && 0 < expected && expected <= end {
            self.is_missing(end, u32::MAX);
        }
        let closed_at = closing.map_or(u64::MAX, |closing| closing.end);
        if closed_at != u64::MAX && self.verdict.expected <= closed_at && expected > 0 {
            self.tear(false);
        }
    }
}

/// The first sequence of a use whose header is damaged, by its first frame that is left. One that
/// does not lie at the front is not the first.
fn first_of(frame: &FoundFrame) -> u64 {
    let is_first = frame.position as usize == PAGE;
    if is_first { frame.sequence } else { frame.sequence.saturating_sub(1).max(1) }
}
