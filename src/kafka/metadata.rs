//! Metadata (3): brokers, topics, who leads.
//!
//! A topic that is not there is created where client and node allow it: the request is answered
//! at once with UNKNOWN_TOPIC_OR_PARTITION, as by Kafka's KRaft brokers, and the client's next one
//! finds the topic. Topics that only coordinators use are not created by asking for them.

use std::collections::BTreeSet;

use crate::base::TopicId;
use crate::kafka::admin::AdminContext;
use crate::kafka::admin::CLUSTER_OPERATIONS;
use crate::kafka::admin::TOPIC_OPERATIONS;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::MetadataRequest;
use crate::kafka::messages::MetadataRequestTopic;
use crate::kafka::messages::MetadataResponse;
use crate::kafka::messages::MetadataResponseBroker;
use crate::kafka::messages::MetadataResponsePartition;
use crate::kafka::messages::MetadataResponseTopic;
use crate::metadata::Command;
use crate::metadata::NewTopic;
use crate::metadata::Topic;
use crate::metadata::check_topic_name;
use crate::metadata::is_internal_topic;

/// The answer, and the command that creates the topics that were missing, for which nobody waits.
pub fn answer(
    context: AdminContext<'_>,
    request: &MetadataRequest,
) -> (MetadataResponse, Option<Command>) {
    let asked = request.topics.as_deref();
    if let Some(topics) = asked.filter(|topics| !topics.iter().all(|t| is_askable(context, t))) {
        return (refused(topics), None);
    }
    let mut missing = Vec::new();
    let mut topics = match asked {
        None => all(context),
        Some([]) if context.version == 0 => all(context),
        Some(asked) => chosen(context, asked, &mut missing),
    };
    if context.version >= 8 && request.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let cluster_asked =
        (8..=10).contains(&context.version) && request.include_cluster_authorized_operations;
    let response = MetadataResponse {
        brokers: context.brokers().into_iter().map(shown_broker).collect(),
        cluster_id: Some(context.cluster_id()),
        controller_id: context.controller(),
        topics,
        cluster_authorized_operations: if cluster_asked { CLUSTER_OPERATIONS } else { i32::MIN },
        ..MetadataResponse::default()
    };
    (response, creation(context, request, missing))
}

fn shown_broker(broker: super::admin::ShownBroker) -> MetadataResponseBroker {
    MetadataResponseBroker {
        node_id: broker.id,
        host: broker.host,
        port: broker.port,
        rack: broker.rack,
        ..MetadataResponseBroker::default()
    }
}

/// Before version 12 a topic has a name and nothing else.
fn is_askable(context: AdminContext<'_>, topic: &MetadataRequestTopic) -> bool {
    match (&topic.name, topic.topic_id) {
        (None, TopicId::NONE) => false,
        (Some(_), TopicId::NONE) => true,
        _ => context.version >= 12,
    }
}

/// The whole request is refused; Kafka says so topic by topic.
fn refused(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let topics = topics.iter().map(|topic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse { topics: topics.collect(), ..MetadataResponse::default() }
}

fn all(context: AdminContext<'_>) -> Vec<MetadataResponseTopic> {
    context.image.topics().map(|topic| described(context, topic)).collect()
}

/// Each topic once. As soon as one is asked for by id, names count for nothing.
fn chosen(
    context: AdminContext<'_>,
    asked: &[MetadataRequestTopic],
    missing: &mut Vec<String>,
) -> Vec<MetadataResponseTopic> {
    let ids: Vec<TopicId> =
        asked.iter().map(|topic| topic.topic_id).filter(|id| *id != TopicId::NONE).collect();
    if !ids.is_empty() {
        let mut seen = BTreeSet::new();
        let once = ids.into_iter().filter(|id| seen.insert(*id));
        return once.map(|id| by_id(context, id)).collect();
    }
    let mut seen = BTreeSet::new();
    let names = asked.iter().filter_map(|topic| topic.name.as_deref());
    let once = names.filter(|name| seen.insert(*name));
    once.map(|name| by_name(context, name, missing)).collect()
}

fn by_id(context: AdminContext<'_>, topic_id: TopicId) -> MetadataResponseTopic {
    match context.image.topic_by_id(topic_id) {
        Some(topic) => described(context, topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UnknownTopicId.code(),
            name: None,
            topic_id,
            ..MetadataResponseTopic::default()
        },
    }
}

fn by_name(
    context: AdminContext<'_>,
    name: &str,
    missing: &mut Vec<String>,
) -> MetadataResponseTopic {
    if let Some(topic) = context.image.topic(name) {
        return described(context, topic);
    }
    let error = match check_topic_name(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    if error == ErrorCode::UnknownTopicOrPartition && !is_internal_topic(name) {
        missing.push(name.to_owned());
    }
    MetadataResponseTopic {
        error_code: error.code(),
        name: Some(name.to_owned()),
        is_internal: is_internal_topic(name),
        ..MetadataResponseTopic::default()
    }
}

fn described(context: AdminContext<'_>, topic: &Topic) -> MetadataResponseTopic {
    let partition = |(index, partition): (i32, crate::metadata::PartitionInfo)| {
        let leader_id = context.image.layout().broker_of(partition.owner);
        MetadataResponsePartition {
            partition_index: index,
            leader_id,
            leader_epoch: partition.leader_epoch,
            replica_nodes: vec![leader_id],
            isr_nodes: vec![leader_id],
            ..MetadataResponsePartition::default()
        }
    };
    MetadataResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal_topic(&topic.name),
        partitions: (0..).zip(context.image.partitions(topic)).map(partition).collect(),
        ..MetadataResponseTopic::default()
    }
}

fn creation(
    context: AdminContext<'_>,
    request: &MetadataRequest,
    missing: Vec<String>,
) -> Option<Command> {
    // Before version 4 there was nothing to ask: the node decided.
    let allowed = request.allow_auto_topic_creation || context.version < 4;
    let enabled = context.image.in_force().value("auto.create.topics.enable").is_true();
    if missing.is_empty() || !allowed || !enabled {
        return None;
    }
    let topics = missing.into_iter().map(|name| NewTopic { name, ..NewTopic::default() });
    Some(Command::CreateTopics { topics: topics.collect(), validate_only: false })
}

#[cfg(test)]
mod tests;
