//! Starts on what earlier processes left.

use super::disk::Bench;
use super::disk::Disk;
use super::produce;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::log::LogImage;
use crate::strand::Damage;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::PlacedRun;
use crate::strand::Slot;
use crate::strand::StrandConfig;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;

/// All runs stay in memory, where a test can compare them.
pub(super) fn config() -> StrandConfig {
    StrandConfig {
        index_extents: 1000,
        index_runs_max: 1 << 20,
        sweep_runs: 1 << 20,
        ..StrandConfig::tiny()
    }
}

pub(super) fn fresh() -> Bench {
    Bench::start(config(), Disk::default())
}

/// What a start must find again.
pub(super) fn state(bench: &Bench) -> (Vec<(PartitionId, LogImage)>, Vec<PlacedRun>) {
    let logs = bench.strand.logs().map(|(partition, log)| (partition, log.image())).collect();
    // Those of recycled uses leave memory some turns later.
    let counts = |placed: &&PlacedRun| bench.strand.extents.used(placed.place.number).is_some();
    (logs, bench.strand.runs.iter().filter(counts).copied().collect())
}

pub(super) fn restarted(bench: Bench) -> Bench {
    let next = bench.restart(config());
    assert!(next.is_ready(), "{:?}", next.notices);
    next
}

pub(super) fn damage(bench: &Bench) -> Vec<Damage> {
    let of = |notice: &Notice| match notice {
        Notice::Damage(report) => Some(report.damage),
        _ => None,
    };
    bench.notices.iter().filter_map(of).collect()
}

fn has_torn_tail(bench: &Bench) -> bool {
    bench.notices.iter().any(|notice| matches!(notice, Notice::TornTail { .. }))
}

/// Writes to several partitions over several extents, each frame durable.
pub(super) fn write_some(bench: &mut Bench, frames: u64) {
    for number in 0..frames {
        produce(&mut bench.strand, number % 3, 1000 + number as usize).unwrap();
        produce(&mut bench.strand, number % 2, 500).unwrap();
        bench.run();
    }
}

/// Where the frames of an extent begin, in order.
pub(super) fn frames_of(bench: &Bench, extent: u32) -> Vec<usize> {
    let bytes = &bench.disk.files[&File::Extent(crate::strand::ExtentId(extent))];
    let begins = |at: &usize| bytes[*at..*at + 4] == *b"SLfr";
    (PAGE..bytes.len()).step_by(PAGE).filter(begins).collect()
}

#[test]
fn an_empty_start_leaves_an_empty_strand_ready() {
    let bench = restarted(fresh());
    assert_eq!(bench.strand.logs().count(), 0);
    assert_eq!(bench.strand.figures().extents_open, 0, "R5: it takes no extent");
}

#[test]
fn what_was_durable_is_there_after_a_start_without_shutdown() {
    for frames in [1, 5, 13, 14, 15, 29, 60] {
        let mut bench = fresh();
        write_some(&mut bench, frames);
        let before = state(&bench);
        let after = restarted(bench);
        assert_eq!(state(&after), before, "{frames} frames");
        assert_eq!(damage(&after), vec![], "{frames} frames");
    }
}

#[test]
fn starts_in_a_row_write_on_and_lose_nothing() {
    let mut bench = fresh();
    for round in 0..12 {
        write_some(&mut bench, 1 + round % 5);
        let before = state(&bench);
        bench = restarted(bench);
        assert_eq!(state(&bench), before, "round {round}");
        assert_eq!(damage(&bench), vec![], "round {round}");
    }
}

#[test]
fn a_start_after_shutdown_reads_the_same_state() {
    let mut bench = fresh();
    write_some(&mut bench, 20);
    let before = state(&bench);
    bench.strand.shutdown(bench.now, &mut bench.out);
    bench.run();
    assert_eq!(state(&restarted(bench)), before);
}

#[test]
fn starts_that_write_nothing_take_no_extent() {
    let mut bench = fresh();
    write_some(&mut bench, 3);
    for _ in 0..5 {
        bench = restarted(bench);
    }
    let figures = bench.strand.figures();
    assert_eq!((figures.extents_open, figures.extents_sealed), (0, 1), "{figures:?}");
}

