//! Index files that rot are made anew.

use super::disk::Bench;
use super::disk::Disk;
use super::disk::identity;
use super::produce;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::Damage;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::IndexId;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;
use crate::strand::StrandConfig;
use crate::strand::verify;

const PARTITIONS: u64 = 3;

/// Nothing is cached: reads come from the disk.
fn config() -> StrandConfig {
    let small = StrandConfig { index_extents: 2, extents_max: 32, ..StrandConfig::tiny() };
    StrandConfig { cache_bytes: 0, index_cache_bytes: 0, ..small }
}

/// A strand with an index file.
fn indexed() -> (Bench, File) {
    indexed_with(config())
}

fn indexed_with(config: StrandConfig) -> (Bench, File) {
    let mut bench = Bench::start(config, Disk::default());
    while bench.strand.figures().index_files < 1 {
        for partition in 1..=PARTITIONS {
            produce(&mut bench.strand, partition, 2000).unwrap();
        }
        bench.run();
    }
    (bench, File::Index(IndexId(1)))
}

fn flip(bench: &mut Bench, file: File, position: usize) {
    bench.disk.files.get_mut(&file).expect("a file that exists")[position] ^= 4;
}

/// Whether a batch at `from` can be read.
fn reads(bench: &mut Bench, partition: u64, from: Offset) -> bool {
    let partition = PartitionId(partition);
    let limit = bench.strand.log(partition).expect("it was written to").end();
    let request = ReadRequest { partition, from, limit, bytes_max: 1, at_least_one: true };
    match bench.strand.read(bench.now, request, &mut bench.out) {
        ReadOutcome::Ready(batches) => !batches.slices.is_empty(),
        ReadOutcome::Failed(_) => false,
        ReadOutcome::Pending(id) => {
            bench.run();
            let found = bench.notices.iter().find_map(|notice| match notice {
                Notice::Read { id: of, result } if *of == id => Some(result.is_ok()),
                _ => None,
            });
            found.expect("every read ends")
        }
    }
}

fn index_damages(bench: &Bench) -> usize {
    let is_index = |notice: &&Notice| matches!(notice, Notice::Damage(report) if report.damage == Damage::Index);
    bench.notices.iter().filter(is_index).count()
}

fn all_can_be_read(bench: &mut Bench) {
    for partition in 1..=PARTITIONS {
        let end = bench.strand.log(PartitionId(partition)).expect("it was written to").end();
        assert!((0..end).all(|from| reads(bench, partition, from)), "partition {partition}");
    }
}

#[test]
fn a_damaged_index_file_is_made_anew_from_the_footers() {
    let (mut bench, file) = indexed();
    // A page of the table, which a read finds.
    flip(&mut bench, file, PAGE + 100);
    assert!(!reads(&mut bench, 1, 0), "it cannot be told where the batch lies");
    assert_eq!(index_damages(&bench), 1);
    bench.run();
    all_can_be_read(&mut bench);
    assert_eq!(index_damages(&bench), 1, "the new one is sound");
    bench.pass(1_100_000);
    bench.run();
    let found = verify(&identity(), &bench.disk);
    assert!(found.is_sound(), "{:?}", found.findings);
    let mut after = bench.restart(config());
    assert!(after.is_ready(), "{:?}", after.notices);
    all_can_be_read(&mut after);
    assert_eq!(index_damages(&after), 0);
}

#[test]
fn a_file_that_is_read_while_it_is_made_anew_is_made_once() {
    let (mut bench, file) = indexed_with(StrandConfig { sweep_runs: 1, ..config() });
    flip(&mut bench, file, PAGE + 100);
    let partition = PartitionId(1);
    let request = ReadRequest { partition, from: 0, limit: 1, bytes_max: 1, at_least_one: true };
    let (mut stored, mut damages_while_made) = (0, 0);
    for _ in 0..200 {
        bench.strand.read(bench.now, request, &mut bench.out);
        let damages = index_damages(&bench);
        bench.turn();
        if bench.strand.index_deadline().is_some() {
            damages_while_made += index_damages(&bench) - damages;
        }
        while let Some((_, op)) = bench.waiting.front() {
            stored += u64::from(matches!(op, Op::StoreIndex { .. }));
            bench.carry_out(0);
        }
    }
    assert!(damages_while_made > 0, "it was read meanwhile");
    assert_eq!(stored, 1);
    bench.run();
    all_can_be_read(&mut bench);
}

#[test]
fn a_damaged_summary_is_found_by_the_sweep() {
    let (mut bench, file) = indexed();
    let bytes = bench.disk.files[&file].len();
    flip(&mut bench, file, bytes - PAGE);
    bench.strand.move_start(PartitionId(1), 1).unwrap();
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(index_damages(&bench), 1);
    assert_eq!(bench.strand.figures().index_files, 1);
    bench.strand.move_start(PartitionId(1), 2).unwrap();
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(index_damages(&bench), 1, "the new one is sound");
}

#[test]
fn where_a_footer_is_bad_too_the_frames_are_read() {
    let (mut bench, file) = indexed();
    flip(&mut bench, file, PAGE + 100);
    let extent = File::Extent(ExtentId(0));
    let bytes = bench.disk.files[&extent].len();
    flip(&mut bench, extent, bytes - 100);
    assert!(!reads(&mut bench, 1, 0));
    bench.run();
    all_can_be_read(&mut bench);
}

#[test]
fn what_cannot_be_read_whole_is_not_made_anew_without_it() {
    let (mut bench, file) = indexed();
    flip(&mut bench, file, PAGE + 100);
    let extent = File::Extent(ExtentId(0));
    let bytes = bench.disk.files[&extent].len();
    flip(&mut bench, extent, bytes - 100);
    // The first frame's header.
    flip(&mut bench, extent, PAGE + 8);
    for _ in 0..2 {
        assert!(!reads(&mut bench, 1, 0));
        bench.run();
    }
    assert_eq!(bench.disk.files.keys().filter(|file| matches!(file, File::Index(_))).count(), 1);
}
