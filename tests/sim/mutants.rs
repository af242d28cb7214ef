//! The planted bugs, and the seeds that catch them.

use std::ops::Range;

use strandlog::base::Mutant;

use crate::node;
use crate::seeds;
use crate::shard;

/// Each planted bug with the seeds that catch it. Found with `--find-seeds`; the clean build passes
/// the same seeds.
const CAUGHT_BY: &[(Mutant, &[u64])] = &[
    (Mutant::AckAtSubmission, &[0, 1]),
    (Mutant::AckOutOfFrameOrder, &[0, 1]),
    (Mutant::FrameBeyondKIssuedEarly, &[2, 3]),
    (Mutant::UseNotRenewed, &[0, 1]),
    (Mutant::DeclaredEndIgnored, &[1, 3]),
    (Mutant::HighestStartNotBinding, &[14]),
    (Mutant::TornTailTakenForDamage, &[0, 1]),
    (Mutant::DamageTakenForTornTail, &[15, 21]),
    (Mutant::RecoveryWithoutFlush, &[0, 1]),
    (Mutant::LockOnAnotherFile, &[0, 1]),
    (Mutant::SlotAheadOfProven, &[2, 3]),
    (Mutant::SlotNotValidated, &[6, 36]),
    (Mutant::RecycledBeforeKillerDurable, &[0, 1]),
    (Mutant::RecycledAfterOneSlot, &[31, 37]),
    (Mutant::SealNotAwaited, &[0, 1]),
    (Mutant::TruncateReplayedTwice, &[1, 7]),
    // A story of the shard, whatever the seed.
    (Mutant::DuplicateAnsweredBeforeDurability, &[0]),
    (Mutant::PaddingNotZeroed, &[0, 1]),
    (Mutant::StaleFooterBelieved, &[0, 1]),
    (Mutant::FooterOffByOneRun, &[1, 2]),
    (Mutant::LogStartForgotten, &[0, 1]),
    (Mutant::OffsetsReusedAfterDamage, &[81, 189]),
    (Mutant::RelocateAdds, &[0, 1]),
    (Mutant::EvacuationStarvesOnFullDisk, &[31, 37]),
    (Mutant::EvacuationUnpaced, &[1, 4]),
    (Mutant::WaitedForExtentZeroed, &[6, 12]),
];

/// What a planted bug is caught with.
fn check(mutant: Mutant, seed: u64) -> Result<(), String> {
    if node::mutants::is_of_node(mutant) {
        node::seeds::run(seed).map(|_| ())
    } else if mutant == Mutant::DuplicateAnsweredBeforeDurability {
        seeds::caught(shard::a_duplicate_waits_for_its_original)
    } else {
        seeds::run(seed).map(|_| ())
    }
}

#[cfg(mutant)]
fn choose(mutant: Option<Mutant>) {
    Mutant::choose(mutant);
}

#[cfg(not(mutant))]
fn choose(_: Option<Mutant>) {
    panic!("build with STRANDLOG_PLANT=1");
}

/// Plants each bug in turn; each must be caught by its seeds, and no seed may fail without.
pub fn run_all() -> bool {
    let mut passed = true;
    for mutant in Mutant::ALL {
        let mut known = CAUGHT_BY.iter().chain(node::mutants::CAUGHT_BY);
        let seeds = known.find(|(other, _)| other == mutant).map(|(_, seeds)| *seeds);
        let Some(seeds) = seeds.filter(|seeds| !seeds.is_empty()) else {
            println!("{}: no seeds", mutant.label());
            passed &= node::mutants::UNCAUGHT.contains(mutant);
            continue;
        };
        choose(None);
        for seed in seeds {
            if let Err(complaint) = check(*mutant, *seed) {
                println!("{}: seed {seed} fails without the bug: {complaint}", mutant.label());
                passed = false;
            }
        }
        choose(Some(*mutant));
        let caught = seeds.iter().filter_map(|seed| check(*mutant, *seed).err());
        let caught: Vec<String> = caught.collect();
        println!(
            "{}: caught by {} of {} seeds: {}",
            mutant.label(),
            caught.len(),
            seeds.len(),
            caught.first().map_or("", String::as_str)
        );
        passed &= caught.len() == seeds.len();
    }
    choose(None);
    passed
}

/// Prints, for each planted bug with `only` in its name, the first seeds that catch it.
pub fn find_seeds(seeds: Range<u64>, only: &str) -> bool {
    find(seeds, |mutant| !node::mutants::is_of_node(mutant) && mutant.label().contains(only))
}

/// The same for the bugs of the node.
pub fn find_seeds_of_node(seeds: Range<u64>, only: &str) -> bool {
    find(seeds, |mutant| node::mutants::is_of_node(mutant) && mutant.label().contains(only))
}

fn find(seeds: Range<u64>, wanted: impl Fn(Mutant) -> bool) -> bool {
    for mutant in Mutant::ALL.iter().filter(|mutant| wanted(**mutant)) {
        let mut found = Vec::new();
        for seed in seeds.clone() {
            choose(Some(*mutant));
            let caught = check(*mutant, seed);
            choose(None);
            if let Err(complaint) = caught
                && check(*mutant, seed).is_ok()
            {
                found.push(seed);
                println!("{}: seed {seed}: {complaint}", mutant.label());
                if found.len() == 3 {
                    break;
                }
            }
        }
        println!("    (Mutant::{mutant:?}, &{found:?}),");
    }
    choose(None);
    true
}
