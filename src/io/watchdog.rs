//! A thread outside all executors that looks at each of them now and then, and wakes those that
//! sleep on a task that they have forgotten. What proves that is the order of events, not a time:
//! the executor's own thread woke the task, then went to sleep by itself, and the task had not run.
//! A thread whose core is taken away, that is stopped, or that waits for a disk never looks like
//! that, however long it lasts. It stands above the heartbeat, whose wake-up can be lost as well.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use crate::io::task::vitals;

/// Pause between two looks while tasks run. A task that is forgotten is found by the second look.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The same while hardly any run.
const LOOK_EVERY_CALM: Duration = Duration::from_millis(100);

/// So few runs between two looks are hardly any: the heartbeat's own.
const CALM_RUNS: u64 = 3;

/// How many threads were given [`Vitals`].
static THREADS: AtomicU64 = AtomicU64::new(0);

/// What a thread with an executor shows of its tasks.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// Tells the threads of the process apart.
    thread: u64,
    /// Tasks that are spawned, or were woken by this very thread, and have not run since. Like
    /// `runs` it is written by this thread only.
    runnable: AtomicU64,
    /// How often such tasks ran.
    runs: AtomicU64,
    /// How often the thread was found asleep on them. Written by the watchdog.
    rescues: AtomicU64,
}

impl Vitals {
    pub(crate) fn new() -> Self {
        Self {
            thread: THREADS.fetch_add(1, Ordering::Relaxed),
            runnable: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            rescues: AtomicU64::new(0),
        }
    }

    pub(crate) fn thread(&self) -> u64 {
        self.thread
    }

    pub(crate) fn rescues(&self) -> u64 {
        self.rescues.load(Ordering::Relaxed)
    }

    /// A task has become runnable.
    pub(crate) fn on_woken(&self) {
        let runnable = self.runnable.load(Ordering::Relaxed) + 1;
        self.runnable.store(runnable, Ordering::Release);
    }

    /// A runnable task runs, or never will.
    pub(crate) fn on_run(&self) {
        let runnable = self.runnable.load(Ordering::Relaxed).saturating_sub(1);
        self.runnable.store(runnable, Ordering::Release);
        self.runs.store(self.runs.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

/// Watches executors from a thread that ends when nobody has a handle any more.
#[derive(Clone, Debug)]
pub struct Watchdog {
    watched: Arc<Mutex<Vec<Watched>>>,
}

impl Watchdog {
    pub fn start() -> io::Result<Self> {
        let watched = Arc::default();
        let weak = Arc::downgrade(&watched);
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch(&weak))?;
        Ok(Self { watched })
    }

    /// Watches the calling task's executor until the guard is dropped, on this thread.
    pub(crate) async fn enrol(&self) -> Enrolled {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let vitals = vitals();
        let thread = vitals.thread();
        // SAFETY: a system call without arguments.
        let tid = unsafe { libc::gettid() };
        lock(&self.watched).push(Watched { vitals, tid, waker, runs: 0 });
        Enrolled { watchdog: self.clone(), thread }
    }
}

/// While it lives, an executor is watched.
#[derive(Debug)]
pub(crate) struct Enrolled {
    watchdog: Watchdog,
    thread: u64,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        lock(&self.watchdog.watched).retain(|one| one.vitals.thread() != self.thread);
    }
}

#[derive(Debug)]
struct Watched {
    vitals: Arc<Vitals>,
    /// The kernel's number of the thread.
    tid: i32,
    /// Wakes a task of it, and thereby the executor.
    waker: Waker,
    /// As of the look before.
    runs: u64,
}

impl Watched {
    /// True if the next look should be soon.
    fn look(&mut self) -> bool {
        let runs = self.vitals.runs.load(Ordering::Acquire);
        let ran = runs.saturating_sub(self.runs);
        self.runs = runs;
        if ran == 0 && self.has_runnable() && is_parked(self.tid) && self.has_runnable() {
            // All that time it had the same runnable tasks, and it sleeps.
            if self.vitals.runs.load(Ordering::Acquire) == runs {
                self.vitals.rescues.fetch_add(1, Ordering::Relaxed);
                self.waker.wake_by_ref();
            }
        }
        ran > CALM_RUNS || self.has_runnable()
    }

    fn has_runnable(&self) -> bool {
        self.vitals.runnable.load(Ordering::Acquire) > 0
    }
}

fn lock(watched: &Mutex<Vec<Watched>>) -> MutexGuard<'_, Vec<Watched>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(watched: &Weak<Mutex<Vec<Watched>>>) {
    let mut pause = LOOK_EVERY;
    loop {
        std::thread::sleep(pause);
        let Some(watched) = watched.upgrade() else { return };
        let lively = lock(&watched).iter_mut().filter_map(|one| one.look().then_some(())).count();
        pause = if lively > 0 { LOOK_EVERY } else { LOOK_EVERY_CALM };
    }
}

/// Whether a thread of this process sleeps until its ring has a completion. Where /proc does not
/// tell, no.
fn is_parked(tid: i32) -> bool {
    let about = |what: &str| fs::read_to_string(format!("/proc/self/task/{tid}/{what}"));
    let (Ok(syscall), Ok(stat)) = (about("syscall"), about("stat")) else { return false };
    waits_for_completions(&syscall) && sleeps(&stat)
}

/// `syscall`: its number and its arguments, the first three of which are here the ring, how many
/// entries are submitted, and how many completions are waited for.
fn waits_for_completions(syscall: &str) -> bool {
    let mut words = syscall.split_ascii_whitespace();
    let number = words.next().and_then(|word| word.parse().ok());
    number == Some(libc::SYS_io_uring_enter) && words.nth(2).is_some_and(|least| least != "0x0")
}

/// `stat`: the thread's number, its name in parentheses, its state. A thread that waits for a disk
/// is in state D.
fn sleeps(stat: &str) -> bool {
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
}

#[cfg(test)]
mod tests;
