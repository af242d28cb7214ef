//! Seeds of the node's simulator: fixed ones, which gate, and those of a commit, which report.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::Report;
use super::options::Options;
use crate::seeds::caught;
use crate::seeds::of_this_commit;

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

/// Runs `seeds` on all cores. A seed that stands twice in a row must give the same digest.
pub fn run_all(what: &str, seeds: &[u64]) -> bool {
    let results: Mutex<Vec<(u64, Result<Report, String>)>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(*seed);
                    results.lock().expect("no worker panics").push((*seed, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panics");
    results.sort_by_key(|(seed, _)| *seed);
    let mut failed = 0;
    for pair in results.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1) {
        println!("seed {}: two runs differ: {:?} and {:?}", pair[0].0, pair[0].1, pair[1].1);
        failed += 1;
    }
    let mut sum = Report::default();
    for (seed, result) in &results {
        match result {
            Ok(report) => sum.add(report),
            Err(complaint) => {
                failed += 1;
                println!("seed {seed} failed: {complaint}");
                println!("  again: cargo test --release --test sim -- --node --seed {seed} --loud");
            }
        }
    }
    println!(
        "{what}: {} of {} passed; {sum:?}",
        seeds.len() - failed.min(seeds.len()),
        seeds.len()
    );
    failed == 0
}
