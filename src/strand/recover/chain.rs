//! Which uses count, in which order, and up to where (R5). Pure: headers and the slot in, the
//! chain out.

use std::collections::BTreeMap;

use crate::base::Mutant;
use crate::strand::ExtentHeader;
use crate::strand::Predecessor;
use crate::strand::Use;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;

/// Where a use ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::strand) struct Closing {
    /// Frames of the use beyond it are void.
    pub end: u64,
    /// Up to here the use is proven by who closed it.
    pub proven: u64,
}

/// A use that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::strand) struct Link {
    pub place: Use,
    /// 0: unknown, the header is damaged.
    pub first_sequence: u64,
    /// `None`: nobody closed it; it is the last of the chain, or the header that closed it is
    /// damaged.
    pub closing: Option<Closing>,
    /// The slot's record of it.
    pub record: Option<ExtentRecord>,
    pub header_is_damaged: bool,
}

/// What binds.
#[derive(Debug, Default)]
pub(in crate::strand) struct Chain {
    /// Oldest first.
    pub links: Vec<Link>,
    /// Off the chain: nothing in them counts.
    pub void: Vec<Use>,
    /// Uses that the slot counts as live and whose extent holds a later use.
    pub gone: Vec<Use>,
    /// The highest use number that left a trace.
    pub highest_use: u64,
    pub highest_start: u64,
}

/// A use whose header is damaged and which has frames above all known uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::strand) struct Stray {
    pub place: Use,
}

/// `headers` are the valid ones, of this strand and their own extent; `strays` what was found in
/// extents without a valid one.
pub(in crate::strand) fn chain(
    head: &CheckpointHead,
    headers: &[ExtentHeader],
    strays: &[Stray],
) -> Chain {
    let (recorded, gone) = recorded_uses(head, headers);
    let mut later: BTreeMap<u64, ExtentHeader> = BTreeMap::new();
    for header in headers {
        if header.use_number >= head.next_use {
            later.insert(header.use_number, *header);
        }
    }
    let known = headers.iter().map(|header| header.use_number);
    let strays_known = strays.iter().map(|stray| stray.place.number);
    let highest_use =
        known.chain(strays_known).max().unwrap_or(0).max(head.next_use.saturating_sub(1));
    let highest_start = headers.iter().map(|header| header.start).max().unwrap_or(0);
    // Frames of a use that the slot knows are either recorded or over: a header that was torn while
    // a recycled extent was opened is not a use's.
    let strays = strays.iter().map(|stray| (stray.place.number, stray.place));
    let strays = strays.filter(|(number, _)| *number >= head.next_use).collect();
    let mut walk = Walk { recorded, later, strays, next_use: head.next_use, links: Vec::new() };
    let joined = walk.back_from_top();
    walk.recorded_links(joined, headers);
    let mut links = walk.links;
    links.sort_by_key(|link| link.place.number);
    let counts = |place: &Use| links.iter().any(|link| link.place == *place);
    let all = walk
        .recorded
        .values()
        .map(|record| Use { number: record.use_number, extent: record.extent });
    let all = all.chain(walk.later.values().map(place_of)).chain(walk.strays.values().copied());
    let void = all.filter(|place| !counts(place)).collect();
    Chain { links, void, gone, highest_use, highest_start: highest_start.max(head.start) }
}

fn place_of(header: &ExtentHeader) -> Use {
    Use { number: header.use_number, extent: header.extent }
}

/// The uses that the slot counts and that can still be there, and those that cannot. What was dead
/// may have been recycled since.
fn recorded_uses(
    head: &CheckpointHead,
    headers: &[ExtentHeader],
) -> (BTreeMap<u64, ExtentRecord>, Vec<Use>) {
    let mut recorded = BTreeMap::new();
    let mut gone = Vec::new();
    let counts = |state| !matches!(state, ExtentState::Free | ExtentState::Fenced);
    for record in head.extents.iter().filter(|record| counts(record.state)) {
        let header = headers.iter().find(|header| header.extent == record.extent);
        let is_replaced = header.is_some_and(|header| header.use_number > record.use_number);
        let has_header = header.is_some_and(|header| header.use_number == record.use_number);
        if record.state == ExtentState::Dead {
            if has_header {
                recorded.insert(record.use_number, *record);
            }
        } else if is_replaced {
            gone.push(Use { number: record.use_number, extent: record.extent });
        } else {
            recorded.insert(record.use_number, *record);
        }
    }
    (recorded, gone)
}

struct Walk {
    /// Uses that the slot knows.
    recorded: BTreeMap<u64, ExtentRecord>,
    /// Uses that began after the slot.
    later: BTreeMap<u64, ExtentHeader>,
    /// Of those, the ones whose header is damaged.
    strays: BTreeMap<u64, Use>,
    /// The lowest use that the slot cannot know.
    next_use: u64,
    links: Vec<Link>,
}

