//! The load generator: producers and tail consumers that speak Kafka's protocol, against any broker
//! that does. Open loop (on a schedule, latency counted from the moment a request was meant to be
//! sent, whether or not it could be) or closed loop. Verifies all that it reads and exits with 1
//! when anything is missing, twice, out of order or changed. `groups` loads coordinators of groups.
//!
//! `cargo bench --bench load -- --help` tells the options.

mod client;
mod consumer;
mod groups;
mod payload;
mod plan;
mod process;
mod producer;
mod report;
mod run;
mod smoke;
mod socket;
mod verify;

use crate::client::LoadError;
use crate::plan::Part;
use crate::plan::Plan;
use clap::Parser;
use std::path::PathBuf;

/// What was read is not what was sent.
const EXIT_FAULTS: i32 = 1;
/// The run did not come to its end.
const EXIT_ERROR: i32 = 2;

fn main() {
    let plan = Plan::parse();
    if !plan.bench {
        // `cargo test` runs benches without `--bench`.
        smoke::run(&plan);
        groups::smoke::run();
        return;
    }
    match &plan.part {
        Some(Part::Groups(groups)) => {
            let prepared = prepared(groups.fault(), groups.core);
            let report = prepared.and_then(|()| told(groups::run(groups)));
            conclude(report.map(|it| (it.table(), it.json(), it.is_sound())), &groups.json);
        }
        None => {
            let prepared = prepared(plan.fault(), plan.core);
            let report = prepared.and_then(|()| told(run::run(&plan)));
            conclude(report.map(|it| (it.table(), it.json(), it.is_sound())), &plan.json);
        }
    }
}

/// Refuses a plan with a fault; else the process is where it shall run.
fn prepared(fault: Option<&'static str>, core: Option<usize>) -> Result<(), String> {
    if let Some(fault) = fault {
        return Err(fault.to_owned());
    }
    if let Some(core) = core {
        pin(core);
    }
    Ok(())
}

fn told<T>(outcome: Result<T, LoadError>) -> Result<T, String> {
    outcome.map_err(|error| error.to_string())
}

/// Prints the table, writes the JSON, and exits with what was found unless all was well.
fn conclude(report: Result<(String, String, bool), String>, json_path: &Option<PathBuf>) {
    let written = report.and_then(|(table, json, is_sound)| {
        print!("{table}");
        if let Some(path) = json_path {
            std::fs::write(path, json).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(is_sound)
    });
    match written {
        Ok(true) => {}
        Ok(false) => std::process::exit(EXIT_FAULTS),
        Err(error) => {
            eprintln!("load: {error}");
            std::process::exit(EXIT_ERROR);
        }
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
