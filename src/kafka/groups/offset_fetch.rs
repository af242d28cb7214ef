//! OffsetFetch (9): of one group up to version 7, of several from version 8 on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::naming::error_code;
use super::offset_commit::TOPIC_IDS_FROM;
use crate::base::TopicId;
use crate::group::Answer;
use crate::group::Command;
use crate::group::FetchOffsets;
use crate::group::PartitionOffset;
use crate::group::TopicOffsets;
use crate::group::TopicPartitions;
use crate::kafka::AdminContext;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::OffsetFetchRequest;
use crate::kafka::messages::OffsetFetchRequestGroup;
use crate::kafka::messages::OffsetFetchRequestTopics;
use crate::kafka::messages::OffsetFetchResponse;
use crate::kafka::messages::OffsetFetchResponseGroup;
use crate::kafka::messages::OffsetFetchResponsePartition;
use crate::kafka::messages::OffsetFetchResponsePartitions;
use crate::kafka::messages::OffsetFetchResponseTopic;
use crate::kafka::messages::OffsetFetchResponseTopics;
use crate::metadata::Image;

/// The first version that asks for several groups.
const GROUPS_FROM: i16 = 8;
/// The first version with an error for the whole group.
const GROUP_ERRORS_FROM: i16 = 2;

/// The groups in the order of the questions.
#[derive(Debug)]
pub(super) struct FetchAsked {
    groups: Vec<GroupAsked>,
    /// Knows the ids of topics that were not named.
    image: Box<Image>,
}

#[derive(Debug)]
struct GroupAsked {
    group: String,
    /// `None`: all that it has.
    topics: Option<Vec<TopicAsked>>,
}

#[derive(Debug)]
struct TopicAsked {
    name: String,
    id: TopicId,
    partitions: Vec<i32>,
    /// It is none of this cluster's; the coordinator was not asked about it.
    is_unknown: bool,
}

pub(super) fn ask(
    context: AdminContext<'_>,
    request: OffsetFetchRequest,
) -> (Vec<(Arc<str>, Command)>, FetchAsked) {
    let groups = if context.version >= GROUPS_FROM {
        each_whole_group_once(request.groups)
    } else {
        let topics = request.topics.map(|topics| {
            let topic =
                |topic: crate::kafka::messages::OffsetFetchRequestTopic| OffsetFetchRequestTopics {
                    name: topic.name,
                    partition_indexes: topic.partition_indexes,
                    ..OffsetFetchRequestTopics::default()
                };
            topics.into_iter().map(topic).collect()
        });
        let group_id = request.group_id;
        vec![OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() }]
    };
    let mut parts = Vec::with_capacity(groups.len());
    let mut asked = Vec::with_capacity(groups.len());
    for group in groups {
        let (topics, wanted) = group.topics.map_or((None, None), |topics| {
            let topics: Vec<_> =
                topics.into_iter().map(|topic| topic_asked(context, topic)).collect();
            let known = topics.iter().filter(|topic| !topic.is_unknown);
            let wanted = known.map(|topic| TopicPartitions {
                topic: topic.name.as_str().into(),
                id: topic.id,
                partitions: topic.partitions.clone(),
            });
            let wanted = wanted.collect();
            (Some(topics), Some(wanted))
        });
        let who = match (group.member_id, group.member_epoch) {
            (None, epoch) if epoch < 0 => None,
            (member, epoch) => Some((member.unwrap_or_default().into(), epoch)),
        };
        let command = Command::FetchOffsets(FetchOffsets { who, topics: wanted });
        parts.push((group.group_id.as_str().into(), command));
        asked.push(GroupAsked { group: group.group_id, topics });
    }
    (parts, FetchAsked { groups: asked, image: Box::new(context.image.clone()) })
}

/// A few bytes may ask for all that a group has: once is enough.
fn each_whole_group_once(mut groups: Vec<OffsetFetchRequestGroup>) -> Vec<OffsetFetchRequestGroup> {
    let mut whole = BTreeSet::new();
    groups.retain(|group| group.topics.is_some() || whole.insert(group.group_id.clone()));
    groups
}

