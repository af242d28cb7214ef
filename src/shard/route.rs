//! Questions from home shards to owner shards and the answers back. A question to this very shard
//! takes the same way but for the ring. All of a turn that goes to one peer is one message.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bytes::Bytes;
use bytes::BytesMut;

use super::Shard;
use super::limits;
use crate::api::Answer;
use crate::api::Data;
use crate::api::Fetched;
use crate::api::PartFetched;
use crate::api::Question;
use crate::base::Now;
use crate::base::ShardId;
use crate::group::Command;
use crate::shard::Answered;
use crate::shard::Ask;
use crate::shard::Effects;
use crate::shard::Message;
use crate::shard::Part;
use crate::shard::RequestId;

/// Who asked, and under which name the answer is awaited.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Asker {
    pub(super) home: ShardId,
    pub(super) request: RequestId,
    pub(super) part: u32,
}

/// An answer as its home shard sees it: read data may be this shard's own memory.
#[derive(Debug)]
pub(super) enum HomeAnswer {
    Plain(Answer),
    Fetched(Fetched<Part>),
}

#[derive(Debug, Default)]
pub(super) struct Routes {
    peers: BTreeMap<ShardId, Peer>,
    /// Answers of this shard to itself.
    answered: VecDeque<(RequestId, u32, HomeAnswer)>,
}

/// What is under way to one other shard.
#[derive(Debug, Default)]
struct Peer {
    asks: Vec<Ask>,
    answers: Vec<Answered>,
    /// Questions without an answer, each with its bytes, under the name of the answer.
    outstanding: BTreeMap<(RequestId, u32), usize>,
    outstanding_bytes: usize,
}

impl Peer {
    fn is_full(&self) -> bool {
        self.outstanding.len() >= limits::ASKS_MAX
            || self.outstanding_bytes >= limits::ASKED_BYTES_MAX
    }
}

impl Routes {
    /// Whether a peer owes so many answers that nothing more may be asked of it.
    pub(super) fn is_full(&self) -> bool {
        self.peers.values().any(Peer::is_full)
    }
}

impl Shard {
    /// Asks the owner. The answer comes to `on_home_answer`, never from within this call.
    pub(super) fn ask(
        &mut self,
        now: Now,
        owner: ShardId,
        request: RequestId,
        part: u32,
        question: Question,
        out: &mut Effects,
    ) {
        if owner == self.config.id {
            let asker = Asker { home: owner, request, part };
            self.on_question(now, asker, question, out);
            return;
        }
        let peer = self.routes.peers.entry(owner).or_default();
        if let Some(bytes) = reserved_bytes(&question) {
            peer.outstanding.insert((request, part), bytes);
            peer.outstanding_bytes += bytes;
        }
        peer.asks.push(Ask { request, part, question });
    }

    /// Answers the asker.
    pub(super) fn answer(&mut self, asker: Asker, answer: Answer) {
        let Asker { home, request, part } = asker;
        if home == self.config.id {
            self.routes.answered.push_back((request, part, HomeAnswer::Plain(answer)));
        } else {
            let peer = self.routes.peers.entry(home).or_default();
            peer.answers.push(Answered { request, part, answer });
        }
    }

    /// Answers with stored batches: handles on this shard's memory where it is the asker too, one
    /// copy where they cross cores (R19).
    pub(super) fn answer_fetched(&mut self, asker: Asker, fetched: Fetched<Part>) {
        if asker.home == self.config.id {
            let answer = HomeAnswer::Fetched(fetched);
            self.routes.answered.push_back((asker.request, asker.part, answer));
        } else {
            let parts = fetched.parts.into_iter().map(copied).collect();
            self.answer(asker, Answer::Fetched(Fetched { parts }));
        }
    }

    pub(super) fn on_asks(&mut self, now: Now, from: ShardId, asks: Vec<Ask>, out: &mut Effects) {
        for Ask { request, part, question } in asks {
            let asker = Asker { home: from, request, part };
            self.on_question(now, asker, question, out);
        }
    }

    pub(super) fn on_answers(
        &mut self,
        now: Now,
        from: ShardId,
        answers: Vec<Answered>,
        out: &mut Effects,
    ) {
        for Answered { request, part, answer } in answers {
            let peer = self.routes.peers.entry(from).or_default();
            if !matches!(answer, Answer::Grown)
                && let Some(bytes) = peer.outstanding.remove(&(request, part))
            {
                peer.outstanding_bytes -= bytes;
            }
            let answer = match answer {
                Answer::Fetched(fetched) => HomeAnswer::Fetched(Fetched {
                    parts: fetched.parts.into_iter().map(|part| part.map(Part::Bytes)).collect(),
                }),
                answer => HomeAnswer::Plain(answer),
            };
            self.on_home_answer(now, request, part, answer, out);
        }
    }

    /// Looks at the strands' news, hands this shard's answers to itself over, lets those begin
    /// that waited for room, and what all that leads to.
    pub(super) fn settle(&mut self, now: Now, out: &mut Effects) {
        loop {
            while self.next_notice(now, out) {}
            if let Some((request, part, answer)) = self.routes.answered.pop_front() {
                self.on_home_answer(now, request, part, answer, out);
            } else if !self.begin_searches(now, out) && !self.read_waiting(now, out) {
                return;
            }
        }
    }

    /// One message of each kind per peer and turn.
    pub(super) fn flush_routes(&mut self, out: &mut Effects) {
        for (&shard, peer) in &mut self.routes.peers {
            if !peer.asks.is_empty() {
                out.mesh.push((shard, Message::Asks(std::mem::take(&mut peer.asks))));
            }
            if !peer.answers.is_empty() {
                out.mesh.push((shard, Message::Answers(std::mem::take(&mut peer.answers))));
            }
        }
    }
}

/// What a question holds of the bound on a peer; `None`: it may have no answer, and reserves none.
fn reserved_bytes(question: &Question) -> Option<usize> {
    match question {
        Question::Append(append) => Some(append.batch.len()),
        Question::Fetch(fetch) => Some(64 * fetch.parts.len()),
        Question::FindOffset { .. }
        | Question::DeleteRecords { .. }
        | Question::Producers { .. }
        | Question::EpochEnd { .. } => Some(64),
        Question::ListGroups => Some(64),
        // Members wait for each other: such a question must not keep others from being asked. They
        // are bounded by the requests that were taken.
        Question::Group { command: Command::Join(_) | Command::Sync(_), .. } => None,
        Question::Group { command, .. } => Some(command.bytes()),
        Question::Sizes { partitions } => Some(16 * partitions.len()),
        Question::Watch { .. } | Question::Unwatch => None,
    }
}

fn copied(part: PartFetched<Part>) -> PartFetched<Bytes> {
    let data = part.data.map(|data| match data {
        Data::Batches { slices, bytes } => {
            let mut copy = BytesMut::with_capacity(bytes);
            for slice in &slices {
                copy.extend_from_slice(slice.bytes());
            }
            let slices = if copy.is_empty() { Vec::new() } else { vec![copy.freeze()] };
            Data::Batches { slices, bytes }
        }
        Data::Diverged { epoch, end } => Data::Diverged { epoch, end },
    });
    PartFetched {
        data,
        high_watermark: part.high_watermark,
        log_start: part.log_start,
        leader_epoch: part.leader_epoch,
    }
}
