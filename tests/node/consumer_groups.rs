//! Groups of the consumer protocol (KIP-848) over real shards.

use std::collections::BTreeSet;

use strandlog::base::TopicId;
use strandlog::group;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::groups::OFFSETS_TOPIC;
use strandlog::kafka::groups::partition_of;
use strandlog::kafka::groups::read_record;
use strandlog::kafka::messages::ConsumerGroupDescribeRequest;
use strandlog::kafka::messages::ConsumerGroupHeartbeatRequest;
use strandlog::kafka::messages::ConsumerGroupHeartbeatResponse;
use strandlog::kafka::messages::ConsumerGroupTopic;
use strandlog::kafka::messages::DeleteGroupsRequest;
use strandlog::kafka::messages::DescribeGroupsRequest;
use strandlog::kafka::messages::ListGroupsRequest;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::OffsetFetchRequest;
use strandlog::kafka::messages::OffsetFetchRequestGroup;
use strandlog::record::Batches;
use strandlog::record::Records;

use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;

const PARTITIONS: u16 = 8;

/// Three cores that share the groups, and a topic to read.
fn node() -> TestNode {
    let mut node = TestNode::new(NodeOptions { shards: 3, ..NodeOptions::default() });
    node.create_topic(OFFSETS_TOPIC, PARTITIONS, &[("cleanup.policy", "compact")]);
    node.create_topic("t", 4, &[]);
    node
}

