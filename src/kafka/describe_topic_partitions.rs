//! DescribeTopicPartitions (75): topics and partitions by name, page by page.

use std::collections::BTreeSet;

use crate::kafka::admin::AdminContext;
use crate::kafka::admin::TOPIC_OPERATIONS;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DescribeTopicPartitionsRequest;
use crate::kafka::messages::DescribeTopicPartitionsResponse;
use crate::kafka::messages::DescribeTopicPartitionsResponsePartition;
use crate::kafka::messages::DescribeTopicPartitionsResponseTopic;
use crate::kafka::messages::TopicPartitionsCursor;
use crate::metadata::PartitionInfo;
use crate::metadata::Topic;
use crate::metadata::check_topic_name;
use crate::metadata::is_internal_topic;

pub fn answer(
    context: AdminContext<'_>,
    request: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let cursor = request.cursor.as_ref();
    let from = cursor.map_or("", |cursor| cursor.topic_name.as_str());
    let asked: BTreeSet<&str> = request
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| *name >= from)
        .collect();
    let all = request.topics.is_empty();
    let unlisted = cursor.is_some_and(|cursor| !all && !asked.contains(cursor.topic_name.as_str()));
    if unlisted || cursor.is_some_and(|cursor| cursor.partition_index < 0) {
        return refused(request);
    }
    let mut page = Page {
        context,
        left: limit(context, request),
        first: cursor.map_or(("", 0), |cursor| (&cursor.topic_name, cursor.partition_index)),
        response: DescribeTopicPartitionsResponse::default(),
    };
    if all {
        let mut topics = context.image.state().topics_from(from);
        while page.response.next_cursor.is_none() {
            let Some(topic) = topics.next() else { break };
            page.put(&topic.name, Some(topic));
        }
    } else {
        for name in asked {
            if page.response.next_cursor.is_some() {
                break;
            }
            page.put(name, context.image.topic(name).map(|topic| &**topic));
        }
    }
    page.response
}

/// Partitions of one page: what the client asks for within what the node allows, at least one.
fn limit(context: AdminContext<'_>, request: &DescribeTopicPartitionsRequest) -> usize {
    let most = context.image.in_force().value("max.request.partition.size.limit").int();
    usize::try_from(most.min(request.response_partition_limit)).unwrap_or(0).max(1)
}

fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone()),
        ..DescribeTopicPartitionsResponseTopic::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

struct Page<'a> {
    context: AdminContext<'a>,
    /// Partitions that still fit.
    left: usize,
    /// The cursor's topic, and the partition of it to begin with.
    first: (&'a str, i32),
    response: DescribeTopicPartitionsResponse,
}

impl Page<'_> {
    fn put(&mut self, name: &str, topic: Option<&Topic>) {
        if self.left == 0 {
            self.close(name, 0);
            return;
        }
        let mut answer = DescribeTopicPartitionsResponseTopic {
            name: Some(name.to_owned()),
            is_internal: is_internal_topic(name),
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..DescribeTopicPartitionsResponseTopic::default()
        };
        match topic {
            None => {
                let error = match check_topic_name(name) {
                    Ok(()) => ErrorCode::UnknownTopicOrPartition,
                    Err(_) => ErrorCode::InvalidTopicException,
                };
                answer.error_code = error.code();
            }
            Some(topic) => {
                answer.topic_id = topic.id;
                let from = if name == self.first.0 { self.first.1 } else { 0 };
                answer.partitions = self.partitions(topic, from);
                let next =
                    usize::try_from(from).unwrap_or(0).saturating_add(answer.partitions.len());
                if next < topic.partitions.len() {
                    self.close(name, i32::try_from(next).unwrap_or(i32::MAX));
                }
                self.left -= answer.partitions.len();
            }
        }
        self.response.topics.push(answer);
    }

    fn partitions(
        &self,
        topic: &Topic,
        from: i32,
    ) -> Vec<DescribeTopicPartitionsResponsePartition> {
        let skipped = usize::try_from(from).unwrap_or(0);
        let partitions = (0..).zip(self.context.image.partitions(topic));
        let partition = |(index, partition): (i32, PartitionInfo)| {
            let leader_id = self.context.image.layout().broker_of(partition.owner);
            DescribeTopicPartitionsResponsePartition {
                partition_index: index,
                leader_id,
                leader_epoch: partition.leader_epoch,
                replica_nodes: vec![leader_id],
                isr_nodes: vec![leader_id],
                eligible_leader_replicas: Some(Vec::new()),
                last_known_elr: Some(Vec::new()),
                ..DescribeTopicPartitionsResponsePartition::default()
            }
        };
        partitions.skip(skipped).take(self.left).map(partition).collect()
    }

    fn close(&mut self, topic_name: &str, partition_index: i32) {
        self.response.next_cursor = Some(TopicPartitionsCursor {
            topic_name: topic_name.to_owned(),
            partition_index,
            ..TopicPartitionsCursor::default()
        });
    }
}

#[cfg(test)]
mod tests;
