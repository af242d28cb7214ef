//! Every version of every API of consumer groups, answered well and with every error that its
//! request can get: an answer that its version cannot carry would close the connection.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::groups::OFFSETS_TOPIC;
use strandlog::kafka::messages::DeleteGroupsRequest;
use strandlog::kafka::messages::DescribeGroupsRequest;
use strandlog::kafka::messages::HeartbeatRequest;
use strandlog::kafka::messages::JoinGroupRequest;
use strandlog::kafka::messages::JoinGroupRequestProtocol;
use strandlog::kafka::messages::LeaveGroupRequest;
use strandlog::kafka::messages::LeavingMember;
use strandlog::kafka::messages::ListGroupsRequest;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::OffsetFetchRequest;
use strandlog::kafka::messages::OffsetFetchRequestGroup;
use strandlog::kafka::messages::OffsetFetchRequestTopic;
use strandlog::kafka::messages::OffsetFetchRequestTopics;
use strandlog::kafka::messages::SyncGroupRequest;
use strandlog::kafka::messages::SyncGroupRequestAssignment;
use strandlog::kafka::wire::Message;

use crate::harness::Client;
use crate::harness::TestNode;

fn node() -> (TestNode, Client) {
    let mut node = TestNode::single();
    node.create_topic(OFFSETS_TOPIC, 2, &[]);
    node.create_topic("t", 1, &[]);
    let client = node.connect(0);
    (node, client)
}

fn join_request(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        member_id: member.to_owned(),
        protocol_type: "own".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "p".to_owned(),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    }
}

/// A member of generation 1 of a group of this name.
fn member(node: &mut TestNode, client: &mut Client, group: &str) -> String {
    client.send(node, 3, &join_request(group, ""));
    node.advance_ms(3_001);
    let (_, joined) = client.answers::<JoinGroupRequest>(node, 3).remove(0);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    let sync = SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: 1,
        member_id: joined.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: (&b"all"[..]).into(),
            ..SyncGroupRequestAssignment::default()
        }],
        ..SyncGroupRequest::default()
    };
    assert_eq!(client.call(node, 3, &sync).error_code, 0);
    joined.member_id
}

#[test]
fn join_group() {
    let (mut node, mut client) = node();
    for version in JoinGroupRequest::VERSIONS {
        let group = format!("g{version}");
        let fresh = join_request(&group, "");
        let first = if version >= 4 {
            let told = client.call(&mut node, version, &fresh);
            assert_eq!(told.error_code, ErrorCode::MemberIdRequired.code());
            join_request(&group, &told.member_id)
        } else {
            fresh
        };
        client.send(&mut node, version, &first);
        node.advance_ms(3_001);
        let (_, joined) = client.answers::<JoinGroupRequest>(&mut node, version).remove(0);
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "version {version}");
        assert_eq!(joined.leader, joined.member_id);
        assert_eq!(joined.protocol_name.as_deref(), Some("p"));
        assert_eq!(joined.protocol_type.as_deref(), (version >= 7).then_some("own"));
        assert_eq!(joined.members.len(), 1);
        let mut short = join_request(&group, "");
        short.session_timeout_ms = 1;
        let mut other = join_request(&group, "");
        other.protocol_type = "other".to_owned();
        for (request, error) in [
            (join_request("", ""), ErrorCode::InvalidGroupId),
            (join_request(&group, "made-up"), ErrorCode::UnknownMemberId),
            (join_request("no-such-group", "made-up"), ErrorCode::UnknownMemberId),
            (short, ErrorCode::InvalidSessionTimeout),
            (other, ErrorCode::InconsistentGroupProtocol),
        ] {
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.error_code, error.code(), "version {version}");
            assert_eq!(answer.protocol_name.as_deref(), (version < 7).then_some(""));
        }
    }
}

