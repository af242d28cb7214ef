//! The broker's noes in Kafka's codes.

use super::errors::ErrorCode;
use crate::api::Rejection;
use crate::record::RefusalKind;

/// Kafka's code for a rejection.
pub fn error_code(rejection: &Rejection) -> ErrorCode {
    match rejection {
        Rejection::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
        Rejection::UnknownTopicId => ErrorCode::UnknownTopicId,
        Rejection::NotLeader => ErrorCode::NotLeaderOrFollower,
        Rejection::FencedEpoch => ErrorCode::FencedLeaderEpoch,
        Rejection::UnknownEpoch => ErrorCode::UnknownLeaderEpoch,
        Rejection::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        Rejection::Batch(refusal) => match refusal.kind() {
            RefusalKind::InvalidRecord => ErrorCode::InvalidRecord,
            RefusalKind::CorruptMessage => ErrorCode::CorruptMessage,
            RefusalKind::MessageTooLarge => ErrorCode::MessageTooLarge,
            RefusalKind::RecordListTooLarge => ErrorCode::RecordListTooLarge,
            RefusalKind::InvalidTimestamp => ErrorCode::InvalidTimestamp,
            RefusalKind::UnsupportedCompressionType => ErrorCode::UnsupportedCompressionType,
        },
        Rejection::Transaction => ErrorCode::InvalidTxnState,
        Rejection::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        Rejection::OldProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        Rejection::BatchTooLarge => ErrorCode::MessageTooLarge,
        // R16: clients take it for a broken disk of this replica, ask for the leader again and
        // retry until their delivery timeout; freed space is used without a restart.
        Rejection::StorageFull | Rejection::StorageDamaged => ErrorCode::KafkaStorageError,
        // Retriable for every client and every API, and says nothing of leadership.
        Rejection::Overloaded | Rejection::TimedOut => ErrorCode::RequestTimedOut,
        Rejection::InvalidAcks => ErrorCode::InvalidRequiredAcks,
        Rejection::InternalTopic => ErrorCode::InvalidTopicException,
        Rejection::Policy => ErrorCode::PolicyViolation,
    }
}

/// What to tell of it beyond the code; `partition` is shown as `topic-0`.
pub fn error_message(rejection: &Rejection, partition: &str) -> Option<String> {
    match rejection {
        Rejection::Batch(refusal) => Some(refusal.message(partition)),
        Rejection::OutOfOrderSequence { expected, found } => Some(format!(
            "Out of order sequence number for {partition}: {found} (incoming seq. number), \
             {expected} (expected seq. number)"
        )),
        Rejection::OldProducerEpoch { current, found } => Some(format!(
            "Epoch of producer in {partition} is {found}, which is smaller than the last seen \
             epoch {current}"
        )),
        Rejection::StorageFull => {
            Some("The broker's disk is full; the append can be retried.".to_owned())
        }
        Rejection::Overloaded => {
            Some("Too much is under way for this partition; the request can be retried.".to_owned())
        }
        _ => None,
    }
}
