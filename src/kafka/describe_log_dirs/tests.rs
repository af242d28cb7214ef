use super::*;
use crate::kafka::messages::DescribableLogDirTopic;
use crate::metadata::Command;
use crate::metadata::NewTopic;
use crate::metadata::rig::Desk;

fn desk() -> Desk {
    let mut desk = Desk::new();
    let topic = |name: &str, partitions| NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        ..NewTopic::default()
    };
    let topics = vec![topic("a", 3), topic("b", 1)];
    desk.ask(Command::CreateTopics { topics, validate_only: false });
    desk
}

fn asked(topics: Option<&[(&str, &[i32])]>) -> DescribeLogDirsRequest {
    let topic = |(topic, partitions): &(&str, &[i32])| DescribableLogDirTopic {
        topic: (*topic).to_owned(),
        partitions: partitions.to_vec(),
        ..DescribableLogDirTopic::default()
    };
    let topics = topics.map(|topics| topics.iter().map(topic).collect());
    DescribeLogDirsRequest { topics, ..DescribeLogDirsRequest::default() }
}

/// `topic-partition=size` of the one directory.
fn shown(response: &DescribeLogDirsResponse) -> Vec<String> {
    let [directory] = &response.results[..] else { panic!("{response:?}") };
    let partitions = directory.topics.iter().flat_map(|topic| {
        let of = |p: &DescribeLogDirsPartition| {
            (topic.name.clone(), p.partition_index, p.partition_size)
        };
        topic.partitions.iter().map(of)
    });
    partitions.map(|(topic, index, size)| format!("{topic}-{index}={size}")).collect()
}

#[test]
fn each_owner_is_asked_once_and_every_size_finds_its_place() {
    let desk = desk();
    let (mut dirs, questions) = LogDirs::new(&desk.image, &asked(None), Some((100, 40)));
    assert_eq!(questions.len(), 2, "both cores own partitions");
    for (number, (_, partitions)) in questions.iter().enumerate() {
        let sizes: Vec<_> = partitions.iter().map(|partition| Some(partition.0)).collect();
        dirs.set(number, &sizes);
    }
    let response = dirs.finish(true);
    let of = |topic: &str, index| desk.image.partition(desk.image.topic(topic).unwrap(), index);
    let expected = [("a", 0), ("a", 1), ("a", 2), ("b", 0)]
        .map(|(topic, index)| format!("{topic}-{index}={}", of(topic, index).unwrap().id.0));
    assert_eq!(shown(&response), expected);
    assert_eq!((response.results[0].total_bytes, response.results[0].usable_bytes), (100, 40));
}

#[test]
fn what_is_not_there_is_left_out() {
    let desk = desk();
    let request = asked(Some(&[("a", &[2, 9, 2]), ("b", &[0]), ("missing", &[0])]));
    let (mut dirs, questions) = LogDirs::new(&desk.image, &request, None);
    let b = desk.image.partition(desk.image.topic("b").unwrap(), 0).unwrap().id;
    for (number, (_, partitions)) in questions.iter().enumerate() {
        let sizes: Vec<_> = partitions.iter().map(|id| (*id != b).then_some(7)).collect();
        dirs.set(number, &sizes);
    }
    let response = dirs.finish(true);
    assert_eq!(shown(&response), ["a-2=7"], "b went meanwhile");
    assert_eq!(response.results[0].total_bytes, -1, "nobody has looked yet");
}

#[test]
fn an_owner_that_does_not_answer_makes_the_directory_time_out() {
    let (dirs, _) = LogDirs::new(&desk().image, &asked(None), None);
    let response = dirs.finish(false);
    assert_eq!(response.results[0].error_code, ErrorCode::RequestTimedOut.code());
    assert!(shown(&response).is_empty());
}
