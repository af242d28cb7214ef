//! Who may send how much: request bytes are charged as they arrive, not as they are announced. A
//! share is kept for small requests, a request must make progress, and when memory is used up by
//! requests that cannot complete, those are closed first.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::base::ConnId;

/// Bounds of one shard's intake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntakeLimits {
    /// Bytes of requests, complete or not, that are held at a time.
    pub total: usize,
    /// The part of `total` that only small requests may use.
    pub small_share: usize,
    /// A request up to this size is small.
    pub small: usize,
    /// A request is closed when no byte of it came for this long, and it must be complete this
    /// long after its first byte …
    pub progress_us: u64,
    /// … plus the time that this rate gives it.
    pub bytes_per_second: u64,
}

impl IntakeLimits {
    /// The longest request that can ever complete: alone in what large ones may use.
    pub fn longest(&self) -> usize {
        self.total - self.small_share
    }
}

/// Without a byte for this long, an incomplete request is stalled: it is closed when others wait.
const STALLED_US: u64 = 1_000_000;

/// Stalled small requests that are closed at a time: each holds little.
const SMALL_AT_ONCE: usize = 64;

/// Why a connection is chosen for closing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expelled {
    /// Its request did not complete in its time.
    Slow,
    /// Others wait for the memory that its incomplete request holds.
    Crowded,
}

#[derive(Clone, Copy, Debug, Default)]
struct Conn {
    /// Bytes of complete requests that the shard has not released.
    complete: Charge,
    /// Bytes of the request that is being received.
    partial: usize,
    partial_is_large: bool,
    /// Bytes that the request still misses; 0 while its length is not known.
    missing: usize,
    /// When the request must be complete; `None` between requests.
    deadline: Option<u64>,
    last_byte: u64,
    waiting: bool,
}

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default)]
struct Charge {
    small: usize,
    large: usize,
}

/// The intake of one shard.
#[derive(Debug)]
pub struct Intake {
    limits: IntakeLimits,
    conns: BTreeMap<ConnId, Conn>,
    /// All charges together.
    held: Charge,
    /// Connections that have bytes to read and no memory to read them into, oldest first.
    waiting: VecDeque<ConnId>,
    /// Connections that may ask again.
    woken: Vec<ConnId>,
}

impl Intake {
    pub fn new(limits: IntakeLimits) -> Self {
        assert!(limits.small_share < limits.total, "a share of the whole");
        assert!(limits.small <= limits.small_share, "a small request fits its share");
        let (conns, held) = (BTreeMap::new(), Charge::default());
        Self { limits, conns, held, waiting: VecDeque::new(), woken: Vec::new() }
    }

    /// The longest request that can ever complete.
    pub fn longest(&self) -> usize {
        self.limits.longest()
    }

    /// Bytes of requests that are held.
    pub fn held(&self) -> usize {
        self.held.small + self.held.large
    }

    pub fn opened(&mut self, conn: ConnId) {
        let before = self.conns.insert(conn, Conn::default());
        assert!(before.is_none(), "a connection opens once");
    }

    /// Everything that it held is given back.
    pub fn closed(&mut self, conn: ConnId) {
        let Some(state) = self.conns.remove(&conn) else { return };
        let partial = charge_of(state.partial_is_large, state.partial);
        self.give_back(state.complete);
        self.give_back(partial);
        self.waiting.retain(|other| *other != conn);
    }

    /// How many bytes may be received, at most `wanted`. `None`: none; the connection comes out of
    /// [`Self::take_woken`] when it may ask again.
    pub fn ask(&mut self, conn: ConnId, wanted: usize) -> Option<usize> {
        let limits = self.limits;
        let state = self.conns.get_mut(&conn)?;
        let free = limits.total.saturating_sub(self.held.small + self.held.large);
        let free = match state.partial_is_large {
            true => free.min((limits.total - limits.small_share).saturating_sub(self.held.large)),
            false => free,
        };
        if free == 0 {
            if !state.waiting {
                state.waiting = true;
                self.waiting.push_back(conn);
            }
            return None;
        }
        Some(wanted.min(free))
    }

    /// `bytes` came in.
    pub fn arrived(&mut self, now_us: u64, conn: ConnId, bytes: usize) {
        let progress_us = self.limits.progress_us;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.partial += bytes;
        state.missing = state.missing.saturating_sub(bytes);
        state.last_byte = now_us;
        match state.partial_is_large {
            true => self.held.large += bytes,
            false => self.held.small += bytes,
        }
        state.deadline.get_or_insert_with(|| now_us.saturating_add(progress_us));
    }

    /// The request that is being received says that it has `bytes`.
    pub fn announced(&mut self, conn: ConnId, bytes: usize) {
        let time = (bytes as u64).saturating_mul(1_000_000) / self.limits.bytes_per_second.max(1);
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.missing = bytes.saturating_sub(state.partial);
        state.deadline = state.deadline.map(|deadline| deadline.saturating_add(time));
        if bytes > self.limits.small && !state.partial_is_large {
            state.partial_is_large = true;
            self.held.small -= state.partial;
            self.held.large += state.partial;
        }
    }

