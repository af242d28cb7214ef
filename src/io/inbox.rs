//! What happened on a shard and waits for its next turn.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::io::clock::Clock;
use crate::shard::Event;

/// Messages of other shards that wait for a turn; beyond it the rings are not drained. Everything
/// else that waits is bounded where it comes from: requests by the intake, ends of ops and jobs by
/// how many are in flight, connections by their limit.
const MESH_WAITING_MAX: usize = 1024;

/// Filled by the tasks of a shard's port, emptied by its turn.
#[derive(Debug)]
pub(crate) struct Inbox {
    clock: Clock,
    events: RefCell<VecDeque<Event>>,
    /// Messages of other shards among them.
    mesh: Cell<usize>,
    /// When the oldest event came in, in `Now::mono_us`; known only while there is one.
    since: Cell<u64>,
    turn: RefCell<Option<Waker>>,
    /// Tasks that drain rings and found no room.
    drains: RefCell<Vec<Waker>>,
}

impl Inbox {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            events: RefCell::default(),
            mesh: Cell::new(0),
            since: Cell::new(0),
            turn: RefCell::default(),
            drains: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, event: Event) {
        if matches!(event, Event::Mesh { .. }) {
            self.mesh.set(self.mesh.get() + 1);
        }
        let mut events = self.events.borrow_mut();
        if events.is_empty() {
            self.since.set(self.clock.mono_us());
        }
        events.push_back(event);
        drop(events);
        if let Some(turn) = self.turn.borrow_mut().take() {
            turn.wake();
        }
    }

    /// Moves up to `most` events to `into`.
    pub(crate) fn take(&self, most: usize, into: &mut Vec<Event>) {
        let mut events = self.events.borrow_mut();
        let some = most.min(events.len());
        into.extend(events.drain(..some));
        if !events.is_empty() {
            self.since.set(self.clock.mono_us());
        }
        drop(events);
        let drained = into.iter().filter(|event| matches!(event, Event::Mesh { .. })).count();
        self.mesh.set(self.mesh.get().saturating_sub(drained));
        if self.mesh.get() < MESH_WAITING_MAX {
            self.drains.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    /// When the oldest event came in, if one waits.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        (!self.events.borrow().is_empty()).then(|| self.since.get())
    }

    /// Ready when an event waits; else the turn is woken by the next one.
    pub(crate) fn poll_waiting(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.events.borrow().is_empty() {
            return Poll::Ready(());
        }
        *self.turn.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until another shard's message has room.
    pub(crate) async fn room_for_mesh(&self) {
        poll_fn(|cx| {
            if self.mesh.get() < MESH_WAITING_MAX {
                return Poll::Ready(());
            }
            self.drains.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
