use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::strand::ExtentId;
use crate::strand::fixture::Extent;
use crate::strand::fixture::append;
use crate::strand::fixture::batch;

fn shape(runs: &[Run]) -> Vec<(u64, Offset, Offset, u32)> {
    runs.iter().map(|run| (run.partition.0, run.from, run.to, run.batches)).collect()
}

fn runs_of_frame(items: &[(Entry, Vec<u8>)]) -> Vec<Run> {
    let mut extent = Extent::new(1, 5, 50, 4 << 20);
    extent.frame(items);
    runs_of(&extent.frames[0].2)
}

fn item(partition: u64, base: Offset, records: usize, value: usize) -> (Entry, Vec<u8>) {
    let batch = batch(records, value, base as u8);
    (Entry::Append(append(partition, base, &batch)), batch)
}

#[test]
fn neighbouring_batches_of_a_partition_are_one_run() {
    let items = [
        item(1, 0, 2, 10),
        item(1, 2, 2, 10),
        item(2, 0, 1, 10),
        item(1, 4, 1, 10),
        item(1, 9, 1, 10),
    ];
    let runs = runs_of_frame(&items);
    assert_eq!(shape(&runs), [(1, 0, 4, 2), (2, 0, 1, 1), (1, 4, 5, 1), (1, 9, 10, 1)]);
    assert_eq!(runs[0].bytes as usize, items[0].1.len() + items[1].1.len());
    assert_eq!(runs[0].max_timestamp, 1002, "the greatest");
    assert_eq!(runs[1].position, runs[0].position + runs[0].bytes);
}

#[test]
fn a_run_is_cut_where_it_gets_long_but_never_within_a_batch() {
    let long = RUN_LIMIT as usize * 3 / 4;
    let huge = RUN_LIMIT as usize * 2;
    let runs = runs_of_frame(&[item(1, 0, 1, long), item(1, 1, 1, long), item(1, 2, 1, huge)]);
    assert_eq!(shape(&runs), [(1, 0, 1, 1), (1, 1, 2, 1), (1, 2, 3, 1)]);
}

#[test]
fn truncating_dropping_and_losing_leave_voids() {
    let partition = PartitionId(1);
    let runs = runs_of_frame(&[
        (Entry::Truncate { partition, to: 5 }, Vec::new()),
        item(1, 5, 1, 10),
        (Entry::Lost { partition, from: 6, to: 9 }, Vec::new()),
        (Entry::Drop { partition }, Vec::new()),
        (Entry::LogStart { partition, to: 2 }, Vec::new()),
    ]);
    let expected = [(1, 5, Offset::MAX, 0), (1, 5, 6, 1), (1, 6, 9, 0), (1, 0, Offset::MAX, 0)];
    assert_eq!(shape(&runs), expected);
    assert!(runs[0].is_void());
    let place = Use { number: 1, extent: ExtentId(1) };
    let mut map = RunMap::default();
    runs[..3].iter().for_each(|run| map.insert(PlacedRun { place, run: *run }));
    let left: Vec<Run> = map.iter().map(|placed| placed.run).collect();
    let expected = [(1, 5, 6, 1), (1, 6, 9, 0), (1, 9, Offset::MAX, 0)];
    assert_eq!(shape(&left), expected, "the batch lies over the void that came before it");
}

fn placed(number: u64, from: Offset, to: Offset, position: u32) -> PlacedRun {
    let partition = PartitionId(1);
    let run =
        Run { partition, from, to, position, bytes: 100, batches: 1, max_timestamp: 0, check: 0 };
    PlacedRun { place: Use { number, extent: ExtentId(number as u32) }, run }
}

fn owners(map: &RunMap) -> Vec<(Offset, Offset, u64)> {
    map.iter().map(|of| (of.run.from, of.run.to, of.place.number)).collect()
}

#[test]
fn the_newest_run_wins_and_older_ones_keep_the_rest() {
    let old = placed(1, 0, 100, 4096);
    let new = placed(2, 20, 30, 4096);
    let expected = [(0, 20, 1), (20, 30, 2), (30, 100, 1)];
    for order in [[old, new], [new, old]] {
        let mut map = RunMap::default();
        order.into_iter().for_each(|of| map.insert(of));
        assert_eq!(owners(&map), expected);
        assert_eq!(map.len(), 3);
    }
}

#[test]
fn a_look_begins_at_the_run_that_holds_the_offset_or_follows() {
    let mut map = RunMap::default();
    map.insert(placed(1, 10, 20, 4096));
    map.insert(placed(1, 30, 40, 8192));
    let first = |from| map.from(PartitionId(1), from).map(|of| of.run.from).next();
    assert_eq!(
        [first(0), first(15), first(20), first(39)],
        [Some(10), Some(10), Some(30), Some(30)]
    );
    assert_eq!(first(40), None);
    assert_eq!(map.from(PartitionId(2), 0).count(), 0);
}

#[test]
fn a_recycled_use_is_forgotten() {
    let mut map = RunMap::default();
    map.insert(placed(1, 10, 20, 4096));
    map.insert(placed(2, 30, 40, 8192));
    let first = (PartitionId(0), Offset::MIN);
    assert_eq!(map.remove_uses_from(&BTreeSet::from([1]), first, 9), None);
    assert_eq!(owners(&map), [(30, 40, 2)]);
    assert_eq!(map.remove_uses_from(&BTreeSet::from([2]), first, 9), None);
    assert!(map.is_empty());
}

#[test]
fn uses_are_forgotten_slice_by_slice() {
    let mut map = RunMap::default();
    for number in 0..10 {
        map.insert(placed(1 + number as u64 % 2, number * 10, number * 10 + 10, 4096));
    }
    let mut next = Some((PartitionId(0), Offset::MIN));
    let mut slices = 0;
    while let Some(first) = next {
        next = map.remove_uses_from(&BTreeSet::from([1]), first, 3);
        slices += 1;
    }
    assert_eq!((slices, map.len()), (4, 5));
    assert!(map.iter().all(|placed| placed.place.number == 2));
}

proptest! {
    /// Offset by offset, whatever the order of insertion.
    #[test]
    fn every_offset_belongs_to_the_newest_run_that_holds_it(
        runs in prop::collection::vec((0_i64..40, 1_i64..20, 1_u64..6, 1_u32..5), 0..20),
    ) {
        let mut map = RunMap::default();
        let mut holder = [None; 60];
        for (from, width, number, page) in runs {
            let new = placed(number, from, from + width, page * 4096);
            let age = (number, page * 4096);
            map.insert(new);
            for at in from..from + width {
                let of = &mut holder[at as usize];
                *of = (*of).max(Some(age));
            }
        }
        let mut found = [None; 60];
        let mut end = 0;
        for of in map.iter() {
            prop_assert!(end <= of.run.from && of.run.from < of.run.to, "without overlaps");
            end = of.run.to;
            for at in of.run.from..of.run.to {
                found[at as usize] = Some((of.place.number, of.run.position));
            }
        }
        prop_assert_eq!(found, holder);
    }
}
