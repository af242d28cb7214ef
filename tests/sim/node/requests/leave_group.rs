//! LeaveGroup: of members now and then, and of one that nobody knows.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::LeaveGroupRequest;
use strandlog::kafka::messages::LeavingMember;

use super::AWAY;
use super::STRANGERS;
use super::expect;
use crate::node::client::Stage;
use crate::node::mind::Role;

pub fn ask(stage: &mut Stage<'_>) {
    let is_member = stage.mind.role == Role::Member;
    if is_member && stage.healing {
        return;
    }
    let (group, member) = match is_member {
        true => (stage.mind.membership.group.clone(), stage.mind.membership.id.clone()),
        false => (STRANGERS.to_owned(), "nobody".to_owned()),
    };
    let version = stage.version::<LeaveGroupRequest>();
    let request = match version {
        3.. => LeaveGroupRequest {
            group_id: group,
            members: vec![LeavingMember { member_id: member, ..LeavingMember::default() }],
            ..LeaveGroupRequest::default()
        },
        _ => {
            LeaveGroupRequest { group_id: group, member_id: member, ..LeaveGroupRequest::default() }
        }
    };
    if is_member {
        stage.mind.membership.rejoin(true);
    }
    stage.send(version, &request, |_, response| {
        let Some(response) = response else { return };
        let allowed = [AWAY, &[ErrorCode::None, ErrorCode::UnknownMemberId]].concat();
        expect(response.error_code, &allowed, "LeaveGroup");
        for member in &response.members {
            expect(member.error_code, &allowed, "LeaveGroup");
        }
    });
}
