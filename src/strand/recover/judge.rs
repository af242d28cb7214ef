//! Torn tail or damage (R10): what of a use's frames is taken, what is missing and was proven, and
//! where a tail ends that nobody was ever told of. Pure.

use crate::base::Mutant;
use crate::strand::Damage;
use crate::strand::recover::chain::Closing;
use crate::strand::recover::contents::Contents;

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

/// `first`: the sequence of the use's first frame, 0 if nobody knows.
pub(in crate::strand) fn judge(
    contents: &Contents,
    first: u64,
    closing: Option<Closing>,
    proven: u64,
) -> Verdict {
    let mut judging = Judging {
        contents,
        proven,
        cursor: crate::base::PAGE as u32,
        verdict: Verdict { expected: first, ..Verdict::default() },
    };
    judging.frames(closing.map_or(u64::MAX, |closing| closing.end));
    judging.tail(closing);
    judging.verdict
}

struct Judging<'a> {
    contents: &'a Contents,
    proven: u64,
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
                self.verdict.expected = frame.sequence;
            }
            if frame.sequence < self.verdict.expected {
                continue;
            }
            if frame.sequence > self.verdict.expected && !self.is_missing(frame.sequence - 1) {
                return;
            }
            if frame.table.is_none() {
                self.cursor = frame.position;
                if !self.is_missing(frame.sequence) {
                    return;
                }
                self.cursor = frame.position + frame.bytes;
                continue;
            }
            if !frame.damaged.is_empty() {
                if frame.sequence > self.proven {
                    self.tear(true);
                    return;
                }
                self.verdict.damage.push((frame.position, Damage::Batch));
            }
            self.verdict.taken.push(number);
            self.verdict.expected = frame.sequence + 1;
            self.cursor = frame.position + frame.bytes;
        }
    }

    /// The expected frame, and all up to `last`, are not there. Says whether that is damage, after
    /// which replay goes on; else the tail is torn here.
    fn is_missing(&mut self, last: u64) -> bool {
        if self.verdict.expected > self.proven {
            self.tear(true);
            return false;
        }
        self.verdict.damage.push((self.cursor, Damage::Frame));
        self.verdict.lost = Some(last);
        self.verdict.expected = last + 1;
        true
    }

    fn tear(&mut self, was_seen: bool) {
        self.verdict.torn =
            Some(Torn { sequence: self.verdict.expected, position: self.cursor, was_seen });
    }

    /// What should have followed the last frame. A page that cannot be read is never a torn tail.
    fn tail(&mut self, closing: Option<Closing>) {
        let cursor = self.cursor;
        let mut unreadable = self.contents.unreadable.iter().filter(|page| **page >= cursor);
        if let Some(page) = unreadable.next() {
            let end = closing.map_or(u64::MAX, |closing| closing.end);
            if self.verdict.expected <= end {
                self.verdict.damage.push((*page, Damage::Unreadable));
                self.verdict.lost = Some(self.verdict.expected.max(1));
                self.verdict.torn = None;
                return;
            }
        }
        if self.verdict.torn.is_some() {
            return;
        }
        let end = closing.map_or(u64::MAX, |closing| closing.end).min(self.proven);
        let expected = self.verdict.expected;
        if end != u64::MAX && 0 < expected && expected <= end {
            self.is_missing(end);
        }
        let closed_at = closing.map_or(u64::MAX, |closing| closing.end);
        if closed_at != u64::MAX && self.verdict.expected <= closed_at && expected > 0 {
            self.tear(false);
        }
    }
}
