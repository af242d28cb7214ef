//! ConsumerGroupHeartbeat (68) and ConsumerGroupDescribe (69).

use std::sync::Arc;

use super::Caller;
use super::describing::GROUP_OPERATIONS;
use super::describing::distinct;
use super::naming::error_code;
use crate::group::AWAY;
use crate::group::Answer;
use crate::group::Command;
use crate::group::ConsumerHeartbeat;
use crate::group::DescribedConsumer;
use crate::group::Error;
use crate::group::Heard;
use crate::group::LEAVE;
use crate::group::NamedPartitions;
use crate::group::Refused;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::ConsumerGroupAssignment;
use crate::kafka::messages::ConsumerGroupDescribeRequest;
use crate::kafka::messages::ConsumerGroupDescribeResponse;
use crate::kafka::messages::ConsumerGroupHeartbeatRequest;
use crate::kafka::messages::ConsumerGroupHeartbeatResponse;
use crate::kafka::messages::ConsumerGroupTopic;
use crate::kafka::messages::DescribedConsumerGroup;
use crate::kafka::messages::DescribedConsumerGroupAssignment;
use crate::kafka::messages::DescribedConsumerGroupMember;
use crate::kafka::messages::DescribedConsumerGroupTopic;

/// The first version whose clients make their ids themselves (KIP-1082).
const OWN_IDS_FROM: i16 = 1;
/// What a timeout is that a member does not say.
const UNSAID: i32 = -1;
/// How a member of each protocol is marked.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

/// A heartbeat that its form alone refuses, or nothing.
#[derive(Debug)]
pub(super) struct HeartbeatAsked(Option<(ErrorCode, String)>);

/// `assignors`: those that this broker has, as it is configured.
pub(super) fn heartbeat(
    version: i16,
    assignors: &[&str],
    request: ConsumerGroupHeartbeatRequest,
    caller: &Caller,
) -> (Vec<(Arc<str>, Command)>, HeartbeatAsked) {
    if let Err(refusal) = check(version, assignors, &request) {
        return (Vec::new(), HeartbeatAsked(Some(refusal)));
    }
    let group = request.group_id.as_str().into();
    let topics = request
        .topic_partitions
        .map(|topics| topics.into_iter().map(|topic| (topic.topic_id, topic.partitions)).collect());
    let beat = ConsumerHeartbeat {
        member: request.member_id.into(),
        epoch: request.member_epoch,
        instance: request.instance_id.map(Arc::from),
        rack: request.rack_id.map(Arc::from),
        client_id: caller.client_id.clone(),
        client_host: caller.host.clone(),
        rebalance_timeout_ms: Some(request.rebalance_timeout_ms).filter(|&ms| ms != UNSAID),
        topics: request
            .subscribed_topic_names
            .map(|names| Arc::new(names.into_iter().map(Arc::from).collect())),
        pattern: request.subscribed_topic_regex.map(Arc::from),
        assignor: request.server_assignor.map(Arc::from),
        owned: topics,
    };
    (vec![(group, Command::ConsumerHeartbeat(Box::new(beat)))], HeartbeatAsked(None))
}

