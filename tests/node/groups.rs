//! Groups over real shards: where a coordinator lives, what outlives a kill, who is told to wait.

use strandlog::group;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::groups::OFFSETS_TOPIC;
use strandlog::kafka::groups::partition_of;
use strandlog::kafka::groups::read_record;
use strandlog::kafka::messages::DeleteGroupsRequest;
use strandlog::kafka::messages::DescribeGroupsRequest;
use strandlog::kafka::messages::FindCoordinatorRequest;
use strandlog::kafka::messages::HeartbeatRequest;
use strandlog::kafka::messages::JoinGroupRequest;
use strandlog::kafka::messages::JoinGroupRequestProtocol;
use strandlog::kafka::messages::JoinGroupResponse;
use strandlog::kafka::messages::LeaveGroupRequest;
use strandlog::kafka::messages::LeavingMember;
use strandlog::kafka::messages::ListGroupsRequest;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::OffsetDeleteRequest;
use strandlog::kafka::messages::OffsetDeleteRequestPartition;
use strandlog::kafka::messages::OffsetDeleteRequestTopic;
use strandlog::kafka::messages::OffsetFetchRequest;
use strandlog::kafka::messages::OffsetFetchRequestGroup;
use strandlog::kafka::messages::OffsetFetchRequestTopics;
use strandlog::kafka::messages::SyncGroupRequest;
use strandlog::kafka::messages::SyncGroupRequestAssignment;
use strandlog::record::Batches;
use strandlog::record::Records;

use crate::batch;
use crate::harness::Client;
use crate::harness::NodeOptions;
use crate::harness::TestNode;

const PARTITIONS: u16 = 8;

/// Three cores that share the groups, and a topic to commit offsets of.
fn node() -> TestNode {
    let mut node = TestNode::new(NodeOptions { shards: 3, ..NodeOptions::default() });
    node.create_topic(OFFSETS_TOPIC, PARTITIONS, &[("cleanup.policy", "compact")]);
    node.create_topic("t", 2, &[]);
    node
}

fn join_request(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.to_owned(),
        protocol_type: "own".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "p".to_owned(),
            metadata: (&b"said"[..]).into(),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    }
}

fn commit_request(group: &str, member: &str, generation: i32, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: generation,
        member_id: member.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: "t".to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: 1,
                committed_offset: offset,
                committed_metadata: Some("note".to_owned()),
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}

fn commit(node: &mut TestNode, client: &mut Client, group: &str, offset: i64) -> i16 {
    let answer = client.call(node, 8, &commit_request(group, "", -1, offset));
    answer.topics[0].partitions[0].error_code
}

/// The offset of partition 1, or the group's error.
fn committed(node: &mut TestNode, client: &mut Client, group: &str) -> Result<i64, i16> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "t".to_owned(),
                partition_indexes: vec![1],
                ..OffsetFetchRequestTopics::default()
            }]),
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    };
    let answer = client.call(node, 9, &request);
    match answer.groups[0].error_code {
        0 => Ok(answer.groups[0].topics[0].partitions[0].committed_offset),
        error => Err(error),
    }
}

/// A member of the group's first generation, with an assignment.
fn member(node: &mut TestNode, client: &mut Client, group: &str) -> String {
    let told = client.call(node, 5, &join_request(group, ""));
    assert_eq!(told.error_code, ErrorCode::MemberIdRequired.code());
    assert!(told.member_id.starts_with("story-"), "{}", told.member_id);
    client.send(node, 5, &join_request(group, &told.member_id));
    node.advance_ms(3_001);
    let (_, joined): (_, JoinGroupResponse) = client.answers::<JoinGroupRequest>(node, 5).remove(0);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!((joined.leader.as_str(), joined.members.len()), (told.member_id.as_str(), 1));
    let sync = SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: 1,
        member_id: told.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: told.member_id.clone(),
            assignment: (&b"everything"[..]).into(),
            ..SyncGroupRequestAssignment::default()
        }],
        ..SyncGroupRequest::default()
    };
    let synced = client.call(node, 3, &sync);
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"everything"[..]));
    told.member_id
}

fn heartbeat(node: &mut TestNode, client: &mut Client, group: &str, member: &str) -> i16 {
    let request = HeartbeatRequest {
        group_id: group.to_owned(),
        generation_id: 1,
        member_id: member.to_owned(),
        ..HeartbeatRequest::default()
    };
    client.call(node, 3, &request).error_code
}

