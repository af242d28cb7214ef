//! Requests of consumer groups: each part goes to the shard that owns the group's partition of
//! `__consumer_offsets`.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Shard;
use crate::api::Answer;
use crate::api::Question;
use crate::base::Now;
use crate::base::ShardId;
use crate::group;
use crate::group::Error;
use crate::kafka::AdminContext;
use crate::kafka::groups;
use crate::kafka::groups::Awaiting;
use crate::kafka::groups::Caller;
use crate::kafka::groups::OFFSETS_TOPIC;
use crate::kafka::groups::Parts;
use crate::kafka::wire::Text;
use crate::metadata::Advertise;
use crate::metadata::PartitionInfo;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Part;
use crate::shard::RequestId;
use crate::shard::limits;
use crate::shard::requests::InFlight;
use crate::shard::route::HomeAnswer;

/// A request of which answers of coordinators are missing.
#[derive(Debug)]
pub(in crate::shard) struct Grouping {
    exchange: Exchange,
    awaiting: Awaiting,
    /// By part; what is not answered says that the coordinator is not available.
    answers: Vec<group::Answer>,
    missing: usize,
    /// In `Now::mono_us`; `u64::MAX`: members may wait for each other as long as it takes.
    pub(in crate::shard) deadline_us: u64,
}

impl Grouping {
    pub(in crate::shard) fn is_patient(&self) -> bool {
        self.deadline_us == u64::MAX
    }
}

impl Shard {
    pub(super) fn on_group_request(
        &mut self,
        now: Now,
        exchange: Exchange,
        client_id: Option<Text>,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(connection) = self.clients.conns.get(&exchange.conn) else { return };
        let Some(image) = &self.image else {
            return self.close(now, exchange.conn, CloseReason::Overload, out);
        };
        let context =
            AdminContext { image, listener: connection.listener, version: exchange.version };
        let client_id = client_id.map_or_else(Arc::default, |id| Arc::from(id.as_str()));
        let host = Arc::from(format!("/{}", connection.peer.ip()));
        let caller = Caller { client_id, host };
        let assignors = self.groups.assignors();
        let plan = match groups::plan(exchange.api, context, &caller, &assignors, body) {
            Ok(plan) => plan,
            Err(error) => return self.refuse_malformed(now, exchange, &error, out),
        };
        let shards = self.listing_shards();
        let answers = plan.unanswered(shards.len(), Error::CoordinatorNotAvailable);
        let is_patient = plan.is_patient;
        let (parts, awaiting) = plan.into_parts();
        let deadline_us = match is_patient {
            true => u64::MAX,
            false => now.mono_us.saturating_add(limits::GROUP_ANSWER_US),
        };
        let mut grouping = Grouping { exchange, awaiting, answers, missing: 0, deadline_us };
        let questions = match parts {
            Parts::Groups(parts) => self.group_questions(parts, &mut grouping),
            Parts::All => {
                (0..).zip(shards).map(|(part, shard)| (part, shard, Question::ListGroups)).collect()
            }
        };
        grouping.missing = questions.len();
        if questions.is_empty() {
            return self.finish_grouping(now, grouping, out);
        }
        let id = self.requests.next_id();
        if !is_patient {
            self.requests.set_deadline(deadline_us, id);
        }
        self.begin_request(exchange, id, InFlight::Group(grouping));
        for (part, owner, question) in questions {
            self.ask(now, owner, id, part, question, out);
        }
    }

    /// Each group's question for its owner. Where there is no coordinator yet, the client is told to
    /// look for one, which makes it.
    fn group_questions(
        &self,
        parts: Vec<(Arc<str>, group::Command)>,
        grouping: &mut Grouping,
    ) -> Vec<(u32, ShardId, Question)> {
        let mut questions = Vec::with_capacity(parts.len());
        for (index, (group, command)) in parts.into_iter().enumerate() {
            match (self.coordinator_of(&group), u32::try_from(index)) {
                (Some(info), Ok(part)) => {
                    let partition = info.id;
                    let question = Question::Group { partition, group, command };
                    questions.push((part, info.owner, question));
                }
                _ => grouping.answers[index] = group::refusal(&command, Error::NotCoordinator),
            }
        }
        questions
    }

    fn coordinator_of(&self, group: &str) -> Option<PartitionInfo> {
        let topic = self.topic_by_name(OFFSETS_TOPIC).ok()?;
        let partitions = i32::try_from(topic.partitions.len()).ok()?;
        self.partition_of(&topic, groups::partition_of(group, partitions)).ok()
    }

    /// A broker lists the groups that it coordinates: where each core is shown as one, its own.
    fn listing_shards(&self) -> Vec<ShardId> {
        match self.config.layout.advertise {
            Advertise::Node => (0..self.config.shards).map(ShardId).collect(),
            Advertise::Core => vec![self.config.id],
        }
    }

    pub(in crate::shard) fn on_group_answer(
        &mut self,
        now: Now,
        request: RequestId,
        part: u32,
        answer: HomeAnswer,
        out: &mut Effects,
    ) {
        let HomeAnswer::Plain(Answer::Group(answer)) = answer else { return };
        let Some(InFlight::Group(grouping)) = self.requests.by_id.get_mut(&request) else {
            return;
        };
        let Some(place) = grouping.answers.get_mut(part as usize) else { return };
        *place = answer;
        grouping.missing -= 1;
        if grouping.missing == 0 {
            self.end_grouping(now, request, out);
        }
    }

    /// Ends the request as it stands.
    pub(in crate::shard) fn end_grouping(
        &mut self,
        now: Now,
        request: RequestId,
        out: &mut Effects,
    ) {
        let Some(InFlight::Group(grouping)) = self.requests.end(request) else { return };
        self.finish_grouping(now, grouping, out);
    }

    fn finish_grouping(&mut self, now: Now, grouping: Grouping, out: &mut Effects) {
        let Grouping { exchange, awaiting, answers, .. } = grouping;
        match awaiting.respond(exchange.version, exchange.correlation, answers) {
            Ok(frame) => self.complete(now, exchange, vec![Part::Bytes(frame)], out),
            Err(error) => self.fail_encoding(now, exchange, &error, out),
        }
    }
}
