//! The codes and words are those that Kafka 4.3.1 answered to the same requests.

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::messages::CreatableReplicaAssignment;
use crate::kafka::messages::CreatableTopicConfig;
use crate::kafka::wire::Message;
use crate::metadata::rig::Desk;

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    let name = name.to_owned();
    CreatableTopic { name, num_partitions, replication_factor, ..CreatableTopic::default() }
}

fn assigned(
    name: &str,
    partitions: i32,
    replicas: i16,
    brokers: &[(i32, &[i32])],
) -> CreatableTopic {
    let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: brokers.to_vec(),
        ..CreatableReplicaAssignment::default()
    };
    let assignments = brokers.iter().map(assignment).collect();
    CreatableTopic { assignments, ..topic(name, partitions, replicas) }
}

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
        ..CreatableTopicConfig::default()
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..topic(name, 1, 1) }
}

fn send(desk: &mut Desk, version: i16, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
    let (command, asked) = ask(carried(version, &request));
    let outcome = desk.ask(command);
    carried(version, &asked.answer(outcome)).topics
}

#[test]
fn what_kafka_refuses_is_refused_with_its_code_and_its_words() {
    let long = "x".repeat(250);
    let too_long = format!(
        "Topic name is invalid: the length of '{long}' is longer than the max allowed length 249"
    );
    let unreachable = "Unable to replicate the partition 2 time(s): The target replication factor of 2 \
                       cannot be reached because only 1 broker(s) are registered.";
    let non_positive = "Number of partitions was set to an invalid non-positive value.";
    let factor = "Replication factor must be larger than 0, or -1 to use the default value.";
    let chosen =
        "A manual partition assignment was specified, but replication factor was not set to -1.";
    let cases: Vec<(CreatableTopic, i16, &str)> = vec![
        (topic("present", 1, 1), 36, "Topic 'present' already exists."),
        (topic("a", 0, 1), 37, non_positive),
        (topic("a", -2, 1), 37, non_positive),
        (topic("a", 1, 0), 38, factor),
        (topic("a", 1, -2), 38, factor),
        (topic("a", 1, 2), 38, unreachable),
        (topic("", 1, 1), 17, "Topic name is invalid: the empty string is not allowed"),
        (topic(".", 1, 1), 17, "Topic name is invalid: '.' is not allowed"),
        (topic("..", 1, 1), 17, "Topic name is invalid: '..' is not allowed"),
        (
            topic("a b", 1, 1),
            17,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'",
        ),
        (topic(&long, 1, 1), 17, &too_long),
        (
            topic("dotted_name", 1, 1),
            17,
            "Topic 'dotted_name' collides with existing topic: dotted.name",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            42,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (assigned("a", 1, 1, &[(0, &[1])]), 42, chosen),
        (assigned("a", -1, 1, &[(0, &[1])]), 42, chosen),
        (
            assigned("a", 1, -1, &[(0, &[1])]),
            42,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            assigned("a", -1, -1, &[(0, &[7])]),
            39,
            "The manual partition assignment includes broker 7, but no such broker is registered.",
        ),
        (
            assigned("a", -1, -1, &[(0, &[1, 1])]),
            39,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            assigned("a", -1, -1, &[(0, &[])]),
            39,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned("a", -1, -1, &[(0, &[1]), (2, &[1])]),
            39,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            assigned("a", -1, -1, &[(0, &[1]), (0, &[1])]),
            39,
            "Found multiple manual partition assignments for partition 0",
        ),
        (configured("a", &[("foo", Some("1"))]), 40, "Unknown topic config name: foo"),
        (
            configured("a", &[("retention.ms", Some("x"))]),
            40,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            configured("a", &[("retention.ms", None)]),
            40,
            "Null value not supported for topic configs: retention.ms",
        ),
        (topic("a", 10_001, 1), 44, "Excessively large number of partitions per request."),
        (topic("a", i32::MAX, 1), 44, "Excessively large number of partitions per request."),
    ];
    for version in CreateTopicsRequest::VERSIONS {
        let mut desk = Desk::new();
        send(&mut desk, version, vec![topic("present", 1, 1), topic("dotted.name", 1, 1)]);
        for (topic, code, message) in &cases {
            let result = send(&mut desk, version, vec![topic.clone()]).remove(0);
            let found = (result.error_code, result.error_message.as_deref());
            assert_eq!(found, (*code, Some(*message)), "version {version}");
            assert_eq!((result.num_partitions, result.replication_factor), (-1, -1));
        }
        assert_eq!(desk.image.state().topic_count(), 2);
    }
}

#[test]
fn defaults_come_from_the_node_and_are_told_from_version_5_on() {
    let settings = crate::metadata::rig::settings(&[("num.partitions", "3")]);
    let layout = crate::metadata::rig::layout(2, crate::metadata::Advertise::Node);
    for version in CreateTopicsRequest::VERSIONS {
        let mut desk = Desk::with(layout.clone(), settings.clone());
        let result = send(&mut desk, version, vec![topic("a", -1, -1)]).remove(0);
        let created = desk.image.topic("a").unwrap();
        assert_eq!((result.error_code, result.error_message), (0, None));
        assert_eq!(created.partitions.len(), 3);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (3, 1));
            let configs = result.configs.unwrap();
            assert_eq!(configs.len(), 33, "all but the internal one");
            assert!(configs.iter().all(|config| config.config_source == 5 && !config.read_only));
        }
        let id = if version >= 7 { created.id } else { crate::base::TopicId::NONE };
        assert_eq!(result.topic_id, id);
    }
}

