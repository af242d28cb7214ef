//! The port of one core, as the simulator has it: cuts real bytes into request frames by the same
//! admission as the real one, and holds what the sockets have not taken of the answers.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bytes::Bytes;
use strandlog::base::ConnId;
use strandlog::kafka::frame::Cutter;
use strandlog::kafka::frame::FrameFault;
use strandlog::shard::CloseReason;
use strandlog::shard::Event;
use strandlog::shard::Intake;
use strandlog::shard::IntakeLimits;

/// The longest request.
const REQUEST_MAX: usize = 256 << 10;

/// See the module.
pub struct Port {
    intake: Intake,
    conns: BTreeMap<ConnId, Conn>,
}

struct Conn {
    cutter: Cutter,
    /// What the kernel has received and the port has not.
    backlog: VecDeque<u8>,
    /// The peer sends nothing more.
    ended: bool,
    told_end: bool,
    paused: bool,
    crowded: bool,
    /// What the socket has not taken.
    unsent: VecDeque<Bytes>,
}

impl Port {
    pub fn new() -> Self {
        let limits = IntakeLimits {
            total: 1 << 20,
            small_share: 256 << 10,
            small: 16 << 10,
            progress_us: 30_000_000,
            bytes_per_second: 16 << 10,
        };
        Self { intake: Intake::new(limits), conns: BTreeMap::new() }
    }

    pub fn open(&mut self, conn: ConnId) {
        self.intake.opened(conn);
        let opened = Conn {
            cutter: Cutter::new(REQUEST_MAX),
            backlog: VecDeque::new(),
            ended: false,
            told_end: false,
            paused: false,
            crowded: false,
            unsent: VecDeque::new(),
        };
        self.conns.insert(conn, opened);
    }

    /// The connection is gone: nothing more comes of it, and nothing goes out.
    pub fn close(&mut self, conn: ConnId, events: &mut Vec<Event>) {
        if self.conns.remove(&conn).is_some() {
            self.intake.closed(conn);
            events.push(Event::Closed { conn });
        }
    }

    /// Bytes came in from the network.
    pub fn receive(&mut self, now_us: u64, conn: ConnId, bytes: &[u8], events: &mut Vec<Event>) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.backlog.extend(bytes);
            self.pump(now_us, conn, events);
        }
    }

    /// Nothing more comes in.
    pub fn end(&mut self, now_us: u64, conn: ConnId, events: &mut Vec<Event>) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.ended = true;
            self.pump(now_us, conn, events);
        }
    }

    pub fn pause(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.paused = true;
        }
    }

    pub fn resume(&mut self, now_us: u64, conn: ConnId, events: &mut Vec<Event>) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.paused = false;
            self.pump(now_us, conn, events);
        }
    }

    pub fn released(&mut self, now_us: u64, conn: ConnId, bytes: usize, events: &mut Vec<Event>) {
        self.intake.released(conn, bytes);
        self.wake(now_us, events);
    }

    fn wake(&mut self, now_us: u64, events: &mut Vec<Event>) {
        for conn in self.intake.take_woken() {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.crowded = false;
                self.pump(now_us, conn, events);
            }
        }
    }

    /// Closes what makes no progress.
    pub fn sweep(&mut self, now_us: u64) -> Vec<ConnId> {
        self.intake.expelled(now_us).into_iter().map(|(conn, _)| conn).collect()
    }

    /// Reads as much as is wanted of what the kernel holds.
    fn pump(&mut self, now_us: u64, conn: ConnId, events: &mut Vec<Event>) {
        let mut refused = None;
        while let Some(state) = self.conns.get_mut(&conn) {
            if state.paused || state.crowded || state.told_end {
                break;
            }
            if state.backlog.is_empty() {
                if state.ended {
                    state.told_end = true;
                    state.cutter.rest();
                    events.push(Event::Ended { conn });
                }
                break;
            }
            let room = state.cutter.room().len();
            let Some(granted) = self.intake.ask(conn, room) else {
                state.cutter.rest();
                state.crowded = true;
                break;
            };
            let bytes = granted.min(state.backlog.len());
            for (place, byte) in state.cutter.room().iter_mut().zip(state.backlog.drain(..bytes)) {
                place.write(byte);
            }
            // SAFETY: the loop above wrote that many bytes at the start of the room.
            unsafe { state.cutter.received(bytes) };
            if let Err(fault) = self.cut(now_us, conn, bytes, events) {
                refused = Some(reason_of(fault));
                break;
            }
        }
        if refused.is_some() {
            self.close(conn, events);
        }
    }

    fn cut(
        &mut self,
        now_us: u64,
        conn: ConnId,
        bytes: usize,
        events: &mut Vec<Event>,
    ) -> Result<(), FrameFault> {
        let cutter = &mut self.conns.get_mut(&conn).expect("a connection of this port").cutter;
        let known = cutter.announced().is_some();
        self.intake.arrived(now_us, conn, bytes);
        let mut cut_any = false;
        while let Some(frame) = cutter.cut()? {
            self.intake.completed(now_us, conn, frame.len(), cutter.held());
            events.push(Event::Received { conn, frame });
            cut_any = true;
        }
        if let Some(bytes) = cutter.announced().filter(|_| cut_any || !known) {
            self.intake.announced(conn, bytes);
        }
        cutter.rest();
        Ok(())
    }

    /// A part of an answer is to be sent.
    pub fn enqueue(&mut self, conn: ConnId, part: Bytes) {
        if let Some(state) = self.conns.get_mut(&conn).filter(|_| !part.is_empty()) {
            state.unsent.push_back(part);
        }
    }

    pub fn unsent(&self, conn: ConnId) -> usize {
        self.conns.get(&conn).map_or(0, |state| state.unsent.iter().map(Bytes::len).sum())
    }

    /// The socket takes up to `most` bytes.
    pub fn take(&mut self, conn: ConnId, most: usize, events: &mut Vec<Event>) -> Vec<u8> {
        let Some(state) = self.conns.get_mut(&conn) else { return Vec::new() };
        let mut taken = Vec::new();
        while let Some(first) = state.unsent.front_mut().filter(|_| taken.len() < most) {
            let bytes = first.len().min(most - taken.len());
            taken.extend_from_slice(&first.split_to(bytes));
            if first.is_empty() {
                state.unsent.pop_front();
            }
        }
        if !taken.is_empty() {
            events.push(Event::Sent { conn, bytes: taken.len() });
        }
        taken
    }
}

fn reason_of(fault: FrameFault) -> CloseReason {
    match fault {
        FrameFault::TooLarge { bytes } => CloseReason::TooLarge { bytes },
        FrameFault::Negative { .. } => CloseReason::Malformed(String::new()),
    }
}
