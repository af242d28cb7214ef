//! DeleteTopics, by name and by id. What is gone stays gone.

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteTopicState;
use strandlog::kafka::messages::DeleteTopicsRequest;

use super::any_topic;
use super::error_of;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    if !stage.truth.features.deletes_topics || stage.healing || !stage.rng.one_in(3) {
        return;
    }
    let Some(name) = any_topic(stage) else { return };
    let version = stage.version::<DeleteTopicsRequest>();
    let floor = stage.truth.floor(&(name.clone(), 0));
    let id = stage.truth.id_of(&name).filter(|_| version >= 6 && stage.rng.one_in(2));
    let topics = match version {
        6.. => vec![DeleteTopicState {
            name: id.is_none().then(|| name.clone()),
            topic_id: id.unwrap_or(TopicId::NONE),
            ..DeleteTopicState::default()
        }],
        _ => Vec::new(),
    };
    let request = DeleteTopicsRequest {
        topics,
        topic_names: if version < 6 { vec![name.clone()] } else { Vec::new() },
        timeout_ms: 20_000,
        ..DeleteTopicsRequest::default()
    };
    let topic = stage.truth.topic_mut(&name);
    topic.delete_asked = true;
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [topic] = response.responses.as_slice() else { panic!("answers: {response:?}") };
        match error_of(topic.error_code) {
            ErrorCode::None => stage.truth.topic_mut(&name).confirm_deleted(),
            ErrorCode::RequestTimedOut => {}
            error => {
                stage.truth.bear(&floor, error, "DeleteTopics");
            }
        }
    });
}