/// Issues two frames together and carries out only the second.
fn second_of_two(bench: &mut Bench) {
    produce(&mut bench.strand, 0, 9000).unwrap();
    bench.turn();
    produce(&mut bench.strand, 1, 9000).unwrap();
    bench.turn();
    let is_frame = |op: &Op| matches!(op, Op::Write { file: File::Extent(_), .. });
    let at = bench.waiting.iter().rposition(|(_, op)| is_frame(op)).unwrap();
    bench.carry_out(at);
}

#[test]
fn a_frame_behind_a_lost_one_is_a_torn_tail_and_stays_void() {
    let mut bench = fresh();
    write_some(&mut bench, 3);
    let before = state(&bench);
    second_of_two(&mut bench);
    let mut bench = restarted(bench);
    assert_eq!(state(&bench), before);
    assert!(has_torn_tail(&bench), "R10: dropping it is said");
    assert_eq!(damage(&bench), vec![]);
    // A frame of this start takes the lost one's place in the order; the void one must not fit.
    write_some(&mut bench, 2);
    let before = state(&bench);
    let bench = restarted(bench);
    assert_eq!(state(&bench), before);
    assert!(!has_torn_tail(&bench), "R5: the declared end closes it off");
}

#[test]
fn a_flipped_bit_in_an_old_header_is_damage_and_replay_goes_on() {
    let mut bench = fresh();
    write_some(&mut bench, 8);
    let ends: Vec<_> = bench.strand.logs().map(|(_, log)| log.end()).collect();
    let third = frames_of(&bench, 0)[2];
    bench.disk.extent_mut(0)[third + 9] ^= 1;
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Frame]);
    let after: Vec<_> = bench.strand.logs().map(|(_, log)| log.end()).collect();
    assert_eq!(after, ends, "every partition was told its end later");
}

#[test]
fn offsets_of_a_lost_table_are_never_given_again() {
    let mut bench = fresh();
    write_some(&mut bench, 4);
    produce(&mut bench.strand, 7, 800).unwrap();
    bench.run();
    write_some(&mut bench, 4);
    let fifth = frames_of(&bench, 0)[4];
    bench.disk.extent_mut(0)[fifth + 9] ^= 1;
    let end = bench.strand.log(PartitionId(2)).unwrap().end();
    produce(&mut bench.strand, 2, 800).unwrap();
    bench.run();
    let mut bench = restarted(bench);
    assert!(bench.strand.log(PartitionId(7)).is_none(), "its only frame is lost");
    assert!(bench.strand.wants_partitions());
    let named = bench.strand.name_partitions([PartitionId(2), PartitionId(7)]);
    assert_eq!(named.len(), 1, "the other one is known");
    assert_eq!(bench.strand.log(PartitionId(7)).unwrap().end(), 1 << 32, "R11");
    assert_eq!(bench.strand.log(PartitionId(2)).unwrap().end(), end + 1);
    write_some(&mut bench, 1);
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![], "it is settled");
    assert_eq!(bench.strand.log(PartitionId(7)).unwrap().end(), 1 << 32, "R11");
}

#[test]
fn partitions_without_a_later_append_get_their_end_advanced() {
    let mut bench = fresh();
    produce(&mut bench.strand, 9, 800).unwrap();
    bench.run();
    write_some(&mut bench, 6);
    let second = frames_of(&bench, 0)[1];
    bench.disk.extent_mut(0)[second + 70] ^= 1;
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Frame]);
    assert_eq!(bench.strand.log(PartitionId(9)).unwrap().end(), (1 << 32) + 1, "R11");
    let other = bench.strand.log(PartitionId(0)).unwrap().end();
    assert!(other < 1 << 32, "it has a later append");
    assert_eq!(bench.strand.figures().checkpoints, 0, "not before metadata has named partitions");
    let bench = restarted(bench);
    assert_eq!(bench.strand.log(PartitionId(9)).unwrap().end(), (1 << 32) + 1, "once");
}

#[test]
fn a_rotten_batch_is_damage_of_that_run_alone() {
    let mut bench = fresh();
    write_some(&mut bench, 8);
    let before = state(&bench);
    let third = frames_of(&bench, 0)[2];
    bench.disk.extent_mut(0)[third + 700] ^= 1;
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Batch]);
    assert_eq!(state(&bench), before);
}

