//! Running seeds, side by side, and saying what came of them.

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::options::Kind;
use crate::options::Options;
use crate::workload;
use crate::workload::Report;

/// Seeds that gate, each run twice: the second run must give the same digest.
const FIXED: u64 = 150;
/// Seeds that are derived from the commit: they look for what the fixed ones do not meet. They
/// report, so that a change is judged by itself; one that fails is mended and becomes a fixed one.
const DERIVED: u64 = 200;
/// Derived seeds that failed once; they gate, too.
const FOUND: &[u64] = &[
    1053,
    1083,
    1167,
    1215,
    1229,
    5004195,
    5007027,
    7000683,
    7001121,
    241538143879173,
    241538143879185,
    241538143879221,
    241538143879269,
    241538143879275,
    241538143879301,
    241538143879311,
    241538143879341,
    241538143879416,
    241538143879533,
    241538143879563,
    270255976611911,
];
thread_local! {
    static COMPLAINT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From here on what a panic says is kept instead of printed.
pub fn keep_complaints() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let said = format!("{}{}", text.unwrap_or_default(), place.unwrap_or_default());
        COMPLAINT.with(|complaint| *complaint.borrow_mut() = said);
    }));
}

/// A panic becomes a value.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| COMPLAINT.with(|said| said.borrow().clone()))
}

pub fn run(seed: u64) -> Result<Report, String> {
    caught(|| workload::run(Options::of(seed), false))
}

/// One seed, with everything that happens on the way if `loud`.
pub fn tell(seed: u64, loud: bool) -> bool {
    println!("{:?} {:#?}", Kind::of(seed), Options::of(seed));
    match caught(|| workload::run(Options::of(seed), loud)) {
        Ok(report) => println!("{report:#?}"),
        Err(complaint) => {
            println!("FAILED: {complaint}");
            return false;
        }
    }
    true
}

/// The fixed seeds, each twice.
pub fn run_fixed() -> bool {
    let gating = (0..FIXED).chain(FOUND.iter().copied());
    let seeds: Vec<u64> = gating.flat_map(|seed| [seed, seed]).collect();
    run_all("fixed seeds, each twice", &seeds)
}

/// Seeds that nobody has chosen: another commit, other seeds.
pub fn report_this_commit() {
    run_all("seeds of this commit (they report)", &of_this_commit());
}

pub fn of_this_commit() -> Vec<u64> {
    let commit = std::env::var("STRANDLOG_COMMIT").ok().or_else(|| {
        let git = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        String::from_utf8(git.stdout).ok()
    });
    let commit = commit.unwrap_or_default();
    let first = u64::from(crc32c::crc32c(commit.trim().as_bytes())) << 16;
    (first..first + DERIVED).collect()
}

pub fn run_all(what: &str, seeds: &[u64]) -> bool {
    side_by_side(what, "", seeds, run, Report::add)
}

/// Runs `seeds` on all cores and says what came of them. A seed that stands twice must give the same
/// report. `flags` lead back to the same simulator.
pub fn side_by_side<R: Debug + Default + PartialEq + Send>(
    what: &str,
    flags: &str,
    seeds: &[u64],
    run: fn(u64) -> Result<R, String>,
    add: fn(&mut R, &R),
) -> bool {
    let results: Mutex<Vec<(u64, Result<R, String>)>> = Mutex::default();
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
    let mut sum = R::default();
    for (seed, result) in &results {
        match result {
            Ok(report) => add(&mut sum, report),
            Err(complaint) => {
                failed += 1;
                println!("seed {seed} failed: {complaint}");
                println!("  again: cargo test --release --test sim -- {flags}--seed {seed} --loud");
            }
        }
    }
    let count = seeds.len();
    println!("{what}: {} of {count} passed; {sum:?}", count - failed.min(count));
    failed == 0
}