#[test]
fn a_groups_partition_is_the_one_that_java_finds() {
    // `Math.abs("…".hashCode()) % 50`.
    for (group, partition) in
        [("", 0), ("a", 47), ("console-consumer-1", 24), ("Grüße", 1), ("𝄞", 44)]
    {
        assert_eq!(partition_of(group, 50), partition, "{group}");
    }
    // "polygenelubricants".hashCode() is the least integer.
    assert_eq!(partition_of("polygenelubricants", 50), 0);
}

#[test]
fn a_member_joins_commits_and_leaves_whatever_core_it_talks_to() {
    let mut node = node();
    for group in ["one", "two", "three", "four", "five"] {
        let mut client = node.connect(0);
        let id = member(&mut node, &mut client, group);
        let mut elsewhere = node.connect(2);
        assert_eq!(heartbeat(&mut node, &mut elsewhere, group, &id), 0);
        let request = commit_request(group, &id, 1, 42);
        let answer = elsewhere.call(&mut node, 7, &request);
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
        assert_eq!(committed(&mut node, &mut client, group), Ok(42));
        let leave = LeaveGroupRequest {
            group_id: group.to_owned(),
            members: vec![LeavingMember { member_id: id, ..LeavingMember::default() }],
            ..LeaveGroupRequest::default()
        };
        let left = elsewhere.call(&mut node, 3, &leave);
        assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
    }
}

#[test]
fn groups_are_listed_and_described_whatever_core_is_asked() {
    let mut node = node();
    let mut client = node.connect(1);
    for group in ["b", "a", "c"] {
        member(&mut node, &mut client, group);
    }
    assert_eq!(commit(&mut node, &mut client, "only-offsets", 3), 0);
    let list = |node: &mut TestNode, client: &mut Client, request: &ListGroupsRequest| {
        let answer = client.call(node, 5, request);
        assert_eq!(answer.error_code, 0);
        let shown = answer.groups.into_iter().map(|group| {
            assert_eq!(group.group_type, "classic");
            format!("{} {} {}", group.group_id, group.protocol_type, group.group_state)
        });
        shown.collect::<Vec<_>>()
    };
    let all = ["a own Stable", "b own Stable", "c own Stable", "only-offsets  Empty"];
    assert_eq!(list(&mut node, &mut client, &ListGroupsRequest::default()), all);
    let states_filter = vec!["stable".to_owned()];
    let stable = ListGroupsRequest { states_filter, ..ListGroupsRequest::default() };
    assert_eq!(list(&mut node, &mut client, &stable), all[..3]);
    let types_filter = vec!["consumer".to_owned()];
    let consumer = ListGroupsRequest { types_filter, ..ListGroupsRequest::default() };
    assert_eq!(list(&mut node, &mut client, &consumer), [""; 0]);
    // A group that is asked for again is described once.
    let groups = ["a", "only-offsets", "nobody", "", "a"].map(str::to_owned).to_vec();
    let request = DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() };
    let described = client.call(&mut node, 6, &request).groups;
    let states: Vec<_> = described.iter().map(|g| (g.error_code, g.group_state.as_str())).collect();
    let missing = ErrorCode::GroupIdNotFound.code();
    assert_eq!(states, [(0, "Stable"), (0, "Empty"), (missing, "Dead"), (missing, "Dead")]);
    let member = &described[0].members[0];
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("story", "/127.0.0.1"));
    assert_eq!(&member.member_assignment[..], b"everything");
    assert_eq!(&member.member_metadata[..], b"said");
    let described = client.call(&mut node, 5, &request).groups;
    assert_eq!((described[2].error_code, described[2].group_state.as_str()), (0, "Dead"));
}

#[test]
fn a_commit_is_answered_when_it_is_durable_and_outlives_a_kill() {
    let mut node = node();
    let mut client = node.connect(0);
    for number in 0..20 {
        assert_eq!(commit(&mut node, &mut client, &format!("g{number}"), number), 0);
    }
    node.hold_disk = true;
    client.send(&mut node, 8, &commit_request("g0", "", -1, 99));
    node.run();
    assert!(client.answers::<OffsetCommitRequest>(&mut node, 8).is_empty());
    // Taken and not written: it is gone, and nobody was told.
    let mut node = node.kill_and_restart();
    let mut client = node.connect(1);
    for number in 0..20 {
        assert_eq!(committed(&mut node, &mut client, &format!("g{number}")), Ok(number));
    }
}

