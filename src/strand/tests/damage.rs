//! Starts on devices that lose what they held, and say so or not (R5, R10, R11, R14).

use super::disk::Bench;
use super::disk::Disk;
use super::produce;
use super::recovering::config;
use super::recovering::damage;
use super::recovering::frames_of;
use super::recovering::fresh;
use super::recovering::restarted;
use super::recovering::state;
use super::recovering::write_some;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::Damage;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::Op;
use crate::strand::Slot;
use crate::strand::StrandConfig;
use crate::strand::extents::Life;

const LOST: i64 = 1 << 32;

fn end(bench: &Bench, partition: u64) -> i64 {
    bench.strand.log(PartitionId(partition)).unwrap().end()
}

/// Extents in the order in which they were filled.
fn filled(bench: &Bench) -> Vec<u32> {
    bench.strand.extents.uses().map(|(_, extent)| extent.0).collect()
}

#[test]
fn ready_is_said_only_when_advanced_ends_are_durable() {
    let mut bench = fresh();
    produce(&mut bench.strand, 9, 800).unwrap();
    bench.run();
    write_some(&mut bench, 6);
    let second = frames_of(&bench, 0)[1];
    bench.disk.extent_mut(0)[second + 70] ^= 1;
    let mut bench = Bench::begin(config(), bench.disk);
    let is_frame = |op: &Op| {
        matches!(op, Op::Write { file: File::Extent(_), position, data }
        if *position > 0 && data.bytes().starts_with(b"SLfr"))
    };
    loop {
        bench.turn();
        let Some(at) = bench.waiting.iter().position(|(_, op)| !is_frame(op)) else { break };
        bench.carry_out(at);
    }
    assert_eq!(bench.waiting.len(), 1, "the frame with `Lost`");
    assert!(!bench.is_ready());
    assert!(produce(&mut bench.strand, 0, 800).is_err(), "nothing is taken in before");
    bench.run();
    assert!(bench.is_ready());
    assert_eq!(end(&bench, 9), LOST + 1);
}

#[test]
fn a_header_that_became_zeros_counts_if_frames_lie_behind_it() {
    for newest in 0..2 {
        let mut bench = fresh();
        write_some(&mut bench, 20);
        let before = state(&bench);
        let uses = filled(&bench);
        let extent = uses[uses.len() - 1 - newest];
        bench.disk.extent_mut(extent)[..PAGE].fill(0);
        let bench = restarted(bench);
        assert_eq!(damage(&bench), vec![Damage::Header], "use {newest}");
        assert_eq!(state(&bench), before, "use {newest}");
    }
}

#[test]
fn several_damaged_headers_in_a_row_all_count() {
    let no_slots = StrandConfig { checkpoint_bytes: 1 << 30, ..config() };
    for (from, to) in [(1, 3), (0, 2), (2, 4)] {
        let mut bench = Bench::start(no_slots.clone(), Disk::default());
        write_some(&mut bench, 50);
        let before = state(&bench);
        for extent in &filled(&bench)[from..to] {
            bench.disk.extent_mut(*extent)[40] ^= 1;
        }
        let bench = bench.restart(no_slots.clone());
        assert!(damage(&bench).iter().all(|damage| *damage == Damage::Header));
        assert_eq!(damage(&bench).len(), 2, "uses {from} and {}", to - 1);
        assert_eq!(state(&bench), before, "uses {from} and {}", to - 1);
    }
}

#[test]
fn a_footer_of_what_was_left_does_not_lose_the_rest() {
    let mut bench = fresh();
    write_some(&mut bench, 7);
    // A slot proves the last frame.
    bench.pass(config().checkpoint_us + 1);
    bench.run();
    let last = *frames_of(&bench, 0).last().unwrap();
    bench.disk.extent_mut(0)[last + 9] ^= 1;
    let mut bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Frame]);
    for _ in 0..4 {
        write_some(&mut bench, 1);
        bench.pass(config().checkpoint_us + 1);
        bench.run();
    }
    assert!(bench.strand.extents.used(1).unwrap().has_footer, "it is settled");
    let before = state(&bench);
    assert_eq!(state(&restarted(bench)), before);
}

#[test]
fn a_sealed_use_counts_though_its_successor_lost_header_and_first_frame() {
    let no_slots = StrandConfig { checkpoint_bytes: 1 << 30, ..config() };
    let mut bench = Bench::start(no_slots.clone(), Disk::default());
    write_some(&mut bench, 40);
    let extent = filled(&bench)[1];
    let first = frames_of(&bench, extent)[0];
    let ends: Vec<i64> = (0..3).map(|partition| end(&bench, partition)).collect();
    bench.disk.extent_mut(extent)[40] ^= 1;
    bench.disk.extent_mut(extent)[first + 9] ^= 1;
    let bench = bench.restart(no_slots);
    assert!(damage(&bench).contains(&Damage::Header));
    let after: Vec<i64> = (0..3).map(|partition| end(&bench, partition)).collect();
    assert_eq!(after, ends, "every partition was told its end later");
    let in_first = bench.strand.runs.iter().filter(|placed| placed.place.number == 1);
    assert!(in_first.count() > 0, "the first use is there");
}

