//! The disk itself is checked before anything is believed that was found with it.

use strandlog::base::HeapPool;
use strandlog::base::Rng;
use strandlog::base::StrandId;
use strandlog::strand::ExtentId;
use strandlog::strand::File;
use strandlog::strand::IoFailure;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Slot;
use strandlog::strand::Token;

use super::Disk;
use super::DiskOptions;
use super::Key;
use super::SECTOR;

const STRAND: StrandId = StrandId(0);
const EXTENT: File = File::Extent(ExtentId(0));
const KEY: Key = (STRAND, EXTENT);
const BYTES: usize = 16 * 4096;

/// Runs every check; panics at the first that fails. Gives their number.
pub fn check_the_disk_itself() -> usize {
    let checks: &[fn()] = &[
        a_completed_write_survives_a_power_cut,
        a_write_in_flight_is_kept_lost_and_torn_sector_by_sector,
        a_landed_write_of_a_dead_process_is_seen_and_lost_with_the_power,
        a_flush_makes_what_landed_durable,
        a_late_write_lands_before_the_lock_and_never_after,
        ops_complete_out_of_order,
        a_full_disk_refuses_and_takes_again_after_a_removal,
        a_removed_file_may_come_back_only_if_its_removal_was_not_done,
        a_fork_does_not_feel_what_happens_to_the_other,
        a_broken_sector_is_an_error_until_it_is_written,
        the_contract_is_enforced,
    ];
    checks.iter().for_each(|check| check());
    checks.len()
}

fn disk(seed: u64) -> Disk {
    let mut disk = Disk::new(DiskOptions::default(), Rng::new(seed));
    let extent = ExtentId(0);
    let made = run(&mut disk, Op::Allocate { extent, bytes: BYTES as u64, zeroed: true });
    assert!(matches!(made, Outcome::Allocated));
    disk
}

fn submit(disk: &mut Disk, op: Op) {
    let (now, token) = (disk.now, Token(disk.submitted));
    disk.submit(now, STRAND, token, op);
}

fn run(disk: &mut Disk, op: Op) -> Outcome {
    submit(disk, op);
    finish(disk)
}

fn finish(disk: &mut Disk) -> Outcome {
    let due = disk.next_due().expect("an op in flight");
    disk.complete(due).expect("it is due").2
}

fn write(position: u64, fill: u8, bytes: usize) -> Op {
    Op::Write { file: EXTENT, position, data: HeapPool::block(&vec![fill; bytes]) }
}

fn seen(disk: &Disk) -> Vec<u8> {
    disk.file(KEY).expect("the extent").read(0, BYTES).expect("readable")
}

/// Restarts: locks and flushes as recovery does.
fn restart(disk: &mut Disk) {
    assert!(matches!(run(disk, Op::Lock { file: EXTENT }), Outcome::Locked));
    assert!(matches!(run(disk, Op::Flush), Outcome::Flushed));
}

fn a_completed_write_survives_a_power_cut() {
    for seed in 0..50 {
        let mut disk = disk(seed);
        run(&mut disk, write(0, 7, BYTES));
        disk.cut_power();
        assert!(seen(&disk).iter().all(|byte| *byte == 7));
    }
}

fn a_write_in_flight_is_kept_lost_and_torn_sector_by_sector() {
    let (mut old, mut new, mut torn) = (0, 0, 0);
    for seed in 0..100 {
        let mut disk = disk(seed);
        run(&mut disk, write(0, 1, BYTES));
        submit(&mut disk, write(0, 2, BYTES));
        disk.cut_power();
        for sector in seen(&disk).chunks(SECTOR) {
            match sector {
                _ if sector.iter().all(|byte| *byte == 1) => old += 1,
                _ if sector.iter().all(|byte| *byte == 2) => new += 1,
                _ => torn += 1,
            }
        }
    }
    assert!(old > 1000 && new > 1000 && torn > 500, "{old} {new} {torn}");
}

fn a_landed_write_of_a_dead_process_is_seen_and_lost_with_the_power() {
    let mut lost = 0;
    for seed in 0..200 {
        let mut disk = disk(seed);
        submit(&mut disk, write(0, 9, BYTES));
        disk.kill();
        if seen(&disk).iter().all(|byte| *byte == 9) {
            disk.cut_power();
            lost += usize::from(seen(&disk).iter().any(|byte| *byte != 9));
        }
    }
    assert!(lost > 10, "{lost}");
}