#[test]
fn a_bad_footer_is_replaced_by_a_scan_of_the_frames() {
    let mut bench = fresh();
    write_some(&mut bench, 70);
    assert!(bench.strand.figures().extents_sealed >= 4);
    let before = state(&bench);
    let extent = bench.disk.extent_mut(0);
    let at = extent.len() - PAGE - 100;
    extent[at] ^= 1;
    let mut at = extent.len() - 2 * PAGE;
    while extent[at] == 0 {
        at += 1;
    }
    extent[at] ^= 1;
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Footer]);
    assert_eq!(state(&bench), before);
}

#[test]
fn a_bad_extent_header_with_frames_behind_it_is_damage_and_counts() {
    for extent in [0, 1] {
        let mut bench = fresh();
        write_some(&mut bench, 20);
        let before = state(&bench);
        bench.disk.extent_mut(extent)[40] ^= 1;
        let bench = restarted(bench);
        assert_eq!(damage(&bench), vec![Damage::Header], "extent {extent}");
        assert_eq!(state(&bench), before, "extent {extent}");
    }
}

#[test]
fn a_torn_header_without_frames_is_free() {
    let mut bench = fresh();
    write_some(&mut bench, 3);
    let before = state(&bench);
    bench.disk.extent_mut(1)[..600].fill(0x55);
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![]);
    assert_eq!(state(&bench), before);
}

#[test]
fn a_torn_header_over_a_recycled_use_is_free() {
    let mut bench = fresh();
    for round in 1..=12 {
        write_some(&mut bench, 10);
        for partition in (0..3).map(PartitionId) {
            let end = bench.strand.log(partition).unwrap().end();
            bench.strand.move_start(partition, end).unwrap();
        }
        bench.pass(2_000_000 * round);
        bench.run();
    }
    assert!(bench.strand.figures().recycled > 0);
    bench.strand.shutdown(bench.now, &mut bench.out);
    bench.run();
    let recycled = |extent: &Extent| extent.life == Life::Ready && extent.use_number > 0;
    let (free, _) = bench.strand.extents.iter().find(|(_, extent)| recycled(extent)).unwrap();
    assert!(!frames_of(&bench, free.0).is_empty(), "recycling zeroes nothing");
    let before = state(&bench);
    bench.disk.extent_mut(free.0)[..600].fill(0x55);
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![]);
    assert_eq!(state(&bench), before);
}

#[test]
fn one_bad_slot_is_replaced_by_the_other_and_two_stop_the_start() {
    for slot in [Slot::A, Slot::B] {
        let mut bench = fresh();
        write_some(&mut bench, 60);
        assert!(bench.strand.figures().checkpoints >= 2);
        let before = state(&bench);
        bench.disk.slot_mut(slot)[PAGE + 3] ^= 1;
        assert_eq!(state(&restarted(bench)), before, "slot {slot:?}");
    }
    let mut bench = fresh();
    write_some(&mut bench, 60);
    bench.disk.slot_mut(Slot::A)[PAGE + 3] ^= 1;
    bench.disk.slot_mut(Slot::B)[PAGE + 3] ^= 1;
    let bench = bench.restart(config());
    assert!(!bench.is_ready());
    let is_stop = |notice: &Notice| matches!(notice, Notice::Fatal(Fatal::Unrecoverable { .. }));
    assert!(bench.notices.iter().any(is_stop), "R14");
}

#[test]
fn log_starts_drops_and_truncations_are_replayed() {
    let mut bench = fresh();
    write_some(&mut bench, 9);
    bench.strand.move_start(PartitionId(0), 2).unwrap();
    bench.strand.truncate(PartitionId(1), 3).unwrap();
    bench.strand.drop_partition(PartitionId(2)).unwrap();
    bench.strand.start_epoch(PartitionId(1), 4).unwrap();
    bench.run();
    write_some(&mut bench, 2);
    let before = state(&bench);
    assert_eq!(bench.strand.log(PartitionId(0)).unwrap().start(), 2);
    let bench = restarted(bench);
    assert_eq!(state(&bench), before);
}
