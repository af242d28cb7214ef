//! No lost wake-up: load on a broker whose core is taken away by a real-time hog, by
//! SIGSTOP/SIGCONT and by a cgroup CPU quota, in turn. glommio parks although tasks are runnable when
//! its preempt timer has run out between the reactor pass that woke them and its task loop: when the
//! core is taken away there for longer than that timer. Then nothing runs until something else
//! arrives; the port's heartbeat bounds what that costs. With one producer nothing else arrives, and
//! a core that is taken away a thousand times a second is taken away then, too.
//! What decides is how often the broker's watchdog found the executor asleep on a runnable task: that
//! cannot come of load. Times are printed, and decide on request.

use std::path::Path;
use std::time::Duration;

use crate::broker::Launch;
use crate::client;
use crate::client::Load;
use crate::interruption;
use crate::interruption::Interruption;

/// A preempt timer that runs out within an interruption of less than a millisecond.
const SHORT_TIMER: [&str; 2] = ["--io-preempt-timer-us", "200"];

/// What loses wake-ups with it.
const TEMPTING: [(Interruption, usize); 1] = [(Interruption::Flicker, 1)];

/// An answer may take as long as the interruption, and this.
const GRACE: Duration = Duration::from_millis(20);

/// A broker that was rescued more often than once in this time loses wake-ups. One without fault may lose
/// one where the hypervisor takes its cores for longer than its preempt timer.
const RESCUE_EVERY: Duration = Duration::from_secs(20);

/// What one broker was found to do.
struct Findings {
    /// How often an executor slept although a task was runnable, by the watchdog's count.
    rescues: u64,
    /// Connections that had no answer when the load ended.
    stuck: usize,
    /// Answers that took longer than the longest interruption of their phase and [`GRACE`].
    late_answers: u64,
}

impl Findings {
    fn loses_wake_ups(&self, length: Duration) -> bool {
        RESCUE_EVERY * u32::try_from(self.rescues).expect("a small count") > length
    }
}

/// A broker whose core is taken away for `length` in all does not sleep on runnable tasks and leaves
/// nobody without an answer; with `gate_times`, it answers in time.
pub fn healthy(binary: &Path, length: Duration, gate_times: bool) {
    let kinds = Interruption::ALL.into_iter();
    let phases: Vec<_> = kinds.flat_map(|kind| client::CROWDS.map(|crowd| (kind, crowd))).collect();
    let healthy = examine(binary, length, &phases, &[], &[]);
    assert_eq!(healthy.stuck, 0, "connections without an answer");
    assert!(!healthy.loses_wake_ups(length), "{} wake-ups were lost", healthy.rescues);
    if gate_times {
        assert_eq!(healthy.late_answers, 0, "answers that came late");
    }
}

/// One without its heartbeat, and with a preempt timer of 200 µs, is caught. Its watchdog still
/// leaves nobody without an answer.
pub fn sick(mutant_binary: &Path, length: Duration) {
    let no_heartbeat = [("STRANDLOG_NO_HEARTBEAT", "1")];
    let sick = examine(mutant_binary, length, &TEMPTING, &SHORT_TIMER, &no_heartbeat);
    assert_eq!(sick.stuck, 0, "connections without an answer");
    let is_caught = sick.loses_wake_ups(length);
    assert!(is_caught, "a broker without its heartbeat passed: this test has no teeth");
}

fn examine(
    binary: &Path,
    length: Duration,
    phases: &[(Interruption, usize)],
    flags: &[&str],
    variables: &[(&str, &str)],
) -> Findings {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut launch = Launch::new(binary, dir.path(), dir.path().join("data"));
    launch.shards = 1;
    launch.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    launch.variables =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let broker = launch.start();
    interruption::pin_process(broker.pid(), 0);
    client::create_load_topic(&launch.address());
    let phase = length / phases.len() as u32;
    let (mut stuck, mut late_answers) = (0, 0);
    for (kind, crowd) in phases {
        let load = Load::start(&launch.address(), *crowd);
        let longest = kind.interrupt(broker.pid(), phase);
        let answers = load.stop();
        let late = answers.later_than(longest + GRACE);
        println!(
            "{kind:?}, {crowd} producers: {} answers, longest interruption {longest:?}, slowest answer {:?}, {late} late, {} stuck",
            answers.count(),
            answers.slowest(),
            answers.stuck,
        );
        stuck += answers.stuck;
        late_answers += late;
    }
    broker.terminate();
    let late_tasks = count("late_tasks=", &launch.last_lines());
    let rescues = count("rescues=", &launch.last_lines());
    println!("late tasks: {late_tasks}, rescues: {rescues}");
    Findings { rescues, stuck, late_answers }
}

/// The sum of what stands behind `name` in the shards' closing lines.
fn count(name: &str, log: &str) -> u64 {
    let counts: Vec<u64> = log
        .split_whitespace()
        .filter_map(|word| word.strip_prefix(name))
        .map(|count| count.parse().expect("a count"))
        .collect();
    assert!(!counts.is_empty(), "the broker did not say {name}:\n{log}");
    counts.iter().sum()
}
