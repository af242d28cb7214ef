//! DeleteTopics (20): by name, and from version 6 by id.

use std::collections::BTreeMap;

use crate::base::TopicId;
use crate::kafka::admin::AdminContext;
use crate::kafka::admin::AdminError;
use crate::kafka::admin::Part;
use crate::kafka::admin::merge;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DeletableTopicResult;
use crate::kafka::messages::DeleteTopicState;
use crate::kafka::messages::DeleteTopicsRequest;
use crate::kafka::messages::DeleteTopicsResponse;
use crate::metadata::Command;
use crate::metadata::DeletedTopic;
use crate::metadata::Outcome;
use crate::metadata::TopicRef;

/// A request that waits for the controller.
#[derive(Debug)]
pub struct DeleteTopicsAsked {
    version: i16,
    parts: Vec<Part<DeletableTopicResult>>,
}

/// What the controller is asked, and what becomes of its answer.
pub fn ask(
    context: AdminContext<'_>,
    request: DeleteTopicsRequest,
) -> (Command, DeleteTopicsAsked) {
    let version = context.version;
    let by_name = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
    let mut asked = request.topics;
    asked.extend(request.topic_names.into_iter().map(by_name));
    let mut parts = Vec::new();
    let mut topics = Vec::new();
    let enabled = context.image.in_force().value("delete.topic.enable").is_true();
    let mut times: BTreeMap<(Option<String>, TopicId), u32> = BTreeMap::new();
    for topic in &asked {
        *times.entry((topic.name.clone(), topic.topic_id)).or_default() += 1;
    }
    for topic in asked {
        let Some(count) = times.remove(&(topic.name.clone(), topic.topic_id)) else { continue };
        let (name, topic_id) = (topic.name, topic.topic_id);
        let named = DeletableTopicResult { name, topic_id, ..DeletableTopicResult::default() };
        let refusal = if enabled { refusal(&named, count) } else { Some(disabled(version)) };
        match refusal {
            Some(error) => parts.push(Part::Answered(refused(version, named, error))),
            None => {
                topics.push(match &named.name {
                    Some(name) => TopicRef::Name(name.clone()),
                    None => TopicRef::Id(topic_id),
                });
                parts.push(Part::Asked(named));
            }
        }
    }
    refuse_aliases(context, &mut parts, &mut topics);
    (Command::DeleteTopics { topics }, DeleteTopicsAsked { version, parts })
}

fn disabled(version: i16) -> AdminError {
    match version {
        ..3 => AdminError::invalid("Topic deletion is disabled."),
        3.. => AdminError::new(
            ErrorCode::TopicDeletionDisabled,
            ErrorCode::TopicDeletionDisabled.message(),
        ),
    }
}

fn refusal(named: &DeletableTopicResult, count: u32) -> Option<AdminError> {
    let message = match (&named.name, named.topic_id) {
        (None, TopicId::NONE) => "Neither topic name nor id were specified.",
        (None, _) if count > 1 => "Duplicate topic id.",
        (Some(_), TopicId::NONE) if count > 1 => "Duplicate topic name.",
        (Some(_), id) if id != TopicId::NONE => "You may not specify both topic name and topic id.",
        _ => return None,
    };
    Some(AdminError::invalid(message))
}

/// A topic that is given by its name and by its id is deleted by neither; the name says so.
fn refuse_aliases(
    context: AdminContext<'_>,
    parts: &mut Vec<Part<DeletableTopicResult>>,
    topics: &mut Vec<TopicRef>,
) {
    let id_of = |name: &str| context.image.topic(name).map(|topic| topic.id);
    let twice: Vec<(String, TopicId)> = topics
        .iter()
        .filter_map(|topic| match topic {
            TopicRef::Name(name) => Some((name.clone(), id_of(name)?)),
            TopicRef::Id(_) => None,
        })
        .filter(|(_, id)| topics.contains(&TopicRef::Id(*id)))
        .collect();
    for (name, id) in twice {
        topics.retain(|topic| *topic != TopicRef::Name(name.clone()) && *topic != TopicRef::Id(id));
        parts.retain(|part| {
            let Part::Asked(asked) = part else { return true };
            asked.name.as_deref() != Some(name.as_str())
                && (asked.name.is_some() || asked.topic_id != id)
        });
        let message = "The provided topic name maps to an ID that was already supplied.";
        let named = DeletableTopicResult {
            name: Some(name),
            topic_id: id,
            ..DeletableTopicResult::default()
        };
        let error = AdminError::invalid(message);
        parts.push(Part::Answered(refused(context.version, named, error)));
    }
}

impl DeleteTopicsAsked {
    pub fn answer(self, outcome: Outcome) -> DeleteTopicsResponse {
        let results = match outcome {
            Outcome::Deleted(results) => Ok(results),
            other => Err(AdminError::of(&other)),
        };
        let responses = merge(self.parts, results, |named, result| match result {
            Ok(DeletedTopic { id, name }) => {
                DeletableTopicResult { name: Some(name), topic_id: id, ..named }
            }
            Err(error) => refused(self.version, named, error),
        });
        DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
    }
}

fn refused(version: i16, named: DeletableTopicResult, error: AdminError) -> DeletableTopicResult {
    let message = error.message.unwrap_or_else(|| error.code.message().to_owned());
    DeletableTopicResult {
        error_code: error.code.code(),
        error_message: Some(message).filter(|_| version >= 5),
        ..named
    }
}

#[cfg(test)]
mod tests;
