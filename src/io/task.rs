//! The tasks of a shard's port, each timed from when it was woken to when it ran. A wake-up that
//! the executor forgets shows nowhere else: the event that the task would have brought is not there
//! yet.

use std::cell::Cell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use glommio::Task;

thread_local! {
    /// The longest wait of a task of this thread since it was asked for.
    static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Starts a task on this thread's executor.
pub(crate) fn spawn<F: Future + 'static>(future: F) -> Task<F::Output> {
    glommio::spawn_local(timed(future))
}

/// How long a task of this thread waited at most, runnable, since this was last asked.
pub(crate) fn take_longest_wait() -> Duration {
    LONGEST.take()
}

/// `future`, whose wake-ups are timed.
pub(crate) async fn timed<F: Future>(future: F) -> F::Output {
    let timing = Arc::new(Timing::default());
    let waker = Waker::from(Arc::clone(&timing));
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Some(woken) = timing.run_by(cx.waker()) {
            LONGEST.set(LONGEST.get().max(woken.elapsed()));
        }
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// When a task was woken, and the executor's own way to wake it.
#[derive(Default)]
struct Timing {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since it ran last.
    woken: Option<Instant>,
    task: Option<Waker>,
}

impl Timing {
    /// The executor runs the task and can be woken by `task`. When the task was woken.
    fn run_by(&self, task: &Waker) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.task {
            Some(known) => known.clone_from(task),
            unknown => *unknown = Some(task.clone()),
        }
        state.woken.take()
    }
}

impl Wake for Timing {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.woken.get_or_insert_with(Instant::now);
        let task = state.task.clone();
        // Waking may run the task at once.
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
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
        assert_eq!(take_longest_wait(), Duration::ZERO, "nobody woke it");
        assert!(task.as_mut().poll(&mut cx).is_ready());
        assert_eq!(take_longest_wait(), Duration::ZERO, "nor then");
        let mut first = true;
        let waker = Cell::new(None);
        let mut task = pin!(timed(poll_fn(|cx| {
            waker.set(Some(cx.waker().clone()));
            if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
        })));
        assert!(task.as_mut().poll(&mut cx).is_pending());
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
