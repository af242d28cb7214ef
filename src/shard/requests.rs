//! Requests that take longer than a step: each is one state machine at its home shard, found by
//! its id, ended by its last answer or by its deadline.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Shard;
use super::home::Fetching;
use super::home::Gathering;
use super::home::Grouping;
use super::home::Producing;
use super::route::HomeAnswer;
use crate::base::Now;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::RequestId;

/// What a request waits for.
#[derive(Debug)]
pub(super) enum InFlight {
    Produce(Producing),
    Fetch(Fetching),
    /// ListOffsets, DeleteRecords, OffsetForLeaderEpoch: one answer per partition.
    Gather(Gathering),
    /// What is asked of group coordinators.
    Group(Grouping),
}

impl InFlight {
    fn deadline_us(&self) -> u64 {
        match self {
            Self::Produce(producing) => producing.deadline_us,
            Self::Fetch(fetching) => fetching.deadline_us,
            Self::Gather(gathering) => gathering.deadline_us,
            Self::Group(grouping) => grouping.deadline_us,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) by_id: BTreeMap<RequestId, InFlight>,
    /// Deadlines, in `Now::mono_us`.
    due: BTreeSet<(u64, RequestId)>,
    last: u64,
}

impl Requests {
    pub(super) fn next_id(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }

    pub(super) fn set_deadline(&mut self, at_us: u64, request: RequestId) {
        self.due.insert((at_us, request));
    }

    /// Takes the request out: nobody waits for it any more.
    pub(super) fn end(&mut self, request: RequestId) -> Option<InFlight> {
        let in_flight = self.by_id.remove(&request)?;
        self.due.remove(&(in_flight.deadline_us(), request));
        Some(in_flight)
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|&(at_us, _)| at_us)
    }

    fn pop_due(&mut self, now_us: u64) -> Option<RequestId> {
        let &(at_us, request) = self.due.first()?;
        if at_us > now_us {
            return None;
        }
        self.due.pop_first();
        Some(request)
    }
}

impl Shard {
    /// A request begins to wait; its connection's closing ends it.
    pub(super) fn begin_request(&mut self, exchange: Exchange, id: RequestId, in_flight: InFlight) {
        if let Some(connection) = self.clients.conns.get_mut(&exchange.conn) {
            connection.set_request(exchange.slot, id);
            self.requests.by_id.insert(id, in_flight);
        }
    }

    pub(super) fn on_home_answer(
        &mut self,
        now: Now,
        request: RequestId,
        part: u32,
        answer: HomeAnswer,
        out: &mut Effects,
    ) {
        // Whose connection closed, or whose deadline passed, waits for nothing any more.
        match self.requests.by_id.get(&request) {
            Some(InFlight::Produce(_)) => self.on_produce_answer(now, request, part, answer, out),
            Some(InFlight::Fetch(_)) => self.on_fetch_answer(now, request, part, answer, out),
            Some(InFlight::Gather(_)) => self.on_gather_answer(now, request, part, answer, out),
            Some(InFlight::Group(_)) => self.on_group_answer(now, request, part, answer, out),
            None => {}
        }
    }

    pub(super) fn expire_requests(&mut self, now: Now, out: &mut Effects) {
        while let Some(request) = self.requests.pop_due(now.mono_us) {
            match self.requests.by_id.get(&request) {
                Some(InFlight::Produce(_)) => self.end_produce(now, request, out),
                Some(InFlight::Fetch(_)) => self.on_fetch_timeout(now, request, out),
                Some(InFlight::Gather(_)) => self.on_gather_timeout(now, request, out),
                Some(InFlight::Group(_)) => self.end_grouping(now, request, out),
                None => {}
            }
        }
    }

    /// The client has said its last word: what waits for more to come does not wait on.
    pub(super) fn hurry_request(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        match self.requests.by_id.get(&request) {
            Some(InFlight::Fetch(_)) => self.on_fetch_timeout(now, request, out),
            Some(InFlight::Group(grouping)) if grouping.is_patient() => {
                self.end_grouping(now, request, out);
            }
            _ => {}
        }
    }

    /// Nobody waits for the request any more.
    pub(super) fn forget_request(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        if let Some(InFlight::Fetch(fetching)) = self.requests.end(request) {
            self.on_fetch_forgotten(now, request, &fetching, out);
        }
    }
}
