//! What a run with groups measured, as a table and as JSON.

use super::Plan;
use super::crowd::Pace;
use crate::process::Usage;
use crate::report::latencies;
use crate::report::latencies_json;
use crate::report::latency_histogram;
use crate::report::or_null;
use std::fmt::Write;
use std::time::Duration;

pub(crate) struct Report {
    plan: Plan,
    /// Until all members of all groups knew what is theirs.
    pub(super) joined: Duration,
    pub(super) beats: Pace,
    pub(super) beat_usage: Usage,
    pub(super) commits: Pace,
    pub(super) commit_usage: Usage,
    pub(super) rebalances: Vec<Duration>,
    pub(super) storm: Duration,
    pub(super) faults: u64,
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        let pace = || Pace { latency: latency_histogram(), seconds: 0.0 };
        Self {
            plan: plan.clone(),
            joined: Duration::ZERO,
            beats: pace(),
            beat_usage: Usage::default(),
            commits: pace(),
            commit_usage: Usage::default(),
            rebalances: Vec::new(),
            storm: Duration::ZERO,
            faults: 0,
        }
    }

    /// Whether every member had a share of its own in each generation.
    pub(crate) fn is_sound(&self) -> bool {
        self.faults == 0
    }

    /// The median of the rebalances.
    fn rebalance(&self) -> Duration {
        let mut sorted = self.rebalances.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    pub(crate) fn table(&self) -> String {
        let Plan { groups, members, crowd, storm, .. } = &self.plan;
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(out, "{name:<22} {value}").expect("memory takes every byte");
        };
        line(
            "joined",
            format!("{groups} groups of {members} in {:.2} s", self.joined.as_secs_f64()),
        );
        line("heartbeats", rate(&self.beats, &self.beat_usage));
        line("answered after", latencies(&self.beats.latency));
        line("commits", rate(&self.commits, &self.commit_usage));
        line("durable after", latencies(&self.commits.latency));
        let each: Vec<String> = self.rebalances.iter().map(millis).collect();
        line("rebalanced", format!("{crowd} members and one more in {} ms", each.join(", ")));
        line("join storm", format!("{storm} members in {} ms", millis(&self.storm)));
        line(
            "shares",
            match self.faults {
                0 => "each member had one of its own in each generation".to_owned(),
                faults => format!("{faults} that another member had too, or that nobody gave"),
            },
        );
        out
    }

    /// One object; latencies in microseconds.
    pub(crate) fn json(&self) -> String {
        let per_second = |pace: &Pace| pace.latency.len() as f64 / pace.seconds;
        let fields = [
            ("groups", self.plan.groups.to_string()),
            ("members", self.plan.members.to_string()),
            ("joined_s", format!("{:.3}", self.joined.as_secs_f64())),
            ("heartbeats_per_second", format!("{:.0}", per_second(&self.beats))),
            ("heartbeat_us", latencies_json(&self.beats.latency)),
            ("heartbeat_broker_core", or_null(share(&self.beats, &self.beat_usage))),
            ("commits_per_second", format!("{:.0}", per_second(&self.commits))),
            ("commit_us", latencies_json(&self.commits.latency)),
            ("commit_broker_core", or_null(share(&self.commits, &self.commit_usage))),
            ("rebalance_ms", millis(&self.rebalance())),
            ("storm_ms", millis(&self.storm)),
            ("faults", self.faults.to_string()),
        ];
        let fields = fields.map(|(name, value)| format!("  \"{name}\": {value}"));
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }
}

fn millis(duration: &Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}

/// Percent of a core that the broker took.
fn share(pace: &Pace, usage: &Usage) -> Option<f64> {
    usage.broker_cpu_s.map(|cpu| 100.0 * cpu / pace.seconds)
}

fn rate(pace: &Pace, usage: &Usage) -> String {
    let per_second = pace.latency.len() as f64 / pace.seconds;
    match share(pace, usage) {
        Some(share) => format!("{per_second:.0} a second, broker {share:.1} % of a core"),
        None => format!("{per_second:.0} a second"),
    }
}
