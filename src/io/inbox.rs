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
    /// Each with when it came in, in `Now::mono_us`.
    events: RefCell<VecDeque<(u64, Event)>>,
    /// Messages of other shards among them.
    mesh: Cell<usize>,
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
            turn: RefCell::default(),
            drains: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, event: Event) {
        if matches!(event, Event::Mesh { .. }) {
            self.mesh.set(self.mesh.get() + 1);
        }
        self.events.borrow_mut().push_back((self.clock.mono_us(), event));
        if let Some(turn) = self.turn.borrow_mut().take() {
            turn.wake();
        }
    }

    /// Moves up to `most` events to `into`.
    pub(crate) fn take(&self, most: usize, into: &mut Vec<Event>) {
        let mut events = self.events.borrow_mut();
        let some = most.min(events.len());
        into.extend(events.drain(..some).map(|(_, event)| event));
        drop(events);
        let drained = into.iter().filter(|event| matches!(event, Event::Mesh { .. })).count();
        self.mesh.set(self.mesh.get().saturating_sub(drained));
        if self.mesh.get() < MESH_WAITING_MAX {
            self.drains.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    /// When the oldest event came in, if one waits.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        self.events.borrow().front().map(|(since, _)| *since)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_a_turn_leaves_behind_has_waited_since_it_came() {
        let inbox = Inbox::new(Clock::start());
        for _ in 0..3 {
            inbox.push(Event::Tick);
        }
        let pushed = inbox.clock.mono_us();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1) {}
        let mut taken = Vec::new();
        inbox.take(2, &mut taken);
        assert_eq!(taken.len(), 2);
        assert!(inbox.waiting_since().is_some_and(|since| since <= pushed));
        inbox.take(2, &mut taken);
        assert_eq!((taken.len(), inbox.waiting_since()), (3, None));
    }
}
