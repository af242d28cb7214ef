//! Heartbeat: of members, and of one that nobody knows.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::HeartbeatRequest;

use super::AWAY;
use super::OUTDATED;
use super::STRANGERS;
use super::expect;
use super::probe;
use crate::node::client::Stage;
use crate::node::membership::Standing;
use crate::node::mind::Role;

pub fn ask(stage: &mut Stage<'_>) {
    if stage.mind.role != Role::Member {
        return probe(stage, &request(STRANGERS, 1, "nobody"), |_, response| {
            // A coordinator that still loads says that all is well.
            let allowed = [AWAY, &[ErrorCode::None, ErrorCode::UnknownMemberId]].concat();
            expect(response.error_code, &allowed, "Heartbeat");
        });
    }
    let membership = &stage.mind.membership;
    let generation = membership.generation;
    let request = request(&membership.group, generation, &membership.id);
    probe(stage, &request, move |stage, response| {
        let membership = &mut stage.mind.membership;
        let allowed = [AWAY, OUTDATED, &[ErrorCode::None]].concat();
        let error = expect(response.error_code, &allowed, "Heartbeat");
        let is_of_now = membership.generation == generation;
        if OUTDATED.contains(&error) && is_of_now && membership.standing == Standing::Stable {
            membership.rejoin(error == ErrorCode::UnknownMemberId);
        }
    });
}

fn request(group: &str, generation: i32, member: &str) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: group.to_owned(),
        generation_id: generation,
        member_id: member.to_owned(),
        ..HeartbeatRequest::default()
    }
}
