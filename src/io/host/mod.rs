//! What this machine is and allows: looked at before anything is started, shown at every start,
//! and each finding that is bad says what to do about it.

mod cgroup;
mod device;
mod ring;

use std::io;
use std::path::Path;

use cgroup::CgroupLimits;
pub use device::FileSystem;
pub use device::Unsuitable;
pub use ring::RingFault;
pub use ring::probe_ring;

/// Kernels before this lack ring operations that the executor needs.
const KERNEL_LEAST: (u32, u32) = (5, 15);

/// Locked memory that the executor's rings need at least, per shard.
const MEMLOCK_LEAST: u64 = 512 * 1024;

/// Memory that a shard needs at least.
pub const SHARD_MEMORY_LEAST: u64 = 64 << 20;

/// What was found.
#[derive(Clone, Debug)]
pub struct Host {
    /// `uname -r`.
    pub kernel: String,
    /// The CPUs that this process may run on, ascending.
    pub cpus: Vec<usize>,
    pub limits: CgroupLimits,
    /// Bytes of memory of the machine.
    pub machine_memory: u64,
    /// Soft limit of locked memory in bytes; `None` is unlimited.
    pub memlock: Option<u64>,
    /// Files that may be open, after the soft limit was raised to the hard one.
    pub open_files: u64,
    pub clocksource: String,
}

impl Host {
    /// Looks around, and raises the limits of open files and locked memory as far as allowed.
    pub fn inspect() -> io::Result<Self> {
        Ok(Self {
            kernel: kernel_release(),
            cpus: usable_cpus()?,
            limits: CgroupLimits::of_this_process(),
            machine_memory: machine_memory(),
            memlock: raise(libc::RLIMIT_MEMLOCK).ok().flatten(),
            open_files: raise(libc::RLIMIT_NOFILE)?.unwrap_or(1 << 20),
            clocksource: clocksource(),
        })
    }

    /// `max(1, min(cpuset, ⌊quota⌋))`.
    pub fn shards(&self) -> u16 {
        let by_quota = self.limits.cpu_quota.map_or(usize::MAX, |quota| quota as usize);
        u16::try_from(self.cpus.len().min(by_quota).max(1)).unwrap_or(u16::MAX)
    }

    /// Bytes for all shards together: three quarters of what the control group allows, or half of
    /// the machine's.
    pub fn memory(&self) -> u64 {
        let by_machine = self.machine_memory / 2;
        self.limits.memory.map_or(by_machine, |limit| (limit / 4 * 3).min(by_machine))
    }

    /// True where a core that looks for work takes it from somebody.
    pub fn must_not_spin(&self, shards: u16) -> bool {
        self.limits.cpu_quota.is_some()
            || self.cpus.len() <= 1
            || usize::from(shards) > self.cpus.len()
    }

    /// Why the kernel is too old, if it is.
    pub fn kernel_fault(&self) -> Option<String> {
        let mut numbers = self.kernel.split(['.', '-']).map_while(|part| part.parse().ok());
        let found: (u32, u32) = (numbers.next()?, numbers.next()?);
        let (major, minor) = KERNEL_LEAST;
        (found < KERNEL_LEAST).then(|| {
            format!(
                "Linux {} is too old: io_uring as it is used here needs {major}.{minor}",
                self.kernel
            )
        })
    }

    /// One line per finding: what it is, and what to do when it is bad.
    pub fn lines(&self, shards: u16, memory: u64, file_system: &FileSystem) -> Vec<Finding> {
        let mut lines = vec![Finding::good(format!("kernel {}, io_uring allowed", self.kernel))];
        lines.push(self.cpu_line(shards));
        lines.push(self.memory_line(shards, memory));
        lines.push(self.memlock_line(shards));
        lines.push(self.files_line());
        if self.clocksource != "tsc" && self.clocksource != "kvm-clock" {
            let what = format!("clock source {}: reading the time is slow", self.clocksource);
            lines.push(Finding::bad(
                what,
                "boot with clocksource=tsc where the machine has a stable one",
            ));
        }
        lines.extend(file_system.lines());
        lines
    }

