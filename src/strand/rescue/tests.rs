use super::*;
use crate::strand::entry::Append;
use crate::strand::entry::Entry;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::batch;
use crate::strand::op::Listing;

struct Files(Vec<Extent>);

impl StoreFiles for Files {
    fn listing(&self) -> Result<Listing, String> {
        let extents = self.0.iter().map(|of| (of.place.extent, of.bytes.len() as u64)).collect();
        Ok(Listing { extents, ..Listing::default() })
    }

    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|of| File::Extent(of.place.extent) == file);
        found.map(|of| of.bytes.clone()).ok_or_else(|| "it is not there".to_owned())
    }
}

fn offsets(found: &Rescue, partition: u64) -> Vec<(Offset, LeaderEpoch, u64)> {
    let batches = found.partitions.get(&PartitionId(partition)).into_iter().flatten();
    batches.map(|of| (of.base_offset, of.leader_epoch, of.use_number)).collect()
}

fn item(base: Offset, leader_epoch: LeaderEpoch) -> (Entry, Vec<u8>) {
    let bytes = batch(3, 100, base as u8);
    (Entry::Append(Append { leader_epoch, ..fixture::append(9, base, &bytes) }), bytes)
}

#[test]
fn the_higher_epoch_wins_and_then_the_higher_use() {
    let mut old = Extent::new(1, 5, 50, 64 << 10);
    old.frame(&[item(0, 4), item(3, 4), item(6, 7)]);
    let mut new = Extent::new(2, 6, 60, 64 << 10);
    new.frame(&[item(3, 4), item(5, 5), item(9, 5)]);
    let found = rescue(&fixture::identity(), &Files(vec![old, new]));
    // 5..8 of epoch 5 loses 6..9 to epoch 7; 3..6 of use 6 wins over that of use 5.
    assert_eq!(offsets(&found, 9), [(0, 4, 5), (3, 4, 6), (6, 7, 5), (9, 5, 6)]);
    assert_eq!(found.unreadable, [""; 0]);
}

#[test]
fn damage_loses_only_what_it_hit() {
    let mut extent = Extent::new(1, 5, 50, 64 << 10);
    for base in 0..4 {
        extent.frame(&[item(base * 3, 4)]);
    }
    let (second, third) = (extent.frames[1].0 as usize, extent.frames[2].0 as usize);
    extent.bytes[0..PAGE].fill(0x11);
    extent.bytes[second + 200] ^= 1;
    extent.bytes[third + 70] ^= 1;
    let found = rescue(&fixture::identity(), &Files(vec![extent]));
    assert_eq!(offsets(&found, 9), [(0, 4, 5), (9, 4, 5)], "without the extent's header");
}

#[test]
fn frames_of_earlier_uses_are_found_where_nothing_was_written_over_them() {
    let mut old = Extent::new(1, 5, 50, 64 << 10);
    for base in 0..4 {
        old.frame(&[item(base * 3, 4)]);
    }
    let mut new = Extent::new(1, 6, 60, 64 << 10);
    new.bytes[PAGE..].copy_from_slice(&old.bytes[PAGE..]);
    new.frame(&[item(100, 4)]);
    let found = rescue(&fixture::identity(), &Files(vec![new]));
    assert_eq!(offsets(&found, 9), [(3, 4, 5), (6, 4, 5), (9, 4, 5), (100, 4, 6)]);
}