#[test]
fn what_is_not_durable_is_not_told_to_others_either() {
    let mut node = node();
    let mut client = node.connect(0);
    assert_eq!(commit(&mut node, &mut client, "g", 1), 0);
    node.hold_disk = true;
    client.send(&mut node, 8, &commit_request("g", "", -1, 2));
    node.run();
    let mut other = node.connect(2);
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            topics: None,
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    };
    other.send(&mut node, 8, &request);
    node.run();
    assert!(other.answers::<OffsetFetchRequest>(&mut node, 8).is_empty());
    node.hold_disk = false;
    node.run();
    let (_, answer) = other.answers::<OffsetFetchRequest>(&mut node, 8).remove(0);
    assert_eq!(answer.groups[0].topics[0].partitions[0].committed_offset, 2);
}

#[test]
fn a_commit_that_the_disk_does_not_take_in_time_is_told_to_come_again() {
    let mut node = node();
    let mut client = node.connect(0);
    node.hold_disk = true;
    client.send(&mut node, 8, &commit_request("g", "", -1, 2));
    node.advance_ms(5_001);
    let (_, answer) = client.answers::<OffsetCommitRequest>(&mut node, 8).remove(0);
    let error = answer.topics[0].partitions[0].error_code;
    assert_eq!(error, ErrorCode::CoordinatorNotAvailable.code());
}

#[test]
fn members_go_on_after_a_kill_and_the_silent_are_given_up() {
    let mut node = node();
    let mut client = node.connect(0);
    let id = member(&mut node, &mut client, "g");
    let mut node = node.kill_and_restart();
    let mut client = node.connect(2);
    assert_eq!(heartbeat(&mut node, &mut client, "g", &id), 0);
    node.advance_ms(10_001);
    let unknown = ErrorCode::UnknownMemberId.code();
    assert_eq!(heartbeat(&mut node, &mut client, "g", &id), unknown);
}

#[test]
fn until_the_log_was_read_members_are_told_to_wait() {
    let mut node = node();
    let mut client = node.connect(0);
    let id = member(&mut node, &mut client, "g");
    assert_eq!(commit(&mut node, &mut client, "h", 7), 0);
    let mut node = node.kill_and_restart_with(|node| node.hold_disk = true);
    let mut client = node.connect(0);
    let loading = ErrorCode::CoordinatorLoadInProgress.code();
    assert_eq!(committed(&mut node, &mut client, "h"), Err(loading));
    assert_eq!(heartbeat(&mut node, &mut client, "g", &id), 0);
    let list = ListGroupsRequest::default();
    assert_eq!(client.call(&mut node, 5, &list).error_code, loading);
    node.hold_disk = false;
    node.run();
    assert_eq!(committed(&mut node, &mut client, "h"), Ok(7));
}

/// Where a partition of the groups' topic starts.
fn log_start(node: &mut TestNode, client: &mut Client, partition_index: i32) -> i64 {
    let earliest =
        ListOffsetsPartition { partition_index, timestamp: -2, ..ListOffsetsPartition::default() };
    let request = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: OFFSETS_TOPIC.to_owned(),
            partitions: vec![earliest],
            ..ListOffsetsTopic::default()
        }],
        ..ListOffsetsRequest::default()
    };
    client.call(node, 5, &request).topics[0].partitions[0].offset
}

#[test]
fn the_log_holds_what_kafka_writes_and_stays_bounded() {
    let mut node = node();
    let mut client = node.connect(0);
    let partition = partition_of("g", i32::from(PARTITIONS));
    for offset in 0..9_000 {
        client.send(&mut node, 8, &commit_request("g", "", -1, offset));
        if offset % 50 == 0 {
            node.run();
            client.answers::<OffsetCommitRequest>(&mut node, 8);
        }
    }
    node.run();
    client.answers::<OffsetCommitRequest>(&mut node, 8);
    let read = client.fetch(&mut node, OFFSETS_TOPIC, partition, 0);
    assert_eq!(read.error_code, ErrorCode::OffsetOutOfRange.code());
    let start = log_start(&mut node, &mut client, partition);
    assert!(start > 5_000, "starts at {start}");
    let read = client.fetch(&mut node, OFFSETS_TOPIC, partition, start);
    let mut last = None;
    for stored in Batches::new(&read.records.expect("records")) {
        let stored = stored.expect("a batch");
        for record in Records::new(stored.payload(), stored.header.count) {
            let record = record.expect("a record");
            let bytes = |bytes: &[u8]| bytes::Bytes::copy_from_slice(bytes);
            let read = read_record(bytes(record.key.expect("a key")), record.value.map(bytes));
            last = read.expect("Kafka's record");
        }
    }
    let Some(group::Record::Offset { group, topic, partition: 1, value: Some(value) }) = last
    else {
        panic!("an offset, not {last:?}")
    };
    assert_eq!((&*group, &*topic, &*value.metadata), ("g", "t", "note"));
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(8_999));
    let mut node = node.kill_and_restart();
    let mut client = node.connect(1);
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(8_999));
}

