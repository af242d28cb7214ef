//! Signals, taken by a thread of their own: the executors have them blocked and go on undisturbed.

use std::io;
use std::mem;
use std::time::Duration;
use std::time::Instant;

use tracing::info;
use tracing::warn;

use crate::io::Control;
use crate::io::ExitStatus;
use crate::io::exit_now;
use crate::io::note_continued;

/// SIGCONT is taken too: a wait in which the process was stopped is not the executor's doing.
const TAKEN: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCONT];

/// A signal so soon after the first one is the first one: some that stop a process signal it and
/// its group (timeout(1) does).
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// The signals are blocked in this thread and in all that it starts.
#[must_use]
pub(super) struct Blocked {
    set: libc::sigset_t,
}

/// Must be called before the first thread is started.
pub(super) fn block() -> io::Result<Blocked> {
    // SAFETY: a set may be zeroed before it is emptied.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a set that lives until the calls return.
    unsafe {
        libc::sigemptyset(&raw mut set);
        for signal in TAKEN {
            libc::sigaddset(&raw mut set, signal);
        }
    }
    // SAFETY: as above; the old mask is not asked for.
    let error =
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    match error {
        0 => Ok(Blocked { set }),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

impl Blocked {
    /// The first SIGINT or SIGTERM stops the shards in good order, the second the process at once.
    pub(super) fn obey(self, controls: Vec<Control>) -> io::Result<()> {
        let obeying = move || {
            let mut stopping: Option<Instant> = None;
            loop {
                match self.wait() {
                    libc::SIGUSR1 => controls.iter().for_each(Control::figures),
                    libc::SIGCONT => note_continued(),
                    _ if stopping.is_some_and(|since| since.elapsed() < SAME_SIGNAL) => {}
                    _ if stopping.is_some() => {
                        warn!("server: stopped at once by a second signal");
                        exit_now(ExitStatus::Impatient as i32);
                    }
                    signal => {
                        info!(signal, "server: stopping");
                        stopping = Some(Instant::now());
                        controls.iter().for_each(Control::stop);
                    }
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(obeying).map(|_| ())
    }

    fn wait(&self) -> libc::c_int {
        let mut signal = 0;
        // SAFETY: both pointers are to values that live until the call returns.
        while unsafe { libc::sigwait(&raw const self.set, &raw mut signal) } != 0 {}
        signal
    }
}
