//! The codes and words are those that Kafka 4.3.1 answered to the same requests.

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::messages::CreatePartitionsAssignment;
use crate::kafka::messages::CreatePartitionsTopic;
use crate::kafka::wire::Message;
use crate::metadata::NewTopic;
use crate::metadata::rig::Desk;

fn topic(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignment = |brokers: &&[i32]| CreatePartitionsAssignment {
        broker_ids: brokers.to_vec(),
        ..CreatePartitionsAssignment::default()
    };
    CreatePartitionsTopic {
        name: name.to_owned(),
        count,
        assignments: assignments.map(|each| each.iter().map(assignment).collect()),
        ..CreatePartitionsTopic::default()
    }
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    let topics = vec![NewTopic { name: "a".to_owned(), ..NewTopic::default() }];
    desk.ask(Command::CreateTopics { topics, validate_only: false });
    desk
}

fn send(
    desk: &mut Desk,
    version: i16,
    topics: Vec<CreatePartitionsTopic>,
    validate_only: bool,
) -> Vec<CreatePartitionsTopicResult> {
    let request =
        CreatePartitionsRequest { topics, validate_only, ..CreatePartitionsRequest::default() };
    let (command, asked) = ask(carried(version, &request));
    let outcome = desk.ask(command);
    carried(version, &asked.answer(outcome)).results
}

#[test]
fn what_kafka_refuses_is_refused_with_its_code_and_its_words() {
    let cases: [(CreatePartitionsTopic, i16, Option<&str>); 10] = [
        (topic("a", 1, None), 37, Some("Topic already has 1 partition(s).")),
        (
            topic("a", 0, None),
            37,
            Some("The topic a currently has 1 partition(s); 0 would not be an increase."),
        ),
        (
            topic("a", -1, None),
            37,
            Some("The topic a currently has 1 partition(s); -1 would not be an increase."),
        ),
        (topic("nope", 3, None), 3, None),
        (topic("", 3, None), 3, None),
        (
            topic("a", 3, Some(&[&[1]])),
            39,
            Some(
                "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
            ),
        ),
        (
            topic("a", 2, Some(&[&[9]])),
            39,
            Some(
                "The manual partition assignment includes broker 9, but no such broker is registered.",
            ),
        ),
        (
            topic("a", 2, Some(&[&[1, 1]])),
            39,
            Some("The manual partition assignment includes the broker 1 more than once."),
        ),
        (
            topic("a", 2, Some(&[&[]])),
            39,
            Some("The manual partition assignment includes an empty replica list."),
        ),
        (topic("a", 20_000, None), 44, Some("Excessively large number of partitions per request.")),
    ];
    for version in CreatePartitionsRequest::VERSIONS {
        let mut desk = desk();
        for (topic, code, message) in &cases {
            let result = send(&mut desk, version, vec![topic.clone()], false).remove(0);
            assert_eq!((result.error_code, result.error_message.as_deref()), (*code, *message));
        }
        assert_eq!(desk.image.state().partition_count(), 1);
    }
}

#[test]
fn topics_grow_and_keep_what_they_have() {
    for version in CreatePartitionsRequest::VERSIONS {
        let mut desk = desk();
        let before = desk.image.topic("a").unwrap().partitions[0];
        let grown = topic("a", 4, Some(&[&[1], &[1], &[1]]));
        let checked = send(&mut desk, version, vec![grown.clone()], true).remove(0);
        assert_eq!((checked.error_code, checked.error_message), (0, None));
        assert_eq!(desk.image.state().partition_count(), 1, "only validated");
        assert_eq!(send(&mut desk, version, vec![grown], false)[0].error_code, 0);
        let partitions = &desk.image.topic("a").unwrap().partitions;
        assert_eq!((partitions.len(), partitions[0]), (4, before));
    }
}

#[test]
fn a_name_given_twice_grows_nothing() {
    let mut desk = desk();
    let results = send(&mut desk, 3, vec![topic("a", 2, None), topic("a", 3, None)], false);
    let words = Some("Duplicate topic name.");
    assert_eq!(
        (results.len(), results[0].error_code, results[0].error_message.as_deref()),
        (1, 42, words)
    );
    assert_eq!(desk.image.state().partition_count(), 1);
}
