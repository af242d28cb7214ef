//! Rounds of: load, crash at a random instant, start again, compare with what was acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use strandlog::base::Rng;

use crate::broker::Launch;
use crate::commits::Commits;
use crate::commits::Committed;
use crate::disk::Rig;
use crate::load;
use crate::load::Acknowledged;
use crate::load::Load;
use crate::load::Number;
use crate::platter::Loss;
use crate::platter::Platter;

/// Takes what twenty rounds write several times over; memory only where it was written.
const DISK_BYTES: usize = 2 << 30;
/// A round's load runs at least this long, and up to a second more.
const LOAD_MIN: Duration = Duration::from_millis(300);

/// How many rounds of what, on which binary.
pub struct Plan<'a> {
    pub rounds: u64,
    pub seed: u64,
    pub binary: &'a Path,
    pub mutant: Option<String>,
}

/// What a run of rounds saw.
#[derive(Default)]
pub struct Summary {
    pub acknowledged: usize,
    /// Offsets that groups committed.
    pub committed: u64,
    /// From the start of the process until every partition served its last acknowledged record
    /// and took another one.
    pub ready: Vec<Duration>,
}

/// Why rounds ended early, with the round and the seed.
pub enum Failure {
    /// An acknowledged record or committed offset is missing, or another is in its place.
    Lost(String),
    /// Anything else that must not be.
    Wrong(String),
}

/// Power cuts. An error says what was missing, and in which round.
pub fn power_cuts(plan: &Plan<'_>) -> Result<Summary, Failure> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let platter = Arc::new(Mutex::new(Platter::new(DISK_BYTES)));
    let mut rig = Some(Rig::power_on(&platter, dir.path(), true));
    let data = rig.as_ref().expect("just powered on").mount.join("data");
    let mut launch = Launch::new(plan.binary, dir.path(), data);
    if let Some(mutant) = &plan.mutant {
        launch.variables.push(("STRANDLOG_MUTANT".to_owned(), mutant.clone()));
    }
    let mut rng = Rng::new(plan.seed);
    rounds(plan, &launch, &mut rng, |broker, rng| {
        let loss = if rng.one_in(2) { Loss::All } else { Loss::Some };
        let old = rig.take().expect("powered on");
        let lost = old.platter().cut(loss, rng);
        drop(broker);
        drop(old);
        let new = Rig::power_on(&platter, dir.path(), false);
        let late = new.platter().late;
        rig = Some(new);
        format!("{lost} unflushed pages, {loss:?} lost, {late} late writes refused so far")
    })
}

/// `kill -9`: keeps every cache, so it proves little about durability, but much about recovery.
pub fn kills(plan: &Plan<'_>) -> Result<Summary, Failure> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let launch = Launch::new(plan.binary, dir.path(), dir.path().join("data"));
    let mut rng = Rng::new(plan.seed);
    rounds(plan, &launch, &mut rng, |broker, _| {
        drop(broker);
        "killed".to_owned()
    })
}

fn rounds(
    plan: &Plan<'_>,
    launch: &Launch,
    rng: &mut Rng,
    mut crash: impl FnMut(crate::broker::Broker, &mut Rng) -> String,
) -> Result<Summary, Failure> {
    let acknowledged = Arc::new(Acknowledged::default());
    let mut summary = Summary::default();
    let mut next: Number = 0;
    let mut committed = Committed::default();
    for round in 0..plan.rounds {
        let broker = launch.start();
        if round == 0 {
            load::create_topics(&launch.address());
        }
        let load = Load::start(&launch.address(), &acknowledged, next, rng.next_u64());
        let commits = Commits::start(&launch.address(), committed);
        std::thread::park_timeout(LOAD_MIN + Duration::from_millis(rng.below(1000)));
        let how = crash(broker, rng);
        next = load.stop();
        committed = commits.stop();

        let began = Instant::now();
        let broker = launch.start();
        let compared = compare(&launch.address(), &acknowledged).and_then(|missing| {
            committed.compare(&launch.address()).map_err(Failure::Lost)?;
            Ok(missing)
        });
        let missing = compared.map_err(|failure| {
            let at =
                |what| format!("seed {} round {round}: {what}\n{}", plan.seed, launch.last_lines());
            match failure {
                Failure::Lost(what) => Failure::Lost(at(what)),
                Failure::Wrong(what) => Failure::Wrong(at(what)),
            }
        })?;
        next = load::probe_every_partition(&launch.address(), &acknowledged, next);
        summary.ready.push(began.elapsed());
        drop(broker);
        let count = acknowledged.count.load(Ordering::Relaxed);
        println!(
            "round {round}: {how}; {count} acknowledged, {missing} more found; {} commits",
            committed.count
        );
    }
    summary.committed = committed.count;
    summary.acknowledged = acknowledged.records.lock().expect("no panics").len();
    Ok(summary)
}

/// Everything acknowledged is there, at its offset, once. Gives how many records are there whose
/// acknowledgement never arrived.
fn compare(address: &str, acknowledged: &Acknowledged) -> Result<usize, Failure> {
    let found = load::read_everything(address).map_err(Failure::Wrong)?;
    let expected = acknowledged.records.lock().expect("no panics");
    for (place, number) in expected.iter() {
        let lost = match found.get(place) {
            Some(other) if other == number => continue,
            Some(other) => format!("{place:?} holds record {other}, not {number}"),
            None => format!("{place:?} is gone: record {number} was acknowledged"),
        };
        return Err(Failure::Lost(lost));
    }
    let mut numbers: Vec<Number> = found.values().copied().collect();
    numbers.sort_unstable();
    if let Some(twice) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::Wrong(format!("record {} is there twice", twice[0])));
    }
    Ok(found.len() - expected.len())
}
