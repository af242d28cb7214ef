//! Requests with one small answer per partition: ListOffsets (rule 75), DeleteRecords (rule 87),
//! OffsetForLeaderEpoch (rule 73), DescribeLogDirs, DescribeProducers.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::Shard;
use crate::api::Answer;
use crate::api::Question;
use crate::api::Rejection;
use crate::base::Now;
use crate::base::ShardId;
use crate::kafka::delete_records::delete_below;
use crate::kafka::delete_records::deleted;
use crate::kafka::describe_log_dirs::LogDirs;
use crate::kafka::describe_producers;
use crate::kafka::errors::ErrorCode;
use crate::kafka::leader_epoch::epoch_end;
use crate::kafka::list_offsets;
use crate::kafka::messages::DeleteRecordsRequest;
use crate::kafka::messages::DeleteRecordsResponse;
use crate::kafka::messages::DeleteRecordsTopicResult;
use crate::kafka::messages::DescribeProducersResponse;
use crate::kafka::messages::ListOffsetsRequest;
use crate::kafka::messages::ListOffsetsResponse;
use crate::kafka::messages::ListOffsetsTopicResponse;
use crate::kafka::messages::OffsetForLeaderEpochRequest;
use crate::kafka::messages::OffsetForLeaderEpochResponse;
use crate::kafka::messages::OffsetForLeaderTopicResult;
use crate::metadata::PartitionInfo;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::RequestId;
use crate::shard::requests::InFlight;
use crate::shard::route::HomeAnswer;

/// How long partitions have time where the request does not say, in milliseconds (Kafka's
/// `default.api.timeout.ms` less one retry).
pub(super) const TIMEOUT_MS: i32 = 30_000;

/// A request of which answers are missing; what is not answered by the deadline timed out.
#[derive(Debug)]
pub(in crate::shard) struct Gathering {
    exchange: Exchange,
    answers: Answers,
    /// Where the answer of each question belongs: topic and partition.
    places: Vec<(usize, usize)>,
    missing: usize,
    pub(in crate::shard) deadline_us: u64,
}

/// Request and response of one API, both in the request's order.
#[derive(Debug)]
pub(super) enum Answers {
    Offsets(ListOffsetsRequest, ListOffsetsResponse),
    Deletions(DeleteRecordsRequest, DeleteRecordsResponse),
    Epochs(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
    Sizes(LogDirs),
    Producers(DescribeProducersResponse),
}

impl Answers {
    fn set(&mut self, version: i16, topic: usize, partition: usize, answer: Answer) {
        match (self, answer) {
            (Self::Offsets(request, response), Answer::FoundOffset(result)) => {
                let asked = &request.topics[topic].partitions[partition];
                let slot = &mut response.topics[topic].partitions[partition];
                *slot = list_offsets::found(version, asked, &result);
            }
            (Self::Deletions(request, response), Answer::DeletedRecords(result)) => {
                let asked = &request.topics[topic].partitions[partition];
                response.topics[topic].partitions[partition] = deleted(asked, &result);
            }
            (Self::Epochs(request, response), Answer::EpochEnd(result)) => {
                let asked = &request.topics[topic].partitions[partition];
                response.topics[topic].partitions[partition] = epoch_end(asked, &result);
            }
            (Self::Sizes(directory), Answer::Sizes(sizes)) => directory.set(topic, &sizes),
            (Self::Producers(response), Answer::Producers(result)) => {
                let slot = &mut response.topics[topic].partitions[partition];
                describe_producers::set(slot, result);
            }
            // An owner answers what it was asked.
            (_, answer) => unreachable!("another question's answer: {answer:?}"),
        }
    }
}

/// Questions of a request, and where their answers belong.
#[derive(Default)]
pub(super) struct Questions {
    list: Vec<(ShardId, Question)>,
    places: Vec<(usize, usize)>,
}

impl Questions {
    pub(super) fn push(&mut self, place: (usize, usize), owner: ShardId, question: Question) {
        self.list.push((owner, question));
        self.places.push(place);
    }
}

impl Shard {
    pub(super) fn place_of(&self, topic: &str, index: i32) -> Result<PartitionInfo, Rejection> {
        let topic = self.topic_by_name(topic)?;
        self.partition_of(&topic, index)
    }

    pub(super) fn on_list_offsets(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<ListOffsetsRequest>(now, exchange, body, out) else {
            return;
        };
        let mut questions = Questions::default();
        let mut response = ListOffsetsResponse::default();
        let version = exchange.version;
        for (number, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            let mut seen = BTreeSet::new();
            for (index, asked) in topic.partitions.iter().enumerate() {
                let twice = !seen.insert(asked.partition_index);
                let known = self.place_of(&topic.name, asked.partition_index);
                let place = (number, index);
                partitions.push(match list_offsets::wanted(exchange.version, asked.timestamp) {
                    _ if twice => list_offsets::refused(asked, ErrorCode::InvalidRequest),
                    list_offsets::Wanted::Unsupported => {
                        list_offsets::refused(asked, ErrorCode::UnsupportedVersion)
                    }
                    wanted => match (known, wanted) {
                        (Err(rejection), _) => list_offsets::found(version, asked, &Err(rejection)),
                        (Ok(info), list_offsets::Wanted::At(at)) => {
                            let (partition, current_epoch) = (info.id, asked.current_leader_epoch);
                            let question = Question::FindOffset { partition, current_epoch, at };
                            questions.push(place, info.owner, question);
                            list_offsets::found(version, asked, &Err(Rejection::TimedOut))
                        }
                        (Ok(_), _) => list_offsets::found(version, asked, &Ok(None)),
                    },
                });
            }
            let name = topic.name.clone();
            response.topics.push(ListOffsetsTopicResponse {
                name,
                partitions,
                ..ListOffsetsTopicResponse::default()
            });
        }
        // The request's own timeout is for records in remote storage only (KIP-1075); clients that
        // set none send 0.
        let answers = Answers::Offsets(request, response);
        self.gather(now, exchange, answers, questions, TIMEOUT_MS, out);
    }

