//! What can still be had of a strand when no checkpoint counts (R14): every batch of every frame
//! that validates, whatever use it is in. Where several hold the same offsets the higher leader
//! epoch wins, then the higher use. Changes nothing; what was truncated or deleted may come back.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::config::StrandIdentity;
use crate::strand::frame::Frame;
use crate::strand::frame::FramePlace;
use crate::strand::op::ExtentId;
use crate::strand::op::File;
use crate::strand::scanner::Found;
use crate::strand::scanner::Scanner;
use crate::strand::verify::StoreFiles;

/// A batch that validates, and where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RescuedBatch {
    pub base_offset: Offset,
    /// Exclusive.
    pub end: Offset,
    pub leader_epoch: LeaderEpoch,
    pub use_number: u64,
    pub extent: ExtentId,
    /// Bytes from the start of the extent.
    pub position: u32,
    pub bytes: u32,
}

impl RescuedBatch {
    /// Of two batches with the same offsets the higher one is kept.
    fn rank(&self) -> (LeaderEpoch, u64, u32) {
        (self.leader_epoch, self.use_number, self.position)
    }
}

/// What was found: per partition by offset, without overlaps; and what could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rescue {
    pub partitions: BTreeMap<PartitionId, Vec<RescuedBatch>>,
    pub unreadable: Vec<String>,
}

/// Looks through all extents of a strand.
pub fn rescue(identity: &StrandIdentity, files: &dyn StoreFiles) -> Rescue {
    let mut found: BTreeMap<PartitionId, Vec<RescuedBatch>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    let extents = files.listing().map(|listing| listing.extents).unwrap_or_else(|error| {
        unreadable.push(error);
        Vec::new()
    });
    for (extent, _) in extents {
        match files.read(File::Extent(extent)) {
            Ok(bytes) => look_through(identity, extent, &bytes, &mut found),
            Err(error) => unreadable.push(error),
        }
    }
    let partitions = found.into_iter().map(|(id, batches)| (id, keep_highest(batches)));
    Rescue { partitions: partitions.collect(), unreadable }
}

fn look_through(
    identity: &StrandIdentity,
    extent: ExtentId,
    file: &[u8],
    found: &mut BTreeMap<PartitionId, Vec<RescuedBatch>>,
) {
    let (strand, position) = (identity.strand, PAGE as u32);
    // No use has this number: every frame is one of another use.
    let place = FramePlace { strand, extent, use_number: u64::MAX, position };
    let frames = file.get(PAGE..).unwrap_or_default();
    for seen in Scanner::new(identity.key, place, frames) {
        let Found::Foreign { place, .. } = seen else { continue };
        let Some(bytes) = file.get(place.position as usize..) else { continue };
        let is_here = place.extent == extent && place.strand == strand;
        let Ok(frame) = Frame::parse(bytes, &identity.key, &place) else { continue };
        if !is_here {
            continue;
        }
        let damaged = frame.damaged();
        for (number, entry) in (0..).zip(frame.table()) {
            let Some(append) = entry.entry.batch() else { continue };
            if damaged.contains(&number) {
                continue;
            }
            found.entry(append.partition).or_default().push(RescuedBatch {
                base_offset: append.base_offset,
                end: append.end(),
                leader_epoch: append.leader_epoch,
                use_number: place.use_number,
                extent,
                position: entry.position,
                bytes: append.bytes,
            });
        }
    }
}

/// The batches that win, by offset.
fn keep_highest(mut batches: Vec<RescuedBatch>) -> Vec<RescuedBatch> {
    batches.sort_by_key(|batch| Reverse(batch.rank()));
    let mut kept: BTreeMap<Offset, RescuedBatch> = BTreeMap::new();
    for batch in batches {
        let before = kept.range(..batch.end).next_back();
        if before.is_none_or(|(_, before)| before.end <= batch.base_offset) {
            kept.insert(batch.base_offset, batch);
        }
    }
    kept.into_values().collect()
}