#[test]
fn commits_of_what_does_not_exist_are_refused_part_by_part() {
    let mut node = node();
    let mut client = node.connect(0);
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 5,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = |name: &str, partitions| OffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions,
        ..OffsetCommitRequestTopic::default()
    };
    let mut request = commit_request("g", "", -1, 0);
    request.topics =
        vec![topic("nothing", vec![partition(0)]), topic("t", vec![partition(2), partition(1)])];
    let answer = client.call(&mut node, 9, &request);
    let codes: Vec<Vec<_>> = answer
        .topics
        .iter()
        .map(|topic| topic.partitions.iter().map(|part| part.error_code).collect())
        .collect();
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(codes, [vec![unknown], vec![unknown, 0]]);
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(5));
    // By id: that of a topic that is none.
    let id = node.topics.id("t");
    request.topics = vec![
        OffsetCommitRequestTopic { topic_id: id, ..topic("", vec![partition(1)]) },
        OffsetCommitRequestTopic {
            topic_id: strandlog::base::TopicId([9; 16]),
            ..topic("", vec![partition(1)])
        },
    ];
    let answer = client.call(&mut node, 10, &request);
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    let unknown = ErrorCode::UnknownTopicId.code();
    assert_eq!(answer.topics[1].partitions[0].error_code, unknown);
}

#[test]
fn offsets_are_asked_for_by_id_and_of_all_topics() {
    let mut node = node();
    let mut client = node.connect(0);
    assert_eq!(commit(&mut node, &mut client, "g", 5), 0);
    let ask = |topics| OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            topics,
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    };
    let id = node.topics.id("t");
    let topic = |topic_id| OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0, 1],
        ..OffsetFetchRequestTopics::default()
    };
    let unknown = strandlog::base::TopicId([9; 16]);
    let request = ask(Some(vec![topic(unknown), topic(id)]));
    let topics = client.call(&mut node, 10, &request).groups.remove(0).topics;
    assert_eq!(topics[0].topic_id, unknown);
    assert!(topics[0].partitions.iter().all(|p| p.error_code == ErrorCode::UnknownTopicId.code()));
    let found: Vec<_> = topics[1].partitions.iter().map(|p| p.committed_offset).collect();
    assert_eq!((topics[1].topic_id, found), (id, vec![-1, 5]));
    let mut twice = ask(None);
    twice.groups.push(twice.groups[0].clone());
    let mut groups = client.call(&mut node, 10, &twice).groups;
    assert_eq!(groups.len(), 1, "what is asked for as a whole comes once");
    let topics = groups.remove(0).topics;
    assert_eq!((topics.len(), topics[0].topic_id), (1, id));
    assert_eq!(topics[0].partitions[0].committed_offset, 5);
    let topics = client.call(&mut node, 8, &ask(None)).groups.remove(0).topics;
    assert_eq!((topics[0].name.as_str(), topics[0].partitions[0].committed_offset), ("t", 5));
}

#[test]
fn a_deleted_topic_takes_its_offsets_along_also_across_restarts() {
    let mut node = node();
    let mut client = node.connect(0);
    assert_eq!(commit(&mut node, &mut client, "g", 5), 0);
    node.delete_topic("t");
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(-1));
    node.create_topic("t", 2, &[]);
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(-1));
    let mut node = node.kill_and_restart();
    let mut client = node.connect(0);
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(-1));
}

