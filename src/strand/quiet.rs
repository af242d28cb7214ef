//! R6: after some quiet, one empty frame, so that the last acknowledged frame is proven too.

use crate::base::Now;

/// Whether the last frame that holds anything is proven by a frame behind it.
#[derive(Debug)]
pub(super) struct Quiet {
    quiet_us: u64,
    /// When the last frame was issued, if it is one that nothing on disk proves.
    unproven_since: Option<u64>,
}

impl Quiet {
    pub(super) fn new(quiet_us: u64) -> Self {
        Self { quiet_us, unproven_since: None }
    }

    /// A frame is on its way. It proves those before it, and an empty one needs no proof.
    pub(super) fn issued(&mut self, now: Now, holds_entries: bool) {
        self.unproven_since = holds_entries.then_some(now.mono_us);
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        Some(self.unproven_since?.saturating_add(self.quiet_us))
    }

    /// Whether the empty frame is due. Says so once.
    pub(super) fn is_due(&mut self, now: Now) -> bool {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now.mono_us);
        if is_due {
            self.unproven_since = None;
        }
        is_due
    }
}
