use std::sync::Arc;

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::wire::Message;
use crate::metadata::Advertise;
use crate::metadata::rig::Desk;
use crate::metadata::rig::layout;
use crate::metadata::rig::settings;

fn desk_with(advertise: Advertise, set: &[(&'static str, &str)]) -> Desk {
    let mut desk = Desk::with(layout(2, advertise), settings(set));
    let topics = [("b", 3), ("a", 1), ("__consumer_offsets", 1)].map(|(name, partitions)| {
        NewTopic { name: name.to_owned(), partitions: Some(partitions), ..NewTopic::default() }
    });
    desk.ask(Command::CreateTopics { topics: topics.to_vec(), validate_only: false });
    desk
}

fn desk() -> Desk {
    desk_with(Advertise::Node, &[])
}

fn named(names: &[&str]) -> Option<Vec<MetadataRequestTopic>> {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..MetadataRequestTopic::default()
    };
    Some(names.iter().map(topic).collect())
}

fn by_ids(ids: &[TopicId]) -> Option<Vec<MetadataRequestTopic>> {
    let topic = |topic_id: &TopicId| MetadataRequestTopic {
        topic_id: *topic_id,
        name: None,
        ..MetadataRequestTopic::default()
    };
    Some(ids.iter().map(topic).collect())
}

fn send(
    desk: &Desk,
    version: i16,
    request: MetadataRequest,
) -> (MetadataResponse, Option<Command>) {
    let context = AdminContext { image: &desk.image, listener: 0, version };
    let (response, command) = answer(context, &carried(version, &request));
    (carried(version, &response), command)
}

fn about(topics: Option<Vec<MetadataRequestTopic>>) -> MetadataRequest {
    MetadataRequest { topics, allow_auto_topic_creation: true, ..MetadataRequest::default() }
}

fn told(response: &MetadataResponse) -> Vec<(&str, i16)> {
    let topic = |t: &'_ MetadataResponseTopic| t.error_code;
    response.topics.iter().map(|t| (t.name.as_deref().unwrap_or("-"), topic(t))).collect()
}

#[test]
fn no_list_means_all_and_an_empty_one_means_none_but_in_version_0() {
    let desk = desk();
    let all = [("__consumer_offsets", 0), ("a", 0), ("b", 0)];
    for version in MetadataRequest::VERSIONS {
        let (response, command) = send(&desk, version, about(named(&[])));
        let expected = if version == 0 { &all[..] } else { &[] };
        assert_eq!(told(&response), expected, "version {version}");
        assert_eq!(command, None);
        if version > 0 {
            let (response, _) = send(&desk, version, about(None));
            assert_eq!(told(&response), all, "version {version}");
        }
    }
}

#[test]
fn a_topic_is_described_in_every_version() {
    let desk = desk();
    let id = desk.image.topic("b").unwrap().id;
    for version in MetadataRequest::VERSIONS {
        let (response, command) = send(&desk, version, about(named(&["b", "b"])));
        assert_eq!(command, None);
        assert_eq!(told(&response), [("b", 0)], "once");
        let topic = &response.topics[0];
        let shown = if version >= 10 { id } else { TopicId::NONE };
        assert_eq!((topic.topic_id, topic.is_internal), (shown, false));
        assert_eq!(topic.topic_authorized_operations, i32::MIN);
        let partition = |p: &MetadataResponsePartition| {
            assert_eq!((&p.replica_nodes, &p.isr_nodes), (&vec![1], &vec![1]));
            assert!(p.offline_replicas.is_empty());
            (p.error_code, p.partition_index, p.leader_id, p.leader_epoch)
        };
        let epoch = if version >= 7 { 0 } else { -1 };
        let partitions: Vec<_> = topic.partitions.iter().map(partition).collect();
        assert_eq!(partitions, [(0, 0, 1, epoch), (0, 1, 1, epoch), (0, 2, 1, epoch)]);
        let cluster = Some("BwcHBwcHBwcHBwcHBwcHBw").filter(|_| version >= 2);
        assert_eq!(response.cluster_id.as_deref(), cluster);
        assert_eq!(response.controller_id, if version >= 1 { 1 } else { -1 });
        assert_eq!(response.cluster_authorized_operations, i32::MIN);
    }
}

#[test]
fn a_missing_topic_is_created_where_client_and_node_allow_it() {
    // Version, what the client allows, what the node allows, whether it is created.
    let cases = [
        (0, true, "true", true),
        (3, true, "true", true),
        (4, true, "true", true),
        (4, false, "true", false),
        (12, true, "false", false),
        (3, true, "false", false),
    ];
    for (version, client, node, created) in cases {
        let desk = desk_with(Advertise::Node, &[("auto.create.topics.enable", node)]);
        let names = named(&["new", "a", "bad name", "", "__transaction_state"]);
        let request = MetadataRequest { allow_auto_topic_creation: client, ..about(names) };
        let (response, command) = send(&desk, version, request);
        let answers =
            [("new", 3), ("a", 0), ("bad name", 17), ("", 17), ("__transaction_state", 3)];
        assert_eq!(told(&response), answers, "version {version}");
        let topics = vec![NewTopic { name: "new".to_owned(), ..NewTopic::default() }];
        let creation = Command::CreateTopics { topics, validate_only: false };
        assert_eq!(command, created.then_some(creation), "version {version}, {client}, {node}");
    }
}

#[test]
fn a_created_topic_is_there_at_the_next_request() {
    let settings = settings(&[("num.partitions", "2")]);
    let mut desk = Desk::with(layout(2, Advertise::Node), settings);
    let (_, command) = send(&desk, 12, about(named(&["new"])));
    desk.ask(command.unwrap());
    let (response, command) = send(&desk, 12, about(named(&["new"])));
    assert_eq!((told(&response), command), (vec![("new", 0)], None));
    assert_eq!(response.topics[0].partitions.len(), 2);
}

#[test]
fn ids_are_answered_from_version_12_on_and_names_beside_them_count_for_nothing() {
    let desk = desk();
    let (a, unknown) = (desk.image.topic("a").unwrap().id, TopicId([9; 16]));
    for version in [12, 13] {
        let mut topics = by_ids(&[a, unknown, a]).unwrap();
        topics.extend(named(&["b"]).unwrap());
        let (response, command) = send(&desk, version, about(Some(topics)));
        assert_eq!(told(&response), [("a", 0), ("-", 100)]);
        assert_eq!(response.topics[1].topic_id, unknown);
        assert_eq!(command, None);
    }
    let (response, _) = send(&desk, 11, about(by_ids(&[a])));
    assert_eq!(told(&response), [("", 42)]);
    assert!(response.brokers.is_empty() && response.cluster_id.is_none());
    let (response, _) = send(&desk, 12, about(by_ids(&[TopicId::NONE])));
    assert_eq!(told(&response), [("-", 42)].map(|_| ("", 42)));
}

#[test]
fn operations_are_told_when_asked_for() {
    let desk = desk();
    for version in 8..=13 {
        let request = MetadataRequest {
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: version <= 10,
            ..about(named(&["a"]))
        };
        let (response, _) = send(&desk, version, request);
        assert_eq!(response.topics[0].topic_authorized_operations, 3576);
        let cluster = if version <= 10 { 8096 } else { i32::MIN };
        assert_eq!(response.cluster_authorized_operations, cluster);
    }
}

#[test]
fn internal_topics_are_marked() {
    let (response, _) =
        send(&desk(), 9, about(named(&["__consumer_offsets", "__transaction_state"])));
    assert!(response.topics.iter().all(|topic| topic.is_internal));
}

#[test]
fn cores_are_shown_as_brokers_with_the_addresses_of_the_clients_listener() {
    let desk = desk_with(Advertise::Core, &[]);
    for (listener, host, port) in [(0, "plaintext.example", 10092), (1, "outside.example", 20092)] {
        let context = AdminContext { image: &desk.image, listener, version: 12 };
        let (response, _) = answer(context, &about(named(&["b"])));
        let broker =
            |b: &MetadataResponseBroker| (b.node_id, b.host.clone(), b.port, b.rack.clone());
        let rack = || Some("r1".to_owned());
        let brokers: Vec<_> = response.brokers.iter().map(broker).collect();
        let host = host.to_owned();
        assert_eq!(brokers, [(1000, host.clone(), port, rack()), (1001, host, port + 1, rack())]);
        assert_eq!(response.controller_id, 1000);
        let topic = desk.image.topic("b").unwrap();
        for (partition, info) in
            response.topics[0].partitions.iter().zip(desk.image.partitions(topic))
        {
            let leader = 1000 + i32::from(info.owner.0);
            assert_eq!((partition.leader_id, &partition.replica_nodes), (leader, &vec![leader]));
        }
    }
}

#[test]
fn one_broker_is_the_node_on_the_common_port() {
    let desk = Desk::with(layout(2, Advertise::Node), Arc::default());
    let (response, _) = send(&desk, 12, about(None));
    let broker = &response.brokers[0];
    assert_eq!((response.brokers.len(), broker.node_id, broker.port), (1, 1, 9092));
    assert_eq!(broker.host, "plaintext.example");
}
