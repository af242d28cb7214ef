//! Runs leave memory a slice per turn: those of uses that were recycled, and those that an index file
//! holds. Until it is their turn they do no harm: what a recycled use holds is not asked for, and what
//! an index file says is the same.

use std::collections::BTreeSet;

use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::machine::SLICE_PAUSE_US;
use crate::strand::machine::Strand;

/// Uses whose runs are to leave memory.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    /// For the next pass over all runs.
    wanted: BTreeSet<u64>,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Pass {
    uses: BTreeSet<u64>,
    /// Where the next slice begins, and when.
    next: (PartitionId, Offset),
    due_us: u64,
}

impl Forgetting {
    /// The runs of these uses leave memory soon.
    pub(super) fn forget(&mut self, uses: impl IntoIterator<Item = u64>) {
        self.wanted.extend(uses);
    }

    pub(super) fn is_over(&self) -> bool {
        self.wanted.is_empty() && self.pass.is_none()
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.pass.as_ref().map(|pass| pass.due_us)
    }
}

impl Strand {
    /// Looks at some more runs.
    pub(super) fn forget_runs(&mut self, now: Now) {
        if self.forgetting.is_over() {
            return;
        }
        let wanted = &mut self.forgetting.wanted;
        let mut pass = self.forgetting.pass.take().unwrap_or_else(|| Pass {
            uses: std::mem::take(wanted),
            next: (PartitionId(0), Offset::MIN),
            due_us: 0,
        });
        let next = self.runs.remove_uses_from(&pass.uses, pass.next, self.config.sweep_runs);
        if let Some(next) = next {
            pass.next = next;
            pass.due_us = now.mono_us.saturating_add(SLICE_PAUSE_US);
            self.forgetting.pass = Some(pass);
        }
    }
}
