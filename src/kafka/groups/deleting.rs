//! DeleteGroups (42) and OffsetDelete (47).

use std::sync::Arc;

use super::naming::code;
use super::naming::error_code;
use crate::base::TopicId;
use crate::group::Answer;
use crate::group::Command;
use crate::group::TopicPartitions;
use crate::kafka::AdminContext;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DeletableGroupResult;
use crate::kafka::messages::DeleteGroupsRequest;
use crate::kafka::messages::DeleteGroupsResponse;
use crate::kafka::messages::OffsetDeleteRequest;
use crate::kafka::messages::OffsetDeleteResponse;
use crate::kafka::messages::OffsetDeleteResponsePartition;
use crate::kafka::messages::OffsetDeleteResponseTopic;

pub(super) fn groups(request: &DeleteGroupsRequest) -> Vec<(Arc<str>, Command)> {
    request.groups_names.iter().map(|group| (group.as_str().into(), Command::Delete)).collect()
}

pub(super) fn deleted(groups: Vec<String>, answers: Vec<Answer>) -> DeleteGroupsResponse {
    let result = |(group_id, answer): (String, Answer)| {
        let Answer::Deleted(outcome) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        let error_code = code(&outcome);
        DeletableGroupResult { group_id, error_code, ..DeletableGroupResult::default() }
    };
    let results = groups.into_iter().zip(answers).map(result).collect();
    DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
}

/// The response with what is known of it, and which partitions the coordinator was asked about.
#[derive(Debug)]
pub(super) struct DeleteOffsetsAsked {
    response: OffsetDeleteResponse,
    /// Topic and partition in the response, by topic and partition of the question.
    places: Vec<Vec<(usize, usize)>>,
}

pub(super) fn offsets(
    context: AdminContext<'_>,
    request: OffsetDeleteRequest,
) -> ((Arc<str>, Command), DeleteOffsetsAsked) {
    let mut response = OffsetDeleteResponse::default();
    let mut places = Vec::new();
    let mut topics = Vec::new();
    for topic in request.topics {
        let known = context.image.topic(&topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        let (mut wanted, mut found) = (Vec::new(), Vec::new());
        for part in &topic.partitions {
            let index = part.partition_index;
            let exists = known.is_some_and(|topic| topic.partition(index).is_some());
            if exists {
                found.push((response.topics.len(), partitions.len()));
                wanted.push(index);
            }
            let missing = ErrorCode::UnknownTopicOrPartition.code();
            partitions.push(OffsetDeleteResponsePartition {
                partition_index: index,
                error_code: if exists { 0 } else { missing },
                ..OffsetDeleteResponsePartition::default()
            });
        }
        if !wanted.is_empty() {
            let name = topic.name.as_str().into();
            topics.push(TopicPartitions { topic: name, id: TopicId::NONE, partitions: wanted });
            places.push(found);
        }
        response.topics.push(OffsetDeleteResponseTopic {
            name: topic.name,
            partitions,
            ..OffsetDeleteResponseTopic::default()
        });
    }
    let part = (request.group_id.into(), Command::DeleteOffsets(topics));
    (part, DeleteOffsetsAsked { response, places })
}

impl DeleteOffsetsAsked {
    pub(super) fn deleted(self, answer: Answer) -> OffsetDeleteResponse {
        let Answer::OffsetsDeleted(outcome) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        let mut response = self.response;
        let verdicts = match outcome {
            Ok(verdicts) => verdicts,
            Err(error) => {
                let error_code = error_code(error).code();
                return OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() };
            }
        };
        for (places, verdicts) in self.places.iter().zip(&verdicts) {
            for (&(topic, partition), verdict) in places.iter().zip(verdicts) {
                response.topics[topic].partitions[partition].error_code = code(verdict);
            }
        }
        response
    }
}
