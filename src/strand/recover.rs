//! A start: from files to a running strand (R5, R9–R12, R14).

use crate::base::Now;
use crate::strand::Fatal;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Token;
use crate::strand::machine::Phase;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// How far a start has come.
pub(super) struct Recovery {}

impl Recovery {
    pub(super) fn new() -> Self {
        Self {}
    }
}

impl Strand {
    pub(super) fn begin_recovery(&mut self, out: &mut Output) {
        self.ops.issue(Purpose::Recovery, Op::List, out);
    }

    pub(super) fn on_recovery(
        &mut self,
        _now: Now,
        _token: Token,
        outcome: Outcome,
        out: &mut Output,
    ) {
        match outcome {
            Outcome::Listed(listing) if listing.extents.is_empty() => {
                self.phase = Phase::Running;
                out.notices.push(Notice::Ready);
            }
            outcome => {
                let what = format!("{outcome:?}");
                self.fail(Fatal::Unrecoverable { what }, out);
            }
        }
    }
}
