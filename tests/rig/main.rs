//! The real binary on a machine that misbehaves: power cuts on a disk that discards, at a random
//! instant, every write that no completed flush has covered; `kill -9`; a core that is taken away.
//! See `--help`.
#![expect(unreachable_pub, reason = "the modules of a test binary share what they have")]

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::rounds::Failure;
use crate::rounds::Plan;
use crate::rounds::Summary;

mod broker;
mod client;
mod commits;
mod disk;
mod full;
mod interruption;
mod load;
mod platter;
mod rounds;
mod stalls;
mod teeth;

/// Crashes and interrupts the broker under load, and looks for what it had acknowledged and for
/// answers that came late.
#[derive(Parser)]
struct Arguments {
    /// Rounds of each kind of crash.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// Chooses the instants and the load.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A build with `STRANDLOG_PLANT=1`: must lose something within the rounds when it acknowledges at
    /// submission, and must lose wake-ups without its heartbeat.
    #[arg(long)]
    mutant_binary: Option<PathBuf>,
    /// How long the core is taken away, by a real-time hog, by SIGSTOP and by a quota in turn.
    #[arg(long, default_value_t = 60)]
    stall_seconds: u64,
    /// Answers later than their interruption and 20 ms fail the run; for quiet machines.
    #[arg(long)]
    gate_times: bool,
    /// One part alone.
    #[arg(long)]
    only: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// `kill -9`: needs no root.
    Kills,
    /// Power cuts.
    Cuts,
    /// A core that is taken away.
    Stalls,
    /// A disk that fills.
    Full,
    /// Power cuts on the mutant binary, which acknowledges at submission.
    Teeth,
    /// A core that is taken away from the mutant binary, which has no heartbeat.
    Sick,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// The mutant binary, where `part` is wanted.
    fn mutant(&self, part: Part) -> Option<&PathBuf> {
        self.mutant_binary.as_ref().filter(|_| self.wants(part))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_strandlog"));
    let plan =
        Plan { rounds: arguments.rounds, seed: arguments.seed, binary: &binary, mutant: None };
    let mut passed = 0;
    let mut check = |name: &str, result: Result<Summary, Failure>| match result {
        Ok(summary) => {
            let mut ready = summary.ready;
            ready.sort_unstable();
            let median = ready.get(ready.len() / 2).copied().unwrap_or_default();
            let Summary { acknowledged: records, committed, .. } = summary;
            println!(
                "{name}: {records} records and {committed} commits acknowledged, all there; ready \
                 and checked in {median:?} (median)"
            );
            passed += 1;
        }
        Err(Failure::Lost(what) | Failure::Wrong(what)) => {
            println!("{name}: {what}\n{passed} passed, 1 failed");
            std::process::exit(1);
        }
    };
    if arguments.wants(Part::Kills) {
        check("kill -9", rounds::kills(&plan));
    }
    if arguments.wants(Part::Cuts) {
        teeth::the_rig_loses_what_was_not_flushed_and_nothing_else();
        check("power cuts", rounds::power_cuts(&plan));
    }
    if let Some(binary) = arguments.mutant(Part::Teeth) {
        let mutant = Some("ack at submission".to_owned());
        let lost = rounds::power_cuts(&Plan { binary, mutant, ..plan });
        check(
            "a broker that acknowledges at submission",
            match lost {
                Err(Failure::Lost(what)) => {
                    println!("as it must, it lost: {}", what.lines().next().unwrap_or_default());
                    Ok(Summary::default())
                }
                Err(wrong) => Err(wrong),
                Ok(_) => Err(Failure::Wrong("it lost nothing: the rig has no teeth".to_owned())),
            },
        );
    }
    let length = Duration::from_secs(arguments.stall_seconds);
    if arguments.wants(Part::Stalls) {
        stalls::healthy(&binary, length, arguments.gate_times);
        passed += 1;
    }
    if let Some(binary) = arguments.mutant(Part::Sick) {
        stalls::sick(binary, length);
        passed += 1;
    }
    if arguments.wants(Part::Full) {
        full::fill_and_empty(&binary);
        passed += 1;
    }
    println!("{passed} passed, 0 failed");
    assert!(passed > 0, "nothing was run: `teeth` and `sick` need `--mutant-binary`");
}
