//! The load generator: producers and tail consumers that speak Kafka's protocol, against any broker
//! that does. Open loop (on a schedule, latency counted from the moment a request was meant to be
//! sent, whether or not it could be) or closed loop. Verifies all that it reads and exits with 1
//! when anything is missing, twice, out of order or changed.
//!
//! `cargo bench --bench load -- --help` tells the options.

mod client;
mod consumer;
mod payload;
mod plan;
mod process;
mod producer;
mod report;
mod run;
mod smoke;
mod socket;
mod verify;

use crate::plan::Plan;
use clap::Parser;

/// What was read is not what was sent.
const EXIT_FAULTS: i32 = 1;
/// The run did not come to its end.
const EXIT_ERROR: i32 = 2;

fn main() {
    let plan = Plan::parse();
    if !plan.bench {
        // `cargo test` runs benches without `--bench`.
        smoke::run(&plan);
        return;
    }
    if let Some(fault) = plan.fault() {
        eprintln!("load: {fault}");
        std::process::exit(EXIT_ERROR);
    }
    if let Some(core) = plan.core {
        pin(core);
    }
    let report = match run::run(&plan) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("load: {error}");
            std::process::exit(EXIT_ERROR);
        }
    };
    print!("{}", report.table());
    if let Some(path) = &plan.json
        && let Err(error) = std::fs::write(path, report.json())
    {
        eprintln!("load: {}: {error}", path.display());
        std::process::exit(EXIT_ERROR);
    }
    if !report.is_sound() {
        std::process::exit(EXIT_FAULTS);
    }
}

fn pin(core: usize) {
    // SAFETY: the set is plain data, for which zeros are a value; the calls only read and write it.
    let pinned = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if pinned != 0 {
        eprintln!("load: cannot be pinned to core {core}: {}", std::io::Error::last_os_error());
    }
}
