//! DescribeGroups (15) and ListGroups (16).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::naming::error_code;
use crate::group::Answer;
use crate::group::Command;
use crate::group::DescribedMember;
use crate::group::Error;
use crate::group::Listing;
use crate::kafka::messages::DescribeGroupsRequest;
use crate::kafka::messages::DescribeGroupsResponse;
use crate::kafka::messages::DescribedGroup;
use crate::kafka::messages::DescribedGroupMember;
use crate::kafka::messages::ListGroupsRequest;
use crate::kafka::messages::ListGroupsResponse;
use crate::kafka::messages::ListedGroup;

/// Every operation that Kafka lets anybody do on a group where nobody is asked who they are: read,
/// delete, describe, and their configs.
pub(super) const GROUP_OPERATIONS: i32 = 3400;

/// The first version with a code for a group that does not exist.
const MISSING_GROUPS_FROM: i16 = 6;

/// How Kafka names the protocols that groups live by.
const CLASSIC: &str = "classic";
const CONSUMER: &str = "consumer";

fn type_of(group: &Listing) -> &'static str {
    if group.is_consumer { CONSUMER } else { CLASSIC }
}

/// Each of `groups` once, in the order in which they came: a few bytes may ask for all that a group is.
pub(super) fn distinct(mut groups: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    groups
}

#[derive(Debug)]
pub(super) struct DescribeAsked {
    groups: Vec<String>,
    operations: bool,
}

pub(super) fn describe(
    request: DescribeGroupsRequest,
) -> (Vec<(Arc<str>, Command)>, DescribeAsked) {
    let groups = distinct(request.groups);
    let parts = groups.iter().map(|group| (group.as_str().into(), Command::Describe)).collect();
    (parts, DescribeAsked { groups, operations: request.include_authorized_operations })
}

impl DescribeAsked {
    pub(super) fn described(self, version: i16, answers: Vec<Answer>) -> DescribeGroupsResponse {
        let groups = self.groups.into_iter().zip(answers);
        let groups = groups.map(|(group, answer)| described(version, group, answer));
        let groups = groups.map(|group| match self.operations && group.error_code == 0 {
            true => DescribedGroup { authorized_operations: GROUP_OPERATIONS, ..group },
            false => group,
        });
        DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() }
    }
}

fn described(version: i16, group_id: String, answer: Answer) -> DescribedGroup {
    let Answer::Described(outcome) = answer else {
        unreachable!("another question's answer: {answer:?}")
    };
    match outcome {
        Ok(found) => DescribedGroup {
            group_id,
            group_state: found.state.name().to_owned(),
            protocol_type: found.protocol_type.to_string(),
            protocol_data: found.protocol.to_string(),
            members: found.members.into_iter().map(member_of).collect(),
            ..DescribedGroup::default()
        },
        Err(Error::GroupIdNotFound | Error::GroupOfOtherKind) if version < MISSING_GROUPS_FROM => {
            DescribedGroup { group_id, group_state: "Dead".to_owned(), ..DescribedGroup::default() }
        }
        Err(error @ (Error::GroupIdNotFound | Error::GroupOfOtherKind)) => DescribedGroup {
            error_code: error_code(error).code(),
            error_message: Some(match error {
                Error::GroupOfOtherKind => format!("Group {group_id} is not a classic group."),
                _ => format!("Group {group_id} not found."),
            }),
            group_state: "Dead".to_owned(),
            group_id,
            ..DescribedGroup::default()
        },
        Err(error) => {
            let error_code = error_code(error).code();
            DescribedGroup { error_code, group_id, ..DescribedGroup::default() }
        }
    }
}

fn member_of(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance.map(|instance| instance.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
        ..DescribedGroupMember::default()
    }
}

/// Which groups are wanted: no filter lets all through. Kafka compares without regard to case.
#[derive(Debug)]
pub(super) struct ListAsked {
    states: Vec<String>,
    types: Vec<String>,
}

pub(super) fn list(request: ListGroupsRequest) -> ListAsked {
    ListAsked { states: request.states_filter, types: request.types_filter }
}

impl ListAsked {
    fn lets_through(&self, group: &Listing) -> bool {
        let names = |filter: &[String], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        names(&self.states, group.state) && names(&self.types, type_of(group))
    }

    /// As soon as one coordinator cannot tell, the list is not whole, and none is given.
    pub(super) fn listed(self, answers: Vec<Answer>) -> ListGroupsResponse {
        let mut groups = Vec::new();
        for answer in answers {
            let Answer::Listed(outcome) = answer else {
                unreachable!("another question's answer: {answer:?}")
            };
            match outcome {
                Ok(listed) => groups.extend(listed),
                Err(error) => {
                    let error_code = error_code(error).code();
                    return ListGroupsResponse { error_code, ..ListGroupsResponse::default() };
                }
            }
        }
        groups.retain(|group| self.lets_through(group));
        groups.sort_unstable_by(|one, other| one.group.cmp(&other.group));
        let listed = |group: Listing| ListedGroup {
            group_id: group.group.to_string(),
            protocol_type: group.protocol_type.to_string(),
            group_state: group.state.to_owned(),
            group_type: type_of(&group).to_owned(),
            ..ListedGroup::default()
        };
        let groups = groups.into_iter().map(listed).collect();
        ListGroupsResponse { groups, ..ListGroupsResponse::default() }
    }
}
