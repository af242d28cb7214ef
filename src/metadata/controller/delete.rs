//! Topics that go.

use crate::metadata::Change;
use crate::metadata::DeletedTopic;
use crate::metadata::Event;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;
use crate::metadata::TopicRef;
use crate::metadata::controller::plan::Plan;

pub(super) fn delete(plan: &mut Plan, topic: &TopicRef) -> Result<DeletedTopic, Refusal> {
    let (found, unknown) = match topic {
        TopicRef::Name(name) => (plan.image.topic(name), RefusalKind::UnknownTopic),
        TopicRef::Id(id) => (plan.image.topic_by_id(*id), RefusalKind::UnknownTopicId),
    };
    let found = found.cloned().ok_or(Refusal { kind: unknown, message: None })?;
    let deleted = DeletedTopic { id: found.id, name: found.name.to_string() };
    plan.push(Event::TopicDeleted { topic: found.id }, Some(Change::Deleted { topic: found }))?;
    Ok(deleted)
}