impl Walk {
    /// From the header with the highest start (and use) back to the uses of the slot. Gives what
    /// the oldest link declared about its predecessor, or `None` where nothing later was found.
    fn back_from_top(&mut self) -> Option<Joined> {
        let by_start = |header: &&ExtentHeader| (header.start, header.use_number);
        let top = self.later.values().max_by_key(by_start).copied();
        let top_use = top.map_or(0, |header| header.use_number);
        // A damaged header with frames behind it is above everything: its predecessor is the
        // highest valid one, closed off at an end that its first frame tells.
        self.links_of_strays(top_use, u64::MAX);
        let joined = (!self.links.is_empty()).then_some(Joined::Unknown);
        let Some(mut header) = top else { return joined };
        let mut closing = None;
        loop {
            self.links.push(Link {
                place: place_of(&header),
                first_sequence: header.first_sequence,
                closing,
                record: None,
                header_is_damaged: false,
            });
            let Some(predecessor) = self.predecessor_of(&header) else {
                return Some(Joined::Nothing);
            };
            closing = closing_of(&predecessor);
            // The slot knows it, if only as given back.
            if predecessor.use_number < self.next_use {
                return Some(Joined::Declared(predecessor));
            }
            header = match self.later.get(&predecessor.use_number) {
                Some(found) if found.extent == predecessor.extent => *found,
                _ => match self.behind_damage(&predecessor, closing) {
                    Behind::Later(found) => {
                        closing = None;
                        found
                    }
                    Behind::Slot => return Some(Joined::Unknown),
                },
            };
        }
    }

    /// The link that a header declares. The planted bug follows the use before it instead, whether
    /// a later start has left that one off the chain or not, up to where this use begins.
    fn predecessor_of(&self, header: &ExtentHeader) -> Option<Predecessor> {
        if !Mutant::HighestStartNotBinding.is_on() {
            return header.predecessor;
        }
        let declared = header.predecessor?;
        let before = self.later.range(..header.use_number).next_back();
        let Some((_, before)) = before.filter(|(number, _)| **number != declared.use_number) else {
            return Some(declared);
        };
        let (extent, use_number) = (before.extent, before.use_number);
        let closing_end = header.first_sequence - 1;
        Some(Predecessor { extent, use_number, closing_end, ..declared })
    }

    /// The predecessor's own header is damaged. It counts if it may hold frames that the slot does
    /// not contain; what came before it is the highest use below it.
    fn behind_damage(&mut self, predecessor: &Predecessor, closing: Option<Closing>) -> Behind {
        self.links.push(Link {
            place: Use { number: predecessor.use_number, extent: predecessor.extent },
            first_sequence: 0,
            closing,
            record: None,
            header_is_damaged: true,
        });
        let before = self.later.range(..predecessor.use_number).next_back();
        let before = before.map(|(_, header)| *header);
        let above = before.map_or(0, |header| header.use_number);
        self.links_of_strays(above, predecessor.use_number);
        before.map_or(Behind::Slot, Behind::Later)
    }

    /// Uses with damaged headers, of which nobody says what they follow: they count, between those
    /// above and below them, as far as the first frame of their successor knew them durable.
    fn links_of_strays(&mut self, above: u64, below: u64) {
        let between = self.strays.range(above + 1..below);
        self.links.extend(between.map(|(_, place)| Link {
            place: *place,
            first_sequence: 0,
            closing: None,
            record: None,
            header_is_damaged: true,
        }));
    }

    /// The uses of the slot that count: all up to the one that the first later use follows.
    fn recorded_links(&mut self, joined: Option<Joined>, headers: &[ExtentHeader]) {
        let newest = match joined {
            Some(Joined::Declared(predecessor)) => predecessor.use_number,
            Some(Joined::Nothing) => 0,
            Some(Joined::Unknown) | None => u64::MAX,
        };
        let kept: Vec<ExtentRecord> =
            self.recorded.range(..=newest).map(|(_, record)| *record).collect();
        let mut next: Option<Closing> = match joined {
            Some(Joined::Declared(predecessor))
                if kept.last().is_some_and(|of| of.use_number == predecessor.use_number) =>
            {
                closing_of(&predecessor)
            }
            _ => None,
        };
        for record in kept.into_iter().rev() {
            let has_header = headers.iter().any(|header| {
                header.extent == record.extent && header.use_number == record.use_number
            });
            let closing = match record.state {
                ExtentState::Open => next,
                _ => Some(Closing { end: record.last_sequence, proven: record.last_sequence }),
            };
            self.links.push(Link {
                place: Use { number: record.use_number, extent: record.extent },
                first_sequence: record.first_sequence,
                closing,
                record: Some(record),
                header_is_damaged: !has_header,
            });
            // An open use before another one was sealed by it at the moment of the checkpoint.
            next = (record.first_sequence > 0)
                .then(|| Closing { end: record.first_sequence - 1, proven: 0 });
        }
    }
}

fn closing_of(predecessor: &Predecessor) -> Option<Closing> {
    // The planted bug: as if nobody had declared an end.
    let end = if Mutant::DeclaredEndIgnored.is_on() { u64::MAX } else { predecessor.closing_end };
    Some(Closing { end, proven: predecessor.proven })
}

enum Joined {
    /// The first later use follows this use of the slot.
    Declared(Predecessor),
    /// It is the first use of the strand.
    Nothing,
    /// Its header is damaged: it follows the newest use of the slot.
    Unknown,
}

enum Behind {
    Later(ExtentHeader),
    Slot,
}

#[cfg(test)]
mod tests;
