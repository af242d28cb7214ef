//! Which uses count: those on the chain from the header with the highest start, and those that
//! the checkpoint names (R5).

use std::collections::BTreeMap;

use crate::base::PAGE;
use crate::strand::checkpoint::ExtentState;
use crate::strand::frame::FramePlace;
use crate::strand::header::ExtentHeader;
use crate::strand::header::HeaderFault;
use crate::strand::op::ExtentId;
use crate::strand::op::File;
use crate::strand::op::Listing;
use crate::strand::scanner::Found;
use crate::strand::scanner::Scanner;
use crate::strand::verify::Verifier;

/// A use that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CountedUse {
    pub(super) number: u64,
    pub(super) extent: ExtentId,
    pub(super) first_sequence: u64,
    /// Frames beyond it are void; `None`: nobody has declared an end yet.
    pub(super) closing_end: Option<u64>,
    /// The use that its `Seal` must name, when the same start went on.
    pub(super) sealed_for: Option<(ExtentId, u64)>,
    /// Proven by the header of its successor.
    proven: u64,
}

/// The uses that count, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) uses: Vec<CountedUse>,
}

impl Chain {
    pub(super) fn proven(&self) -> u64 {
        self.uses.iter().map(|of| of.proven).max().unwrap_or(0)
    }

    pub(super) fn counts(&self, number: u64) -> bool {
        self.uses.binary_search_by_key(&number, |of| of.number).is_ok()
    }
}

impl Verifier<'_> {
    pub(super) fn check_headers(&mut self, listing: &Listing) -> Chain {
        let mut headers = BTreeMap::new();
        let mut bad = Vec::new();
        for (extent, bytes) in &listing.extents {
            let Some(file) = self.read_extent(*extent) else { continue };
            let page = file.get(..PAGE).unwrap_or_default();
            match ExtentHeader::parse(page, &self.identity.key) {
                Ok(header) => {
                    self.check_header(*extent, *bytes, &header);
                    headers.insert(*extent, header);
                }
                Err(fault) => {
                    let use_in_frames = self.highest_use_in(*extent, &file);
                    // Never used, as far as anyone can see.
                    if fault != HeaderFault::Zeros || use_in_frames.is_some() {
                        bad.push((*extent, fault, use_in_frames));
                    }
                }
            }
        }
        let named = self.checkpoint.extents.iter().map(|record| record.use_number);
        let highest = headers.values().map(|header| header.use_number).chain(named).max();
        for (extent, fault, use_in_frames) in bad {
            let what = format!("the header does not validate: {fault:?}");
            let is_counted = self.checkpoint.extents.iter().any(|record| {
                let counts = matches!(record.state, ExtentState::Open | ExtentState::Sealed);
                record.extent == extent && counts
            });
            if is_counted || use_in_frames > highest {
                self.damage(File::Extent(extent), 0, None, what);
            } else {
                self.note(File::Extent(extent), 0, format!("{what}; nothing in it counts"));
            }
        }
        self.chain(&headers)
    }

    fn check_header(&mut self, extent: ExtentId, bytes: u64, header: &ExtentHeader) {
        let is_here = header.extent == extent && header.strand == self.identity.strand;
        if !is_here || u64::from(header.extent_bytes) != bytes {
            let what =
                format!("the header is of {:?}, {} bytes", header.extent, header.extent_bytes);
            self.damage(File::Extent(extent), 0, None, what);
        }
    }

    /// The highest use of any frame in an extent without a header.
    fn highest_use_in(&self, extent: ExtentId, file: &[u8]) -> Option<u64> {
        let strand = self.identity.strand;
        let place = FramePlace { strand, extent, use_number: 0, position: 0 };
        let uses = Scanner::new(self.identity.key, place, file).filter_map(|found| match found {
            Found::Foreign { place, .. } => Some(place.use_number),
            Found::Frame { .. } | Found::BadTable { .. } | Found::Cut { .. } => Some(0),
            Found::Unknown { .. } | Found::Nothing { .. } => None,
        });
        uses.max()
    }

    fn chain(&mut self, headers: &BTreeMap<ExtentId, ExtentHeader>) -> Chain {
        let mut uses: BTreeMap<u64, CountedUse> = BTreeMap::new();
        let mut successor: Option<ExtentHeader> = None;
        let newest = headers.values().max_by_key(|header| (header.start, header.use_number));
        let mut next = newest.copied();
        while let Some(header) = next {
            uses.insert(header.use_number, counted(&header, successor.as_ref()));
            successor = Some(header);
            let before = header.predecessor.and_then(|of| {
                let header = headers.get(&of.extent)?;
                (header.use_number == of.use_number).then_some(*header)
            });
            // A use only follows older ones: a chain that turns back is no chain.
            next = before.filter(|before| before.use_number < header.use_number);
        }
        for record in self.checkpoint.extents.clone() {
            let is_live = matches!(record.state, ExtentState::Open | ExtentState::Sealed);
            let is_there = headers
                .get(&record.extent)
                .is_some_and(|header| header.use_number == record.use_number);
            if !is_live || uses.contains_key(&record.use_number) {
                continue;
            }
            if !is_there {
                let what = format!("use {} counts and is not there", record.use_number);
                self.damage(File::Extent(record.extent), 0, None, what);
                continue;
            }
            let of = CountedUse {
                number: record.use_number,
                extent: record.extent,
                first_sequence: record.first_sequence,
                closing_end: Some(record.last_sequence),
                sealed_for: None,
                proven: record.last_sequence.min(self.checkpoint.needs),
            };
            uses.insert(of.number, of);
        }
        Chain { uses: uses.into_values().collect() }
    }
}

fn counted(header: &ExtentHeader, successor: Option<&ExtentHeader>) -> CountedUse {
    let declared = successor.and_then(|after| after.predecessor);
    let same_start = successor.filter(|after| after.start == header.start);
    CountedUse {
        number: header.use_number,
        extent: header.extent,
        first_sequence: header.first_sequence,
        closing_end: declared.map(|of| of.closing_end),
        sealed_for: same_start.map(|after| (after.extent, after.use_number)),
        proven: declared.map_or(0, |of| of.proven),
    }
}
