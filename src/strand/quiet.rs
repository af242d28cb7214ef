//! R6: after some quiet, one empty frame, so that the last acknowledged frame is proven too.

use crate::base::Now;

/// Whether the last frame that holds anything is proven by a frame behind it.
#[derive(Debug)]
pub(super) struct Quiet {
    quiet_us: u64,
    /// The last frame that was issued holds entries, so that nothing on disk proves it.
    is_unproven: bool,
    /// When nothing was left to be written, if the last frame is unproven: `Now::mono_us`.
    quiet_since: Option<u64>,
}

impl Quiet {
    pub(super) fn new(quiet_us: u64) -> Self {
        Self { quiet_us, is_unproven: false, quiet_since: None }
    }

    /// A frame is on its way. It proves those before it, and an empty one needs no proof.
    pub(super) fn issued(&mut self, holds_entries: bool) {
        self.is_unproven = holds_entries;
        self.quiet_since = None;
    }

    /// Everything that was taken in is durable: the quiet begins here, however long the last write
    /// took.
    pub(super) fn began(&mut self, now: Now) {
        if self.is_unproven {
            self.quiet_since = Some(now.mono_us);
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        Some(self.quiet_since?.saturating_add(self.quiet_us))
    }

    /// Whether the empty frame is due. Says so once: a frame that gathers by then does as well.
    pub(super) fn is_due(&mut self, now: Now) -> bool {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now.mono_us);
        if is_due {
            self.quiet_since = None;
        }
        is_due
    }
}
