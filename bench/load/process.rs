//! CPU time and memory of processes, from /proc.

use std::fs;

/// What the broker and the generator have used.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    pub(crate) broker_cpu_s: Option<f64>,
    pub(crate) broker_resident_bytes: Option<u64>,
    pub(crate) own_cpu_s: f64,
}

impl Usage {
    /// As of this moment; without `pid` nothing is known of the broker.
    pub(crate) fn now(pid: Option<u32>) -> Self {
        Self {
            broker_cpu_s: pid.and_then(|pid| cpu_seconds(&pid.to_string())),
            broker_resident_bytes: pid.and_then(|pid| resident_bytes(&pid.to_string())),
            own_cpu_s: cpu_seconds("self").unwrap_or(0.0),
        }
    }

    /// CPU time since `before`; memory as it is.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let cpu = self.broker_cpu_s.zip(before.broker_cpu_s).map(|(now, then)| now - then);
        Self { broker_cpu_s: cpu, own_cpu_s: self.own_cpu_s - before.own_cpu_s, ..*self }
    }
}

/// User and system time of all threads.
fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command's name may contain anything, but ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    // SAFETY: a system call without pointers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Some((user + system) / ticks as f64)
}

fn resident_bytes(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}
