//! Stories of the controller: what one core is asked, every core obeys, and a restart keeps.

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::CreatableTopic;
use strandlog::kafka::messages::CreatableTopicResult;
use strandlog::kafka::messages::CreatePartitionsRequest;
use strandlog::kafka::messages::CreatePartitionsTopic;
use strandlog::kafka::messages::CreateTopicsRequest;
use strandlog::kafka::messages::DeleteTopicsRequest;
use strandlog::kafka::messages::IncrementalAlterConfigsRequest;
use strandlog::kafka::messages::IncrementalAlterConfigsResource;
use strandlog::kafka::messages::IncrementalAlterableConfig;
use strandlog::kafka::messages::InitProducerIdRequest;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::MetadataRequestTopic;
use strandlog::kafka::messages::MetadataResponseTopic;

use crate::batch;
use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;

fn node(shards: u16) -> TestNode {
    TestNode::new(NodeOptions { shards, controller: true, ..NodeOptions::default() })
}

fn creation(names: &[&str], num_partitions: i32) -> CreateTopicsRequest {
    let topic = |name: &&str| CreatableTopic {
        name: (*name).to_owned(),
        num_partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    CreateTopicsRequest {
        topics: names.iter().map(topic).collect(),
        timeout_ms: 5_000,
        ..CreateTopicsRequest::default()
    }
}

fn create(
    node: &mut TestNode,
    client: &mut Client,
    name: &str,
    partitions: i32,
) -> CreatableTopicResult {
    let mut response = client.call(node, 7, &creation(&[name], partitions));
    let result = response.topics.remove(0);
    assert_eq!(result.error_code, 0, "{:?}", result.error_message);
    result
}

fn metadata(node: &mut TestNode, client: &mut Client, name: &str) -> MetadataResponseTopic {
    let topic =
        MetadataRequestTopic { name: Some(name.to_owned()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    };
    client.call(node, 12, &request).topics.remove(0)
}

fn producer_id(node: &mut TestNode, client: &mut Client) -> i64 {
    let request = InitProducerIdRequest {
        transactional_id: None,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let response = client.call(node, 4, &request);
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    response.producer_id
}

fn set(node: &mut TestNode, client: &mut Client, topic: &str, name: &str, value: &str) {
    let config = IncrementalAlterableConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..IncrementalAlterableConfig::default()
    };
    let resource = IncrementalAlterConfigsResource {
        resource_type: 2,
        resource_name: topic.to_owned(),
        configs: vec![config],
        ..IncrementalAlterConfigsResource::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..IncrementalAlterConfigsRequest::default()
    };
    let response = client.call(node, 1, &request);
    assert_eq!(response.responses[0].error_code, 0, "{:?}", response.responses[0].error_message);
}

#[test]
fn a_topic_that_one_core_created_takes_records_on_every_core() {
    let mut node = node(3);
    let mut creator = node.connect(2);
    create(&mut node, &mut creator, "t", 6);
    for shard in 0..3 {
        let mut client = node.connect(shard);
        let described = metadata(&mut node, &mut client, "t");
        assert_eq!((described.error_code, described.partitions.len()), (0, 6));
        for partition in 0..6 {
            let answer = client.produce(&mut node, "t", partition, batch(2));
            let expected = i64::from(shard) * 2;
            assert_eq!((answer.error_code, answer.base_offset), (0, expected), "core {shard}");
        }
    }
}

#[test]
fn an_answer_waits_for_the_disk() {
    let mut node = node(2);
    let mut client = node.connect(1);
    node.hold_disk = true;
    client.send(&mut node, 7, &creation(&["t"], 1));
    node.run();
    assert!(client.answers::<CreateTopicsRequest>(&mut node, 7).is_empty());
    node.hold_disk = false;
    node.run();
    let answers = client.answers::<CreateTopicsRequest>(&mut node, 7);
    assert_eq!(answers[0].1.topics[0].error_code, 0);
}

#[test]
fn what_takes_too_long_is_answered_in_time_and_may_still_be_done() {
    let mut node = node(2);
    let mut client = node.connect(1);
    node.hold_disk = true;
    client.send(&mut node, 7, &creation(&["t"], 1));
    node.advance_ms(4_999);
    assert!(client.answers::<CreateTopicsRequest>(&mut node, 7).is_empty());
    node.advance_ms(2);
    let answers = client.answers::<CreateTopicsRequest>(&mut node, 7);
    assert_eq!(answers[0].1.topics[0].error_code, ErrorCode::RequestTimedOut.code());
    node.hold_disk = false;
    node.run();
    assert_eq!(metadata(&mut node, &mut client, "t").error_code, 0);
    assert!(client.answers::<CreateTopicsRequest>(&mut node, 7).is_empty(), "one answer");
}

#[test]
fn asking_for_a_topic_creates_it() {
    let mut node = node(2);
    let mut client = node.connect(1);
    let missing = metadata(&mut node, &mut client, "new");
    assert_eq!(missing.error_code, ErrorCode::UnknownTopicOrPartition.code());
    let found = metadata(&mut node, &mut client, "new");
    assert_eq!((found.error_code, found.partitions.len()), (0, 1));
    assert_eq!(client.produce(&mut node, "new", 0, batch(1)).error_code, 0);
}

#[test]
fn a_deleted_topic_is_gone_on_every_core_and_a_new_one_of_its_name_is_empty() {
    let mut node = node(2);
    let mut client = node.connect(1);
    let first = create(&mut node, &mut client, "t", 4);
    for partition in 0..4 {
        client.produce(&mut node, "t", partition, batch(3));
    }
    let names = vec!["t".to_owned()];
    let request = DeleteTopicsRequest { topic_names: names, ..DeleteTopicsRequest::default() };
    assert_eq!(client.call(&mut node, 5, &request).responses[0].error_code, 0);
    for shard in 0..2 {
        let mut client = node.connect(shard);
        let answer = client.produce(&mut node, "t", 0, batch(1));
        assert_eq!(answer.error_code, ErrorCode::UnknownTopicOrPartition.code());
    }
    let second = create(&mut node, &mut client, "t", 4);
    assert_ne!(first.topic_id, second.topic_id);
    for partition in 0..4 {
        assert_eq!(client.produce(&mut node, "t", partition, batch(1)).base_offset, 0);
    }
}

#[test]
fn further_partitions_take_records_and_the_old_ones_keep_theirs() {
    let mut node = node(2);
    let mut client = node.connect(0);
    create(&mut node, &mut client, "t", 1);
    client.produce(&mut node, "t", 0, batch(5));
    let topic = CreatePartitionsTopic { name: "t".to_owned(), count: 3, ..Default::default() };
    let topic = CreatePartitionsTopic { assignments: None, ..topic };
    let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
    let response = client.call(&mut node, 3, &request);
    assert_eq!(response.results[0].error_code, 0);
    assert_eq!(client.produce(&mut node, "t", 2, batch(1)).base_offset, 0);
    assert_eq!(client.produce(&mut node, "t", 0, batch(1)).base_offset, 5);
}

#[test]
fn a_config_holds_from_the_answer_on() {
    let mut node = node(3);
    let mut client = node.connect(0);
    create(&mut node, &mut client, "t", 3);
    let large = batch(100);
    for partition in 0..3 {
        assert_eq!(client.produce(&mut node, "t", partition, large.clone()).error_code, 0);
    }
    set(&mut node, &mut client, "t", "max.message.bytes", "200");
    for partition in 0..3 {
        let answer = client.produce(&mut node, "t", partition, large.clone());
        assert_eq!(answer.error_code, ErrorCode::MessageTooLarge.code());
    }
}

#[test]
fn producer_ids_are_handed_out_once_whichever_core_is_asked() {
    let mut node = node(3);
    let mut ids = Vec::new();
    for shard in 0..3 {
        let mut client = node.connect(shard);
        ids.extend((0..1_001).map(|_| producer_id(&mut node, &mut client)));
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn a_killed_node_knows_what_it_answered() {
    let mut node = node(2);
    let mut client = node.connect(1);
    let created = create(&mut node, &mut client, "kept", 3);
    set(&mut node, &mut client, "kept", "max.message.bytes", "300");
    create(&mut node, &mut client, "gone", 2);
    let names = vec!["gone".to_owned()];
    let request = DeleteTopicsRequest { topic_names: names, ..DeleteTopicsRequest::default() };
    client.call(&mut node, 5, &request);
    assert_eq!(client.produce(&mut node, "kept", 2, batch(1)).base_offset, 0);
    let id = producer_id(&mut node, &mut client);

    let mut node = node.kill_and_restart();
    assert!(node.is_ready());
    let mut client = node.connect(0);
    let kept = metadata(&mut node, &mut client, "kept");
    assert_eq!((kept.error_code, kept.topic_id), (0, created.topic_id));
    assert!(kept.partitions.iter().all(|partition| partition.leader_epoch == 1), "raised once");
    let topics = MetadataRequest { topics: None, ..MetadataRequest::default() };
    assert_eq!(client.call(&mut node, 12, &topics).topics.len(), 1);
    assert_eq!(client.produce(&mut node, "kept", 2, batch(1)).base_offset, 1);
    let large = client.produce(&mut node, "kept", 0, batch(100));
    assert_eq!(large.error_code, ErrorCode::MessageTooLarge.code());
    assert!(producer_id(&mut node, &mut client) > id);
    assert_ne!(kept.topic_id, TopicId::NONE);
}

#[test]
fn a_node_of_many_topics_starts_from_a_snapshot() {
    let mut node = node(2);
    let mut client = node.connect(0);
    let names: Vec<String> = (0..6_000).map(|number| format!("topic-{number}")).collect();
    for some in names.chunks(500) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        let response = client.call(&mut node, 7, &creation(&some, 1));
        assert!(response.topics.iter().all(|topic| topic.error_code == 0));
    }
    for start in 1..4 {
        node = node.kill_and_restart();
        let mut client = node.connect(1);
        let topics = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let topics = client.call(&mut node, 12, &topics).topics;
        assert_eq!(topics.len(), names.len());
        let raised = |topic: &MetadataResponseTopic| topic.partitions[0].leader_epoch == start;
        assert!(topics.iter().all(raised));
        create(&mut node, &mut client, &format!("after-{start}"), 1);
        let gone = vec![format!("after-{start}")];
        let request = DeleteTopicsRequest { topic_names: gone, ..DeleteTopicsRequest::default() };
        client.call(&mut node, 5, &request);
    }
}
