use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::task::Context;
use std::task::Wake;

use super::*;
use crate::io::task::timed;

/// Tells when it is woken.
struct Told(Mutex<Sender<()>>);

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().send(()).expect("a test that listens");
    }
}

/// A ring on which nothing completes, and a thread that goes to sleep on it as an executor does,
/// after `before` was run there.
fn park_after(before: impl FnOnce(&Watchdog) -> Enrolled + Send + 'static) -> (i32, Watchdog) {
    let watchdog = Watchdog::start().unwrap();
    let (sender, told) = mpsc::channel();
    let handle = watchdog.clone();
    std::thread::spawn(move || {
        // SAFETY: zeroed parameters are valid, and live through the call.
        let ring = unsafe {
            let mut parameters = [0u8; 120];
            libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr())
        };
        assert!(ring >= 0, "io_uring is there");
        let _enrolled = before(&handle);
        // SAFETY: a system call without arguments.
        sender.send(unsafe { libc::gettid() }).expect("a test that listens");
        // SAFETY: no pointers. Nothing ever completes.
        unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 0, 1, 1, 0, 0) };
    });
    (told.recv().unwrap(), watchdog)
}

/// Enrols the calling thread with a waker that tells.
fn enrol(watchdog: &Watchdog) -> (Enrolled, Receiver<()>) {
    let (sender, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Told(Mutex::new(sender))));
    let mut cx = Context::from_waker(&waker);
    match pin!(watchdog.enrol()).poll(&mut cx) {
        Poll::Ready(enrolled) => (enrolled, told),
        Poll::Pending => unreachable!("it waits for nothing"),
    }
}

#[test]
fn an_executor_that_sleeps_on_a_runnable_task_is_woken_and_counted_until_it_runs() {
    let (sender, enrolled) = mpsc::channel();
    let (_, _watchdog) = park_after(move |watchdog| {
        let (guard, told) = enrol(watchdog);
        // Spawned, and never run.
        std::mem::forget(Box::pin(timed(std::future::pending::<()>())));
        sender.send((told, vitals())).expect("a test that listens");
        guard
    });
    let (told, vitals) = enrolled.recv().unwrap();
    told.recv().unwrap();
    told.recv().unwrap();
    assert!(vitals.rescues() >= 2);
}

#[test]
fn one_that_sleeps_with_nothing_to_do_is_left_alone() {
    let (sender, enrolled) = mpsc::channel();
    let (tid, watchdog) = park_after(move |watchdog| {
        let (guard, told) = enrol(watchdog);
        let mut task = Box::pin(timed(std::future::pending::<()>()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(task.as_mut().poll(&mut cx).is_pending(), "it ran");
        drop(timed(std::future::pending::<()>()));
        std::mem::forget(task);
        sender.send((told, vitals())).expect("a test that listens");
        guard
    });
    let (told, vitals) = enrolled.recv().unwrap();
    while !is_parked(tid) {
        std::thread::yield_now();
    }
    let mut watched = lock(&watchdog.watched);
    let one = watched.first_mut().unwrap();
    assert!(!one.look(), "nothing runs, and the next look has time");
    assert!(!one.look(), "it sleeps as it should");
    assert!(told.try_recv().is_err());
    assert_eq!(vitals.rescues(), 0);
}

#[test]
fn a_thread_that_runs_is_not_parked_whatever_it_has_to_run() {
    // SAFETY: a system call without arguments.
    let tid = unsafe { libc::gettid() };
    assert!(!is_parked(tid));
    assert!(!is_parked(0), "nor is one that is not there");
}

#[test]
fn only_a_wait_for_completions_is_a_park() {
    assert!(waits_for_completions("426 0x9 0x0 0x1 0x1 0x0 0x8 0x7ffe 0x7f18\n"));
    assert!(!waits_for_completions("426 0x9 0x2 0x0 0x0 0x0 0x8 0x7ffe 0x7f18\n"));
    assert!(!waits_for_completions("202 0x9 0x0 0x1 0x1 0x0 0x8 0x7ffe 0x7f18\n"));
    assert!(!waits_for_completions("running\n"));
    assert!(sleeps("12 (shard) 0) S 1 2 3"));
    assert!(!sleeps("12 (S) R 1 2 3") && !sleeps("12 (shard-0) D 1") && !sleeps(""));
}
