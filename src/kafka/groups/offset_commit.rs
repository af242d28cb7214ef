//! OffsetCommit (8).

use std::sync::Arc;

use super::naming::code;
use super::naming::error_code;
use crate::base::TopicId;
use crate::group::Answer;
use crate::group::Command;
use crate::group::Commit;
use crate::group::CommitPartition;
use crate::group::CommitTopic;
use crate::group::Presence;
use crate::kafka::AdminContext;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::OffsetCommitRequest;
use crate::kafka::messages::OffsetCommitRequestTopic;
use crate::kafka::messages::OffsetCommitResponse;
use crate::kafka::messages::OffsetCommitResponsePartition;
use crate::kafka::messages::OffsetCommitResponseTopic;
use crate::metadata::Topic;

/// The first version with member epochs, whose clients know the code for a group that does not exist
/// (KIP-848).
const EPOCHS_FROM: i16 = 9;
/// The first version that names topics by their ids.
pub(super) const TOPIC_IDS_FROM: i16 = 10;

/// The response with what is known of it, and which partitions the coordinator was asked about.
#[derive(Debug)]
pub(super) struct CommitAsked {
    response: OffsetCommitResponse,
    /// Topic and partition in the response, by topic and partition of the question.
    places: Vec<Vec<(usize, usize)>>,
}

/// Partitions that do not exist are refused here; the coordinator is asked about the others.
pub(super) fn ask(
    context: AdminContext<'_>,
    request: OffsetCommitRequest,
) -> (Vec<(Arc<str>, Command)>, CommitAsked) {
    let mut asked = CommitAsked { response: OffsetCommitResponse::default(), places: Vec::new() };
    let mut topics = Vec::new();
    for topic in &request.topics {
        let known = topic_of(context, topic);
        let unknown = match context.version >= TOPIC_IDS_FROM {
            true if known.is_none() => ErrorCode::UnknownTopicId,
            _ => ErrorCode::UnknownTopicOrPartition,
        };
        let mut wanted = Vec::new();
        let mut places = Vec::new();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for part in &topic.partitions {
            let index = part.partition_index;
            let exists = known.is_some_and(|topic| topic.partition(index).is_some());
            if exists {
                places.push((asked.response.topics.len(), partitions.len()));
                wanted.push(CommitPartition {
                    partition: index,
                    offset: part.committed_offset,
                    leader_epoch: part.committed_leader_epoch,
                    metadata: part.committed_metadata.as_deref().unwrap_or_default().into(),
                });
            }
            partitions.push(OffsetCommitResponsePartition {
                partition_index: index,
                error_code: if exists { 0 } else { unknown.code() },
                ..OffsetCommitResponsePartition::default()
            });
        }
        asked.response.topics.push(OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions,
            ..OffsetCommitResponseTopic::default()
        });
        if let Some(known) = known.filter(|_| !wanted.is_empty()) {
            let (topic, id) = (known.name.clone(), known.id);
            topics.push(CommitTopic { topic, id, partitions: wanted });
            asked.places.push(places);
        }
    }
    // A commit of nothing is still a sign of life; one of nothing that exists is not.
    if topics.is_empty() && !request.topics.is_empty() {
        return (Vec::new(), asked);
    }
    (vec![command(context.version, request, topics)], asked)
}

fn topic_of<'a>(
    context: AdminContext<'a>,
    topic: &OffsetCommitRequestTopic,
) -> Option<&'a Arc<Topic>> {
    if context.version < TOPIC_IDS_FROM {
        return context.image.topic(&topic.name);
    }
    context.image.topic_by_id(topic.topic_id).filter(|_| topic.topic_id != TopicId::NONE)
}

fn command(
    version: i16,
    request: OffsetCommitRequest,
    topics: Vec<CommitTopic>,
) -> (Arc<str>, Command) {
    let commit = Commit {
        who: Presence {
            member: request.member_id.into(),
            instance: request.group_instance_id.map(Arc::from),
            generation: request.generation_id_or_member_epoch,
        },
        retention_ms: Some(request.retention_time_ms).filter(|&ms| ms >= 0),
        knows_epochs: version >= EPOCHS_FROM,
        topics,
    };
    (request.group_id.into(), Command::Commit(commit))
}

impl CommitAsked {
    /// `None`: nothing was asked.
    pub(super) fn committed(self, answer: Option<Answer>) -> OffsetCommitResponse {
        let mut response = self.response;
        let Some(answer) = answer else { return response };
        let Answer::Committed(outcome) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        for (topic, places) in self.places.iter().enumerate() {
            for (index, &(answered, partition)) in places.iter().enumerate() {
                let error_code = match &outcome {
                    Ok(verdicts) => code(&verdicts[topic][index]),
                    Err(error) => error_code(*error).code(),
                };
                response.topics[answered].partitions[partition].error_code = error_code;
            }
        }
        response
    }
}
