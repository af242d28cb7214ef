//! Group commit, uses and footers.

use super::disk::Bench;
use super::disk::Disk;
use super::produce;
use crate::strand::File;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Refusal;
use crate::strand::Slot;
use crate::strand::StrandConfig;

fn fresh() -> Bench {
    let bench = Bench::start(StrandConfig::tiny(), Disk::default());
    assert!(bench.is_ready(), "an empty store is ready");
    bench
}

fn frames_waiting(bench: &Bench) -> Vec<usize> {
    let is_frame = |op: &Op| match op {
        Op::Write { file: File::Extent(_), position, data } => {
            *position > 0 && data.bytes()[..4] == *b"SLfr"
        }
        _ => false,
    };
    let waiting = bench.waiting.iter().enumerate();
    waiting.filter(|(_, (_, op))| is_frame(op)).map(|(at, _)| at).collect()
}

fn durable_notices(bench: &Bench) -> Vec<u64> {
    let sequence = |notice: &Notice| match notice {
        Notice::Durable { sequence } => Some(*sequence),
        _ => None,
    };
    bench.notices.iter().filter_map(sequence).collect()
}

#[test]
fn an_append_is_durable_when_its_frame_is_written_and_not_before() {
    let mut bench = fresh();
    let sequence = produce(&mut bench.strand, 1, 500).unwrap();
    while frames_waiting(&bench).is_empty() {
        bench.turn();
        if frames_waiting(&bench).is_empty() {
            bench.carry_out(0);
        }
    }
    assert!(bench.strand.durable() < sequence, "a frame in flight is not durable");
    bench.run();
    assert_eq!(bench.strand.durable(), sequence);
    assert_eq!(durable_notices(&bench), vec![sequence]);
}

#[test]
fn frames_that_end_out_of_order_are_acknowledged_in_order() {
    let mut bench = fresh();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.run();
    let first = produce(&mut bench.strand, 1, 9000).unwrap();
    bench.turn();
    let second = produce(&mut bench.strand, 1, 9000).unwrap();
    bench.turn();
    let third = produce(&mut bench.strand, 1, 9000).unwrap();
    bench.turn();
    let waiting = frames_waiting(&bench);
    assert_eq!(waiting.len(), 2, "R2: two frames are in flight, the third waits");
    bench.carry_out(waiting[1]);
    bench.turn();
    assert!(bench.strand.durable() < first, "R1: the second frame waits for the first");
    assert_eq!(frames_waiting(&bench).len(), 1, "R2: frame N+K is not issued before N is durable");
    bench.carry_out(frames_waiting(&bench)[0]);
    assert_eq!(bench.strand.durable(), second);
    bench.run();
    assert_eq!(bench.strand.durable(), third);
}

#[test]
fn a_small_second_frame_waits_and_gathers() {
    let mut bench = fresh();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.run();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.turn();
    let second = produce(&mut bench.strand, 2, 500).unwrap();
    bench.turn();
    assert_eq!(frames_waiting(&bench).len(), 1, "R2: a small frame is not worth a second write");
    assert_eq!(produce(&mut bench.strand, 3, 500).unwrap(), second, "it gathers on");
}

#[test]
fn a_full_extent_is_sealed_and_gets_its_footer() {
    let mut bench = fresh();
    for _ in 0..40 {
        produce(&mut bench.strand, 1, 3000).unwrap();
        bench.run();
    }
    let figures = bench.strand.figures();
    assert!(figures.extents_sealed >= 2, "{figures:?}");
    assert_eq!(figures.extents_open, 1);
    let footer = &bench.disk.extent_mut(0)[60 << 10..];
    assert_eq!(footer[..4], *b"SLft", "the last page of a sealed extent ends its footer");
}

#[test]
fn a_batch_that_no_extent_holds_is_refused_without_a_trace() {
    let mut bench = fresh();
    assert_eq!(produce(&mut bench.strand, 1, 60 << 10), Err(Refusal::TooLarge));
    assert!(bench.strand.log(crate::base::PartitionId(1)).is_none());
    let sequence = produce(&mut bench.strand, 1, 40 << 10).unwrap();
    bench.run();
    assert_eq!(bench.strand.durable(), sequence, "R3: a batch longer than a frame goes alone");
}

