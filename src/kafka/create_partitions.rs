//! CreatePartitions (37): topics grow.

use std::collections::BTreeMap;

use crate::kafka::admin::AdminError;
use crate::kafka::admin::Part;
use crate::kafka::admin::merge;
use crate::kafka::messages::CreatePartitionsRequest;
use crate::kafka::messages::CreatePartitionsResponse;
use crate::kafka::messages::CreatePartitionsTopicResult;
use crate::metadata::Command;
use crate::metadata::Growth;
use crate::metadata::Outcome;

/// A request that waits for the controller.
#[derive(Debug)]
pub struct CreatePartitionsAsked {
    parts: Vec<Part<CreatePartitionsTopicResult>>,
}

/// What the controller is asked, and what becomes of its answer.
pub fn ask(request: CreatePartitionsRequest) -> (Command, CreatePartitionsAsked) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let mut parts = Vec::new();
    let mut topics = Vec::new();
    for topic in request.topics {
        let Some(count) = times.remove(&topic.name) else { continue };
        let name = topic.name.clone();
        let named = CreatePartitionsTopicResult { name, ..CreatePartitionsTopicResult::default() };
        if count > 1 {
            let error = AdminError::invalid("Duplicate topic name.");
            parts.push(Part::Answered(refused(named, error)));
            continue;
        }
        parts.push(Part::Asked(named));
        let brokers = |assignments: Vec<_>| {
            let each = |a: crate::kafka::messages::CreatePartitionsAssignment| a.broker_ids;
            assignments.into_iter().map(each).collect()
        };
        let assignment = topic.assignments.map(brokers);
        topics.push(Growth { topic: topic.name, partitions: topic.count, assignment });
    }
    let command = Command::GrowTopics { topics, validate_only: request.validate_only };
    (command, CreatePartitionsAsked { parts })
}

impl CreatePartitionsAsked {
    pub fn answer(self, outcome: Outcome) -> CreatePartitionsResponse {
        let results = match outcome {
            Outcome::Grown(results) => Ok(results),
            other => Err(AdminError::of(&other)),
        };
        let results = merge(self.parts, results, |named, result| match result {
            Ok(()) => named,
            Err(error) => refused(named, error),
        });
        CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
    }
}

fn refused(named: CreatePartitionsTopicResult, error: AdminError) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult {
        error_code: error.code.code(),
        error_message: error.message,
        ..named
    }
}

#[cfg(test)]
mod tests;
