//! JoinGroup (11), SyncGroup (14), Heartbeat (12) and LeaveGroup (13).

use std::sync::Arc;

use bytes::Bytes;

use super::Caller;
use super::naming::code;
use super::naming::error_code;
use crate::group::Answer;
use crate::group::Command;
use crate::group::Error;
use crate::group::Join;
use crate::group::Joined;
use crate::group::JoinedMember;
use crate::group::Leaving;
use crate::group::Presence;
use crate::group::Protocol;
use crate::group::Sync;
use crate::kafka::messages::HeartbeatRequest;
use crate::kafka::messages::HeartbeatResponse;
use crate::kafka::messages::JoinGroupRequest;
use crate::kafka::messages::JoinGroupRequestProtocol;
use crate::kafka::messages::JoinGroupResponse;
use crate::kafka::messages::JoinGroupResponseMember;
use crate::kafka::messages::LeaveGroupRequest;
use crate::kafka::messages::LeaveGroupResponse;
use crate::kafka::messages::LeavingMember;
use crate::kafka::messages::LeftMember;
use crate::kafka::messages::SyncGroupRequest;
use crate::kafka::messages::SyncGroupResponse;

/// The first version in which a member without an id is told one and joins again (KIP-394).
const KNOWN_IDS_FROM: i16 = 4;
/// The first version in which a leader can be told to keep its assignment (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;
/// The first version in which several members leave at once.
const BATCHED_LEAVE_FROM: i16 = 3;

pub(super) fn join(
    version: i16,
    request: JoinGroupRequest,
    caller: &Caller,
) -> (Arc<str>, Command) {
    let offer = |protocol: JoinGroupRequestProtocol| Protocol {
        name: protocol.name.into(),
        metadata: owned(&protocol.metadata),
    };
    let join = Join {
        member: request.member_id.into(),
        instance: request.group_instance_id.map(Arc::from),
        client_id: caller.client_id.clone(),
        client_host: caller.host.clone(),
        session_timeout_ms: request.session_timeout_ms,
        // Version 0 has one timeout for both.
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => request.session_timeout_ms,
            timeout_ms => timeout_ms,
        },
        protocol_type: request.protocol_type.into(),
        protocols: request.protocols.into_iter().map(offer).collect(),
        must_know_id: version >= KNOWN_IDS_FROM,
        may_skip_assignment: version >= SKIP_ASSIGNMENT_FROM,
    };
    (request.group_id.into(), Command::Join(join))
}

/// What is kept must not keep the whole request in memory.
fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn joined(version: i16, answer: Answer) -> JoinGroupResponse {
    let Answer::Joined(Joined { member, outcome }) = answer else {
        unreachable!("another question's answer: {answer:?}")
    };
    let nameless = if version >= 7 { None } else { Some(String::new()) };
    match outcome {
        Ok(joined) => JoinGroupResponse {
            generation_id: joined.generation,
            protocol_type: joined.protocol_type.map(|kind| kind.to_string()),
            protocol_name: joined.protocol.map_or(nameless, |name| Some(name.to_string())),
            leader: joined.leader.to_string(),
            skip_assignment: joined.skip_assignment,
            member_id: member.to_string(),
            members: joined.members.into_iter().map(member_of).collect(),
            ..JoinGroupResponse::default()
        },
        Err(error) => JoinGroupResponse {
            error_code: error_code(error).code(),
            protocol_name: nameless,
            member_id: member.to_string(),
            ..JoinGroupResponse::default()
        },
    }
}

fn member_of(member: JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance.map(|instance| instance.to_string()),
        metadata: member.metadata,
        ..JoinGroupResponseMember::default()
    }
}

pub(super) fn sync(version: i16, request: SyncGroupRequest) -> (Arc<str>, Command) {
    let assignments = request.assignments.into_iter();
    let sync = Sync {
        who: Presence {
            member: request.member_id.into(),
            instance: request.group_instance_id.map(Arc::from),
            generation: request.generation_id,
        },
        must_say_protocol: version >= 5,
        protocol_type: request.protocol_type.map(Arc::from),
        protocol: request.protocol_name.map(Arc::from),
        assignments: assignments
            .map(|given| (given.member_id.into(), owned(&given.assignment)))
            .collect(),
    };
    (request.group_id.into(), Command::Sync(sync))
}

pub(super) fn synced(answer: Answer) -> SyncGroupResponse {
    let Answer::Synced(outcome) = answer else {
        unreachable!("another question's answer: {answer:?}")
    };
    let error_code = code(&outcome);
    let Ok(synced) = outcome else {
        return SyncGroupResponse { error_code, ..SyncGroupResponse::default() };
    };
    SyncGroupResponse {
        protocol_type: synced.protocol_type.map(|kind| kind.to_string()),
        protocol_name: synced.protocol.map(|name| name.to_string()),
        assignment: synced.assignment,
        ..SyncGroupResponse::default()
    }
}

pub(super) fn heartbeat(request: HeartbeatRequest) -> (Arc<str>, Command) {
    let who = Presence {
        member: request.member_id.into(),
        instance: request.group_instance_id.map(Arc::from),
        generation: request.generation_id,
    };
    (request.group_id.into(), Command::Heartbeat(who))
}

/// While the group is being loaded nobody knows better: as Kafka does, the member is told that all
/// is well.
pub(super) fn heard(answer: Answer) -> HeartbeatResponse {
    let Answer::Heartbeat(outcome) = answer else {
        unreachable!("another question's answer: {answer:?}")
    };
    let error_code = match outcome {
        Err(Error::CoordinatorLoadInProgress) => 0,
        outcome => code(&outcome),
    };
    HeartbeatResponse { error_code, ..HeartbeatResponse::default() }
}

/// Who was to leave, as they were named.
#[derive(Debug)]
pub(super) struct LeaveAsked {
    members: Vec<LeavingMember>,
    batched: bool,
}

pub(super) fn leave(version: i16, request: LeaveGroupRequest) -> ((Arc<str>, Command), LeaveAsked) {
    let batched = version >= BATCHED_LEAVE_FROM;
    let members = if batched {
        request.members
    } else {
        vec![LeavingMember { member_id: request.member_id, ..LeavingMember::default() }]
    };
    let leaving = |member: &LeavingMember| Leaving {
        member: member.member_id.as_str().into(),
        instance: member.group_instance_id.as_deref().map(Arc::from),
    };
    let command = Command::Leave(members.iter().map(leaving).collect());
    ((request.group_id.into(), command), LeaveAsked { members, batched })
}

impl LeaveAsked {
    pub(super) fn left(self, answer: Answer) -> LeaveGroupResponse {
        let Answer::Left(outcome) = answer else {
            unreachable!("another question's answer: {answer:?}")
        };
        let outcomes = match outcome {
            Ok(outcomes) => outcomes,
            // Of a group that does not exist nobody is a member.
            Err(error @ Error::UnknownMemberId) => vec![Err(error); self.members.len()],
            Err(error) => {
                let error_code = error_code(error).code();
                return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
            }
        };
        if !self.batched {
            let error_code = outcomes.first().map_or(0, code);
            return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
        }
        let left = |(member, outcome): (LeavingMember, Result<(), Error>)| LeftMember {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code: code(&outcome),
            ..LeftMember::default()
        };
        let members = self.members.into_iter().zip(outcomes).map(left).collect();
        LeaveGroupResponse { members, ..LeaveGroupResponse::default() }
    }
}
