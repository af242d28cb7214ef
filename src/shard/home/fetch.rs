//! Fetch: the partitions' owners read, each within its share; where there is too little, the
//! request watches until more is durable or its time is over (rules 64 to 73).

use bytes::Bytes;

use super::super::Shard;
use crate::api::Answer;
use crate::api::Data;
use crate::api::Fetch;
use crate::api::FetchPart;
use crate::api::Fetched;
use crate::api::PartFetched;
use crate::api::Question;
use crate::api::Rejection;
use crate::api::WatchPart;
use crate::base::Mutant;
use crate::base::Now;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::kafka::errors::ErrorCode;
use crate::kafka::fetch;
use crate::kafka::fetch::Terms;
use crate::kafka::fetch_session::Context;
use crate::kafka::fetch_session::TopicKey;
use crate::kafka::fetch_session::Wanted;
use crate::kafka::messages;
use crate::kafka::messages::FetchFrame;
use crate::kafka::messages::FetchRequest;
use crate::metadata::PartitionInfo;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Part;
use crate::shard::RequestId;
use crate::shard::limits;
use crate::shard::requests::InFlight;
use crate::shard::route::HomeAnswer;

/// A fetch that is being read or waits for more.
#[derive(Debug)]
pub(in crate::shard) struct Fetching {
    exchange: Exchange,
    isolation: i8,
    context: Context,
    wanted: Vec<Wanted>,
    /// What is known of each wanted partition; refusals where it could not be asked for.
    parts: Vec<PartFetched<Part>>,
    groups: Vec<Group>,
    /// Groups whose answer is missing; none: it watches.
    missing: usize,
    min_bytes: u64,
    max_bytes: u32,
    pub(in crate::shard) deadline_us: u64,
    /// Its time is over: whatever is there is the answer.
    expired: bool,
    /// What it holds of the room for what is read, in bytes.
    pub(super) reserved: usize,
    /// It waits for such room.
    pub(super) waits: bool,
}

/// The wanted partitions of one owner.
#[derive(Debug)]
struct Group {
    owner: ShardId,
    members: Vec<(usize, PartitionId)>,
}

impl Fetching {
    fn bytes(&self) -> usize {
        self.parts.iter().map(PartFetched::bytes).sum()
    }

    /// Rule 66: enough, or something that the reader must know at once. A partition that nobody
    /// could be asked for does not end the wait for the others, as in Kafka: a reader of a deleted
    /// topic would ask again and again.
    fn is_answerable(&self) -> bool {
        let mut asked = self.groups.iter().flat_map(|group| &group.members);
        self.expired
            || self.groups.is_empty()
            || self.bytes() as u64 >= self.min_bytes
            || asked.any(|&(index, _)| fetch::said(&self.parts[index]).remarkable)
    }

    fn question(&self, group: &Group, home: ShardId) -> Question {
        let part = |&(index, partition): &(usize, PartitionId)| {
            let wanted = &self.wanted[index];
            FetchPart {
                partition,
                from: wanted.from,
                max_bytes: u32::try_from(wanted.max_bytes).unwrap_or(0),
                current_epoch: wanted.current_epoch,
                last_epoch: wanted.last_epoch,
            }
        };
        let parts = group.members.iter().map(part).collect();
        Question::Fetch(Fetch { parts, max_bytes: self.share(group, home) })
    }

    /// What one owner may read of it, in bytes.
    fn share(&self, group: &Group, home: ShardId) -> u32 {
        let owners = u32::try_from(self.groups.len()).unwrap_or(u32::MAX).max(1);
        let crossing = if group.owner == home { u32::MAX } else { limits::CROSSING_BYTES_MAX };
        crossing.min(self.max_bytes / owners)
    }

