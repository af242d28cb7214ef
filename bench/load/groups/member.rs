//! One member of a classic group (`JoinGroup`, `SyncGroup`, `Heartbeat`, `OffsetCommit`), one
//! request at a time.

use crate::client::CLIENT;
use crate::client::LoadError;
use crate::client::Versions;
use crate::client::decode_answer;
use crate::socket::Socket;
use bytes::Buf;
use bytes::Bytes;
use strandlog::kafka::messages::HeartbeatRequest;
use strandlog::kafka::messages::JoinGroupRequest;
use strandlog::kafka::messages::JoinGroupRequestProtocol;
use strandlog::kafka::messages::JoinGroupResponse;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::SyncGroupRequest;
use strandlog::kafka::messages::SyncGroupRequestAssignment;
use strandlog::kafka::messages::SyncGroupResponse;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::encode_request;

const SESSION_MS: i32 = 45_000;
const REBALANCE_MS: i32 = 60_000;
const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";
/// The last version that commits by the topic's name.
const COMMIT_MOST: i16 = 9;

const ILLEGAL_GENERATION: i16 = 22;
const REBALANCE_IN_PROGRESS: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;

/// The versions of the requests of a member.
#[derive(Clone, Copy)]
pub(super) struct Spoken {
    join: i16,
    sync: i16,
    heartbeat: i16,
    commit: i16,
}

