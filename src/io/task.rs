//! The tasks of a shard's port, each timed from when it was woken to when it ran, and counted for
//! the watchdog while it is runnable. A wake-up that the executor forgets shows nowhere else: the
//! event that the task would have brought is not there yet.

use std::cell::Cell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use glommio::Task;

use crate::io::watchdog::Vitals;

thread_local! {
    /// The longest wait of a task of this thread since it was asked for.
    static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    static VITALS: Arc<Vitals> = Arc::new(Vitals::new());
}

/// Starts a task on this thread's executor.
pub(crate) fn spawn<F: Future + 'static>(future: F) -> Task<F::Output> {
    glommio::spawn_local(timed(future))
}

/// How long a task of this thread waited at most, runnable, since this was last asked.
pub(crate) fn take_longest_wait() -> Duration {
    LONGEST.take()
}

/// What this thread shows of its tasks.
pub(crate) fn vitals() -> Arc<Vitals> {
    VITALS.with(Arc::clone)
}

/// `future` as a task of this thread, which is runnable from here on and whose wake-ups are timed.
pub(crate) fn timed<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let ending = Ending(Arc::new(Timing::new()));
    async move {
        let timing = &ending.0;
        let waker = Waker::from(Arc::clone(timing));
        let mut future = pin!(future);
        poll_fn(|cx| {
            timing.run_by(cx.waker());
            future.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }
}

/// When a task was woken, and the executor's own way to wake it.
struct Timing {
    /// Whose task it is.
    thread: u64,
    state: Mutex<State>,
}

struct State {
    /// Since it ran last.
    woken: Option<Woken>,
    task: Option<Waker>,
    has_ended: bool,
}

#[derive(Clone, Copy)]
struct Woken {
    at: Instant,
    /// By its own thread. That of another is with the executor a moment later.
    by_own: bool,
}

impl Timing {
    /// Of a task that is not spawned yet.
    fn new() -> Self {
        let thread = VITALS.with(|vitals| {
            vitals.on_woken();
            vitals.thread()
        });
        let woken = Some(Woken { at: Instant::now(), by_own: true });
        Self { thread, state: Mutex::new(State { woken, task: None, has_ended: false }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The executor runs the task and can be woken by `task`.
    fn run_by(&self, task: &Waker) {
        let mut state = self.state();
        match &mut state.task {
            Some(known) => known.clone_from(task),
            unknown => *unknown = Some(task.clone()),
        }
        let Some(woken) = state.woken.take() else { return };
        LONGEST.set(LONGEST.get().max(woken.at.elapsed()));
        if woken.by_own {
            VITALS.with(|vitals| vitals.on_run());
        }
    }

    /// The task will not run any more.
    fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        let task = state.task.take();
        if state.woken.take().is_some_and(|woken| woken.by_own) {
            VITALS.with(|vitals| vitals.on_run());
        }
        drop(state);
        drop(task);
    }
}

impl Wake for Timing {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        if state.has_ended {
            return;
        }
        VITALS.with(|vitals| {
            let by_own = vitals.thread() == self.thread;
            let before = state.woken;
            if by_own && before.is_none_or(|woken| !woken.by_own) {
                vitals.on_woken();
            }
            let at = before.map_or_else(Instant::now, |woken| woken.at);
            let by_own = by_own || before.is_some_and(|woken| woken.by_own);
            state.woken = Some(Woken { at, by_own });
        });
        let task = state.task.clone();
        // Waking may run the task at once.
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Dropped with the task.
struct Ending(Arc<Timing>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    /// Long enough to be told from none.
    const PAUSE: Duration = Duration::from_millis(2);

    #[test]
    fn a_task_has_waited_from_its_first_wake_up_to_its_run() {
        let mut waker = None;
        let mut left = 2;
        let mut task = pin!(timed(poll_fn(|cx| {
            waker = Some(cx.waker().clone());
            left -= 1;
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(task.as_mut().poll(&mut cx).is_pending());
        assert!(take_longest_wait() > Duration::ZERO, "it could have run since it was made");
        assert!(task.as_mut().poll(&mut cx).is_ready());
        assert_eq!(take_longest_wait(), Duration::ZERO, "nor then");
        let mut first = true;
        let waker = Cell::new(None);
        let mut task = pin!(timed(poll_fn(|cx| {
            waker.set(Some(cx.waker().clone()));
            if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
        })));
        assert!(task.as_mut().poll(&mut cx).is_pending());
        take_longest_wait();
        let woken: Waker = waker.take().expect("it waits");
        woken.wake_by_ref();
        let since = Instant::now();
        while since.elapsed() < PAUSE {}
        woken.wake();
        assert!(task.as_mut().poll(&mut cx).is_ready());
        assert!(take_longest_wait() >= PAUSE, "the second wake-up changes nothing");
        assert_eq!(take_longest_wait(), Duration::ZERO, "it was asked for");
    }
}