/// A member joins, and reads `t`.
fn joins(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: member.to_owned(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["t".to_owned()]),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn lives(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: member.to_owned(),
        member_epoch: epoch,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn beat(
    node: &mut TestNode,
    client: &mut Client,
    request: &ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    client.call(node, 1, request)
}

/// The partitions of the one topic that it was given; `None`: nothing was said.
fn given(answer: &ConsumerGroupHeartbeatResponse) -> Option<Vec<i32>> {
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    let assignment = answer.assignment.as_ref()?;
    assert!(assignment.topic_partitions.len() <= 1);
    Some(assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect())
}

fn topic_of(answer: &ConsumerGroupHeartbeatResponse) -> TopicId {
    answer.assignment.as_ref().expect("an assignment").topic_partitions[0].topic_id
}

/// Both members of a group with what each has, in the group's third epoch.
fn two_members(node: &mut TestNode, clients: &mut [Client; 2], group: &str) -> [Vec<i32>; 2] {
    let [one, other] = clients;
    let first = beat(node, one, &joins(group, "a"));
    assert_eq!((first.member_epoch, given(&first)), (2, Some(vec![0, 1, 2, 3])));
    assert_eq!(first.heartbeat_interval_ms, 5_000);
    node.advance_ms(1_000);
    let second = beat(node, other, &joins(group, "b"));
    assert_eq!((second.member_epoch, given(&second)), (3, Some(vec![])));
    let kept = beat(node, one, &lives(group, "a", 2));
    let left = given(&kept).expect("what it keeps");
    assert_eq!((kept.member_epoch, left.len()), (2, 2));
    let owned = ConsumerGroupTopic {
        topic_id: topic_of(&first),
        partitions: left.clone(),
        ..ConsumerGroupTopic::default()
    };
    let gave_up = ConsumerGroupHeartbeatRequest {
        topic_partitions: Some(vec![owned]),
        ..lives(group, "a", 2)
    };
    assert_eq!(beat(node, one, &gave_up).member_epoch, 3);
    let got = given(&beat(node, other, &lives(group, "b", 3))).expect("what was given up");
    [left, got]
}

fn describe(
    node: &mut TestNode,
    client: &mut Client,
    group: &str,
) -> strandlog::kafka::messages::DescribedConsumerGroup {
    let group_ids = vec![group.to_owned()];
    let request = ConsumerGroupDescribeRequest {
        group_ids,
        include_authorized_operations: true,
        ..Default::default()
    };
    client.call(node, 1, &request).groups.remove(0)
}

#[test]
fn members_share_a_topic_whatever_core_they_talk_to() {
    let mut node = node();
    for group in ["one", "two", "three", "four", "five"] {
        let mut clients = [node.connect(0), node.connect(2)];
        let [one, other] = two_members(&mut node, &mut clients, group);
        let all: BTreeSet<i32> = one.iter().chain(&other).copied().collect();
        assert_eq!((one.len(), other.len(), all.len()), (2, 2, 4));
        let mut third = node.connect(1);
        let described = describe(&mut node, &mut third, group);
        assert_eq!((described.error_code, described.group_state.as_str()), (0, "Stable"));
        assert_eq!((described.group_epoch, described.assignment_epoch), (3, 3));
        assert_eq!(
            (described.assignor_name.as_str(), described.authorized_operations),
            ("uniform", 3400)
        );
        let member = &described.members[1];
        assert_eq!(
            (member.member_id.as_str(), member.member_epoch, member.member_type),
            ("b", 3, 1)
        );
        assert_eq!(
            (member.client_id.as_str(), member.client_host.as_str()),
            ("story", "/127.0.0.1")
        );
        assert_eq!(member.subscribed_topic_names, ["t"]);
        for assignment in [&member.assignment, &member.target_assignment] {
            assert_eq!(assignment.topic_partitions[0].topic_name, "t");
            assert_eq!(assignment.topic_partitions[0].partitions, other);
        }
    }
}

#[test]
fn groups_of_both_protocols_are_told_apart() {
    let mut node = node();
    let mut clients = [node.connect(0), node.connect(2)];
    two_members(&mut node, &mut clients, "g");
    let [client, _] = &mut clients;
    for (types, states, expected) in [
        (&[][..], &[][..], &["g consumer consumer Stable"][..]),
        (&["consumer"], &["STABLE"], &["g consumer consumer Stable"]),
        (&["classic"], &[], &[]),
        (&[], &["reconciling"], &[]),
    ] {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = ListGroupsRequest {
            types_filter: owned(types),
            states_filter: owned(states),
            ..ListGroupsRequest::default()
        };
        let listed = client.call(&mut node, 5, &request).groups.into_iter().map(|group| {
            let (id, kind) = (group.group_id, group.group_type);
            format!("{id} {} {kind} {}", group.protocol_type, group.group_state)
        });
        assert_eq!(listed.collect::<Vec<_>>(), expected, "{types:?} {states:?}");
    }
    let groups = vec!["g".to_owned()];
    let request = DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() };
    let classic = client.call(&mut node, 6, &request).groups.remove(0);
    assert_eq!(classic.error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(classic.error_message.as_deref(), Some("Group g is not a classic group."));
    let missing = describe(&mut node, client, "nobody");
    assert_eq!(missing.error_message.as_deref(), Some("Group nobody not found."));
    let request = DeleteGroupsRequest { groups_names: vec!["g".to_owned()], ..Default::default() };
    let deleted = client.call(&mut node, 2, &request).results.remove(0);
    assert_eq!(deleted.error_code, ErrorCode::NonEmptyGroup.code());
}

fn commit(epoch: i32, version: i16, node: &mut TestNode, client: &mut Client) -> i16 {
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        generation_id_or_member_epoch: epoch,
        member_id: "a".to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: "t".to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: 7,
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    client.call(node, version, &request).topics[0].partitions[0].error_code
}

fn fetch(member: Option<&str>, epoch: i32, node: &mut TestNode, client: &mut Client) -> i16 {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            member_id: member.map(str::to_owned),
            member_epoch: epoch,
            topics: None,
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    };
    client.call(node, 9, &request).groups[0].error_code
}

#[test]
fn offsets_are_taken_and_told_by_the_members_epoch() {
    let mut node = node();
    let mut client = node.connect(0);
    assert_eq!(beat(&mut node, &mut client, &joins("g", "a")).member_epoch, 2);
    let stale = ErrorCode::StaleMemberEpoch.code();
    assert_eq!(commit(2, 9, &mut node, &mut client), 0);
    assert_eq!(commit(3, 9, &mut node, &mut client), stale);
    assert_eq!(commit(1, 9, &mut node, &mut client), stale);
    assert_eq!(commit(2, 8, &mut node, &mut client), ErrorCode::UnsupportedVersion.code());
    assert_eq!(fetch(Some("a"), 2, &mut node, &mut client), 0);
    assert_eq!(fetch(None, -1, &mut node, &mut client), 0);
    assert_eq!(fetch(Some("a"), 1, &mut node, &mut client), stale);
    let unknown = ErrorCode::UnknownMemberId.code();
    assert_eq!(fetch(Some("b"), 2, &mut node, &mut client), unknown);
}

#[test]
fn members_outlive_a_kill_and_the_silent_are_given_up() {
    let mut node = node();
    let mut clients = [node.connect(0), node.connect(2)];
    let [one, _] = two_members(&mut node, &mut clients, "g");
    // Taken and not written: it is gone, and nobody was told.
    node.hold_disk = true;
    let [client, _] = &mut clients;
    client.send(&mut node, 1, &joins("g", "c"));
    node.run();
    assert!(client.answers::<ConsumerGroupHeartbeatRequest>(&mut node, 1).is_empty());
    let mut node = node.kill_and_restart();
    let mut client = node.connect(1);
    let found = describe(&mut node, &mut client, "g");
    assert_eq!((found.members.len(), found.group_epoch), (2, 3));
    assert_eq!(found.members[0].assignment.topic_partitions[0].partitions, one);
    node.advance_ms(44_000);
    assert_eq!(given(&beat(&mut node, &mut client, &lives("g", "a", 3))), None);
    node.advance_ms(1_000);
    let all = beat(&mut node, &mut client, &lives("g", "a", 3));
    assert_eq!((all.member_epoch, given(&all)), (4, Some(vec![0, 1, 2, 3])));
}

#[test]
fn a_pattern_finds_topics_off_core_and_later_ones_too() {
    let mut node = node();
    let mut client = node.connect(0);
    let request = ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some("t|later.*".to_owned()),
        ..joins("g", "a")
    };
    assert_eq!(given(&beat(&mut node, &mut client, &request)), Some(vec![]));
    let found = beat(&mut node, &mut client, &lives("g", "a", 1));
    assert_eq!((found.member_epoch, given(&found)), (2, Some(vec![0, 1, 2, 3])));
    node.create_topic("later-one", 1, &[]);
    node.create_topic("not-later", 1, &[]);
    node.advance_ms(11_000);
    beat(&mut node, &mut client, &lives("g", "a", 2));
    let more = beat(&mut node, &mut client, &lives("g", "a", 2));
    let topics = more.assignment.expect("news").topic_partitions;
    assert_eq!(topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 5);
    let regex = describe(&mut node, &mut client, "g").members[0].subscribed_topic_regex.clone();
    assert_eq!(regex.as_deref(), Some("t|later.*"));
    let request = ConsumerGroupHeartbeatRequest {
        subscribed_topic_regex: Some("((t{99}){99}){99}".to_owned()),
        ..lives("g", "a", more.member_epoch)
    };
    let refused = beat(&mut node, &mut client, &request);
    assert_eq!(refused.error_code, ErrorCode::InvalidRegularExpression.code());
}