#[test]
fn groups_and_offsets_are_deleted_where_nobody_uses_them() {
    let mut node = node();
    let mut client = node.connect(0);
    assert_eq!(commit(&mut node, &mut client, "idle", 5), 0);
    member(&mut node, &mut client, "busy");
    let groups_names = ["idle", "busy", "nobody"].map(str::to_owned).to_vec();
    let request = DeleteGroupsRequest { groups_names, ..DeleteGroupsRequest::default() };
    let results = client.call(&mut node, 2, &request).results;
    let codes: Vec<_> = results.iter().map(|r| (r.group_id.as_str(), r.error_code)).collect();
    let busy = ErrorCode::NonEmptyGroup.code();
    let nobody = ErrorCode::GroupIdNotFound.code();
    assert_eq!(codes, [("idle", 0), ("busy", busy), ("nobody", nobody)]);
    assert_eq!(committed(&mut node, &mut client, "idle"), Ok(-1));
    assert_eq!(commit(&mut node, &mut client, "g", 5), 0);
    let partition = |partition_index| OffsetDeleteRequestPartition {
        partition_index,
        ..OffsetDeleteRequestPartition::default()
    };
    let request = OffsetDeleteRequest {
        group_id: "g".to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "t".to_owned(),
            partitions: vec![partition(7), partition(1)],
            ..OffsetDeleteRequestTopic::default()
        }],
        ..OffsetDeleteRequest::default()
    };
    let answer = client.call(&mut node, 0, &request);
    let codes: Vec<_> = answer.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::UnknownTopicOrPartition.code(), 0]);
    assert_eq!(committed(&mut node, &mut client, "g"), Ok(-1));
}

#[test]
fn where_there_is_no_coordinator_clients_are_told_to_look_for_one() {
    let mut node = TestNode::new(NodeOptions { shards: 2, ..NodeOptions::default() });
    node.create_topic("t", 2, &[]);
    let mut client = node.connect(0);
    let error = ErrorCode::NotCoordinator.code();
    assert_eq!(commit(&mut node, &mut client, "g", 1), error);
    assert_eq!(committed(&mut node, &mut client, "g"), Err(error));
    assert_eq!(heartbeat(&mut node, &mut client, "g", "m"), error);
    assert_eq!(client.call(&mut node, 5, &join_request("g", "")).error_code, error);
    assert!(client.call(&mut node, 5, &ListGroupsRequest::default()).groups.is_empty());
}

#[test]
fn asking_for_a_coordinator_makes_the_topic_that_they_live_in() {
    let options = NodeOptions { shards: 2, controller: true, ..NodeOptions::default() };
    let mut node = TestNode::new(options);
    let mut client = node.connect(1);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g".to_owned(), "h".to_owned()],
        ..FindCoordinatorRequest::default()
    };
    let answer = client.call(&mut node, 6, &request);
    let unavailable = ErrorCode::CoordinatorNotAvailable.code();
    assert!(answer.coordinators.iter().all(|c| (c.error_code, c.node_id) == (unavailable, -1)));
    node.run();
    let answer = client.call(&mut node, 6, &request);
    for (found, key) in answer.coordinators.iter().zip(["g", "h"]) {
        let place = (found.node_id, found.host.as_str(), found.port);
        assert_eq!((found.error_code, found.key.as_str()), (0, key));
        assert_eq!(place, (1, "localhost", 9092));
    }
    for version in 0..=3 {
        let request =
            FindCoordinatorRequest { key: "g".to_owned(), ..FindCoordinatorRequest::default() };
        let answer = client.call(&mut node, version, &request);
        assert_eq!((answer.error_code, answer.node_id, answer.port), (0, 1, 9092));
    }
    let request = FindCoordinatorRequest {
        key: "g".to_owned(),
        key_type: 1,
        ..FindCoordinatorRequest::default()
    };
    assert_eq!(client.call(&mut node, 3, &request).error_code, unavailable);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g".to_owned()],
        key_type: 9,
        ..FindCoordinatorRequest::default()
    };
    let answer = client.call(&mut node, 4, &request);
    assert_eq!(answer.coordinators[0].error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn nobody_but_the_broker_writes_to_its_own_topics() {
    let mut node = node();
    let mut client = node.connect(0);
    let answer = client.produce(&mut node, OFFSETS_TOPIC, 0, batch(1));
    assert_eq!(answer.error_code, ErrorCode::InvalidTopicException.code());
}

#[test]
fn when_the_topic_is_deleted_whoever_waits_is_told() {
    let mut node = node();
    let mut client = node.connect(0);
    let told = client.call(&mut node, 5, &join_request("g", ""));
    client.send(&mut node, 5, &join_request("g", &told.member_id));
    node.run();
    assert!(client.answers::<JoinGroupRequest>(&mut node, 5).is_empty());
    node.delete_topic(OFFSETS_TOPIC);
    let (_, answer) = client.answers::<JoinGroupRequest>(&mut node, 5).remove(0);
    assert_eq!(answer.error_code, ErrorCode::NotCoordinator.code());
}
