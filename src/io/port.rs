//! What the tasks of one shard's port share: its inbox, its connections, its intake.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tracing::warn;

use crate::base::ConnId;
use crate::io::clock::Clock;
use crate::io::inbox::Inbox;
use crate::io::socket::Conn;
use crate::io::socket::receive;
use crate::io::task::spawn;
use crate::shard::CloseReason;
use crate::shard::Event;
use crate::shard::Expelled;
use crate::shard::Intake;
use crate::shard::IntakeLimits;

/// At most one line about refused connections in this time.
const REFUSAL_LINE_EVERY_US: u64 = 1_000_000;

/// Connections of the whole process, and how many there may be.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    open: Arc<AtomicUsize>,
    most: usize,
}

impl ConnectionLimit {
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    fn enter(&self) -> bool {
        let entered = |open: usize| (open < self.most).then_some(open + 1);
        self.open.try_update(Ordering::Relaxed, Ordering::Relaxed, entered).is_ok()
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One shard's part of the port.
#[derive(Debug)]
pub(crate) struct Port {
    clock: Clock,
    inbox: Inbox,
    intake: RefCell<Intake>,
    conns: RefCell<BTreeMap<ConnId, Rc<Conn>>>,
    limit: ConnectionLimit,
    request_max: usize,
    next_conn: Cell<u64>,
    sending: Cell<usize>,
    figures_wanted: Cell<bool>,
    refused: Cell<u64>,
    refusal_line_us: Cell<u64>,
}

impl Port {
    pub(crate) fn new(
        clock: Clock,
        intake: IntakeLimits,
        request_max: usize,
        limit: ConnectionLimit,
    ) -> Rc<Self> {
        let intake = Intake::new(intake);
        let request_max = request_max.min(intake.longest());
        Rc::new(Self {
            clock,
            inbox: Inbox::new(clock),
            intake: RefCell::new(intake),
            conns: RefCell::default(),
            limit,
            request_max,
            next_conn: Cell::new(0),
            sending: Cell::new(0),
            figures_wanted: Cell::new(false),
            refused: Cell::new(0),
            refusal_line_us: Cell::new(0),
        })
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    pub(crate) fn intake(&self) -> &RefCell<Intake> {
        &self.intake
    }

    /// The longest request that is taken.
    pub(crate) fn request_max(&self) -> usize {
        self.request_max
    }

    pub(crate) fn connections(&self) -> usize {
        self.conns.borrow().len()
    }

    pub(crate) fn find(&self, conn: ConnId) -> Option<Rc<Conn>> {
        self.conns.borrow().get(&conn).cloned()
    }

    /// Takes a connection, or refuses it when there are as many as may be.
    pub(crate) fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, listener: u16) {
        if !self.limit.enter() {
            self.refuse(peer);
            return;
        }
        // Fails only on a socket that is gone already; the first read finds that out.
        let _ = stream.set_nodelay(true);
        let id = ConnId(self.next_conn.get());
        let conn = match Conn::new(id, peer, stream) {
            Ok(conn) => conn,
            Err(error) => {
                warn!(%peer, %error, "listener: a connection could not be taken");
                self.limit.leave();
                return;
            }
        };
        self.next_conn.set(id.0 + 1);
        self.conns.borrow_mut().insert(id, Rc::clone(&conn));
        self.intake.borrow_mut().opened(id);
        self.inbox.push(Event::Accepted { conn: id, peer, listener });
        spawn(receive(Rc::clone(self), conn)).detach();
    }

    fn refuse(&self, peer: SocketAddr) {
        self.refused.set(self.refused.get() + 1);
        let now_us = self.clock.mono_us();
        if now_us < self.refusal_line_us.get() {
            return;
        }
        self.refusal_line_us.set(now_us + REFUSAL_LINE_EVERY_US);
        warn!(
            %peer,
            refused = self.refused.replace(0),
            "listener: refused, there are {} connections already (max.connections, or the limit \
             of open files)",
            self.limit.most
        );
    }

    /// The connection's input has ended: nothing more comes of it.
    pub(crate) fn remove(&self, conn: ConnId) {
        if self.conns.borrow_mut().remove(&conn).is_none() {
            return;
        }
        self.limit.leave();
        self.intake.borrow_mut().closed(conn);
        self.inbox.push(Event::Closed { conn });
        self.wake_granted();
    }

    /// Lets those go on that waited for memory.
    pub(crate) fn wake_granted(&self) {
        let woken = self.intake.borrow_mut().take_woken();
        for conn in woken {
            if let Some(conn) = self.find(conn) {
                conn.grant();
            }
        }
    }

    /// Closes what makes no progress. Called now and then.
    pub(crate) fn sweep(&self, now_us: u64) {
        let expelled = self.intake.borrow().expelled(now_us);
        for (conn, why) in expelled {
            let reason = match why {
                Expelled::Slow => CloseReason::Slow,
                Expelled::Crowded => CloseReason::Overload,
            };
            if let Some(conn) = self.find(conn) {
                conn.close(&reason);
            }
        }
    }

    pub(crate) fn close_all(&self) {
        let all: Vec<Rc<Conn>> = self.conns.borrow().values().cloned().collect();
        all.iter().for_each(|conn| conn.close(&CloseReason::Shutdown));
    }

    /// Somebody asks for the figures: the next turn tells them.
    pub(crate) fn want_figures(&self) {
        self.figures_wanted.set(true);
        self.inbox.push(Event::Tick);
    }

    pub(crate) fn take_figures_wanted(&self) -> bool {
        self.figures_wanted.take()
    }

    /// A connection began (1) or ended (-1) to wait for its client to take an answer.
    pub(crate) fn sending(&self, change: isize) {
        self.sending.set(self.sending.get().saturating_add_signed(change));
    }

    /// True while an answer waits for its client.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.get() > 0
    }
}
