//! What every decision has at hand.

use crate::base::Now;
use crate::group::Answer;
use crate::group::Config;
use crate::group::Journal;
use crate::group::Ticket;

pub(super) struct Context<'a> {
    pub(super) now: Now,
    pub(super) config: &'a Config,
    pub(super) journal: &'a mut dyn Journal,
    pub(super) answers: &'a mut Vec<(Ticket, Answer)>,
}

impl Context<'_> {
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }
}
