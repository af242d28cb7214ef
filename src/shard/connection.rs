//! One client connection: frames that wait to be taken, requests that wait for their answers, in
//! the order in which they came.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::limits;
use super::outbox::Outbox;
use crate::base::ConnId;
use crate::base::Mutant;
use crate::kafka::session::asks;
use crate::kafka::versions::ApiKey;
use crate::shard::Part;
use crate::shard::RequestId;

/// A request's place in its connection's order of answers, and what its answer must look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exchange {
    pub conn: ConnId,
    pub slot: u64,
    pub api: ApiKey,
    pub version: i16,
    pub correlation: i32,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// Counts the configured listeners.
    pub(super) listener: u16,
    inbox: VecDeque<Bytes>,
    inbox_bytes: usize,
    /// Bytes that it may have taken in its turn.
    pub(super) deficit: usize,
    /// It stands in the ring of connections that have frames to take.
    pub(super) in_ring: bool,
    slots: VecDeque<Slot>,
    first_slot: u64,
    pub(super) outbox: Outbox,
    paused: bool,
    /// Nothing more comes in; it is closed when the last answer has left.
    pub(super) ended: bool,
    /// It was told in the log that a batch of this client was refused; more are not told.
    pub(super) refusal_told: bool,
    /// When it last sent or was sent something, `Now::mono_us`.
    pub(super) active_us: u64,
}

/// One request that was taken.
#[derive(Debug)]
struct Slot {
    frame_bytes: usize,
    api: ApiKey,
    /// Who works on it, where that takes longer than a step.
    request: Option<RequestId>,
    /// Empty parts: there is no answer to this one (`acks=0`).
    answer: Option<Vec<Part>>,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, listener: u16, now_us: u64) -> Self {
        Self {
            peer,
            listener,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            deficit: 0,
            in_ring: false,
            slots: VecDeque::new(),
            first_slot: 0,
            outbox: Outbox::default(),
            paused: false,
            ended: false,
            refusal_told: false,
            active_us: now_us,
        }
    }

    pub(super) fn push_frame(&mut self, frame: Bytes) {
        self.inbox_bytes += frame.len();
        self.inbox.push_back(frame);
    }

    /// The frame that is taken next.
    pub(super) fn next_frame(&self) -> Option<&Bytes> {
        self.inbox.front()
    }

    pub(super) fn take_frame(&mut self) -> Option<Bytes> {
        let frame = self.inbox.pop_front()?;
        self.inbox_bytes -= frame.len();
        Some(frame)
    }

    /// All that it will ever send was taken and answered, and the client has the answers.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.is_idle()
    }

    /// Whether there is another request, and it may be taken: it has a place for the answer, the
    /// client reads its answers, and it is not one fetch beside another, since what one of them
    /// reads is bounded and what many read is not.
    pub(super) fn can_take(&self) -> bool {
        let Some(frame) = self.inbox.front() else { return false };
        self.slots.len() < limits::PIPELINE_MAX
            && self.outbox.bytes() < limits::OUTBOX_BYTES_MAX
            && !(asks(ApiKey::Fetch, frame) && self.is_fetching())
    }

    fn is_fetching(&self) -> bool {
        self.slots.iter().any(|slot| slot.api == ApiKey::Fetch)
    }

    /// Takes the next place in the order of answers.
    pub(super) fn open_slot(&mut self, api: ApiKey, frame_bytes: usize) -> u64 {
        self.slots.push_back(Slot { frame_bytes, api, request: None, answer: None });
        self.first_slot + self.slots.len() as u64 - 1
    }

    fn slot_mut(&mut self, slot: u64) -> Option<&mut Slot> {
        let index = slot.checked_sub(self.first_slot)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    pub(super) fn set_request(&mut self, slot: u64, request: RequestId) {
        if let Some(slot) = self.slot_mut(slot) {
            slot.request = Some(request);
        }
    }

    /// Requests that somebody works on.
    pub(super) fn requests(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.slots.iter().filter(|slot| slot.answer.is_none()).filter_map(|slot| slot.request)
    }

    /// The answer of a slot is there. It leaves with [`Connection::pop_answered`].
    pub(super) fn answer(&mut self, slot: u64, parts: Vec<Part>) {
        let slot = self.slot_mut(slot).expect("a slot stays until its one answer left");
        assert!(slot.answer.is_none(), "a request is answered once");
        slot.answer = Some(parts);
    }

    /// The oldest request's answer, once it is there, with the bytes of its frame.
    pub(super) fn pop_answered(&mut self) -> Option<(Vec<Part>, usize)> {
        if Mutant::AnswersOutOfOrder.is_on()
            && let Some(at) = self.slots.iter().rposition(|slot| slot.answer.is_some())
        {
            self.slots.swap(0, at);
        }
        let parts = self.slots.front_mut()?.answer.take()?;
        let slot = self.slots.pop_front()?;
        self.first_slot += 1;
        Some((parts, slot.frame_bytes))
    }

    /// Neither anything to take nor to answer nor to send.
    pub(super) fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.slots.is_empty() && self.outbox.is_empty()
    }

    /// Whether reading from the socket must stop or may go on; `None`: stays as it is.
    pub(super) fn pause_or_resume(&mut self) -> Option<bool> {
        let (frames, bytes) = (self.inbox.len(), self.inbox_bytes);
        if !self.paused && (frames >= limits::INBOX_FRAMES_MAX || bytes >= limits::INBOX_BYTES_MAX)
        {
            self.paused = true;
            return Some(true);
        }
        if self.paused
            && !Mutant::ResumeForgotten.is_on()
            && frames <= limits::INBOX_FRAMES_MAX / 2
            && bytes <= limits::INBOX_BYTES_MAX / 2
        {
            self.paused = false;
            return Some(false);
        }
        None
    }
}
