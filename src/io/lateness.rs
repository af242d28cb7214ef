//! How well the executor keeps its promise to run what is runnable. A wait, of an event for its turn
//! or of a task that was woken for its run, is called late when it was long although the process was
//! running: time in which the kernel ran others on this core, or in which the process was stopped, is
//! not the executor's doing. What the hypervisor takes away, and what a call to the kernel takes, is
//! in it. That a task was forgotten is another count, of the watchdog: the rescues.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::io::task::vitals;

/// A wait is late from here on.
const LATE_US: u64 = 20_000;

/// How often the kernel is asked how long this thread waited for its core.
const SAMPLE_EVERY_US: u64 = 1_000;

/// A long wait is judged this much later: the thread that notes a SIGCONT may run after this one.
const JUDGED_AFTER_US: u64 = 200_000;

/// Long waits that are not judged yet; further ones are judged at once.
const SUSPECTS_MAX: usize = 64;

/// How often the process was continued after a stop.
static CONTINUED: AtomicU64 = AtomicU64::new(0);

/// The process was continued after it was stopped.
pub fn note_continued() {
    CONTINUED.fetch_add(1, Ordering::SeqCst);
}

/// What a shard's port did, since it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortFigures {
    pub turns: u64,
    pub events: u64,
    /// How often the watchdog found the executor asleep although a task was runnable.
    pub rescues: u64,
    /// Turns for which one waited longer than [`LATE_US`] while the process was running.
    pub late_tasks: u64,
    /// The longest wait, whatever the reason.
    pub worst_late_us: u64,
}

/// How a turn begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) now_us: u64,
    /// Since when the oldest of its events waits.
    pub(crate) since: Option<u64>,
    /// The longest that a task waited for its run since the turn before.
    pub(crate) task_waited: Duration,
    pub(crate) events: usize,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    noted_us: u64,
    continued: u64,
}

/// Watches the turns of one shard. Must be made on its executor's thread.
#[derive(Debug)]
pub(crate) struct Lateness {
    figures: PortFigures,
    /// The kernel's account of this thread; absent where it keeps none.
    schedstat: Option<File>,
    /// Time this thread waited for its core, as of the last sample.
    core_wait_us: u64,
    sampled_us: u64,
    continued: u64,
    suspects: VecDeque<Suspect>,
}

impl Lateness {
    pub(crate) fn new() -> Self {
        Self {
            figures: PortFigures::default(),
            schedstat: File::open("/proc/thread-self/schedstat").ok(),
            core_wait_us: 0,
            sampled_us: 0,
            continued: CONTINUED.load(Ordering::SeqCst),
            suspects: VecDeque::new(),
        }
    }

    pub(crate) fn figures(&self) -> PortFigures {
        PortFigures { rescues: vitals().rescues(), ..self.figures }
    }

    pub(crate) fn on_turn(&mut self, begun: &Begun) {
        let now_us = begun.now_us;
        self.figures.turns += 1;
        self.figures.events += begun.events as u64;
        let event_waited = begun.since.map_or(0, |since| now_us.saturating_sub(since));
        let task_waited = u64::try_from(begun.task_waited.as_micros()).unwrap_or(u64::MAX);
        let waited = event_waited.max(task_waited);
        self.figures.worst_late_us = self.figures.worst_late_us.max(waited);
        let continued = self.continued;
        if waited >= LATE_US || self.sampled_us + SAMPLE_EVERY_US <= now_us {
            let core_wait = self.sample(now_us);
            if waited.saturating_sub(core_wait) >= LATE_US {
                self.suspect(Suspect { noted_us: now_us, continued });
            }
        }
        self.judge(now_us.saturating_sub(JUDGED_AFTER_US));
    }

    /// Judges all that is left.
    pub(crate) fn finish(&mut self) -> PortFigures {
        self.judge(u64::MAX);
        self.figures()
    }

    /// How long this thread waited for its core since the last sample.
    fn sample(&mut self, now_us: u64) -> u64 {
        self.sampled_us = now_us;
        self.continued = CONTINUED.load(Ordering::SeqCst);
        let total = self.schedstat.as_ref().and_then(core_wait_us).unwrap_or(0);
        let since_last = total.saturating_sub(self.core_wait_us);
        self.core_wait_us = total;
        since_last
    }

    fn suspect(&mut self, suspect: Suspect) {
        if self.suspects.len() == SUSPECTS_MAX {
            self.judge(u64::MAX);
        }
        self.suspects.push_back(suspect);
    }

    fn judge(&mut self, up_to_us: u64) {
        let continued = CONTINUED.load(Ordering::SeqCst);
        while let Some(suspect) = self.suspects.front().copied() {
            if suspect.noted_us > up_to_us {
                return;
            }
            self.suspects.pop_front();
            if suspect.continued == continued {
                self.figures.late_tasks += 1;
            }
        }
    }
}

/// The second number of `schedstat`: nanoseconds runnable and not running.
fn core_wait_us(file: &File) -> Option<u64> {
    let mut text = [0; 128];
    let bytes = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..bytes]).ok()?;
    let ns: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(ns / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn lateness() -> Lateness {
        Lateness { schedstat: None, ..Lateness::new() }
    }

    fn turn(late: &mut Lateness, now_us: u64, since: Option<u64>) {
        let events = usize::from(since.is_some());
        late.on_turn(&Begun { now_us, since, task_waited: Duration::ZERO, events });
    }

    #[test]
    fn a_long_wait_is_late_unless_the_process_was_stopped_in_it() {
        let mut late = lateness();
        turn(&mut late, 10 * MS, Some(10 * MS));
        turn(&mut late, 40 * MS, Some(15 * MS));
        assert_eq!(late.finish().late_tasks, 1);
        assert_eq!(late.figures().worst_late_us, 25 * MS);
        turn(&mut late, 100 * MS, Some(45 * MS));
        note_continued();
        assert_eq!(late.finish().late_tasks, 1, "it was stopped, and that was noted later");
    }

    #[test]
    fn a_task_that_was_woken_and_not_run_is_late_as_an_event_is() {
        let mut late = lateness();
        let task_waited = Duration::from_millis(30);
        let begun = Begun { now_us: 50 * MS, since: None, task_waited, events: 0 };
        late.on_turn(&begun);
        let figures = late.finish();
        assert_eq!((figures.late_tasks, figures.worst_late_us), (1, 30 * MS));
    }

    #[test]
    fn time_for_which_the_core_was_taken_away_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("schedstat");
        std::fs::write(&path, "5 0 7").unwrap();
        let mut late = Lateness { schedstat: File::open(&path).ok(), ..Lateness::new() };
        turn(&mut late, 10 * MS, None);
        std::fs::write(&path, "5 25000000 7").unwrap();
        turn(&mut late, 45 * MS, Some(15 * MS));
        assert_eq!(late.finish().late_tasks, 0);
        turn(&mut late, 95 * MS, Some(50 * MS));
        assert_eq!(late.finish().late_tasks, 1);
    }
}
