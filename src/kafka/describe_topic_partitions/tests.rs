use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::messages::DescribeTopicPartitionsTopic;
use crate::metadata::Advertise;
use crate::metadata::Command;
use crate::metadata::NewTopic;
use crate::metadata::rig::Desk;
use crate::metadata::rig::layout;
use crate::metadata::rig::settings;

fn desk() -> Desk {
    let mut desk = Desk::with(
        layout(2, Advertise::Node),
        settings(&[("max.request.partition.size.limit", "5")]),
    );
    let topics = [("b", 3), ("a", 2), ("c", 1)].map(|(name, partitions)| NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        ..NewTopic::default()
    });
    desk.ask(Command::CreateTopics { topics: topics.to_vec(), validate_only: false });
    desk
}

type Told = (Vec<(String, i16, Vec<i32>)>, Option<(String, i32)>);

fn send(desk: &Desk, names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> Told {
    let topic = |name: &&str| DescribeTopicPartitionsTopic {
        name: (*name).to_owned(),
        ..DescribeTopicPartitionsTopic::default()
    };
    let request = DescribeTopicPartitionsRequest {
        topics: names.iter().map(topic).collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(topic, partition_index)| TopicPartitionsCursor {
            topic_name: topic.to_owned(),
            partition_index,
            ..TopicPartitionsCursor::default()
        }),
        ..DescribeTopicPartitionsRequest::default()
    };
    let context = AdminContext { image: &desk.image, listener: 0, version: 0 };
    let response = carried(0, &answer(context, &carried(0, &request)));
    let topics = response.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| partition.partition_index);
        (topic.name.unwrap_or_default(), topic.error_code, partitions.collect())
    });
    let next = response.next_cursor.map(|cursor| (cursor.topic_name, cursor.partition_index));
    (topics.collect(), next)
}

fn topic(name: &str, partitions: &[i32]) -> (String, i16, Vec<i32>) {
    (name.to_owned(), 0, partitions.to_vec())
}

fn at(name: &str, partition: i32) -> Option<(String, i32)> {
    Some((name.to_owned(), partition))
}

#[test]
fn topics_come_by_name_and_unknown_ones_with_their_error() {
    let (topics, next) = send(&desk(), &["b", "nope", "a b", "b"], 2000, None);
    let expected =
        [("a b".to_owned(), 17, vec![]), topic("b", &[0, 1, 2]), ("nope".to_owned(), 3, vec![])];
    assert_eq!((&topics[..], next), (&expected[..], None));
}

#[test]
fn a_page_holds_what_client_and_node_allow_and_at_least_one() {
    let desk = desk();
    let whole = [topic("a", &[0, 1]), topic("b", &[0, 1, 2])];
    assert_eq!(send(&desk, &[], 2000, None), (whole.to_vec(), at("c", 0)), "the node's five");
    assert_eq!(
        send(&desk, &[], 3, None),
        (vec![topic("a", &[0, 1]), topic("b", &[0])], at("b", 1))
    );
    assert_eq!(send(&desk, &["a"], 0, None), (vec![topic("a", &[0])], at("a", 1)));
    assert_eq!(send(&desk, &["b"], -7, None), (vec![topic("b", &[0])], at("b", 1)));
}

#[test]
fn pages_follow_one_another_without_a_gap() {
    let desk = desk();
    let mut seen = Vec::new();
    let mut cursor: Option<(String, i32)> = None;
    for _ in 0..20 {
        let from = cursor.as_ref().map(|(topic, partition)| (topic.as_str(), *partition));
        let (topics, next) = send(&desk, &[], 1, from);
        for (name, _, partitions) in topics {
            seen.extend(partitions.into_iter().map(|partition| (name.clone(), partition)));
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let every = [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("c", 0)];
    assert_eq!(seen, every.map(|(name, partition)| (name.to_owned(), partition)));
    assert_eq!(cursor, None);
}

#[test]
fn a_cursor_behind_the_last_partition_gives_none() {
    let (topics, next) = send(&desk(), &["b"], 9, Some(("b", 9)));
    assert_eq!((&topics[..], next), (&[topic("b", &[])][..], None));
    let (topics, _) = send(&desk(), &[], 9, Some(("b", i32::MAX)));
    assert_eq!(topics, [topic("b", &[]), topic("c", &[0])]);
}

#[test]
fn a_cursor_that_makes_no_sense_is_an_invalid_request() {
    let refused = [("a".to_owned(), 42, vec![])];
    let desk = desk();
    for cursor in [("zzz", 0), ("a", -1), ("0", 0)] {
        let (topics, next) = send(&desk, &["a"], 9, Some(cursor));
        assert_eq!((&topics[..], next), (&refused[..], None), "{cursor:?}");
    }
}
