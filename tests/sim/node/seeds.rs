//! Seeds of the node's simulator: fixed ones, which gate, and those of a commit, which report.

use super::Report;
use super::options::Options;
use crate::seeds::caught;
use crate::seeds::of_this_commit;
use crate::seeds::side_by_side;

/// Seeds that are run with every commit, each twice: the second run must give the same digest.
const FIXED: u64 = 15;
/// Seeds that are derived from the commit.
const DERIVED: usize = 5;

pub fn run(seed: u64) -> Result<Report, String> {
    caught(|| super::run(seed, false))
}

/// One seed, with everything that happens on the way if `loud`.
pub fn tell(seed: u64, loud: bool) -> bool {
    println!("{:#?}", Options::of(seed));
    match caught(|| super::run(seed, loud)) {
        Ok(report) => println!("{report:#?}"),
        Err(complaint) => {
            println!("FAILED: {complaint}");
            return false;
        }
    }
    true
}

pub fn run_fixed() -> bool {
    let seeds: Vec<u64> = (0..FIXED).flat_map(|seed| [seed, seed]).collect();
    run_all("node: fixed seeds, each twice", &seeds)
}

pub fn report_this_commit() {
    let seeds: Vec<u64> = of_this_commit().into_iter().take(DERIVED).collect();
    run_all("node: seeds of this commit (they report)", &seeds);
}

pub fn run_all(what: &str, seeds: &[u64]) -> bool {
    side_by_side(what, "--node ", seeds, run, Report::add)
}