fn a_flush_makes_what_landed_durable() {
    for seed in 0..200 {
        let mut disk = disk(seed);
        submit(&mut disk, write(0, 9, BYTES));
        disk.kill();
        restart(&mut disk);
        let before = seen(&disk);
        disk.cut_power();
        assert_eq!(before, seen(&disk));
    }
}

fn a_late_write_lands_before_the_lock_and_never_after() {
    let mut late = 0;
    for seed in 0..200 {
        let mut disk = disk(seed);
        submit(&mut disk, write(0, 9, BYTES));
        disk.kill();
        let at_death = seen(&disk);
        restart(&mut disk);
        assert_eq!(disk.late_writes(), 0);
        let locked = seen(&disk);
        late += usize::from(at_death != locked);
        disk.complete(disk.now + 60_000_000);
        assert_eq!(locked, seen(&disk));
    }
    assert!(late > 20, "{late}");
}

fn ops_complete_out_of_order() {
    let mut swapped = 0;
    for seed in 0..50 {
        let mut disk = disk(seed);
        for (token, page) in [(100, 0), (101, 4096)] {
            disk.submit(disk.now, STRAND, Token(token), write(page, 1, 4096));
        }
        let due = disk.next_due().expect("two in flight");
        swapped += usize::from(disk.complete(due).expect("due").1 == Token(101));
    }
    assert!((5..45).contains(&swapped), "{swapped}");
}

fn a_full_disk_refuses_and_takes_again_after_a_removal() {
    let mut disk = disk(1);
    disk.options_mut().capacity = BYTES as u64 + 4096;
    let more = Op::Allocate { extent: ExtentId(1), bytes: BYTES as u64, zeroed: false };
    assert!(matches!(run(&mut disk, more.clone()), Outcome::Failed(IoFailure::Full)));
    assert!(matches!(run(&mut disk, Op::Remove { file: EXTENT }), Outcome::Removed));
    assert!(matches!(run(&mut disk, more), Outcome::Allocated));
}

fn a_removed_file_may_come_back_only_if_its_removal_was_not_done() {
    let mut back = 0;
    for seed in 0..60 {
        let mut disk = disk(seed);
        if seed % 2 == 0 {
            run(&mut disk, Op::Remove { file: EXTENT });
            disk.cut_power();
            assert!(disk.file(KEY).is_none());
        } else {
            submit(&mut disk, Op::Remove { file: EXTENT });
            disk.cut_power();
            back += usize::from(disk.file(KEY).is_some());
        }
    }
    assert!((1..30).contains(&back), "{back}");
}

fn a_fork_does_not_feel_what_happens_to_the_other() {
    let mut disk = disk(3);
    run(&mut disk, write(0, 1, BYTES));
    let mut fork = disk.fork(1);
    run(&mut fork, write(0, 2, BYTES));
    fork.cut_power();
    assert!(seen(&disk).iter().all(|byte| *byte == 1));
    assert!(seen(&fork).iter().all(|byte| *byte == 2));
}

fn a_broken_sector_is_an_error_until_it_is_written() {
    let mut disk = disk(4);
    disk.break_sector(KEY, 5000);
    let read = Op::Read { file: EXTENT, position: 4096, bytes: 4096 };
    assert!(matches!(run(&mut disk, read.clone()), Outcome::Failed(IoFailure::Os(5))));
    run(&mut disk, write(4096, 1, 4096));
    assert!(matches!(run(&mut disk, read), Outcome::Read(_)));
}

fn the_contract_is_enforced() {
    let breaks: &[fn(&mut Disk)] = &[
        |disk| submit(disk, write(0, 1, 512)),
        |disk| submit(disk, write(BYTES as u64, 1, 4096)),
        |disk| {
            submit(disk, write(0, 1, 8192));
            submit(disk, write(4096, 1, 4096));
        },
        |disk| {
            disk.kill();
            submit(disk, write(0, 1, 4096));
        },
        |disk| {
            disk.kill();
            run(disk, Op::Lock { file: EXTENT });
            submit(disk, Op::Read { file: EXTENT, position: 0, bytes: 4096 });
        },
        |disk| {
            run(disk, Op::GrowSlot { slot: Slot::A, bytes: 4096 });
            disk.kill();
            submit(
                disk,
                Op::Write {
                    file: File::Slot(Slot::A),
                    position: 0,
                    data: HeapPool::block(&[0; 4096]),
                },
            );
        },
    ];
    for (number, breaks) in breaks.iter().enumerate() {
        let mut disk = disk(5);
        let broken = std::panic::AssertUnwindSafe(|| breaks(&mut disk));
        assert!(std::panic::catch_unwind(broken).is_err(), "breach {number} was not noticed");
    }
}