#[test]
fn configs_of_the_request_are_set_and_told() {
    let mut desk = Desk::new();
    let configs = [
        ("retention.ms", Some("1")),
        ("cleanup.policy", Some("compact")),
        ("retention.ms", Some("2")),
    ];
    let result = send(&mut desk, 7, vec![configured("a", &configs)]).remove(0);
    assert_eq!(result.error_code, 0);
    let told = |name: &str| {
        let configs = result.configs.as_ref().unwrap();
        let config = configs.iter().find(|config| config.name == name).unwrap();
        (config.value.clone().unwrap(), config.config_source)
    };
    assert_eq!(told("retention.ms"), ("2".to_owned(), 1), "the last one counts");
    assert_eq!(told("cleanup.policy"), ("compact".to_owned(), 1));
    assert_eq!(told("segment.ms"), ("604800000".to_owned(), 5));
    let id = desk.image.topic("a").unwrap().id;
    assert_eq!(desk.image.config(id).retention_ms, Some(2));
}

#[test]
fn a_name_given_twice_is_answered_once_and_not_created() {
    let mut desk = Desk::new();
    let topics = vec![topic("twice", 1, 1), topic("once", 1, 1), topic("twice", 2, 1)];
    let results = send(&mut desk, 7, topics);
    let answers: Vec<(&str, i16)> =
        results.iter().map(|r| (r.name.as_str(), r.error_code)).collect();
    assert_eq!(answers, [("twice", 42), ("once", 0)]);
    assert_eq!(results[0].error_message.as_deref(), Some("Duplicate topic name."));
    assert!(desk.image.topic("twice").is_none());
}

#[test]
fn topics_that_collide_with_each_other_are_not_both_created() {
    let mut desk = Desk::new();
    let results = send(&mut desk, 7, vec![topic("a.b", 1, 1), topic("a_b", 1, 1)]);
    assert_eq!((results[0].error_code, results[1].error_code), (0, 17));
}

#[test]
fn validate_only_answers_as_if_and_creates_nothing() {
    let mut desk = Desk::new();
    let topics = vec![topic("a", 3, 1), topic("b", 0, 1)];
    let request =
        CreateTopicsRequest { topics, validate_only: true, ..CreateTopicsRequest::default() };
    let (command, asked) = ask(carried(6, &request));
    let outcome = desk.ask(command);
    let results = carried(6, &asked.answer(outcome)).topics;
    assert_eq!((results[0].error_code, results[0].num_partitions), (0, 3));
    assert_eq!(results[1].error_code, 37);
    assert_eq!(desk.image.state().topic_count(), 0);
}

#[test]
fn a_busy_controller_is_a_retriable_error_for_each_topic() {
    let request = CreateTopicsRequest {
        topics: vec![topic("a", 1, 1), topic("__cluster_metadata", 1, 1)],
        ..CreateTopicsRequest::default()
    };
    let (_, asked) = ask(request);
    let results = asked.answer(Outcome::Unavailable).topics;
    assert_eq!((results[0].error_code, results[1].error_code), (7, 42));
    assert!(ErrorCode::RequestTimedOut.is_retriable());
}
