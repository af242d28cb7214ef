//! What every decision has at hand.

use crate::base::Now;
use crate::group::Answer;
use crate::group::Cluster;
use crate::group::Config;
use crate::group::Journal;
use crate::group::Ticket;

/// The time, the surroundings, and where records and answers go.
pub struct Context<'a> {
    pub now: Now,
    pub config: &'a Config,
    pub cluster: &'a dyn Cluster,
    pub journal: &'a mut dyn Journal,
    pub answers: &'a mut Vec<(Ticket, Answer)>,
}

impl Context<'_> {
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }
}
