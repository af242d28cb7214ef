//! What `cargo test` runs: a few small groups against the broker itself.

use super::Plan;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        // It may be gone already, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn run() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_strandlog"));
    command
        .args(["serve", "--listeners", "PLAINTEXT://127.0.0.1:0", "--shards", "1"])
        .args(["--memory", "256MiB", "--storage-extent-bytes", "4MiB"])
        .args(["--group-initial-rebalance-delay-ms", "0", "--log-dirs"])
        .arg(data.path())
        .stdout(Stdio::piped());
    let mut broker = Broker(command.spawn().expect("the broker's binary"));
    let said = BufReader::new(broker.0.stdout.take().expect("it is piped"));
    let bootstrap = said
        .lines()
        .map(|line| line.expect("text"))
        .find_map(|line| {
            let (_, rest) = line.split_once("listening on PLAINTEXT://")?;
            Some(rest.split(',').next()?.to_owned())
        })
        .expect("it says where it listens");
    let plan = Plan {
        bootstrap,
        groups: 5,
        members: 3,
        heartbeat_ms: 20,
        seconds: 0.2,
        crowd: 10,
        rebalances: 2,
        storm: 20,
        core: None,
        pid: Some(broker.0.id()),
        json: None,
    };
    let report = super::run(&plan).unwrap_or_else(|error| panic!("groups: {error}"));
    assert!(report.is_sound(), "{}", report.table());
    assert!(report.beats.latency.len() > 100, "{}", report.table());
    assert!(report.commits.latency.len() > 10, "{}", report.table());
    println!("load: smoke test of groups passed");
}
