//! What a client has in mind between its requests: what it still has to deliver, where it reads,
//! which partitions it follows.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bytes::Bytes;
use strandlog::base::Rng;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::versions::ApiKey;

use super::membership::Membership;
use super::membership::Standing;
use super::options::Options;
use super::options::pick;
use super::truth::BatchId;
use super::truth::Place;

/// What a client is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Producer,
    Consumer,
    /// Of one of two groups.
    Member,
    Admin,
    /// Asks for everything that changes nothing.
    Prober,
    /// Reads everything when the chaos is over.
    Auditor,
}

/// See the module.
pub struct Mind {
    pub role: Role,
    pub producing: Producing,
    pub reading: Reading,
    pub membership: Membership,
    /// The core that the last metadata named for what it is about.
    pub wanted_core: Option<u16>,
    pub pipeline: usize,
}

impl Mind {
    pub fn new(role: Role, options: &Options, rng: &mut Rng) -> Self {
        Self {
            role,
            producing: Producing::new(options, rng),
            reading: Reading { wants_session: rng.one_in(2), ..Reading::default() },
            membership: Membership::new(rng.below(2)),
            wanted_core: None,
            pipeline: options.pipeline,
        }
    }

    /// The connection is gone, and everything that was asked on it was told so.
    pub fn on_lost(&mut self) {
        self.reading.session = None;
    }

    /// What it asks next.
    pub fn next_request(&self, rng: &mut Rng) -> ApiKey {
        match self.role {
            Role::Producer => match rng.below(40) {
                0 => ApiKey::Metadata,
                _ => ApiKey::Produce,
            },
            Role::Consumer | Role::Auditor => match rng.below(20) {
                0 => ApiKey::Metadata,
                1 | 2 => ApiKey::ListOffsets,
                3 => ApiKey::OffsetForLeaderEpoch,
                _ => ApiKey::Fetch,
            },
            Role::Member => self.next_of_member(rng),
            Role::Admin => pick(rng, ADMIN),
            Role::Prober => pick(rng, PROBES),
        }
    }

    fn next_of_member(&self, rng: &mut Rng) -> ApiKey {
        match &self.membership.standing {
            Standing::Out if rng.one_in(4) => ApiKey::FindCoordinator,
            Standing::Out => ApiKey::JoinGroup,
            Standing::Joined { .. } => ApiKey::SyncGroup,
            Standing::Waits => ApiKey::OffsetFetch,
            Standing::Stable => match rng.below(60) {
                0 => ApiKey::LeaveGroup,
                1..=14 => ApiKey::OffsetCommit,
                15..=24 => ApiKey::OffsetFetch,
                _ => ApiKey::Heartbeat,
            },
        }
    }

    /// Whether everything that it began is done.
    pub fn is_content(&self) -> bool {
        let is_in = self.role != Role::Member || self.membership.standing == Standing::Stable;
        is_in && self.producing.lanes.values().all(|lane| lane.unacked.is_empty())
    }
}

const ADMIN: &[ApiKey] = &[
    ApiKey::CreateTopics,
    ApiKey::CreateTopics,
    ApiKey::Metadata,
    ApiKey::Metadata,
    ApiKey::DeleteTopics,
    ApiKey::CreatePartitions,
    ApiKey::DeleteRecords,
    ApiKey::DeleteRecords,
    ApiKey::DeleteRecords,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ListOffsets,
];

const PROBES: &[ApiKey] = &[
    ApiKey::ApiVersions,
    ApiKey::Metadata,
    ApiKey::FindCoordinator,
    ApiKey::ListGroups,
    ApiKey::DescribeGroups,
    ApiKey::DescribeAcls,
    ApiKey::CreateAcls,
    ApiKey::DeleteAcls,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::DeleteGroups,
    ApiKey::OffsetDelete,
    ApiKey::DescribeClientQuotas,
    ApiKey::AlterClientQuotas,
    ApiKey::DescribeUserScramCredentials,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::ListConfigResources,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::ConsumerGroupDescribe,
];

/// Batches of an idempotent producer that may be on their way to one partition: as many as the node
/// remembers.
pub const WINDOW: usize = 5;

/// How a producer produces.
#[derive(Default)]
pub struct Producing {
    pub idempotent: bool,
    /// Its id, once it has one.
    pub id: Option<i64>,
    pub asks_id: bool,
    pub value_bytes_max: u64,
    /// Now and then it sends a batch that is damaged.
    pub spoils: bool,
    /// Of batches without a sequence, in the order in which they were sent.
    pub sent: u64,
    pub lanes: BTreeMap<Place, Lane>,
}

/// What an idempotent producer has for one partition.
#[derive(Default)]
pub struct Lane {
    pub next_sequence: i32,
    pub next_number: u64,
    pub unacked: VecDeque<Unacked>,
    /// How its last batch was refused.
    pub refused: Option<ErrorCode>,
}

/// A batch that was not acknowledged yet: it is sent again until it is.
pub struct Unacked {
    pub id: BatchId,
    pub batch: Bytes,
    pub in_flight: bool,
}

impl Producing {
    fn new(options: &Options, rng: &mut Rng) -> Self {
        Self {
            idempotent: rng.one_in(2),
            value_bytes_max: options.value_bytes_max,
            spoils: rng.one_in(4),
            ..Self::default()
        }
    }
}

/// How a consumer reads.
#[derive(Default)]
pub struct Reading {
    pub following: BTreeMap<Place, Position>,
    pub in_flight: bool,
    pub wants_session: bool,
    pub session: Option<Session>,
}

/// Where a reader stands in a partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// The next offset; `None`: it has to ask where the log starts.
    pub next: Option<i64>,
    /// It never goes back behind this.
    pub least: i64,
    /// The leader epoch of the last batch that it read.
    pub epoch: Option<i32>,
}

/// A fetch session.
pub struct Session {
    pub id: i32,
    pub epoch: i32,
    /// Topics are named by their ids in it.
    pub by_id: bool,
    /// What the node was told last.
    pub told: BTreeMap<Place, i64>,
}
