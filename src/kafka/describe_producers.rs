//! DescribeProducers (61): who appended to a partition with a producer id. Transactions are not
//! served, so that none is ever open. A request names a partition once, so that its answer is within
//! what the node remembers of producers.

use std::collections::BTreeSet;

use crate::api::ActiveProducer;
use crate::api::Rejection;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DescribeProducersPartition;
use crate::kafka::messages::DescribeProducersRequest;
use crate::kafka::messages::DescribeProducersResponse;
use crate::kafka::messages::DescribeProducersTopicResult;
use crate::kafka::messages::DescribedProducer;
use crate::kafka::rejection::error_code;
use crate::metadata::Image;
use crate::metadata::PartitionInfo;
use crate::metadata::check_topic_name;

/// A partition whose owner is to be asked, and where its answer goes: numbers of topic and
/// partition in the response.
pub type Asked = ((usize, usize), PartitionInfo);

/// What is answered where nothing is known, and whom to ask for the rest.
pub fn begin(
    image: Option<&Image>,
    request: &DescribeProducersRequest,
) -> (DescribeProducersResponse, Vec<Asked>) {
    let mut response = DescribeProducersResponse::default();
    let mut asked = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, topic) in request.topics.iter().enumerate() {
        let found = image.and_then(|image| Some((image, image.topic(&topic.name)?)));
        let refusal = match (check_topic_name(&topic.name), found) {
            (Err(reason), _) => Some((ErrorCode::InvalidTopicException, reason)),
            (Ok(()), None) => {
                let code = ErrorCode::UnknownTopicOrPartition;
                Some((code, code.message().to_owned()))
            }
            (Ok(()), Some(_)) => None,
        };
        let mut partitions = Vec::new();
        for &index in &topic.partition_indexes {
            let info = found.and_then(|(image, topic)| image.partition(topic, index));
            let mut partition = DescribeProducersPartition {
                partition_index: index,
                ..DescribeProducersPartition::default()
            };
            match (&refusal, info) {
                (Some((code, message)), _) => {
                    partition.error_code = code.code();
                    partition.error_message = Some(message.clone());
                }
                (None, None) => {
                    partition.error_code = ErrorCode::UnknownTopicOrPartition.code();
                }
                (None, Some(info)) if !seen.insert(info.id) => {
                    partition.error_code = ErrorCode::InvalidRequest.code();
                }
                (None, Some(info)) => {
                    partition.error_code = ErrorCode::RequestTimedOut.code();
                    asked.push(((number, partitions.len()), info));
                }
            }
            partitions.push(partition);
        }
        let name = topic.name.clone();
        response.topics.push(DescribeProducersTopicResult {
            name,
            partitions,
            ..DescribeProducersTopicResult::default()
        });
    }
    (response, asked)
}

/// The owner's answer for one partition.
pub fn set(
    partition: &mut DescribeProducersPartition,
    result: Result<Vec<ActiveProducer>, Rejection>,
) {
    match result {
        Ok(active) => {
            partition.error_code = ErrorCode::None.code();
            partition.active_producers = active.into_iter().map(described).collect();
        }
        Err(rejection) => partition.error_code = error_code(&rejection).code(),
    }
}

fn described(producer: ActiveProducer) -> DescribedProducer {
    DescribedProducer {
        producer_id: producer.producer_id,
        producer_epoch: producer.epoch.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        // No transaction marker was ever written.
        coordinator_epoch: -1,
        ..DescribedProducer::default()
    }
}
