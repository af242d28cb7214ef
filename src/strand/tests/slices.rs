//! What is too long for one turn and is done a slice at a time, while entries come.

use super::disk::Bench;
use super::disk::Disk;
use super::disk::identity;
use super::produce;
use super::recovering::damage;
use super::recovering::state;
use crate::base::PartitionId;
use crate::strand::File;
use crate::strand::Listing;
use crate::strand::StoreFiles;
use crate::strand::StrandConfig;
use crate::strand::verify;

/// A slice is one partition, or one run.
fn patient() -> StrandConfig {
    StrandConfig { capture_rows: 1, sweep_runs: 1, ..StrandConfig::tiny() }
}

impl StoreFiles for Disk {
    fn listing(&self) -> Result<Listing, String> {
        Ok(self.list())
    }

    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        self.files.get(&file).cloned().ok_or_else(|| "it is missing".to_owned())
    }
}

/// Carries out what the strand wants, but not what is left to do in slices. How many turns it took.
fn commit(bench: &mut Bench) -> u64 {
    bench.turn();
    let mut turns = 1;
    while !bench.waiting.is_empty() {
        bench.carry_out(0);
        bench.turn();
        turns += 1;
    }
    turns
}

#[test]
fn a_checkpoint_that_is_gathered_over_many_turns_misses_nothing() {
    let mut bench = Bench::start(patient(), Disk::default());
    for partition in 1..=20 {
        produce(&mut bench.strand, partition, 200).unwrap();
    }
    bench.run();
    let checkpoints = bench.strand.figures().checkpoints;
    bench.strand.checkpoints.want();
    let (mut rounds, mut turns) = (0, 0);
    while bench.strand.figures().checkpoints == checkpoints {
        rounds += 1;
        // Behind the slice, where it is and ahead of it; what was there goes, and what was not comes.
        for partition in [1, 1 + rounds * 7 % 20, 20] {
            if bench.strand.log(PartitionId(partition)).is_some() {
                produce(&mut bench.strand, partition, 300).unwrap();
            }
        }
        match rounds {
            1 => {
                bench.strand.drop_partition(PartitionId(2)).unwrap();
            }
            2 => {
                bench.strand.drop_partition(PartitionId(15)).unwrap();
            }
            3 => {
                produce(&mut bench.strand, 30, 100).unwrap();
            }
            4 => {
                bench.strand.truncate(PartitionId(3), 0).unwrap();
            }
            5 => {
                bench.strand.move_start(PartitionId(17), 1).unwrap();
            }
            _ => {}
        }
        turns += commit(&mut bench);
    }
    assert!(turns > 20, "a partition a turn, not {turns}");
    commit(&mut bench);
    let before = state(&bench);
    let after = bench.restart(patient());
    assert!(after.is_ready(), "{:?}", after.notices);
    assert_eq!(damage(&after), vec![]);
    assert_eq!(state(&after).0, before.0);
}

#[test]
fn an_index_file_that_is_made_over_many_turns_holds_every_run() {
    let config = StrandConfig { index_extents: 2, extents_max: 64, sweep_runs: 4, ..patient() };
    let mut slices = 0;
    let mut bench = Bench::start(config.clone(), Disk::default());
    while bench.strand.figures().index_files < 2 {
        for partition in 1..=5 {
            produce(&mut bench.strand, partition, 2000).unwrap();
        }
        commit(&mut bench);
        slices += u64::from(bench.strand.index_deadline().is_some());
    }
    assert!(slices > 2, "entries came between slices");
    bench.run();
    let found = verify(&identity(), &bench.disk);
    assert!(found.is_sound(), "{:?}", found.findings);
    assert_eq!(found.partitions, 5);
    let after = bench.restart(config);
    assert!(after.is_ready(), "{:?}", after.notices);
    assert_eq!(damage(&after), vec![]);
}
