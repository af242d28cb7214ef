//! The crash simulator of the storage: the real strand over a disk that knows written from
//! durable, in one thread and virtual time.
//!
//! `cargo test --release --test sim` runs the fixed seeds, each twice, and 200 that are derived
//! from the commit: fixed ones gate, derived ones report. `-- --seed N` runs one and tells everything, `-- --seeds N` runs N of them
//! (`--from M` on, every `--step`th: kinds take turns, six of them),
//! `-- --mutants` plants each bug of storage.md's section 8 in turn (a build with
//! `STRANDLOG_PLANT=1`) and wants it caught, `-- --find-seeds` looks for seeds that catch them (`--only PART` of
//! their names, `--tries N` of them, `--from M` on).
//!
//! `-- --node` and its `--seed`, `--seeds`, `--find-seeds` are the same for the whole node (`node`).

#![expect(unreachable_pub, reason = "a program of its own: nobody reaches into it")]

mod batch;
mod clients;
mod digest;
mod disk;
mod endless;
mod faults;
mod model;
mod mutants;
mod node;
mod options;
mod pace;
mod reading;
mod recovery;
mod rot;
mod seeds;
mod shard;
mod watch;
mod workload;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    seeds::keep_complaints();
    println!("disk model: {} checks", disk::check_the_disk_itself());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let only = arguments.iter().position(|argument| argument == "--only");
    let only = only.and_then(|at| arguments.get(at + 1)).map_or("", String::as_str);
    let first = number("--from").unwrap_or(0);
    let passed = if given("--node") {
        run_node(number, given("--loud"), given("--find-seeds").then_some(only))
    } else if let Some(seed) = number("--seed") {
        seeds::tell(seed, given("--loud"))
    } else if let Some(count) = number("--seeds") {
        let step = number("--step").unwrap_or(1).max(1);
        let seeds = (0..count).map(|at| first + at * step);
        seeds::run_all("seeds", &seeds.collect::<Vec<_>>())
    } else if given("--find-seeds") {
        mutants::find_seeds(first..first + number("--tries").unwrap_or(300), only)
    } else if given("--mutants") {
        mutants::run_all()
    } else {
        seeds::report_this_commit();
        node::seeds::report_this_commit();
        let node_passed = node::seeds::run_fixed();
        seeds::run_fixed() && node_passed
    };
    println!("{} passed, {} failed", u8::from(passed), u8::from(!passed));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The simulator of the whole node. `find`: seeds that catch the planted bugs with this in their names.
fn run_node(number: impl Fn(&str) -> Option<u64>, loud: bool, find: Option<&str>) -> bool {
    let first = number("--from").unwrap_or(0);
    if let Some(seed) = number("--seed") {
        node::seeds::tell(seed, loud)
    } else if let Some(count) = number("--seeds") {
        node::seeds::run_all("node: seeds", &(first..first + count).collect::<Vec<_>>())
    } else if let Some(only) = find {
        mutants::find_seeds_of_node(first..first + number("--tries").unwrap_or(60), only)
    } else {
        node::seeds::run_fixed()
    }
}