#[test]
fn after_quiet_one_empty_frame_proves_the_last_one() {
    let mut bench = fresh();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.run();
    let frames = bench.strand.figures().frames;
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(bench.strand.figures().frames, frames + 1, "R6");
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(bench.strand.figures().frames, frames + 1, "one is enough");
}

/// R6: the quiet begins when the frame is durable, not when it was issued.
#[test]
fn a_frame_whose_write_took_longer_than_the_quiet_is_proven_after_it() {
    let mut bench = fresh();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.run();
    produce(&mut bench.strand, 1, 500).unwrap();
    bench.turn();
    assert_eq!(frames_waiting(&bench).len(), 1);
    let frames = bench.strand.figures().frames;
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(bench.strand.figures().frames, frames, "the quiet begins with this outcome");
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(bench.strand.figures().frames, frames + 1, "R6");
}

#[test]
fn producers_are_refused_before_the_reserve_is_touched() {
    let mut bench = fresh();
    bench.disk.extents_max = Some(6);
    let refusal = loop {
        match produce(&mut bench.strand, 1, 3000) {
            Ok(_) => bench.run(),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, Refusal::Full);
    let figures = bench.strand.figures();
    assert!(figures.extents_ready >= 2, "R16: {figures:?}");
    let partition = crate::base::PartitionId(1);
    assert!(bench.strand.move_start(partition, 5).is_ok(), "R16: retention goes on");
}

#[test]
fn shutdown_commits_and_checkpoints_before_it_says_so() {
    let mut bench = fresh();
    let sequence = produce(&mut bench.strand, 1, 500).unwrap();
    bench.strand.shutdown(bench.now, &mut bench.out);
    assert_eq!(produce(&mut bench.strand, 1, 500), Err(Refusal::NotReady));
    let checkpoints = bench.strand.figures().checkpoints;
    bench.run();
    assert!(matches!(bench.notices.last(), Some(Notice::Stopped)));
    assert_eq!(bench.strand.durable(), sequence);
    assert!(bench.strand.figures().checkpoints > checkpoints);
}

#[test]
fn a_failed_write_is_fatal_and_nothing_is_acknowledged_past_it() {
    let mut bench = fresh();
    let sequence = produce(&mut bench.strand, 1, 500).unwrap();
    while frames_waiting(&bench).is_empty() {
        bench.turn();
        if frames_waiting(&bench).is_empty() {
            bench.carry_out(0);
        }
    }
    let at = frames_waiting(&bench)[0];
    let (token, _) = bench.waiting.remove(at).unwrap();
    let outcome = crate::strand::Outcome::Failed(crate::strand::IoFailure::Os(5));
    bench.strand.on_outcome(bench.now, token, outcome, &mut bench.out);
    bench.run();
    let is_fatal = |notice: &Notice| matches!(notice, Notice::Fatal(_));
    assert!(bench.notices.iter().any(is_fatal), "R7");
    assert!(bench.strand.durable() < sequence);
}

/// R16: a full disk refuses produce and nothing else.
#[test]
fn a_disk_without_room_for_a_slot_stops_nothing_and_is_asked_again() {
    let disk = Disk { is_full: true, ..Disk::default() };
    let mut bench = Bench::start(StrandConfig::tiny(), disk);
    let is_fatal = |notice: &Notice| matches!(notice, Notice::Fatal(_));
    assert!(bench.is_ready());
    assert!(!bench.notices.iter().any(is_fatal), "{:?}", bench.notices);
    bench.disk.is_full = false;
    bench.pass(2_000_000);
    bench.run();
    assert!(bench.disk.files.contains_key(&File::Slot(Slot::A)), "asked again when time passed");
    assert!(produce(&mut bench.strand, 1, 100).is_ok());
}
