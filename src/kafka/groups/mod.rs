//! The requests of consumer groups: what they ask of which group's coordinator, and what its
//! answers look like.

mod consumers;
mod coordinators;
mod deleting;
mod describing;
mod membership;
mod naming;
mod offset_commit;
mod offset_fetch;
mod stored;
mod stored_consumer;

use std::sync::Arc;

use bytes::Bytes;

use super::messages;
use super::versions::ApiKey;
use super::wire::DecodeError;
use super::wire::EncodeError;
use super::wire::Request;
use super::wire::encode_response;
use crate::group::Answer;
use crate::group::Command;
use crate::group::Error;
use crate::group::refusal;
use crate::kafka::AdminContext;

pub use coordinators::OFFSETS_TOPIC;
pub use coordinators::find;
pub use coordinators::partition_of;
pub use naming::error_code;
pub use stored::read_record;
pub use stored::write_record;

/// Who asks, as far as a group needs to know.
#[derive(Clone, Debug)]
pub struct Caller {
    pub client_id: Arc<str>,
    /// As Kafka shows it: a slash and the address.
    pub host: Arc<str>,
}

/// What a request asks of coordinators, and what is needed to answer it.
#[derive(Debug)]
pub struct Plan {
    pub parts: Parts,
    /// An answer is awaited however long it takes: members wait for each other.
    pub is_patient: bool,
    asked: Asked,
}

/// Whom the request asks.
#[derive(Debug)]
pub enum Parts {
    /// The coordinators of these groups.
    Groups(Vec<(Arc<str>, Command)>),
    /// All coordinators, for the list of their groups.
    All,
}

/// What is left of a request when its questions are out.
#[derive(Debug)]
enum Asked {
    Join,
    Sync,
    Heartbeat,
    Leave(membership::LeaveAsked),
    Commit(offset_commit::CommitAsked),
    FetchOffsets(offset_fetch::FetchAsked),
    Describe(describing::DescribeAsked),
    ConsumerHeartbeat(consumers::HeartbeatAsked),
    DescribeConsumers(consumers::DescribeConsumersAsked),
    List(describing::ListAsked),
    Delete(Vec<String>),
    DeleteOffsets(deleting::DeleteOffsetsAsked),
}

/// Reads a request of `api`. `assignors`: those that members of the consumer protocol may ask for.
///
/// # Errors
/// Bytes that are no such request.
pub fn plan(
    api: ApiKey,
    context: AdminContext<'_>,
    caller: &Caller,
    assignors: &[&str],
    body: Bytes,
) -> Result<Plan, DecodeError> {
    let version = context.version;
    Ok(match api {
        ApiKey::JoinGroup => {
            let request = messages::JoinGroupRequest::decode_body(version, body)?;
            patient(membership::join(version, request, caller), Asked::Join)
        }
        ApiKey::SyncGroup => {
            let request = messages::SyncGroupRequest::decode_body(version, body)?;
            patient(membership::sync(version, request), Asked::Sync)
        }
        ApiKey::Heartbeat => {
            let request = messages::HeartbeatRequest::decode_body(version, body)?;
            of_groups(vec![membership::heartbeat(request)], Asked::Heartbeat)
        }
        ApiKey::LeaveGroup => {
            let request = messages::LeaveGroupRequest::decode_body(version, body)?;
            let (part, asked) = membership::leave(version, request);
            of_groups(vec![part], Asked::Leave(asked))
        }
        ApiKey::OffsetCommit => {
            let request = messages::OffsetCommitRequest::decode_body(version, body)?;
            let (parts, asked) = offset_commit::ask(context, request);
            of_groups(parts, Asked::Commit(asked))
        }
        ApiKey::OffsetFetch => {
            let request = messages::OffsetFetchRequest::decode_body(version, body)?;
            let (parts, asked) = offset_fetch::ask(context, request);
            of_groups(parts, Asked::FetchOffsets(asked))
        }
        ApiKey::DescribeGroups => {
            let request = messages::DescribeGroupsRequest::decode_body(version, body)?;
            let (parts, asked) = describing::describe(request);
            of_groups(parts, Asked::Describe(asked))
        }
        ApiKey::ConsumerGroupHeartbeat => {
            let request = messages::ConsumerGroupHeartbeatRequest::decode_body(version, body)?;
            let (parts, asked) = consumers::heartbeat(version, assignors, request, caller);
            of_groups(parts, Asked::ConsumerHeartbeat(asked))
        }
        ApiKey::ConsumerGroupDescribe => {
            let request = messages::ConsumerGroupDescribeRequest::decode_body(version, body)?;
            let (parts, asked) = consumers::describe(request);
            of_groups(parts, Asked::DescribeConsumers(asked))
        }
        ApiKey::ListGroups => {
            let request = messages::ListGroupsRequest::decode_body(version, body)?;
            let asked = Asked::List(describing::list(request));
            Plan { parts: Parts::All, is_patient: false, asked }
        }
        ApiKey::DeleteGroups => {
            let request = messages::DeleteGroupsRequest::decode_body(version, body)?;
            let parts = deleting::groups(&request);
            of_groups(parts, Asked::Delete(request.groups_names))
        }
        ApiKey::OffsetDelete => {
            let request = messages::OffsetDeleteRequest::decode_body(version, body)?;
            let (part, asked) = deleting::offsets(context, request);
            of_groups(vec![part], Asked::DeleteOffsets(asked))
        }
        other => unreachable!("{other} is not asked of a coordinator"),
    })
}

