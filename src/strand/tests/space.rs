//! Who gets the last extents, and what is given back (R13, R15, R16).

use super::disk::Bench;
use super::disk::Disk;
use super::produce;
use crate::base::PartitionId;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Refusal;
use crate::strand::StrandConfig;
use crate::strand::Token;

const PARTITION: PartitionId = PartitionId(1);

fn small() -> StrandConfig {
    StrandConfig { extents_max: 12, ..StrandConfig::tiny() }
}

/// A strand on a device with room for `extents` extents.
fn on_device(extents: usize) -> Bench {
    let disk = Disk { extents_max: Some(extents), ..Disk::default() };
    Bench::start(StrandConfig::tiny(), disk)
}

fn rest(bench: &mut Bench) {
    for _ in 0..4 {
        bench.run();
        bench.pass(1_100_000);
    }
    bench.run();
}

fn fill(bench: &mut Bench) {
    while produce(&mut bench.strand, 1, 3000).is_ok() {
        bench.run();
    }
    rest(bench);
    assert_eq!(produce(&mut bench.strand, 1, 3000), Err(Refusal::Full));
}

fn told_full(bench: &Bench) -> Vec<bool> {
    let full = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Full { full } => Some(*full),
        _ => None,
    });
    full.collect()
}

#[test]
fn a_full_device_refuses_until_it_gives_and_says_so_once() {
    let mut bench = on_device(7);
    fill(&mut bench);
    for _ in 0..20 {
        bench.pass(700_000);
        assert_eq!(produce(&mut bench.strand, 1, 3000), Err(Refusal::Full));
        bench.turn();
        assert_eq!(produce(&mut bench.strand, 1, 3000), Err(Refusal::Full), "while it is asked");
        bench.run();
    }
    assert_eq!(told_full(&bench), [true]);
    bench.disk.extents_max = Some(9);
    rest(&mut bench);
    assert!(produce(&mut bench.strand, 1, 3000).is_ok());
    bench.run();
    assert_eq!(told_full(&bench), [true, false]);
}

/// Producers that are faster than extents are made wait; they do not eat the reserve.
#[test]
fn a_device_that_is_full_before_it_says_so_leaves_the_reserve_whole() {
    let mut bench = on_device(7);
    produce(&mut bench.strand, 1, 3000).unwrap();
    rest(&mut bench);
    assert_eq!(bench.strand.figures().extents_ready, 4);
    let allocates = |(_, op): &(Token, Op)| matches!(op, Op::Allocate { .. });
    let mut held = Vec::new();
    let refusal = loop {
        let refused = produce(&mut bench.strand, 1, 3000).err();
        bench.turn();
        while let Some(at) = bench.waiting.iter().position(|wanted| !allocates(wanted)) {
            bench.carry_out(at);
            bench.turn();
        }
        held.append(&mut bench.waiting.drain(..).collect());
        if let Some(refusal) = refused {
            break refusal;
        }
    };
    assert_eq!(refusal, Refusal::Overloaded, "the disk has not answered");
    assert!(bench.strand.awaits_extent(3000));
    assert_eq!(bench.strand.figures().extents_ready, 2, "R16");
    bench.waiting.extend(held);
    rest(&mut bench);
    fill(&mut bench);
    assert!(bench.strand.figures().extents_ready >= 2, "R16: {:?}", bench.strand.figures());
    assert!(!bench.strand.awaits_extent(3000), "it is refused instead");
}

#[test]
fn however_often_a_full_store_starts_it_takes_commands() {
    let mut bench = Bench::start(small(), Disk::default());
    fill(&mut bench);
    for start in 1..30 {
        bench = bench.restart(small());
        assert!(bench.is_ready());
        rest(&mut bench);
        let moved = bench.strand.move_start(PARTITION, 1);
        assert!(moved.is_ok(), "start {start}: {moved:?} {:?}", bench.strand.figures());
        // Durable, and then the process dies.
        bench.run();
    }
    let end = bench.strand.log(PARTITION).unwrap().end();
    bench.strand.move_start(PARTITION, end - 1).unwrap();
    rest(&mut bench);
    assert!(produce(&mut bench.strand, 1, 3000).is_ok(), "{:?}", bench.strand.figures());
}

