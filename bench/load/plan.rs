//! What a run does.

use clap::Parser;
use clap::Subcommand;
use std::path::PathBuf;
use std::time::Duration;

use crate::groups;
use crate::payload::Stamp;

/// Drives a Kafka broker with produce requests and tail consumers, measures, and verifies what it
/// reads. Closed loop unless a rate is given.
#[derive(Parser, Clone, Debug)]
#[command(name = "load")]
pub(crate) struct Plan {
    /// A broker's address.
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub(crate) bootstrap: String,
    /// The topic; created unless it is there.
    #[arg(long, default_value = "load")]
    pub(crate) topic: String,
    /// Partitions of a topic that is created.
    #[arg(long, default_value_t = 8)]
    pub(crate) partitions: u32,
    /// A config of a topic that is created, as name=value; may be repeated.
    #[arg(long = "topic-config", value_parser = config)]
    pub(crate) topic_configs: Vec<(String, String)>,
    /// Connections that produce.
    #[arg(long, default_value_t = 4)]
    pub(crate) connections: u32,
    /// Requests of one connection under way at most.
    #[arg(long, default_value_t = 5)]
    pub(crate) depth: u32,
    /// Records of a batch.
    #[arg(long, default_value_t = 64)]
    pub(crate) records: u32,
    /// Bytes of a record's value; at least 32.
    #[arg(long, default_value_t = 1024)]
    pub(crate) record_bytes: usize,
    /// Batches of a request, each for another partition.
    #[arg(long, default_value_t = 1)]
    pub(crate) batches: u32,
    /// 0, 1 or -1 (all).
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    pub(crate) acks: i16,
    /// Produce with producer ids and sequences.
    #[arg(long)]
    pub(crate) idempotent: bool,
    /// Requests a second, over all connections, on a schedule that waits for nobody (open loop).
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,
    /// Connections that consume at the tail.
    #[arg(long, default_value_t = 1)]
    pub(crate) consumers: u32,
    /// Bytes of one partition in a fetch.
    #[arg(long, default_value_t = 1 << 20)]
    pub(crate) fetch_partition_bytes: u32,
    /// Read only when all is produced, from where the run began, and measure that too.
    #[arg(long)]
    pub(crate) read_back: bool,
    /// Neither offsets nor reading: for the ceiling.
    #[arg(long)]
    pub(crate) produce_only: bool,
    /// Pin the generator to this core.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// Poll instead of sleeping: exact schedules, and a whole core.
    #[arg(long)]
    pub(crate) spin: bool,
    /// The broker's process: its CPU time and memory are reported.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Write the report as JSON to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true, global = true)]
    pub(crate) bench: bool,
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// What is loaded instead of topics.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Part {
    Groups(groups::Plan),
}

fn config(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Plan {
    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.record_bytes < Stamp::BYTES {
            return Some("--record-bytes: at least 32, for the stamp that is verified");
        }
        if self.records == 0 || self.batches == 0 || self.connections == 0 || self.depth == 0 {
            return Some("--records, --batches, --connections, --depth: at least 1");
        }
        if !(-1..=1).contains(&self.acks) {
            return Some("--acks: 0, 1 or -1");
        }
        if self.acks == 0 && !self.produce_only {
            return Some(
                "--acks 0 acknowledges nothing that reading could be held against: add --produce-only",
            );
        }
        if self.consumers == 0 && !self.produce_only {
            return Some("--consumers: at least 1, or --produce-only");
        }
        if self.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
            return Some("--rate: more than 0");
        }
        let second = |seconds: f64| (0.0..1e6).contains(&seconds);
        if !second(self.seconds) || !second(self.warmup) || self.seconds == 0.0 {
            return Some("--seconds, --warmup: seconds");
        }
        None
    }

    pub(crate) fn warmup_ns(&self) -> u64 {
        Duration::from_secs_f64(self.warmup).as_nanos() as u64
    }

    pub(crate) fn measured_ns(&self) -> u64 {
        Duration::from_secs_f64(self.seconds).as_nanos() as u64
    }
}
