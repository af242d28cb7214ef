//! Which connection's request is taken next: deficit round robin, so that a connection that sends
//! much waits for those that send little, and bounds that stop it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::Shard;
use super::connection::Connection;
use super::limits;
use super::outbox::Weight;
use crate::base::ConnId;
use crate::base::Now;
use crate::kafka::session::asks;
use crate::kafka::session::asks_an_owner;
use crate::kafka::versions::ApiKey;
use crate::shard::CloseReason;
use crate::shard::Effects;

/// The connections of a shard.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) conns: BTreeMap<ConnId, Connection>,
    /// Connections with frames to take and room for the answers.
    ring: VecDeque<ConnId>,
    /// Connections whose next request must wait for the disk or for a peer.
    held: VecDeque<ConnId>,
    /// Memory that all outboxes hold.
    pub(super) held_by_answers: Weight,
}

impl Clients {
    /// Puts the connection into the ring, if something of it can be taken.
    fn enter_ring(&mut self, conn: ConnId) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        if !connection.in_ring && connection.can_take() {
            connection.in_ring = true;
            self.ring.push_back(conn);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.ring.is_empty()
    }
}

impl Shard {
    pub(super) fn on_accepted(&mut self, now: Now, conn: ConnId, peer: SocketAddr, listener: u16) {
        let connection = Connection::new(peer, listener, now.mono_us);
        let before = self.clients.conns.insert(conn, connection);
        assert!(before.is_none(), "a connection id is never used again");
    }