/// The topic under both of its names, as far as it has them.
fn topic_asked(context: AdminContext<'_>, topic: OffsetFetchRequestTopics) -> TopicAsked {
    let partitions = topic.partition_indexes;
    if context.version < TOPIC_IDS_FROM {
        let id = context.image.topic(&topic.name).map_or(TopicId::NONE, |known| known.id);
        return TopicAsked { name: topic.name, id, partitions, is_unknown: false };
    }
    let id = topic.topic_id;
    let known = context.image.topic_by_id(id).filter(|_| id != TopicId::NONE);
    let name = known.map(|known| known.name.to_string()).unwrap_or_default();
    TopicAsked { name, id, partitions, is_unknown: known.is_none() }
}

impl FetchAsked {
    pub(super) fn fetched(self, version: i16, answers: Vec<Answer>) -> OffsetFetchResponse {
        let groups = self.groups.into_iter().zip(answers);
        let mut groups: Vec<_> =
            groups.map(|(group, answer)| group.fetched(version, &self.image, answer)).collect();
        if version >= GROUPS_FROM {
            return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
        }
        let group = groups.pop().unwrap_or_default();
        OffsetFetchResponse {
            topics: group.topics.into_iter().map(older_topic).collect(),
            error_code: group.error_code,
            ..OffsetFetchResponse::default()
        }
    }
}

impl GroupAsked {
    fn fetched(self, version: i16, image: &Image, answer: Answer) -> OffsetFetchResponseGroup {
        let Answer::Offsets(outcome) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        let group = OffsetFetchResponseGroup {
            group_id: self.group,
            ..OffsetFetchResponseGroup::default()
        };
        match (outcome, self.topics) {
            (Err(error), Some(topics)) if version < GROUP_ERRORS_FROM => {
                let refused = |topic| refused_topic(topic, error_code(error));
                let topics = topics.into_iter().map(refused).collect();
                OffsetFetchResponseGroup { topics, ..group }
            }
            (Err(error), _) => {
                OffsetFetchResponseGroup { error_code: error_code(error).code(), ..group }
            }
            (Ok(found), None) => {
                let topics = found.into_iter();
                let topics = topics.filter_map(|topic| {
                    if version < TOPIC_IDS_FROM {
                        return Some(topic_of(topic, TopicId::NONE));
                    }
                    // What is kept for a topic that is gone has no id to be named by.
                    let id = image.topic(&topic.topic)?.id;
                    Some(topic_of(topic, id))
                });
                OffsetFetchResponseGroup { topics: topics.collect(), ..group }
            }
            (Ok(found), Some(asked)) => {
                let mut found = found.into_iter();
                let topic = |topic: TopicAsked| match topic.is_unknown {
                    true => Some(refused_topic(topic, ErrorCode::UnknownTopicId)),
                    false => found.next().map(|found| topic_of(found, topic.id)),
                };
                let topics = asked.into_iter().filter_map(topic).collect();
                OffsetFetchResponseGroup { topics, ..group }
            }
        }
    }
}

fn topic_of(found: TopicOffsets, topic_id: TopicId) -> OffsetFetchResponseTopics {
    let partition = |found: PartitionOffset| OffsetFetchResponsePartitions {
        partition_index: found.partition,
        committed_offset: found.offset,
        committed_leader_epoch: found.leader_epoch,
        metadata: Some(found.metadata.to_string()),
        ..OffsetFetchResponsePartitions::default()
    };
    OffsetFetchResponseTopics {
        name: found.topic.to_string(),
        topic_id,
        partitions: found.partitions.into_iter().map(partition).collect(),
        ..OffsetFetchResponseTopics::default()
    }
}

fn refused_topic(topic: TopicAsked, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        metadata: Some(String::new()),
        error_code: error.code(),
        ..OffsetFetchResponsePartitions::default()
    };
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.id,
        partitions: topic.partitions.into_iter().map(partition).collect(),
        ..OffsetFetchResponseTopics::default()
    }
}

fn older_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |part: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: part.partition_index,
        committed_offset: part.committed_offset,
        committed_leader_epoch: part.committed_leader_epoch,
        metadata: part.metadata,
        error_code: part.error_code,
        ..OffsetFetchResponsePartition::default()
    };
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
        ..OffsetFetchResponseTopic::default()
    }
}
