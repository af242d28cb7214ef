//! What a run with groups does.

use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Drives the coordinators of groups: members that beat and commit, a rebalance of a large group,
/// a join storm.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// A broker's address.
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub(crate) bootstrap: String,
    /// Groups that beat and commit.
    #[arg(long, default_value_t = 1000)]
    pub(crate) groups: u32,
    /// Members of each of them, each with its connection.
    #[arg(long, default_value_t = 10)]
    pub(crate) members: u32,
    /// Every member beats this often, in milliseconds (as a client does by default).
    #[arg(long, default_value_t = 3000)]
    pub(crate) heartbeat_ms: u64,
    /// Seconds of heartbeats, and of commits.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Members of the group that is rebalanced.
    #[arg(long, default_value_t = 100)]
    pub(crate) crowd: u32,
    /// How often one more member comes to it.
    #[arg(long, default_value_t = 5)]
    pub(crate) rebalances: u32,
    /// Members that join one group at once.
    #[arg(long, default_value_t = 1000)]
    pub(crate) storm: u32,
    /// Pin the generator to this core.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The broker's process: its CPU time is reported.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Write the report as JSON to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl Plan {
    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.groups == 0 || self.members == 0 || self.crowd == 0 || self.storm == 0 {
            return Some("--groups, --members, --crowd, --storm: at least 1");
        }
        if self.heartbeat_ms == 0 {
            return Some("--heartbeat-ms: at least 1");
        }
        if !(0.001..1e6).contains(&self.seconds) {
            return Some("--seconds: seconds");
        }
        None
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}