#[test]
fn an_extent_that_nobody_can_read_is_fenced_and_counted_as_lost_once() {
    let mut bench = fresh();
    write_some(&mut bench, 3);
    let free = bench.strand.extents.ready().unwrap();
    for page in [0, PAGE as u64] {
        bench.disk.unreadable.insert((File::Extent(free), page));
    }
    let before = end(&bench, 0);
    let mut bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Unreadable]);
    assert_eq!(bench.strand.extents.get(free).unwrap().life, Life::Fenced, "R10");
    assert_eq!(end(&bench, 0), before + LOST, "R11");
    bench.strand.name_partitions([]);
    write_some(&mut bench, 30);
    assert!(bench.strand.figures().checkpoints >= 2);
    let before = state(&bench);
    let bench = restarted(bench);
    assert_eq!(bench.strand.extents.get(free).unwrap().life, Life::Fenced);
    assert_eq!(state(&bench), before, "once");
}

#[test]
fn a_page_behind_all_that_can_have_been_in_flight_is_no_damage() {
    let mut bench = fresh();
    write_some(&mut bench, 2);
    let before = state(&bench);
    let extent = config().extent_bytes as u64;
    let reach = u64::from(config().in_flight_max) * u64::from(config().frame_bytes_max);
    let end = frames_of(&bench, 0)[1] as u64 + PAGE as u64;
    assert!(end + reach < extent);
    bench.disk.unreadable.insert((File::Extent(ExtentId(0)), extent - PAGE as u64));
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![]);
    assert_eq!(state(&bench), before);
}

#[test]
fn a_page_where_the_next_frame_may_lie_is_never_a_torn_tail() {
    let mut bench = fresh();
    write_some(&mut bench, 2);
    let last = frames_of(&bench, 0)[1] as u64;
    bench.disk.unreadable.insert((File::Extent(ExtentId(0)), last));
    let before = end(&bench, 0);
    let bench = restarted(bench);
    assert_eq!(damage(&bench), vec![Damage::Unreadable]);
    assert_eq!(end(&bench, 0), before + LOST, "R11");
    assert!(bench.strand.log(PartitionId(1)).is_none(), "metadata has to name it");
}

/// R10, R21: header and table can be read, so the frame is known, and what follows it is judged from
/// its end on.
#[test]
fn a_page_of_a_batch_that_nobody_can_read_costs_that_batch() {
    for newest in [false, true] {
        let mut bench = fresh();
        write_some(&mut bench, 2);
        produce(&mut bench.strand, 0, 3 * PAGE).unwrap();
        bench.run();
        write_some(&mut bench, if newest { 0 } else { 2 });
        let before = state(&bench);
        let long = frames_of(&bench, 0)[2] as u64;
        bench.disk.unreadable.insert((File::Extent(ExtentId(0)), long + 2 * PAGE as u64));
        let bench = restarted(bench);
        assert_eq!(damage(&bench), vec![Damage::Unreadable], "the newest frame: {newest}");
        assert_eq!(state(&bench), before, "R11 speaks of tables; the newest frame: {newest}");
    }
}

#[test]
fn a_start_leaves_out_what_a_larger_window_could_have_had_in_flight() {
    let mut bench = fresh();
    write_some(&mut bench, 1);
    let newest = produce(&mut bench.strand, 0, 800).unwrap();
    bench.run();
    let mut bench = restarted(bench);
    assert_eq!(produce(&mut bench.strand, 0, 800).unwrap(), newest + 17);
}

#[test]
fn a_slot_that_never_reads_back_is_tried_after_a_pause_and_then_made_anew() {
    let roomy = StrandConfig { extents_max: 64, ..config() };
    let mut bench = Bench::start(roomy, Disk::default());
    write_some(&mut bench, 40);
    bench.disk.bent = Some(Slot::A);
    let mut removed = 0;
    for _ in 0..4 {
        let failures = damage(&bench).len();
        write_some(&mut bench, 20);
        assert!(damage(&bench).len() <= failures + 2, "no attempt without a pause between");
        bench.pass(1_000_001);
        bench.turn();
        let is_removal = |op: &Op| matches!(op, Op::Remove { file: File::Slot(Slot::A) });
        while !bench.waiting.is_empty() {
            removed += usize::from(is_removal(&bench.waiting[0].1));
            bench.carry_out(0);
            bench.turn();
        }
    }
    assert!(damage(&bench).contains(&Damage::Unreadable));
    assert!(removed >= 1, "the file is made anew");
    bench.disk.bent = None;
    bench.pass(1_000_001);
    write_some(&mut bench, 60);
    let before = state(&bench);
    bench.disk.slot_mut(Slot::B)[PAGE + 3] ^= 1;
    assert_eq!(state(&restarted(bench)), before, "slot A counts again");
}
