//! CreateTopics (19).

use std::collections::BTreeMap;

use crate::kafka::admin::AdminError;
use crate::kafka::admin::Part;
use crate::kafka::admin::merge;
use crate::kafka::describe_configs::source_code;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::CreatableTopic;
use crate::kafka::messages::CreatableTopicConfigs;
use crate::kafka::messages::CreatableTopicResult;
use crate::kafka::messages::CreateTopicsRequest;
use crate::kafka::messages::CreateTopicsResponse;
use crate::metadata::Command;
use crate::metadata::CreatedTopic;
use crate::metadata::Described;
use crate::metadata::NewTopic;
use crate::metadata::Outcome;

/// Kafka keeps its own metadata under this name; nobody may have it.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// A request that waits for the controller.
#[derive(Debug)]
pub struct CreateTopicsAsked {
    parts: Vec<Part<CreatableTopicResult>>,
}

/// What the controller is asked, and what becomes of its answer.
pub fn ask(request: CreateTopicsRequest) -> (Command, CreateTopicsAsked) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let mut parts = Vec::new();
    let mut topics = Vec::new();
    for topic in request.topics {
        let named = CreatableTopicResult {
            name: topic.name.clone(),
            error_message: None,
            configs: Some(Vec::new()),
            ..CreatableTopicResult::default()
        };
        let refusal = match times.remove(&topic.name) {
            // The second and later mentions of a name that the first has answered.
            None => continue,
            Some(1) if topic.name == CLUSTER_METADATA => {
                Some(format!("Creation of internal topic {CLUSTER_METADATA} is prohibited."))
            }
            Some(1) => None,
            Some(_) => Some("Duplicate topic name.".to_owned()),
        };
        match refusal {
            Some(message) => {
                parts.push(Part::Answered(refused(named, AdminError::invalid(message))));
            }
            None => {
                parts.push(Part::Asked(named));
                topics.push(new_topic(topic));
            }
        }
    }
    let command = Command::CreateTopics { topics, validate_only: request.validate_only };
    (command, CreateTopicsAsked { parts })
}

fn new_topic(topic: CreatableTopic) -> NewTopic {
    NewTopic {
        name: topic.name,
        partitions: Some(topic.num_partitions).filter(|count| *count != -1),
        replicas: Some(topic.replication_factor).filter(|count| *count != -1),
        assignment: topic
            .assignments
            .into_iter()
            .map(|a| (a.partition_index, a.broker_ids))
            .collect(),
        configs: topic.configs.into_iter().map(|config| (config.name, config.value)).collect(),
    }
}

impl CreateTopicsAsked {
    pub fn answer(self, outcome: Outcome) -> CreateTopicsResponse {
        let results = match outcome {
            Outcome::Created(results) => Ok(results),
            other => Err(AdminError::of(&other)),
        };
        let topics = merge(self.parts, results, |named, result| match result {
            Ok(created) => described(named, created),
            Err(error) => refused(named, error),
        });
        CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
    }
}

fn refused(named: CreatableTopicResult, error: AdminError) -> CreatableTopicResult {
    CreatableTopicResult { error_code: error.code.code(), error_message: error.message, ..named }
}

fn described(named: CreatableTopicResult, created: CreatedTopic) -> CreatableTopicResult {
    CreatableTopicResult {
        topic_id: created.id,
        error_code: ErrorCode::None.code(),
        num_partitions: created.partitions,
        replication_factor: created.replicas,
        configs: Some(created.configs.iter().map(described_config).collect()),
        ..named
    }
}

fn described_config(config: &Described) -> CreatableTopicConfigs {
    CreatableTopicConfigs {
        name: config.name.clone(),
        value: config.value.clone(),
        read_only: config.read_only,
        config_source: source_code(config.source),
        ..CreatableTopicConfigs::default()
    }
}

#[cfg(test)]
mod tests;
