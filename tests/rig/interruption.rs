//! Ways to take the core away from a process.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use strandlog::base::Rng;

/// Where version 1 of the CPU controller lies.
const CPU_CGROUP: &str = "/sys/fs/cgroup/cpu";
const QUOTA_PERIOD: Duration = Duration::from_millis(100);
const QUOTA: Duration = Duration::from_millis(30);

/// A way to take the core away.
#[derive(Clone, Copy, Debug)]
pub enum Interruption {
    /// A thread of real-time priority on the same core.
    Hog,
    /// SIGSTOP, and SIGCONT after a while.
    Stop,
    /// A cgroup that grants 30 % of the core.
    Quota,
    /// The hog, some thousand times a second: each time longer than a preempt timer of 200 µs, and
    /// too short for much else to happen meanwhile.
    Flicker,
}

impl Interruption {
    pub const ALL: [Self; 4] = [Self::Hog, Self::Stop, Self::Quota, Self::Flicker];

    /// Interrupts `process` again and again for `length`, and gives the longest interruption.
    pub fn interrupt(self, process: u32, length: Duration) -> Duration {
        match self {
            Self::Hog => in_turns(length, |pause| on_real_time(move || burn(pause))),
            Self::Stop => in_turns(length, |pause| {
                send(process, libc::SIGSTOP);
                let began = Instant::now();
                std::thread::park_timeout(pause);
                send(process, libc::SIGCONT);
                began.elapsed()
            }),
            Self::Quota => quota(process, length),
            Self::Flicker => on_real_time(move || flicker(length)),
        }
    }
}

/// Calls `interrupt` with durations of 5 to 300 ms, with as much time between, for `length`.
fn in_turns(length: Duration, mut interrupt: impl FnMut(Duration) -> Duration) -> Duration {
    let (began, mut rng, mut longest) = (Instant::now(), Rng::new(3), Duration::ZERO);
    while began.elapsed() < length {
        let pause = Duration::from_millis(5 + rng.below(295));
        longest = longest.max(interrupt(pause));
        std::thread::park_timeout(Duration::from_millis(5 + rng.below(295)));
    }
    longest
}

/// Burns the core. Gives how long it was really taken.
fn burn(pause: Duration) -> Duration {
    let began = Instant::now();
    while began.elapsed() < pause {
        std::hint::spin_loop();
    }
    began.elapsed()
}

/// Burns the core for 250 to 750 µs, with 100 to 600 µs between, for `length`.
fn flicker(length: Duration) -> Duration {
    let (began, mut rng, mut longest) = (Instant::now(), Rng::new(3), Duration::ZERO);
    while began.elapsed() < length {
        longest = longest.max(burn(Duration::from_micros(250 + rng.below(500))));
        std::thread::park_timeout(Duration::from_micros(100 + rng.below(500)));
    }
    longest
}

/// Runs `work` on core 0, at real-time priority.
fn on_real_time(work: impl FnOnce() -> Duration + Send + 'static) -> Duration {
    let thread = std::thread::spawn(move || {
        pin_process(0, 0);
        let parameters = libc::sched_param { sched_priority: 50 };
        // SAFETY: a plain structure, for the calling thread.
        let refused =
            unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
        assert_eq!(refused, 0, "real-time priority needs root");
        work()
    });
    thread.join().expect("the hog's thread")
}

fn quota(process: u32, length: Duration) -> Duration {
    let group = Group::new();
    group.write("cpu.cfs_period_us", QUOTA_PERIOD.as_micros());
    group.write("cpu.cfs_quota_us", QUOTA.as_micros());
    group.write("cgroup.procs", u128::from(process));
    std::thread::park_timeout(length);
    // Into the root group again, so that this one can go.
    fs::write(Path::new(CPU_CGROUP).join("cgroup.procs"), process.to_string())
        .expect("root's group");
    // Work of two periods can be pushed into a third by what the group already owes.
    2 * (QUOTA_PERIOD - QUOTA)
}

struct Group(PathBuf);

impl Group {
    fn new() -> Self {
        let path = Path::new(CPU_CGROUP).join(format!("strandlog-stall-{}", std::process::id()));
        fs::create_dir(&path).expect("cgroup v1's CPU controller, and root");
        Self(path)
    }

    fn write(&self, file: &str, value: u128) {
        fs::write(self.0.join(file), value.to_string())
            .unwrap_or_else(|error| panic!("{}/{file}: {error}", self.0.display()));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that still dies inside keeps it; the next boot removes it.
        let _ = fs::remove_dir(&self.0);
    }
}

fn send(process: u32, signal: i32) {
    // SAFETY: a signal to a child of ours that we have not waited for.
    let refused = unsafe { libc::kill(process as i32, signal) };
    assert_eq!(refused, 0, "the broker is gone");
}

/// Pins a process's first thread (0: the calling thread) to a core.
pub fn pin_process(process: u32, core: usize) {
    // SAFETY: a zeroed set is a valid one, and the pointer lives through the call.
    let refused = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(process as i32, size_of_val(&set), &raw const set)
    };
    assert_eq!(refused, 0, "core {core} is not ours to use");
}