/// What Kafka refuses before it looks for the group, in its words.
fn check(
    version: i16,
    assignors: &[&str],
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), (ErrorCode, String)> {
    let invalid = |why: &str| Err((ErrorCode::InvalidRequest, why.to_owned()));
    let is_blank = |name: &Option<String>| name.as_ref().is_some_and(|n| n.trim().is_empty());
    let epoch = request.member_epoch;
    if (version >= OWN_IDS_FROM || epoch > 0 || epoch == LEAVE)
        && request.member_id.trim().is_empty()
    {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    if epoch == 0 {
        if request.rebalance_timeout_ms == UNSAID {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|topics| !topics.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when \
                 (re-)joining.",
            );
        }
    } else if epoch == AWAY && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < AWAY {
        return invalid("MemberEpoch is invalid.");
    }
    match &request.server_assignor {
        Some(name) if !assignors.contains(&name.as_str()) => Err((
            ErrorCode::UnsupportedAssignor,
            format!(
                "ServerAssignor {name} is not supported. Supported assignors: {}.",
                assignors.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

impl HeartbeatAsked {
    /// `None`: nothing was asked.
    pub(super) fn heard(self, answer: Option<Answer>) -> ConsumerGroupHeartbeatResponse {
        if let Some((error, message)) = self.0 {
            return refused(error, message);
        }
        let Some(Answer::ConsumerHeartbeat(outcome)) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        match outcome {
            Ok(heard) => response(heard),
            Err(Refused { error, reason }) => {
                let code = error_code(error);
                let message = if reason.is_empty() { code.message().to_owned() } else { reason };
                refused(code, message)
            }
        }
    }
}

fn refused(error: ErrorCode, message: String) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: error.code(),
        error_message: Some(message),
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

fn response(heard: Heard) -> ConsumerGroupHeartbeatResponse {
    let topic = |(topic_id, partitions)| ConsumerGroupTopic {
        topic_id,
        partitions,
        ..ConsumerGroupTopic::default()
    };
    let assignment = heard.assignment.map(|topics| ConsumerGroupAssignment {
        topic_partitions: topics.into_iter().map(topic).collect(),
        ..ConsumerGroupAssignment::default()
    });
    ConsumerGroupHeartbeatResponse {
        member_id: Some(heard.member.to_string()),
        member_epoch: heard.epoch,
        heartbeat_interval_ms: heard.interval_ms,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

#[derive(Debug)]
pub(super) struct DescribeConsumersAsked {
    groups: Vec<String>,
    operations: bool,
}

pub(super) fn describe(
    request: ConsumerGroupDescribeRequest,
) -> (Vec<(Arc<str>, Command)>, DescribeConsumersAsked) {
    let groups = distinct(request.group_ids);
    let part = |group: &String| (group.as_str().into(), Command::DescribeConsumers);
    let parts = groups.iter().map(part).collect();
    let operations = request.include_authorized_operations;
    (parts, DescribeConsumersAsked { groups, operations })
}

impl DescribeConsumersAsked {
    pub(super) fn described(self, answers: Vec<Answer>) -> ConsumerGroupDescribeResponse {
        let groups = self.groups.into_iter().zip(answers);
        let groups = groups.map(|(group, answer)| described(group, answer));
        let groups = groups.map(|group| match self.operations && group.error_code == 0 {
            true => DescribedConsumerGroup { authorized_operations: GROUP_OPERATIONS, ..group },
            false => group,
        });
        ConsumerGroupDescribeResponse {
            groups: groups.collect(),
            ..ConsumerGroupDescribeResponse::default()
        }
    }
}

fn described(group_id: String, answer: Answer) -> DescribedConsumerGroup {
    let Answer::ConsumersDescribed(outcome) = answer else {
        unreachable!("another question's answer: {answer:?}")
    };
    let error = match outcome {
        Ok(found) => {
            return DescribedConsumerGroup {
                group_id,
                group_state: found.state.to_owned(),
                group_epoch: found.epoch,
                assignment_epoch: found.target_epoch,
                assignor_name: found.assignor.name().to_owned(),
                members: found.members.into_iter().map(member_of).collect(),
                ..DescribedConsumerGroup::default()
            };
        }
        Err(error) => error,
    };
    let error_message = match error {
        Error::GroupIdNotFound => format!("Group {group_id} not found."),
        Error::GroupOfOtherKind => format!("Group {group_id} is not a consumer group."),
        error => error_code(error).message().to_owned(),
    };
    DescribedConsumerGroup {
        error_code: error_code(error).code(),
        error_message: Some(error_message),
        group_id,
        ..DescribedConsumerGroup::default()
    }
}

fn member_of(member: DescribedConsumer) -> DescribedConsumerGroupMember {
    let about = &member.about;
    let text = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
    DescribedConsumerGroupMember {
        member_id: member.id.to_string(),
        instance_id: text(&about.instance),
        rack_id: text(&about.rack),
        member_epoch: member.epoch,
        client_id: about.client_id.to_string(),
        client_host: about.client_host.to_string(),
        subscribed_topic_names: about.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: text(&about.pattern),
        assignment: assignment_of(member.assignment),
        target_assignment: assignment_of(member.target),
        member_type: if about.classic.is_some() { CLASSIC } else { CONSUMER },
        ..DescribedConsumerGroupMember::default()
    }
}

fn assignment_of(partitions: Vec<NamedPartitions>) -> DescribedConsumerGroupAssignment {
    let topic = |found: NamedPartitions| DescribedConsumerGroupTopic {
        topic_id: found.id,
        topic_name: found.topic.to_string(),
        partitions: found.partitions,
        ..DescribedConsumerGroupTopic::default()
    };
    DescribedConsumerGroupAssignment {
        topic_partitions: partitions.into_iter().map(topic).collect(),
        ..DescribedConsumerGroupAssignment::default()
    }
}