    /// A request of `bytes`, its length prefix not counted, is complete and the shard's; `rest` is
    /// what is here of the one after it.
    pub fn completed(&mut self, now_us: u64, conn: ConnId, bytes: usize, rest: usize) {
        let progress_us = self.limits.progress_us;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        assert!(bytes + rest <= state.partial, "a request out of bytes that never arrived");
        let large = state.partial_is_large;
        match large {
            true => state.complete.large += bytes,
            false => state.complete.small += bytes,
        }
        let prefix = charge_of(large, state.partial - rest - bytes);
        // The rest belongs to a request whose length is not known.
        if state.partial_is_large {
            self.held.large -= rest;
            self.held.small += rest;
        }
        state.partial = rest;
        state.partial_is_large = false;
        state.missing = 0;
        state.deadline = (rest > 0).then(|| now_us.saturating_add(progress_us));
        self.give_back(prefix);
    }

    /// Nothing refers to `bytes` of complete requests any more.
    pub fn released(&mut self, conn: ConnId, bytes: usize) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let large = state.complete.large.min(bytes);
        let small = state.complete.small.min(bytes - large);
        state.complete.large -= large;
        state.complete.small -= small;
        self.give_back(Charge { small, large });
    }

    /// Connections that may ask again.
    pub fn take_woken(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.woken)
    }

    /// Connections to be closed at `now_us`. Each is named until it is closed.
    pub fn expelled(&self, now_us: u64) -> Vec<(ConnId, Expelled)> {
        let overdue = |state: &Conn| self.due(state).is_some_and(|due| due <= now_us);
        let mut out: Vec<(ConnId, Expelled)> = self
            .conns
            .iter()
            .filter(|(_, state)| overdue(state))
            .map(|(conn, _)| (*conn, Expelled::Slow))
            .collect();
        if out.is_empty() {
            let crowding = self.crowding(now_us).into_iter();
            out.extend(crowding.map(|conn| (conn, Expelled::Crowded)));
        }
        out
    }

    /// When [`Self::expelled`] is worth asking next.
    pub fn next_deadline(&self) -> Option<u64> {
        let soonest = self.conns.values().filter_map(|state| self.due(state)).min();
        match self.waiting.is_empty() {
            true => soonest,
            false => {
                let stalled = self.conns.values().filter(|state| state.partial > 0);
                let stalled = stalled.map(|state| state.last_byte.saturating_add(STALLED_US)).min();
                soonest.into_iter().chain(stalled).min()
            }
        }
    }

    /// When an incomplete request is closed, if nothing more comes of it. One that waits for memory
    /// is not to blame for its silence.
    fn due(&self, state: &Conn) -> Option<u64> {
        let silent = state.last_byte.saturating_add(self.limits.progress_us);
        state.deadline.map(|whole| if state.waiting { whole } else { whole.min(silent) })
    }

    /// While someone waits: of the incomplete large requests, one that stalls holds memory for
    /// nothing; where all memory is used up, so do small ones; and if all wait for each other, the
    /// one that misses most goes.
    fn crowding(&self, now_us: u64) -> Vec<ConnId> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let all_used = self.held() >= self.limits.total;
        for large in [true, false] {
            let mut stalled: Vec<_> = self.stalled(large, now_us).collect();
            if !stalled.is_empty() && (large || all_used) {
                stalled.sort_unstable_by_key(|&(bytes, _)| std::cmp::Reverse(bytes));
                stalled.truncate(if large { 1 } else { SMALL_AT_ONCE });
                return stalled.into_iter().map(|(_, conn)| conn).collect();
            }
        }
        let blocked = [true, false].into_iter().filter(|&large| large || all_used);
        let mut victims = blocked.filter(|&large| self.wait_for_each_other(large));
        let missing = |large| self.partial(large).max_by_key(|(_, state)| state.missing);
        victims.find_map(missing).map(|(conn, _)| *conn).into_iter().collect()
    }

    /// Incomplete requests, large or small.
    fn partial(&self, large: bool) -> impl Iterator<Item = (&ConnId, &Conn)> {
        let all = self.conns.iter();
        all.filter(move |(_, state)| state.partial > 0 && state.partial_is_large == large)
    }

    /// Those of which nothing came for a while although there was room, with what they hold.
    fn stalled(&self, large: bool, now_us: u64) -> impl Iterator<Item = (usize, ConnId)> {
        let is_stalled = move |state: &Conn| {
            !state.waiting && state.last_byte.saturating_add(STALLED_US) <= now_us
        };
        let all = self.partial(large).filter(move |(_, state)| is_stalled(state));
        all.map(|(conn, state)| (state.partial, *conn))
    }

    /// Large requests wait for what large ones hold; small ones for what any do.
    fn wait_for_each_other(&self, large: bool) -> bool {
        self.conns.values().all(|state| {
            let counts = !large || state.partial_is_large;
            let comes_back = state.complete.large > 0 || (!large && state.complete.small > 0);
            !comes_back && (!counts || state.partial == 0 || state.waiting)
        })
    }

    fn give_back(&mut self, charge: Charge) {
        assert!(self.held.small >= charge.small, "more given back than was charged");
        assert!(self.held.large >= charge.large, "more given back than was charged");
        self.held.small -= charge.small;
        self.held.large -= charge.large;
        if charge.small + charge.large == 0 {
            return;
        }
        for conn in self.waiting.drain(..) {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.waiting = false;
                self.woken.push(conn);
            }
        }
    }
}

fn charge_of(large: bool, bytes: usize) -> Charge {
    match large {
        true => Charge { small: 0, large: bytes },
        false => Charge { small: bytes, large: 0 },
    }
}

#[cfg(test)]
mod tests;