    /// The most that all owners read of it, but for first batches that are larger (rule 64).
    pub(super) fn most(&self, home: ShardId) -> usize {
        let of_group = |group: &Group| {
            let wanted = |&(index, _): &(usize, PartitionId)| {
                usize::try_from(self.wanted[index].max_bytes).unwrap_or(0)
            };
            let wanted = group.members.iter().map(wanted).fold(0, usize::saturating_add);
            wanted.min(self.share(group, home) as usize)
        };
        self.groups.iter().map(of_group).sum()
    }

    fn watch(&self, group: &Group) -> Question {
        let part = |&(index, partition): &(usize, PartitionId)| WatchPart {
            partition,
            seen: self.parts[index].high_watermark,
        };
        let lacking = self.min_bytes.saturating_sub(self.bytes() as u64);
        let bytes = lacking.div_ceil(self.groups.len().max(1) as u64);
        Question::Watch { parts: group.members.iter().map(part).collect(), bytes }
    }

    /// Rule 64: owners read at the same time, so together they may have read too much. What comes
    /// first in the reader's order stays; the rest is left for its next fetch.
    fn trim(&mut self) {
        let mut total = 0;
        for part in &mut self.parts {
            let bytes = part.bytes();
            if total > 0 && total + bytes > self.max_bytes as usize {
                empty(part);
            } else {
                total += bytes;
            }
        }
    }
}

fn empty(part: &mut PartFetched<Part>) {
    if let Ok(Data::Batches { slices, bytes }) = &mut part.data {
        slices.clear();
        *bytes = 0;
    }
}

