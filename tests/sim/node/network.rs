//! The network between clients and the node: bytes arrive in order, in pieces of other lengths than
//! they were sent in, some time later, or not at all because the connection broke.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use strandlog::base::ConnId;
use strandlog::base::Rng;

use super::options::NetworkOptions;

/// Something arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The client's connection reaches its core.
    Opened,
    /// Bytes, or the end of them, for the node.
    Up,
    /// Bytes, or the end of them, for the client.
    Down,
    /// The node's socket has room for more.
    Room,
}

/// What travels in one direction.
#[derive(Default)]
struct Pipe {
    pieces: VecDeque<(u64, Vec<u8>)>,
    last_due: u64,
    ends: Option<u64>,
    /// Its end has arrived.
    is_over: bool,
}

struct Wire {
    shard: u16,
    up: Pipe,
    down: Pipe,
    /// The client reads nothing until then.
    deaf_until: u64,
    room_asked: bool,
}

/// See the module.
pub struct Network {
    options: NetworkOptions,
    rng: Rng,
    wires: BTreeMap<ConnId, Wire>,
    agenda: BTreeMap<(u64, u64), (ConnId, Arrival)>,
    events: u64,
    last_conn: u64,
    /// Nothing goes wrong any more.
    healed: bool,
}

impl Network {
    pub fn new(options: NetworkOptions, rng: Rng) -> Self {
        Self {
            options,
            rng,
            wires: BTreeMap::new(),
            agenda: BTreeMap::new(),
            events: 0,
            last_conn: 0,
            healed: false,
        }
    }

    pub fn heal(&mut self) {
        self.healed = true;
        self.wires.values_mut().for_each(|wire| wire.deaf_until = 0);
    }

    pub fn next_due(&self) -> Option<u64> {
        self.agenda.keys().next().map(|(due, _)| *due)
    }

    pub fn pop(&mut self, now: u64) -> Option<(ConnId, Arrival)> {
        let first = self.agenda.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    fn plan(&mut self, due: u64, conn: ConnId, arrival: Arrival) {
        self.events += 1;
        self.agenda.insert((due, self.events), (conn, arrival));
    }

    fn latency(&mut self) -> u64 {
        let mean = self.options.latency_us;
        1 + self.rng.below(mean) + self.rng.below(mean)
    }

    pub fn shard_of(&self, conn: ConnId) -> Option<u16> {
        self.wires.get(&conn).map(|wire| wire.shard)
    }

    /// A client connects to a core.
    pub fn open(&mut self, now: u64, shard: u16) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let due = now + self.latency();
        let mut wire = Wire {
            shard,
            up: Pipe::default(),
            down: Pipe::default(),
            deaf_until: 0,
            room_asked: false,
        };
        wire.up.last_due = due;
        wire.down.last_due = due;
        self.wires.insert(conn, wire);
        self.plan(due, conn, Arrival::Opened);
        conn
    }

    /// The client sends; the connection may break over it.
    pub fn send_up(&mut self, now: u64, conn: ConnId, bytes: &[u8]) {
        self.send(now, conn, bytes, true);
        let breaks = self.options.reset_one_in;
        if !self.healed && breaks > 0 && self.rng.one_in(breaks) {
            self.reset(now, conn);
        }
        let deaf = self.options.deaf_one_in;
        if !self.healed
            && deaf > 0
            && self.rng.one_in(deaf)
            && let Some(wire) = self.wires.get_mut(&conn)
        {
            wire.deaf_until = now + self.rng.below(1_000_000);
        }
    }

    /// The node's socket took these bytes.
    pub fn send_down(&mut self, now: u64, conn: ConnId, bytes: &[u8]) {
        self.send(now, conn, bytes, false);
    }

    fn send(&mut self, now: u64, conn: ConnId, mut bytes: &[u8], up: bool) {
        while !bytes.is_empty() {
            let most = self.options.chunk_max.min(bytes.len() as u64);
            let (piece, rest) = bytes.split_at(1 + self.rng.below(most) as usize);
            bytes = rest;
            let latency = self.latency();
            let Some(wire) = self.wires.get_mut(&conn) else { return };
            let pipe = if up { &mut wire.up } else { &mut wire.down };
            if pipe.ends.is_some() {
                return;
            }
            // A piece never passes another, and often arrives together with it.
            pipe.last_due = pipe.last_due.max(now + latency / 4);
            let due = pipe.last_due;
            pipe.pieces.push_back((due, piece.to_vec()));
            self.plan(due, conn, if up { Arrival::Up } else { Arrival::Down });
        }
    }

    /// The node has more for the client: its socket takes it when the client reads.
    pub fn ask_room(&mut self, now: u64, conn: ConnId) {
        let latency = self.latency();
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        if !std::mem::replace(&mut wire.room_asked, true) {
            let due = (now + latency).max(wire.deaf_until);
            self.plan(due, conn, Arrival::Room);
        }
    }

    /// How many bytes the socket takes now.
    pub fn room(&mut self, conn: ConnId) -> usize {
        let Some(wire) = self.wires.get_mut(&conn) else { return 0 };
        wire.room_asked = false;
        match self.rng.below(4) {
            0 => 1 + self.rng.below(200) as usize,
            _ => 64 << 10,
        }
    }

    /// The client sends nothing more; what it sent before still arrives.
    pub fn hang_up(&mut self, now: u64, conn: ConnId) {
        self.end(now, conn, true);
    }

    /// The node sends nothing more; what its socket took still arrives.
    pub fn close_down(&mut self, now: u64, conn: ConnId) {
        self.end(now, conn, false);
    }

    fn end(&mut self, now: u64, conn: ConnId, up: bool) {
        let latency = self.latency();
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        let pipe = if up { &mut wire.up } else { &mut wire.down };
        if pipe.ends.is_none() {
            let due = pipe.last_due.max(now + latency);
            pipe.ends = Some(due);
            self.plan(due, conn, if up { Arrival::Up } else { Arrival::Down });
        }
    }

    /// The connection breaks: of what is on its way only a beginning arrives.
    pub fn reset(&mut self, now: u64, conn: ConnId) {
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        for pipe in [&mut wire.up, &mut wire.down] {
            let kept = self.rng.below(pipe.pieces.len() as u64 + 1) as usize;
            pipe.pieces.truncate(kept);
        }
        self.end(now, conn, true);
        self.end(now, conn, false);
    }

    /// The node died: clients learn of it, most of them after what was on its way to them.
    pub fn reset_all(&mut self, now: u64) {
        let conns: Vec<ConnId> = self.wires.keys().copied().collect();
        conns.into_iter().for_each(|conn| self.reset(now, conn));
    }

    /// What has arrived, and whether that was all there will ever be.
    pub fn take(&mut self, now: u64, conn: ConnId, up: bool) -> (Vec<u8>, bool) {
        let Some(wire) = self.wires.get_mut(&conn) else { return (Vec::new(), false) };
        let pipe = if up { &mut wire.up } else { &mut wire.down };
        let mut bytes = Vec::new();
        while let Some((_, piece)) = pipe.pieces.pop_front_if(|(due, _)| *due <= now) {
            bytes.extend(piece);
        }
        let is_end = pipe.pieces.is_empty() && pipe.ends.is_some_and(|due| due <= now);
        pipe.is_over |= is_end;
        if wire.up.is_over && wire.down.is_over {
            self.wires.remove(&conn);
        }
        (bytes, is_end)
    }
}