    fn cpu_line(&self, shards: u16) -> Finding {
        let quota = match self.limits.cpu_quota {
            Some(quota) => format!("quota of {quota:.2} CPUs"),
            None => "no quota".to_owned(),
        };
        let what = format!("CPUs {} of this machine, {quota}: {shards} shards", ranges(&self.cpus));
        if usize::from(shards) > self.cpus.len() {
            return Finding::bad(what, "more shards than CPUs share them: set `shards` lower");
        }
        match self.limits.cpu_quota {
            Some(quota) if quota < f64::from(shards) => Finding::bad(
                what,
                "the kernel stops all shards when the quota is used up: raise it, or give whole \
                 CPUs (cpuset) in its place",
            ),
            _ => Finding::good(what),
        }
    }

    fn memory_line(&self, shards: u16, memory: u64) -> Finding {
        let what = format!(
            "memory {} for {shards} shards; the machine has {}{}",
            crate::config::Bytes(memory),
            crate::config::Bytes(self.machine_memory),
            match self.limits.memory {
                Some(limit) =>
                    format!(", the control group allows {}", crate::config::Bytes(limit)),
                None => String::new(),
            }
        );
        let allowed = self.limits.memory.unwrap_or(u64::MAX).min(self.machine_memory);
        match memory > allowed / 10 * 9 {
            true => Finding::bad(what, "that leaves nothing for the kernel: set `memory` lower"),
            false => Finding::good(what),
        }
    }

    fn memlock_line(&self, shards: u16) -> Finding {
        match self.memlock {
            None => Finding::good("locked memory: unlimited".to_owned()),
            Some(limit) if limit < MEMLOCK_LEAST * u64::from(shards) => Finding::bad(
                format!("locked memory: only {}", crate::config::Bytes(limit)),
                "raise it: `ulimit -l unlimited`, LimitMEMLOCK=infinity in a systemd unit, \
                 --ulimit memlock=-1 for a container",
            ),
            Some(limit) => Finding::good(format!("locked memory: {}", crate::config::Bytes(limit))),
        }
    }

    fn files_line(&self) -> Finding {
        let what = format!("open files: {}", self.open_files);
        match self.open_files < 8192 {
            true => Finding::bad(
                what,
                "few connections and extents: raise the hard limit (`ulimit -Hn`, LimitNOFILE=)",
            ),
            false => Finding::good(what),
        }
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub what: String,
    /// What to do about it, if it is bad.
    pub remedy: Option<String>,
}

impl Finding {
    pub(crate) fn good(what: String) -> Self {
        Self { what, remedy: None }
    }

    pub(crate) fn bad(what: String, remedy: &str) -> Self {
        Self { what, remedy: Some(remedy.to_owned()) }
    }
}

fn read_trimmed(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What this machine is called on its network, as far as it knows.
pub fn host_name() -> String {
    let name = read_trimmed("/proc/sys/kernel/hostname").filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "localhost".to_owned())
}

fn kernel_release() -> String {
    read_trimmed("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned())
}

fn clocksource() -> String {
    read_trimmed("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The affinity of this thread, which every cpuset has been applied to already.
fn usable_cpus() -> io::Result<Vec<usize>> {
    // SAFETY: all bits of a CPU set may be zero.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: pointer and length describe `set`, which lives until the call returns.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let all = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: every number is below the size of the set.
    Ok(all.filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

fn machine_memory() -> u64 {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    total.map_or(1 << 30, |kib| kib.saturating_mul(1024))
}

/// Raises a soft limit to the hard one. Gives the soft limit; `None` is unlimited.
fn raise(resource: libc::__rlimit_resource_t) -> io::Result<Option<u64>> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a limit that lives until the call returns.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur != limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        // SAFETY: as above, and only read.
        if unsafe { libc::setrlimit(resource, &raw const raised) } == 0 {
            limit = raised;
        }
    }
    Ok((limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur))
}

/// `[0, 1, 2, 5]` → `0-2,5`.
fn ranges(numbers: &[usize]) -> String {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for number in numbers.iter().copied() {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => out.push((number, number)),
        }
    }
    let text = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    out.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
