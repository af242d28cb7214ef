//! The answer to Produce, with the errors of single records (version 8 and later).

use super::messages::BatchIndexAndErrorMessage;
use super::messages::PartitionProduceResponse;
use super::messages::ProduceResponse;
use super::messages::TopicProduceResponse;
use super::rejection::error_code;
use super::rejection::error_message;
use crate::api::Appended;
use crate::api::Rejection;
use crate::base::TopicId;

/// The first version with errors of records and with messages.
const MESSAGES_FROM: i16 = 8;

/// What became of one topic's batches.
#[derive(Debug)]
pub struct TopicOutcome {
    /// As the client named it; versions from 13 on know the id alone.
    pub name: String,
    pub id: TopicId,
    pub partitions: Vec<PartitionOutcome>,
}

#[derive(Debug)]
pub struct PartitionOutcome {
    pub index: i32,
    pub outcome: Outcome,
}

/// What became of one batch.
#[derive(Debug)]
pub enum Outcome {
    /// Not known by the deadline.
    Pending,
    Appended(Appended),
    Rejected(Rejection),
}

/// The answer in the request's order.
pub fn response(version: i16, topics: Vec<TopicOutcome>) -> ProduceResponse {
    let responses = topics.into_iter().map(|topic| {
        let name = topic.name;
        let partitions = topic.partitions.into_iter();
        TopicProduceResponse {
            partition_responses: partitions.map(|part| partition(version, &name, &part)).collect(),
            name,
            topic_id: topic.id,
            ..TopicProduceResponse::default()
        }
    });
    ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() }
}

fn partition(version: i16, topic: &str, part: &PartitionOutcome) -> PartitionProduceResponse {
    let base =
        PartitionProduceResponse { index: part.index, ..PartitionProduceResponse::default() };
    let timed_out = Rejection::TimedOut;
    let rejection = match &part.outcome {
        Outcome::Appended(appended) => {
            return PartitionProduceResponse {
                base_offset: appended.base_offset,
                log_append_time_ms: appended.append_time_ms,
                log_start_offset: appended.log_start,
                ..base
            };
        }
        Outcome::Rejected(rejection) => rejection,
        Outcome::Pending => &timed_out,
    };
    let refused = PartitionProduceResponse {
        error_code: error_code(rejection).code(),
        base_offset: -1,
        ..base
    };
    if version < MESSAGES_FROM {
        return refused;
    }
    let shown = format!("{topic}-{}", part.index);
    PartitionProduceResponse {
        record_errors: record_errors(rejection, &shown),
        error_message: error_message(rejection, &shown),
        ..refused
    }
}

fn record_errors(rejection: &Rejection, partition: &str) -> Vec<BatchIndexAndErrorMessage> {
    let Rejection::Batch(refusal) = rejection else { return Vec::new() };
    let faults = refusal.record_faults().iter().map(|fault| BatchIndexAndErrorMessage {
        batch_index: fault.index,
        batch_index_error_message: Some(fault.message(partition)),
        ..BatchIndexAndErrorMessage::default()
    });
    faults.collect()
}