fn of_groups(parts: Vec<(Arc<str>, Command)>, asked: Asked) -> Plan {
    Plan { parts: Parts::Groups(parts), is_patient: false, asked }
}

fn patient(part: (Arc<str>, Command), asked: Asked) -> Plan {
    Plan { parts: Parts::Groups(vec![part]), is_patient: true, asked }
}

impl Plan {
    /// What is answered where a coordinator does not: one for each part, `coordinators` of them
    /// where all are asked.
    pub fn unanswered(&self, coordinators: usize, error: Error) -> Vec<Answer> {
        match &self.parts {
            Parts::Groups(parts) => {
                parts.iter().map(|(_, command)| refusal(command, error)).collect()
            }
            Parts::All => (0..coordinators).map(|_| Answer::Listed(Err(error))).collect(),
        }
    }

    /// Splits off what waits for the answers.
    pub fn into_parts(self) -> (Parts, Awaiting) {
        (self.parts, Awaiting { asked: self.asked })
    }
}

/// A request whose questions are out.
#[derive(Debug)]
pub struct Awaiting {
    asked: Asked,
}

impl Awaiting {
    /// The frame of the response. `answers` are in the order of the parts.
    ///
    /// # Errors
    /// An answer that the version cannot carry.
    pub fn respond(
        self,
        version: i16,
        correlation: i32,
        answers: Vec<Answer>,
    ) -> Result<Bytes, EncodeError> {
        let mut answers = answers;
        match self.asked {
            Asked::Join => {
                let response = membership::joined(version, only(&mut answers));
                encode_response(version, correlation, &response)
            }
            Asked::Sync => {
                let response = membership::synced(only(&mut answers));
                encode_response(version, correlation, &response)
            }
            Asked::Heartbeat => {
                let response = membership::heard(only(&mut answers));
                encode_response(version, correlation, &response)
            }
            Asked::Leave(asked) => {
                let response = asked.left(only(&mut answers));
                encode_response(version, correlation, &response)
            }
            Asked::Commit(asked) => {
                encode_response(version, correlation, &asked.committed(answers.pop()))
            }
            Asked::FetchOffsets(asked) => {
                encode_response(version, correlation, &asked.fetched(version, answers))
            }
            Asked::Describe(asked) => {
                encode_response(version, correlation, &asked.described(version, answers))
            }
            Asked::ConsumerHeartbeat(asked) => {
                encode_response(version, correlation, &asked.heard(answers.pop()))
            }
            Asked::DescribeConsumers(asked) => {
                encode_response(version, correlation, &asked.described(answers))
            }
            Asked::List(asked) => encode_response(version, correlation, &asked.listed(answers)),
            Asked::Delete(groups) => {
                encode_response(version, correlation, &deleting::deleted(groups, answers))
            }
            Asked::DeleteOffsets(asked) => {
                let response = asked.deleted(only(&mut answers));
                encode_response(version, correlation, &response)
            }
        }
    }
}

/// The answer of a request with one part.
fn only(answers: &mut Vec<Answer>) -> Answer {
    answers.pop().expect("as many answers as parts")
}