    pub(super) fn on_delete_records_request(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<DeleteRecordsRequest>(now, exchange, body, out) else {
            return;
        };
        let mut questions = Questions::default();
        let mut response = DeleteRecordsResponse::default();
        for (number, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (index, asked) in topic.partitions.iter().enumerate() {
                let unanswered = match self.place_of(&topic.name, asked.partition_index) {
                    Ok(info) => {
                        let (partition, to) = (info.id, delete_below(asked));
                        let question = Question::DeleteRecords { partition, to };
                        questions.push((number, index), info.owner, question);
                        Rejection::TimedOut
                    }
                    Err(rejection) => rejection,
                };
                partitions.push(deleted(asked, &Err(unanswered)));
            }
            response.topics.push(DeleteRecordsTopicResult {
                name: topic.name.clone(),
                partitions,
                ..DeleteRecordsTopicResult::default()
            });
        }
        let timeout_ms = request.timeout_ms;
        let answers = Answers::Deletions(request, response);
        self.gather(now, exchange, answers, questions, timeout_ms, out);
    }

    pub(super) fn on_leader_epochs(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<OffsetForLeaderEpochRequest>(now, exchange, body, out)
        else {
            return;
        };
        let mut questions = Questions::default();
        let mut response = OffsetForLeaderEpochResponse::default();
        for (number, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (index, asked) in topic.partitions.iter().enumerate() {
                let unanswered = match self.place_of(&topic.topic, asked.partition) {
                    Ok(info) => {
                        let question = Question::EpochEnd {
                            partition: info.id,
                            current_epoch: asked.current_leader_epoch,
                            epoch: asked.leader_epoch,
                        };
                        questions.push((number, index), info.owner, question);
                        Rejection::TimedOut
                    }
                    Err(rejection) => rejection,
                };
                partitions.push(epoch_end(asked, &Err(unanswered)));
            }
            response.topics.push(OffsetForLeaderTopicResult {
                topic: topic.topic.clone(),
                partitions,
                ..OffsetForLeaderTopicResult::default()
            });
        }
        let answers = Answers::Epochs(request, response);
        self.gather(now, exchange, answers, questions, TIMEOUT_MS, out);
    }

    pub(super) fn gather(
        &mut self,
        now: Now,
        exchange: Exchange,
        answers: Answers,
        questions: Questions,
        timeout_ms: i32,
        out: &mut Effects,
    ) {
        let timeout_us = u64::try_from(timeout_ms).unwrap_or(0).saturating_mul(1000);
        let deadline_us = now.mono_us.saturating_add(timeout_us);
        let Questions { list, places } = questions;
        let missing = places.len();
        let gathering = Gathering { exchange, answers, places, missing, deadline_us };
        if missing == 0 {
            return self.finish_gather(now, gathering, out);
        }
        let id = self.requests.next_id();
        self.requests.set_deadline(deadline_us, id);
        self.begin_request(exchange, id, InFlight::Gather(gathering));
        for (part, (owner, question)) in (0..).zip(list) {
            self.ask(now, owner, id, part, question, out);
        }
    }

    pub(in crate::shard) fn on_gather_answer(
        &mut self,
        now: Now,
        request: RequestId,
        part: u32,
        answer: HomeAnswer,
        out: &mut Effects,
    ) {
        let HomeAnswer::Plain(answer) = answer else { return };
        let Some(InFlight::Gather(gathering)) = self.requests.by_id.get_mut(&request) else {
            return;
        };
        let Some(&(topic, partition)) = gathering.places.get(part as usize) else { return };
        gathering.answers.set(gathering.exchange.version, topic, partition, answer);
        gathering.missing -= 1;
        if gathering.missing == 0 {
            self.on_gather_timeout(now, request, out);
        }
    }

    /// Ends the request as it stands.
    pub(in crate::shard) fn on_gather_timeout(
        &mut self,
        now: Now,
        request: RequestId,
        out: &mut Effects,
    ) {
        if let Some(InFlight::Gather(gathering)) = self.requests.end(request) {
            self.finish_gather(now, gathering, out);
        }
    }

    fn finish_gather(&mut self, now: Now, gathering: Gathering, out: &mut Effects) {
        let exchange = gathering.exchange;
        match gathering.answers {
            Answers::Offsets(_, response) => self.reply(now, exchange, &response, out),
            Answers::Deletions(_, response) => self.reply(now, exchange, &response, out),
            Answers::Epochs(_, response) => self.reply(now, exchange, &response, out),
            Answers::Sizes(directory) => {
                let response = directory.finish(gathering.missing == 0);
                self.reply(now, exchange, &response, out);
            }
            Answers::Producers(response) => self.reply(now, exchange, &response, out),
        }
    }
}
