//! The codes and words are those that Kafka 4.3.1 answered to the same requests.

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::wire::Message;
use crate::metadata::Advertise;
use crate::metadata::NewTopic;
use crate::metadata::rig::Desk;
use crate::metadata::rig::layout;
use crate::metadata::rig::settings;

fn desk() -> Desk {
    desk_with(&[])
}

fn desk_with(set: &[(&'static str, &str)]) -> Desk {
    let mut desk = Desk::with(layout(2, Advertise::Node), settings(set));
    let topics =
        ["a", "b", "c"].map(|name| NewTopic { name: name.to_owned(), ..NewTopic::default() });
    desk.ask(Command::CreateTopics { topics: topics.to_vec(), validate_only: false });
    desk
}

fn send(desk: &mut Desk, version: i16, request: DeleteTopicsRequest) -> Vec<DeletableTopicResult> {
    let context = AdminContext { image: &desk.image, listener: 0, version };
    let (command, asked) = ask(context, carried(version, &request));
    let outcome = desk.ask(command);
    carried(version, &asked.answer(outcome)).responses
}

fn named(version: i16, names: &[&str]) -> DeleteTopicsRequest {
    let names = names.iter().map(|name| (*name).to_owned());
    if version < 6 {
        return DeleteTopicsRequest {
            topic_names: names.collect(),
            ..DeleteTopicsRequest::default()
        };
    }
    let state = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
    DeleteTopicsRequest { topics: names.map(state).collect(), ..DeleteTopicsRequest::default() }
}

fn by(topics: &[(Option<&str>, TopicId)]) -> DeleteTopicsRequest {
    let state = |(name, topic_id): &(Option<&str>, TopicId)| DeleteTopicState {
        name: name.map(str::to_owned),
        topic_id: *topic_id,
        ..DeleteTopicState::default()
    };
    let topics = topics.iter().map(state).collect();
    DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() }
}

fn told(results: &[DeletableTopicResult]) -> Vec<(Option<&str>, i16, Option<&str>)> {
    results.iter().map(|r| (r.name.as_deref(), r.error_code, r.error_message.as_deref())).collect()
}

#[test]
fn names_are_deleted_in_every_version() {
    for version in DeleteTopicsRequest::VERSIONS {
        let mut desk = desk();
        let id = desk.image.topic("a").unwrap().id;
        let results = send(&mut desk, version, named(version, &["a", "nope", "b", "b"]));
        let words = |text| Some(text).filter(|_| version >= 5);
        let unknown = words("This server does not host this topic-partition.");
        let expected = [
            (Some("a"), 0, None),
            (Some("nope"), 3, unknown),
            (Some("b"), 42, words("Duplicate topic name.")),
        ];
        assert_eq!(told(&results), expected, "version {version}");
        let id = if version >= 6 { id } else { TopicId::NONE };
        assert_eq!(results[0].topic_id, id);
        assert!(desk.image.topic("a").is_none() && desk.image.topic("b").is_some());
    }
}

#[test]
fn ids_are_deleted_and_answered_with_their_name() {
    let mut desk = desk();
    let id = |desk: &Desk, name: &str| desk.image.topic(name).unwrap().id;
    let (a, b) = (id(&desk, "a"), id(&desk, "b"));
    let unknown = TopicId([9; 16]);
    let results = send(&mut desk, 6, by(&[(None, a), (None, unknown), (None, b), (None, b)]));
    let expected = [
        (Some("a"), 0, None),
        (None, 100, Some("This server does not host this topic ID.")),
        (None, 42, Some("Duplicate topic id.")),
    ];
    assert_eq!(told(&results), expected);
    assert_eq!((results[0].topic_id, results[1].topic_id), (a, unknown));
    assert!(desk.image.topic("b").is_some());
}

#[test]
fn a_topic_needs_exactly_one_name() {
    let mut desk = desk();
    let id = desk.image.topic("a").unwrap().id;
    let results = send(&mut desk, 6, by(&[(None, TopicId::NONE), (Some("a"), id)]));
    let expected = [
        (None, 42, Some("Neither topic name nor id were specified.")),
        (Some("a"), 42, Some("You may not specify both topic name and topic id.")),
    ];
    assert_eq!(told(&results), expected);
    let results = send(
        &mut desk,
        6,
        by(&[(Some("a"), TopicId::NONE), (None, id), (Some("c"), TopicId::NONE)]),
    );
    let words = "The provided topic name maps to an ID that was already supplied.";
    assert_eq!(told(&results), [(Some("c"), 0, None), (Some("a"), 42, Some(words))]);
    assert!(desk.image.topic("a").is_some() && desk.image.topic("c").is_none());
}

#[test]
fn a_node_that_deletes_nothing_says_so() {
    for (version, code) in [(1, 42), (2, 42), (3, 73), (6, 73)] {
        let mut desk = desk_with(&[("delete.topic.enable", "false")]);
        let results = send(&mut desk, version, named(version, &["a"]));
        assert_eq!((results[0].name.as_deref(), results[0].error_code), (Some("a"), code));
        assert!(desk.image.topic("a").is_some());
    }
}