#[test]
fn a_shutdown_does_not_wait_for_an_extent_that_nobody_gives() {
    let mut bench = on_device(0);
    produce(&mut bench.strand, 1, 500).expect("nothing is known of the device");
    bench.run();
    assert_eq!(bench.strand.figures().frames, 0);
    bench.strand.shutdown(bench.now, &mut bench.out);
    bench.run();
    assert!(bench.notices.iter().any(|notice| matches!(notice, Notice::Stopped)));
}

#[test]
fn what_is_to_spare_is_given_back_while_another_strand_of_the_disk_is_short() {
    let mut bench = Bench::start(small(), Disk::default());
    fill(&mut bench);
    let end = bench.strand.log(PARTITION).unwrap().end();
    bench.strand.move_start(PARTITION, end - 1).unwrap();
    rest(&mut bench);
    assert!(bench.strand.figures().extents_ready > 5, "{:?}", bench.strand.figures());
    bench.strand.press(true);
    bench.run();
    let figures = bench.strand.figures();
    assert_eq!(figures.extents_ready, 4, "R16: the reserve, and two for producers: {figures:?}");
    let kept = figures.extents_ready
        + figures.extents_open
        + figures.extents_sealed
        + figures.extents_dead;
    assert_eq!(bench.disk.extents() as u32, kept);
    bench.strand.press(false);
    bench.run();
    assert_eq!(bench.strand.figures().extents_ready, 4, "none is made before it is needed");
    assert!(produce(&mut bench.strand, 1, 3000).is_ok());
}

/// R13, R16: slots are what frees extents, so one extent makes room for them.
#[test]
fn a_slot_that_finds_no_room_gets_that_of_an_extent() {
    let mut bench = Bench::start(small(), Disk::default());
    produce(&mut bench.strand, 1, 3000).unwrap();
    rest(&mut bench);
    let ready = bench.strand.figures().extents_ready;
    bench.disk.is_full = true;
    let is_refused = |bench: &Bench| bench.strand.figures().extents_ready < ready;
    for partition in 2..600 {
        if is_refused(&bench) {
            break;
        }
        produce(&mut bench.strand, partition, 100).unwrap();
        bench.run();
        bench.pass(31_000_000);
        bench.turn();
    }
    assert!(is_refused(&bench), "a slot had to grow and an extent made room for it");
    let checkpoints = bench.strand.figures().checkpoints;
    bench.disk.is_full = false;
    rest(&mut bench);
    assert!(bench.strand.figures().checkpoints > checkpoints);
    assert_eq!(bench.strand.figures().extents_ready, ready, "made again when there is room");
}

#[test]
fn a_slot_that_does_not_read_back_is_written_again_after_a_pause() {
    let mut bench = Bench::start(small(), Disk::default());
    produce(&mut bench.strand, 1, 3000).unwrap();
    rest(&mut bench);
    bench.disk.bends_slots = true;
    let damages = |bench: &Bench| {
        let is_damage = |notice: &&Notice| matches!(notice, Notice::Damage(_));
        bench.notices.iter().filter(is_damage).count()
    };
    produce(&mut bench.strand, 1, 3000).unwrap();
    bench.run();
    bench.pass(31_000_000);
    bench.run();
    assert_eq!(damages(&bench), 1);
    assert!(bench.strand.next_deadline().is_some_and(|next| next > bench.now.mono_us));
    bench.pass(1_100_000);
    bench.run();
    assert_eq!(damages(&bench), 2);
    bench.disk.bends_slots = false;
    let checkpoints = bench.strand.figures().checkpoints;
    rest(&mut bench);
    assert!(bench.strand.figures().checkpoints > checkpoints);
}