#[test]
fn sync_group_and_heartbeat() {
    let (mut node, mut client) = node();
    let id = member(&mut node, &mut client, "g");
    let id = id.as_str();
    let cases = [
        ("g", id, 1, ErrorCode::None),
        ("g", id, 7, ErrorCode::IllegalGeneration),
        ("g", "made-up", 1, ErrorCode::UnknownMemberId),
        ("nothing", id, 1, ErrorCode::UnknownMemberId),
        ("", id, 1, ErrorCode::InvalidGroupId),
    ];
    for (group, member, generation_id, error) in cases {
        for version in SyncGroupRequest::VERSIONS {
            let request = SyncGroupRequest {
                group_id: group.to_owned(),
                generation_id,
                member_id: member.to_owned(),
                protocol_type: (version >= 5).then(|| "own".to_owned()),
                protocol_name: (version >= 5).then(|| "p".to_owned()),
                ..SyncGroupRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.error_code, error.code(), "version {version}");
            let assigned: &[u8] = if error == ErrorCode::None { b"all" } else { b"" };
            assert_eq!(answer.assignment, assigned);
        }
        for version in HeartbeatRequest::VERSIONS {
            let request = HeartbeatRequest {
                group_id: group.to_owned(),
                generation_id,
                member_id: member.to_owned(),
                ..HeartbeatRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.error_code, error.code(), "version {version}");
        }
    }
}

#[test]
fn leave_group() {
    let (mut node, mut client) = node();
    for version in LeaveGroupRequest::VERSIONS {
        let group = format!("g{version}");
        let id = member(&mut node, &mut client, &group);
        for (group, member, error) in [
            (group.as_str(), "made-up", ErrorCode::UnknownMemberId),
            ("nothing", "made-up", ErrorCode::UnknownMemberId),
            (group.as_str(), id.as_str(), ErrorCode::None),
        ] {
            let mut request =
                LeaveGroupRequest { group_id: group.to_owned(), ..LeaveGroupRequest::default() };
            if version < 3 {
                request.member_id = member.to_owned();
            } else {
                let member_id = member.to_owned();
                request.members = vec![LeavingMember { member_id, ..LeavingMember::default() }];
            }
            let answer = client.call(&mut node, version, &request);
            let told = if version < 3 {
                answer.error_code
            } else {
                assert_eq!((answer.error_code, answer.members[0].member_id.as_str()), (0, member));
                answer.members[0].error_code
            };
            assert_eq!(told, error.code(), "version {version}");
        }
        let request = LeaveGroupRequest::default();
        let answer = client.call(&mut node, version, &request);
        assert_eq!(answer.error_code, ErrorCode::InvalidGroupId.code(), "version {version}");
    }
}

