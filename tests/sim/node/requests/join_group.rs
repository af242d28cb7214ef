//! JoinGroup: of members, and of one that nobody knows.

use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::JoinGroupRequest;
use strandlog::kafka::messages::JoinGroupRequestProtocol;
use strandlog::kafka::messages::JoinGroupResponse;

use super::AWAY;
use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;
use crate::node::membership::Standing;
use crate::node::mind::Role;
use crate::node::options::pick;

pub fn ask(stage: &mut Stage<'_>) {
    if stage.mind.role != Role::Member {
        return probe(stage, &request(STRANGERS, "nobody"), |_, response| {
            let allowed = [AWAY, &[ErrorCode::UnknownMemberId]].concat();
            expect(response.error_code, &allowed, "JoinGroup");
        });
    }
    let membership = &mut stage.mind.membership;
    membership.standing = Standing::Waits;
    let request = JoinGroupRequest {
        session_timeout_ms: pick(stage.rng, &[300, 2_000]),
        ..request(&membership.group, &membership.id)
    };
    let version = stage.version::<JoinGroupRequest>();
    stage.send(version, &request, on_answer);
}

fn request(group: &str, member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol {
        name: "spread".to_owned(),
        metadata: Bytes::from_static(b"anything"),
        ..JoinGroupRequestProtocol::default()
    };
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 1_000,
        member_id: member.to_owned(),
        protocol_type: "sim".to_owned(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

fn on_answer(stage: &mut Stage<'_>, response: Option<JoinGroupResponse>) {
    let membership = &mut stage.mind.membership;
    let Some(response) = response else { return membership.rejoin(false) };
    let allowed = [
        AWAY,
        &[
            ErrorCode::None,
            ErrorCode::MemberIdRequired,
            ErrorCode::UnknownMemberId,
            ErrorCode::RebalanceInProgress,
        ],
    ]
    .concat();
    match expect(response.error_code, &allowed, "JoinGroup") {
        ErrorCode::None => {
            assert!(response.generation_id >= 0, "groups: a generation: {response:?}");
            let leads = response.leader == response.member_id;
            let others = response.members.iter().map(|member| member.member_id.clone());
            let others = leads.then(|| others.collect::<Vec<_>>());
            if let Some(members) = &others {
                assert!(members.contains(&response.member_id), "groups: the leader is a member");
            }
            membership.id = response.member_id;
            membership.generation = response.generation_id;
            membership.standing = Standing::Joined { others };
        }
        ErrorCode::MemberIdRequired => {
            membership.rejoin(false);
            membership.id = response.member_id;
        }
        error => membership.rejoin(error == ErrorCode::UnknownMemberId),
    }
}
