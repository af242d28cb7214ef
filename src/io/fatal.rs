//! The reasons to stop, each with its own exit status.

use std::io::Write;

use tracing::error;

use crate::shard::Fatal;

/// Exit statuses beside those of [`Fatal`], after sysexits(3) where it has one that fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum ExitStatus {
    /// What was asked for is done.
    Done = 0,
    /// A check found damage.
    Damaged = 1,
    /// Arguments or configuration are wrong.
    Usage = 64,
    /// This machine cannot run a broker: a kernel or file system feature is missing or forbidden.
    Unsuitable = 69,
    /// Another broker holds the data directory.
    Locked = 72,
    /// The data directory cannot be made, read or written.
    Storage = 74,
    /// An address cannot be listened on.
    Address = 75,
    /// Bytes or rights that a forbidden io_uring needs.
    NoRing = 77,
    /// A second signal came while the broker was stopping.
    Impatient = 130,
}

/// Stops the process at once: other shards write nothing more, and the next start recovers.
pub fn stop(fatal: &Fatal) -> ! {
    let (word, what) = match fatal {
        Fatal::WriteFailed { what } => ("a write failed", what),
        Fatal::Unrecoverable { what } => ("the store cannot be trusted", what),
        Fatal::Locked { what } => ("the store is locked", what),
    };
    error!(status = fatal.exit_status(), "fatal: {word}: {what}");
    exit_now(fatal.exit_status())
}

/// Ends the process without running destructors: a shard may be in the middle of anything.
pub fn exit_now(status: i32) -> ! {
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // SAFETY: ends the process; nothing of it runs afterwards.
    unsafe { libc::_exit(status) }
}