#[test]
fn a_pattern_that_many_names_are_matched_against_takes_several_jobs() {
    let mut node = node();
    for number in 0..60 {
        node.create_topic(&format!("{number}-{}", "n".repeat(200)), 1, &[]);
    }
    let mut client = node.connect(0);
    let request = ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some("[0-9]{2}-n+".to_owned()),
        ..joins("g", "a")
    };
    let before = node.jobs;
    assert_eq!(given(&beat(&mut node, &mut client, &request)), Some(vec![]));
    assert_eq!(node.jobs - before, (60 * 200) / group::bounds::MATCH_BYTES + 1);
    let found = beat(&mut node, &mut client, &lives("g", "a", 1));
    let topics = found.assignment.expect("news").topic_partitions;
    assert_eq!(topics.len(), 50);
}

#[test]
fn heartbeats_are_refused_by_their_form_as_kafka_refuses_them() {
    let mut node = node();
    let mut client = node.connect(0);
    type Change = fn(&mut ConsumerGroupHeartbeatRequest);
    let invalid = ErrorCode::InvalidRequest;
    let cases: [(i16, Change, ErrorCode, &str); 12] = [
        (1, |r| r.member_id = " ".into(), invalid, "MemberId can't be empty."),
        (
            0,
            |r| (r.member_id, r.member_epoch) = (String::new(), -1),
            invalid,
            "MemberId can't be empty.",
        ),
        (1, |r| r.group_id = String::new(), invalid, "GroupId can't be empty."),
        (1, |r| r.instance_id = Some(String::new()), invalid, "InstanceId can't be empty."),
        (1, |r| r.rack_id = Some(String::new()), invalid, "RackId can't be empty."),
        (
            1,
            |r| r.rebalance_timeout_ms = -1,
            invalid,
            "RebalanceTimeoutMs must be provided in first request.",
        ),
        (
            1,
            |r| r.topic_partitions = None,
            invalid,
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            1,
            |r| r.subscribed_topic_names = None,
            invalid,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (1, |r| r.member_epoch = -2, invalid, "InstanceId can't be null."),
        (1, |r| r.member_epoch = -3, invalid, "MemberEpoch is invalid."),
        (
            1,
            |r| r.server_assignor = Some("own".into()),
            ErrorCode::UnsupportedAssignor,
            "ServerAssignor own is not supported. Supported assignors: uniform, range.",
        ),
        (1, |r| r.member_epoch = 5, ErrorCode::GroupIdNotFound, "Consumer group g not found."),
    ];
    for (version, change, error, message) in cases {
        let mut request = joins("g", "a");
        change(&mut request);
        let answer = client.call(&mut node, version, &request);
        assert_eq!(answer.error_code, error.code(), "{message}");
        assert_eq!(answer.error_message.as_deref(), Some(message));
    }
    // Clients of version 0 are given an id.
    let answer = client.call(&mut node, 0, &joins("g", ""));
    assert_eq!((answer.error_code, answer.member_id.map(|id| id.len())), (0, Some(36)));
}

#[test]
fn the_log_holds_what_kafka_writes_of_a_consumer_group() {
    let mut node = node();
    let mut client = node.connect(0);
    let joined = beat(&mut node, &mut client, &joins("g", "a"));
    assert_eq!(joined.member_epoch, 2);
    assert_eq!(beat(&mut node, &mut client, &lives("g", "a", -1)).member_epoch, -1);
    let partition = partition_of("g", i32::from(PARTITIONS));
    let read = client.fetch(&mut node, OFFSETS_TOPIC, partition, 0);
    let mut shown = Vec::new();
    for stored in Batches::new(&read.records.expect("records")) {
        let stored = stored.expect("a batch");
        for record in Records::new(stored.payload(), stored.header.count) {
            let record = record.expect("a record");
            let bytes = |bytes: &[u8]| bytes::Bytes::copy_from_slice(bytes);
            let read = read_record(bytes(record.key.expect("a key")), record.value.map(bytes));
            let read = read.expect("Kafka's record").expect("a known one");
            assert_eq!(&**read.group(), "g");
            let end = if read.is_tombstone() { "-" } else { "+" };
            shown.push(match read {
                group::Record::Epoch { .. } => format!("{end}epoch"),
                group::Record::Member { .. } => format!("{end}member"),
                group::Record::TargetEpoch { .. } => format!("{end}target epoch"),
                group::Record::Target { .. } => format!("{end}target"),
                group::Record::Current { .. } => format!("{end}current"),
                other => format!("{other:?}"),
            });
        }
    }
    let expected = [
        "+member",
        "+epoch",
        "+target",
        "+target epoch",
        "+current",
        "-current",
        "-target",
        "-member",
        "+epoch",
    ];
    assert_eq!(shown, expected);
}