fn commit_request(node: &TestNode, group: &str, generation: i32) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: generation,
        topics: vec![OffsetCommitRequestTopic {
            name: "t".to_owned(),
            topic_id: node.topics.id("t"),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: 5,
                committed_leader_epoch: 3,
                committed_metadata: Some("note".to_owned()),
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}

#[test]
fn offset_commit() {
    let (mut node, mut client) = node();
    member(&mut node, &mut client, "busy");
    for version in OffsetCommitRequest::VERSIONS {
        let mut too_large = commit_request(&node, "g", -1);
        too_large.topics[0].partitions[0].committed_metadata = Some("x".repeat(4_097));
        let missing = match version {
            ..9 => ErrorCode::IllegalGeneration,
            _ => ErrorCode::GroupIdNotFound,
        };
        for (request, error) in [
            (commit_request(&node, "g", -1), ErrorCode::None),
            (commit_request(&node, "", -1), ErrorCode::None),
            (too_large, ErrorCode::OffsetMetadataTooLarge),
            (commit_request(&node, "nothing", 3), missing),
            (commit_request(&node, "busy", -1), ErrorCode::UnknownMemberId),
            (commit_request(&node, "busy", 1), ErrorCode::UnknownMemberId),
        ] {
            let answer = client.call(&mut node, version, &request);
            let told = answer.topics[0].partitions[0].error_code;
            assert_eq!(told, error.code(), "version {version} of {request:?}");
        }
    }
}

#[test]
fn offset_fetch() {
    let (mut node, mut client) = node();
    let request = commit_request(&node, "g", -1);
    assert_eq!(client.call(&mut node, 9, &request).topics[0].partitions[0].error_code, 0);
    for version in OffsetFetchRequest::VERSIONS {
        for (group, offset) in [("g", 5), ("nothing", -1)] {
            if version < 8 {
                let request = OffsetFetchRequest {
                    group_id: group.to_owned(),
                    topics: Some(vec![OffsetFetchRequestTopic {
                        name: "t".to_owned(),
                        partition_indexes: vec![0],
                        ..OffsetFetchRequestTopic::default()
                    }]),
                    ..OffsetFetchRequest::default()
                };
                let answer = client.call(&mut node, version, &request);
                assert_eq!(answer.error_code, 0);
                let found = &answer.topics[0].partitions[0];
                assert_eq!((found.error_code, found.committed_offset), (0, offset));
                continue;
            }
            let request = OffsetFetchRequest {
                groups: vec![OffsetFetchRequestGroup {
                    group_id: group.to_owned(),
                    topics: Some(vec![OffsetFetchRequestTopics {
                        name: "t".to_owned(),
                        topic_id: node.topics.id("t"),
                        partition_indexes: vec![0],
                        ..OffsetFetchRequestTopics::default()
                    }]),
                    ..OffsetFetchRequestGroup::default()
                }],
                ..OffsetFetchRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            let found = &answer.groups[0].topics[0].partitions[0];
            assert_eq!((found.error_code, found.committed_offset), (0, offset));
            let metadata = if offset == 5 { "note" } else { "" };
            assert_eq!(found.metadata.as_deref(), Some(metadata));
        }
    }
}

#[test]
fn offset_fetch_is_refused_in_every_version() {
    let mut node = TestNode::single();
    let mut client = node.connect(0);
    let error = ErrorCode::NotCoordinator.code();
    for version in OffsetFetchRequest::VERSIONS {
        let mut request = OffsetFetchRequest::default();
        if version >= 8 {
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: "g".to_owned(),
                topics: None,
                ..OffsetFetchRequestGroup::default()
            }];
        } else {
            request.group_id = "g".to_owned();
            request.topics = Some(vec![OffsetFetchRequestTopic {
                name: "t".to_owned(),
                partition_indexes: vec![0],
                ..OffsetFetchRequestTopic::default()
            }]);
        }
        let answer = client.call(&mut node, version, &request);
        let told = match version {
            ..2 => answer.topics[0].partitions[0].error_code,
            2..8 => answer.error_code,
            _ => answer.groups[0].error_code,
        };
        assert_eq!(told, error, "version {version}");
    }
}

#[test]
fn describe_list_and_delete_groups() {
    let (mut node, mut client) = node();
    member(&mut node, &mut client, "g");
    for version in DescribeGroupsRequest::VERSIONS {
        let request = DescribeGroupsRequest {
            groups: vec!["g".to_owned(), "nothing".to_owned()],
            include_authorized_operations: version >= 3,
            ..DescribeGroupsRequest::default()
        };
        let answer = client.call(&mut node, version, &request);
        let (found, missing) = (&answer.groups[0], &answer.groups[1]);
        assert_eq!((found.error_code, found.group_state.as_str()), (0, "Stable"));
        let operations = if version >= 3 { 3400 } else { i32::MIN };
        assert_eq!(found.authorized_operations, operations);
        let code = if version >= 6 { ErrorCode::GroupIdNotFound.code() } else { 0 };
        assert_eq!((missing.error_code, missing.group_state.as_str()), (code, "Dead"));
        let message = (version >= 6).then_some("Group nothing not found.");
        assert_eq!(missing.error_message.as_deref(), message);
    }
    for version in ListGroupsRequest::VERSIONS {
        let answer = client.call(&mut node, version, &ListGroupsRequest::default());
        assert_eq!((answer.error_code, answer.groups.len()), (0, 1));
        assert_eq!(answer.groups[0].protocol_type, "own");
        let state = if version >= 4 { "Stable" } else { "" };
        assert_eq!(answer.groups[0].group_state, state);
    }
    for version in DeleteGroupsRequest::VERSIONS {
        let groups_names = vec!["g".to_owned(), "nothing".to_owned()];
        let request = DeleteGroupsRequest { groups_names, ..DeleteGroupsRequest::default() };
        let answer = client.call(&mut node, version, &request);
        let codes: Vec<_> = answer.results.iter().map(|result| result.error_code).collect();
        let (busy, missing) = (ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound);
        assert_eq!(codes, [busy.code(), missing.code()], "version {version}");
    }
}
