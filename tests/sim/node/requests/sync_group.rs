//! SyncGroup: the leader spreads what there is over the members.

use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::SyncGroupRequest;
use strandlog::kafka::messages::SyncGroupRequestAssignment;
use strandlog::kafka::messages::SyncGroupResponse;

use super::AWAY;
use super::OUTDATED;
use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;
use crate::node::membership::Standing;
use crate::node::membership::read_places;
use crate::node::membership::write_places;
use crate::node::mind::Role;
use crate::node::truth::Place;

pub fn ask(stage: &mut Stage<'_>) {
    if stage.mind.role != Role::Member {
        return probe(stage, &request(STRANGERS, 1, "nobody"), |_, response| {
            let allowed = [AWAY, &[ErrorCode::UnknownMemberId]].concat();
            expect(response.error_code, &allowed, "SyncGroup");
        });
    }
    let places = stage.truth.places();
    let membership = &mut stage.mind.membership;
    let Standing::Joined { others } = std::mem::take(&mut membership.standing) else { return };
    membership.standing = Standing::Waits;
    let members = others.unwrap_or_default();
    let count = members.len();
    let assignments = members.into_iter().enumerate().map(|(number, member_id)| {
        let part = places.iter().enumerate().filter(|(at, _)| at % count == number);
        let part: Vec<Place> = part.map(|(_, place)| place.clone()).collect();
        SyncGroupRequestAssignment {
            member_id,
            assignment: Bytes::from(write_places(&part)),
            ..SyncGroupRequestAssignment::default()
        }
    });
    let request = SyncGroupRequest {
        assignments: assignments.collect(),
        ..request(&membership.group, membership.generation, &membership.id)
    };
    let (generation, id) = (membership.generation, membership.id.clone());
    let version = stage.version::<SyncGroupRequest>();
    stage.send(version, &request, move |stage, response| {
        on_answer(stage, generation, &id, response);
    });
}

fn request(group: &str, generation: i32, member: &str) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: generation,
        member_id: member.to_owned(),
        protocol_type: Some("sim".to_owned()),
        protocol_name: Some("spread".to_owned()),
        ..SyncGroupRequest::default()
    }
}

fn on_answer(
    stage: &mut Stage<'_>,
    generation: i32,
    id: &str,
    response: Option<SyncGroupResponse>,
) {
    let membership = &mut stage.mind.membership;
    let Some(response) = response else { return membership.rejoin(false) };
    let allowed = [AWAY, OUTDATED, &[ErrorCode::None]].concat();
    match expect(response.error_code, &allowed, "SyncGroup") {
        ErrorCode::None => {
            let text = std::str::from_utf8(&response.assignment).expect("what the leader wrote");
            membership.owned = read_places(text);
            membership.standing = Standing::Stable;
            stage.truth.groups.assigned(&membership.group, generation, id, &membership.owned);
        }
        error => membership.rejoin(error == ErrorCode::UnknownMemberId),
    }
}