impl Shard {
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<FetchRequest>(now, exchange, body, out) else {
            return;
        };
        let opened = self.home.sessions.open(exchange.version, &request, now.mono_us);
        let (context, wanted) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.refuse_fetch(now, exchange, error, out),
        };
        let from_replica = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
        let mut parts = Vec::with_capacity(wanted.len());
        let mut groups: Vec<Group> = Vec::new();
        for (index, wanted) in wanted.iter().enumerate() {
            let found = match from_replica {
                // Brokers of this kind do not replicate by Kafka's protocol.
                true => Err(Rejection::NotLeader),
                false => self.wanted_partition(wanted),
            };
            match found {
                Ok(info) => {
                    parts.push(PartFetched::rejected(Rejection::TimedOut));
                    join(&mut groups, info, index);
                }
                Err(rejection) => parts.push(PartFetched::rejected(rejection)),
            }
        }
        // Who has hung up sends nothing more, and may be gone: it is not kept waiting.
        let wait_ms = if self.has_ended(exchange.conn) { 0 } else { request.max_wait_ms };
        let wait_us = u64::try_from(wait_ms).unwrap_or(0).saturating_mul(1000);
        let max_bytes = u32::try_from(request.max_bytes).unwrap_or(0);
        let fetching = Fetching {
            exchange,
            isolation: request.isolation_level,
            context,
            wanted,
            parts,
            groups,
            missing: 0,
            min_bytes: u64::try_from(request.min_bytes).unwrap_or(0),
            max_bytes: max_bytes.min(self.config.fetch_bytes_max),
            deadline_us: now.mono_us.saturating_add(wait_us),
            expired: wait_us == 0,
            reserved: 0,
            waits: false,
        };
        if fetching.groups.is_empty() {
            return self.finish_fetch(now, fetching, out);
        }
        let id = self.requests.next_id();
        if !fetching.expired {
            self.requests.set_deadline(fetching.deadline_us, id);
        }
        self.begin_request(exchange, id, InFlight::Fetch(fetching));
        self.read_in_turn(id);
    }

    fn wanted_partition(&self, wanted: &Wanted) -> Result<PartitionInfo, Rejection> {
        let topic = match &wanted.topic {
            TopicKey::Name(name) => self.topic_by_name(name)?,
            TopicKey::Id(id) => self.topic_by_id(*id)?,
        };
        self.partition_of(&topic, wanted.partition)
    }

    pub(super) fn fetching(&mut self, request: RequestId) -> Option<&mut Fetching> {
        match self.requests.by_id.get_mut(&request) {
            Some(InFlight::Fetch(fetching)) => Some(fetching),
            _ => None,
        }
    }

    /// Asks every owner for its part.
    pub(super) fn read_all(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        let home = self.config.id;
        let Some(fetching) = self.fetching(request) else { return };
        fetching.missing = fetching.groups.len();
        let groups = fetching.groups.iter();
        let questions = groups.map(|group| (group.owner, fetching.question(group, home))).collect();
        self.ask_groups(now, request, questions, out);
    }

    fn ask_groups(
        &mut self,
        now: Now,
        request: RequestId,
        questions: Vec<(ShardId, Question)>,
        out: &mut Effects,
    ) {
        for (part, (owner, question)) in (0..).zip(questions) {
            self.ask(now, owner, request, part, question, out);
        }
    }

    pub(in crate::shard) fn on_fetch_answer(
        &mut self,
        now: Now,
        request: RequestId,
        part: u32,
        answer: HomeAnswer,
        out: &mut Effects,
    ) {
        match answer {
            HomeAnswer::Fetched(fetched) => self.on_fetched(now, request, part, fetched, out),
            HomeAnswer::Plain(Answer::Grown) => self.on_grown(now, request, out),
            HomeAnswer::Plain(_) => {}
        }
    }

    fn on_fetched(
        &mut self,
        now: Now,
        request: RequestId,
        group: u32,
        fetched: Fetched<Part>,
        out: &mut Effects,
    ) {
        let Some(fetching) = self.fetching(request) else { return };
        let Some(group) = fetching.groups.get(group as usize) else { return };
        let mut read = fetched.parts;
        if Mutant::PartsMixedUp.is_on() {
            read.reverse();
        }
        for (&(index, _), read) in group.members.iter().zip(read) {
            fetching.parts[index] = read;
        }
        fetching.missing = fetching.missing.saturating_sub(1);
        if fetching.missing > 0 {
            return;
        }
        if fetching.is_answerable() {
            self.end_fetch(now, request, out);
        } else {
            self.watch_all(now, request, out);
        }
    }

    /// Too little: the owners say when there is more. What was read is read again then.
    fn watch_all(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        let Some(fetching) = self.fetching(request) else { return };
        let questions: Vec<_> =
            fetching.groups.iter().map(|group| (group.owner, fetching.watch(group))).collect();
        fetching.parts.iter_mut().for_each(empty);
        let reserved = std::mem::take(&mut fetching.reserved);
        self.home.reading.give_back(reserved);
        self.ask_groups(now, request, questions, out);
    }

    fn unwatch_all(&mut self, now: Now, request: RequestId, owners: &[ShardId], out: &mut Effects) {
        let questions = owners.iter().map(|&owner| (owner, Question::Unwatch)).collect();
        self.ask_groups(now, request, questions, out);
    }

    fn on_grown(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        let Some(fetching) = self.fetching(request) else { return };
        if fetching.missing > 0 || fetching.waits {
            // Of a watch that was over when another owner's ended it.
            return;
        }
        let owners: Vec<_> = fetching.groups.iter().map(|group| group.owner).collect();
        self.unwatch_all(now, request, &owners, out);
        self.read_in_turn(request);
    }

    pub(in crate::shard) fn on_fetch_timeout(
        &mut self,
        now: Now,
        request: RequestId,
        out: &mut Effects,
    ) {
        let Some(fetching) = self.fetching(request) else { return };
        fetching.expired = true;
        if fetching.missing > 0 || fetching.waits {
            return;
        }
        let owners: Vec<_> = fetching.groups.iter().map(|group| group.owner).collect();
        // Whoever waits for a single byte would have been told of it.
        let nothing_came = fetching.min_bytes <= 1;
        self.unwatch_all(now, request, &owners, out);
        if nothing_came {
            self.end_fetch(now, request, out);
        } else {
            self.read_in_turn(request);
        }
    }

    pub(in crate::shard) fn on_fetch_forgotten(
        &mut self,
        now: Now,
        request: RequestId,
        fetching: &Fetching,
        out: &mut Effects,
    ) {
        self.home.reading.give_back(fetching.reserved);
        if fetching.missing == 0 && !fetching.waits {
            let owners: Vec<_> = fetching.groups.iter().map(|group| group.owner).collect();
            self.unwatch_all(now, request, &owners, out);
        }
    }

    fn end_fetch(&mut self, now: Now, request: RequestId, out: &mut Effects) {
        if let Some(InFlight::Fetch(fetching)) = self.requests.end(request) {
            self.home.reading.give_back(fetching.reserved);
            self.finish_fetch(now, fetching, out);
        }
    }

    fn finish_fetch(&mut self, now: Now, mut fetching: Fetching, out: &mut Effects) {
        fetching.trim();
        let Fetching { exchange, isolation, context, wanted, parts, .. } = fetching;
        let said: Vec<_> = wanted
            .into_iter()
            .zip(&parts)
            .map(|(wanted, part)| (wanted, fetch::said(part)))
            .collect();
        let version = exchange.version;
        let answer = self.home.sessions.answer(version, context, &said, now.mono_us);
        let (session, mentioned) = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refuse_fetch(now, exchange, error, out),
        };
        let parts: Vec<_> = said
            .into_iter()
            .zip(parts)
            .zip(mentioned)
            .filter_map(|(((wanted, _), part), mentioned)| mentioned.then_some((wanted, part)))
            .collect();
        let correlation = exchange.correlation;
        let terms = Terms { version, correlation, session, isolation };
        match fetch::frame(terms, &parts) {
            Ok(frame) => {
                let parts = self.assemble(frame, parts);
                self.complete(now, exchange, parts, out);
            }
            Err(error) => self.fail_encoding(now, exchange, &error, out),
        }
    }

    fn refuse_fetch(&mut self, now: Now, exchange: Exchange, error: ErrorCode, out: &mut Effects) {
        match fetch::error_frame(exchange.version, exchange.correlation, error) {
            Ok(frame) => {
                let parts = self.assemble(frame, Vec::new());
                self.complete(now, exchange, parts, out);
            }
            Err(error) => self.fail_encoding(now, exchange, &error, out),
        }
    }

    /// The frame with its batches in place. Short slices, and all slices once answers pin too much
    /// storage memory, are copied (R19).
    fn assemble(
        &self,
        frame: FetchFrame,
        mut parts: Vec<(Wanted, PartFetched<Part>)>,
    ) -> Vec<Part> {
        let mut pinned = self.clients.held_by_answers.pinned;
        let mut pieces = Vec::with_capacity(frame.parts.len());
        for piece in frame.parts {
            let index = match piece {
                messages::FetchPart::Inline(bytes) => {
                    pieces.push(Part::Bytes(bytes));
                    continue;
                }
                messages::FetchPart::Records(index) => index,
            };
            let Ok(Data::Batches { slices, .. }) = &mut parts[index].1.data else { continue };
            for slice in slices.drain(..) {
                let (piece, pins) = self.pinned_or_copied(slice, pinned);
                pinned += pins;
                pieces.push(piece);
            }
        }
        pieces
    }

    fn pinned_or_copied(&self, part: Part, pinned: usize) -> (Part, usize) {
        let Part::Stored(slice) = &part else { return (part, 0) };
        let block = slice.block().len();
        if slice.len() < limits::COPY_BELOW_BYTES || pinned + block > self.config.pinned_bytes_max {
            return (Part::Bytes(Bytes::copy_from_slice(slice.bytes())), 0);
        }
        (part, block)
    }
}

fn join(groups: &mut Vec<Group>, info: PartitionInfo, index: usize) {
    match groups.iter_mut().find(|group| group.owner == info.owner) {
        Some(group) => group.members.push((index, info.id)),
        None => groups.push(Group { owner: info.owner, members: vec![(index, info.id)] }),
    }
}