impl Spoken {
    pub(super) fn new(versions: &Versions) -> Result<Self, LoadError> {
        let pick = |api, most, name| versions.pick(api, most).ok_or(LoadError::Lacking(name));
        Ok(Self {
            join: pick(ApiKey::JoinGroup, i16::MAX, "JoinGroup")?,
            sync: pick(ApiKey::SyncGroup, i16::MAX, "SyncGroup")?,
            heartbeat: pick(ApiKey::Heartbeat, i16::MAX, "Heartbeat")?,
            commit: pick(ApiKey::OffsetCommit, COMMIT_MOST, "OffsetCommit")?,
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Awaited {
    Nothing,
    Join,
    Sync,
    Heartbeat,
    Commit,
}

/// What an answer brought.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    /// It is a step on the way into the generation.
    Step,
    /// The member is in its generation and knows what is its own: the number that the leader gave
    /// it, of as many as there are members.
    Assigned { number: u32, of: u32 },
    /// A heartbeat or a commit was answered.
    Done,
}

pub(super) struct Member {
    pub(super) socket: Socket,
    pub(super) group: usize,
    name: String,
    spoken: Spoken,
    id: String,
    pub(super) generation: i32,
    awaited: Awaited,
    correlation: i32,
    output: Bytes,
    /// Sent when the request that was sent last was meant to be, in nanoseconds of the run.
    pub(super) intended_ns: u64,
    committed: i64,
}

impl Member {
    pub(super) fn new(socket: Socket, group: usize, name: &str, spoken: Spoken) -> Self {
        Self {
            socket,
            group,
            name: name.to_owned(),
            spoken,
            id: String::new(),
            generation: -1,
            awaited: Awaited::Nothing,
            correlation: 0,
            output: Bytes::new(),
            intended_ns: 0,
            committed: 0,
        }
    }

    /// In a generation, and nothing is under way.
    pub(super) fn is_free(&self) -> bool {
        self.generation >= 0 && self.awaited == Awaited::Nothing
    }

    pub(super) fn join(&mut self) -> Result<(), LoadError> {
        self.generation = -1;
        let protocol = JoinGroupRequestProtocol {
            name: PROTOCOL.to_owned(),
            metadata: Bytes::from_static(b"load"),
            ..JoinGroupRequestProtocol::default()
        };
        let request = JoinGroupRequest {
            group_id: self.name.clone(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: self.id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        self.send(Awaited::Join, self.spoken.join, &request)
    }

    pub(super) fn beat(&mut self, intended_ns: u64) -> Result<(), LoadError> {
        self.intended_ns = intended_ns;
        let request = HeartbeatRequest {
            group_id: self.name.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            ..HeartbeatRequest::default()
        };
        self.send(Awaited::Heartbeat, self.spoken.heartbeat, &request)
    }

    /// Commits an offset of the topic's first partition, each time a greater one.
    pub(super) fn commit(&mut self, topic: &str, intended_ns: u64) -> Result<(), LoadError> {
        self.intended_ns = intended_ns;
        self.committed += 1;
        let partition = OffsetCommitRequestPartition {
            committed_offset: self.committed,
            committed_metadata: Some(String::new()),
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: vec![partition],
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.name.clone(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        self.send(Awaited::Commit, self.spoken.commit, &request)
    }

    fn send<R: Request>(
        &mut self,
        awaited: Awaited,
        version: i16,
        request: &R,
    ) -> Result<(), LoadError> {
        self.correlation += 1;
        self.awaited = awaited;
        self.output = encode_request(version, self.correlation, Some(CLIENT), request)
            .map_err(|error| LoadError::Answer(error.to_string()))?;
        self.push()
    }

    /// Goes on sending.
    pub(super) fn push(&mut self) -> Result<(), LoadError> {
        while !self.output.is_empty() {
            match self.socket.send(&self.output)? {
                0 => break,
                sent => self.output.advance(sent),
            }
        }
        Ok(())
    }

    /// Takes the answer, when it is there, and goes the next step into the generation.
    pub(super) fn take(&mut self) -> Result<Option<Came>, LoadError> {
        if self.awaited == Awaited::Nothing {
            return Ok(None);
        }
        let Some(frame) = self.socket.frame()? else { return Ok(None) };
        let awaited = std::mem::replace(&mut self.awaited, Awaited::Nothing);
        let Spoken { join, sync, heartbeat, commit } = self.spoken;
        let number = self.correlation;
        let came = match awaited {
            Awaited::Nothing => unreachable!("asked for above"),
            Awaited::Join => {
                let answer = decode_answer::<JoinGroupRequest>(join, number, frame)?;
                self.on_joined(answer)?
            }
            Awaited::Sync => {
                let answer = decode_answer::<SyncGroupRequest>(sync, number, frame)?;
                self.on_synced(&answer)?
            }
            Awaited::Heartbeat => {
                let answer = decode_answer::<HeartbeatRequest>(heartbeat, number, frame)?;
                self.on_beaten("Heartbeat", answer.error_code)?
            }
            Awaited::Commit => {
                let answer = decode_answer::<OffsetCommitRequest>(commit, number, frame)?;
                let part = answer.topics.first().and_then(|topic| topic.partitions.first());
                let missing = || LoadError::Answer("OffsetCommit without a partition".to_owned());
                self.on_beaten("OffsetCommit", part.ok_or_else(missing)?.error_code)?
            }
        };
        Ok(Some(came))
    }

    fn on_joined(&mut self, answer: JoinGroupResponse) -> Result<Came, LoadError> {
        match answer.error_code {
            0 => {}
            MEMBER_ID_REQUIRED => {
                self.id = answer.member_id;
                self.join()?;
                return Ok(Came::Step);
            }
            REBALANCE_IN_PROGRESS => {
                self.join()?;
                return Ok(Came::Step);
            }
            code => return Err(LoadError::Refused("JoinGroup", code)),
        }
        self.generation = answer.generation_id;
        let count = answer.members.len() as u32;
        let assignments = (0u32..).zip(answer.members).map(|(number, member)| {
            let share = [number.to_be_bytes(), count.to_be_bytes()].concat();
            SyncGroupRequestAssignment {
                member_id: member.member_id,
                assignment: Bytes::from(share),
                ..SyncGroupRequestAssignment::default()
            }
        });
        let request = SyncGroupRequest {
            group_id: self.name.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: answer.protocol_name,
            // Only the leader is told of the members.
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        self.send(Awaited::Sync, self.spoken.sync, &request)?;
        Ok(Came::Step)
    }

    fn on_synced(&mut self, answer: &SyncGroupResponse) -> Result<Came, LoadError> {
        match answer.error_code {
            0 => {}
            REBALANCE_IN_PROGRESS | ILLEGAL_GENERATION => {
                self.join()?;
                return Ok(Came::Step);
            }
            code => return Err(LoadError::Refused("SyncGroup", code)),
        }
        let mut share = answer.assignment.clone();
        if share.len() != 8 {
            let what = format!("an assignment of {} bytes that nobody made", share.len());
            return Err(LoadError::Answer(what));
        }
        Ok(Came::Assigned { number: share.get_u32(), of: share.get_u32() })
    }

    fn on_beaten(&mut self, what: &'static str, code: i16) -> Result<Came, LoadError> {
        match code {
            0 => Ok(Came::Done),
            REBALANCE_IN_PROGRESS => {
                self.join()?;
                Ok(Came::Step)
            }
            code => Err(LoadError::Refused(what, code)),
        }
    }
}