    pub(super) fn on_received(&mut self, now: Now, conn: ConnId, frame: Bytes, out: &mut Effects) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        connection.active_us = now.mono_us;
        connection.push_frame(frame);
        if connection.pause_or_resume() == Some(true) {
            out.pauses.push(conn);
        }
        self.clients.enter_ring(conn);
    }

    pub(super) fn on_sent(&mut self, now: Now, conn: ConnId, bytes: usize, out: &mut Effects) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        connection.active_us = now.mono_us;
        self.clients.held_by_answers -= connection.outbox.sent(bytes, now.mono_us);
        self.go_on(now, conn, out);
    }

    /// What came in before the end is still taken: a producer with `acks=0` that sends and closes
    /// has no other way to learn that its last batches arrived than that TCP took them. And it is
    /// answered: the client may have closed only its own direction.
    pub(super) fn on_ended(&mut self, now: Now, conn: ConnId, out: &mut Effects) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        connection.ended = true;
        connection.active_us = now.mono_us;
        if self.stopping {
            return self.close(now, conn, CloseReason::Ended, out);
        }
        let requests: Vec<_> = connection.requests().collect();
        for request in requests {
            self.hurry_request(now, request, out);
        }
        self.go_on(now, conn, out);
    }

    /// Whether nothing more comes of the connection.
    pub(super) fn has_ended(&self, conn: ConnId) -> bool {
        self.clients.conns.get(&conn).is_none_or(|connection| connection.ended)
    }

    /// Something of the connection is done: its next request is taken, or it is over.
    fn go_on(&mut self, now: Now, conn: ConnId, out: &mut Effects) {
        match self.clients.conns.get(&conn) {
            Some(connection) if connection.is_over() => {
                self.close(now, conn, CloseReason::Ended, out);
            }
            Some(_) => self.clients.enter_ring(conn),
            None => {}
        }
    }

    /// The connection is gone: its requests are forgotten, what they asked may still be done.
    pub(super) fn on_closed(&mut self, now: Now, conn: ConnId, out: &mut Effects) {
        let Some(connection) = self.clients.conns.remove(&conn) else { return };
        self.clients.held_by_answers -= connection.outbox.weight();
        for request in connection.requests() {
            self.forget_request(now, request, out);
        }
    }

    /// Closes a connection for a reason that is logged with who it was.
    pub(super) fn close(&mut self, now: Now, conn: ConnId, reason: CloseReason, out: &mut Effects) {
        if self.clients.conns.contains_key(&conn) {
            out.closes.push((conn, reason));
            self.on_closed(now, conn, out);
        }
    }

    /// Takes requests until none is left, the turn's share is used up, or a bound is reached.
    pub(super) fn take_requests(&mut self, now: Now, out: &mut Effects) {
        if self.stopping {
            return;
        }
        if !self.must_hold_produce() && !self.routes.is_full() {
            while let Some(conn) = self.clients.held.pop_front() {
                self.clients.ring.push_back(conn);
            }
        }
        let mut budget = limits::TURN_BYTES_MAX;
        while budget > 0
            && let Some(conn) = self.clients.ring.pop_front()
        {
            self.take_from(now, conn, &mut budget, out);
        }
    }

    /// One connection's turn.
    fn take_from(&mut self, now: Now, conn: ConnId, budget: &mut usize, out: &mut Effects) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        connection.deficit += limits::QUANTUM_BYTES;
        loop {
            let (disk_is_behind, peer_is_behind) =
                (self.must_hold_produce(), self.routes.is_full());
            let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
            let takable = connection.can_take().then(|| connection.next_frame()).flatten();
            let Some(frame_bytes) = takable.map(Bytes::len) else {
                // It comes back with its next frame, or when an answer has left.
                connection.in_ring = false;
                connection.deficit = 0;
                return;
            };
            let must_wait = connection.next_frame().is_some_and(|frame| {
                (disk_is_behind && asks(ApiKey::Produce, frame))
                    || (peer_is_behind && asks_an_owner(frame))
            });
            if must_wait {
                self.clients.held.push_back(conn);
                return;
            }
            if frame_bytes > connection.deficit || *budget == 0 {
                self.clients.ring.push_back(conn);
                return;
            }
            connection.deficit -= frame_bytes;
            *budget = budget.saturating_sub(frame_bytes.max(1));
            let Some(frame) = connection.take_frame() else { return };
            if connection.pause_or_resume() == Some(false) {
                out.resumes.push(conn);
            }
            self.on_frame(now, conn, frame, out);
            // What was answered at once counts before the next one is taken.
            self.settle(now, out);
        }
    }

    /// Sends answers that are next in their connection's order.
    pub(super) fn send_answered(&mut self, now: Now, conn: ConnId, out: &mut Effects) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        while let Some((parts, frame_bytes)) = connection.pop_answered() {
            connection.active_us = now.mono_us;
            for part in parts {
                self.clients.held_by_answers += connection.outbox.push(&part, now.mono_us);
                out.sends.push((conn, part));
            }
            out.released.push((conn, frame_bytes));
        }
        self.go_on(now, conn, out);
    }

    /// Closes who does not read, and who has not said anything for long.
    pub(super) fn sweep_connections(&mut self, now: Now, out: &mut Effects) {
        let mut closing = Vec::new();
        for (&conn, connection) in &self.clients.conns {
            let stuck = connection.outbox.stuck_since();
            if stuck.is_some_and(|since| now.mono_us.saturating_sub(since) >= self.config.slow_us) {
                closing.push((conn, CloseReason::Slow));
            } else if connection.ended
                && now.mono_us.saturating_sub(connection.active_us) >= self.config.slow_us
            {
                // Its client is probably gone, and whatever it waits for takes long.
                closing.push((conn, CloseReason::Ended));
            } else if connection.is_idle()
                && now.mono_us.saturating_sub(connection.active_us) >= self.config.idle_us
            {
                closing.push((conn, CloseReason::Idle));
            }
        }
        for (conn, reason) in closing {
            self.close(now, conn, reason, out);
        }
    }

    /// Where answers hold too much memory, whoever has not read for the longest is closed; where
    /// they hold half of it and others wait, whoever reads nothing.
    pub(super) fn shed_slowest(&mut self, now: Now, out: &mut Effects) {
        while let Some((since, conn)) = self.slowest() {
            let stuck = now.mono_us.saturating_sub(since) >= limits::STUCK_US;
            if !stuck && self.clients.held_by_answers.own <= self.config.answer_bytes_max {
                return;
            }
            self.close(now, conn, CloseReason::Overload, out);
            self.settle(now, out);
        }
    }

    /// Since when the connection that has not read for the longest does not; looked for only
    /// where answers hold much.
    fn slowest(&self) -> Option<(u64, ConnId)> {
        let (own, most) = (self.clients.held_by_answers.own, self.config.answer_bytes_max);
        let crowded = own > most / 2 && self.home.reading.is_crowded();
        if own <= most && !crowded {
            return None;
        }
        let conns = self.clients.conns.iter();
        conns.filter_map(|(&conn, held)| Some((held.outbox.stuck_since()?, conn))).min()
    }
}
