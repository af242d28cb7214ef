//! The table of APIs: which there are, in which versions, and which of them are served.

use std::fmt;

use super::messages;
use super::wire::Request;

/// Declares [`ApiKey`] and the table from one list, so that none is forgotten in the other.
macro_rules! api_table {
    ($( $api:ident = $code:literal, $request:ident $(, advertised from $advertised:literal)?; )*) => {
        /// An API of Kafka that has a description in [`messages`].
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(i16)]
        pub enum ApiKey {
            $( $api = $code, )*
        }

        /// A row for every described API, by rising key.
        pub const APIS: &[Api] = &[
            $( Api::of::<messages::$request>(stringify!($api))$(.advertised_from($advertised))?, )*
        ];
    };
}

api_table! {
    // Versions 0 to 2 are refused, yet advertised: librdkafka before 2.12 otherwise turns features
    // off (KAFKA-18659).
    Produce = 0, ProduceRequest, advertised from 0;
    Fetch = 1, FetchRequest;
    ListOffsets = 2, ListOffsetsRequest;
    Metadata = 3, MetadataRequest;
    OffsetCommit = 8, OffsetCommitRequest;
    OffsetFetch = 9, OffsetFetchRequest;
    FindCoordinator = 10, FindCoordinatorRequest;
    JoinGroup = 11, JoinGroupRequest;
    Heartbeat = 12, HeartbeatRequest;
    LeaveGroup = 13, LeaveGroupRequest;
    SyncGroup = 14, SyncGroupRequest;
    DescribeGroups = 15, DescribeGroupsRequest;
    ListGroups = 16, ListGroupsRequest;
    ApiVersions = 18, ApiVersionsRequest;
    CreateTopics = 19, CreateTopicsRequest;
    DeleteTopics = 20, DeleteTopicsRequest;
    DeleteRecords = 21, DeleteRecordsRequest;
    InitProducerId = 22, InitProducerIdRequest;
    OffsetForLeaderEpoch = 23, OffsetForLeaderEpochRequest;
    DescribeAcls = 29, DescribeAclsRequest;
    CreateAcls = 30, CreateAclsRequest;
    DeleteAcls = 31, DeleteAclsRequest;
    DescribeConfigs = 32, DescribeConfigsRequest;
    AlterConfigs = 33, AlterConfigsRequest;
    DescribeLogDirs = 35, DescribeLogDirsRequest;
    CreatePartitions = 37, CreatePartitionsRequest;
    DeleteGroups = 42, DeleteGroupsRequest;
    IncrementalAlterConfigs = 44, IncrementalAlterConfigsRequest;
    OffsetDelete = 47, OffsetDeleteRequest;
    DescribeClientQuotas = 48, DescribeClientQuotasRequest;
    AlterClientQuotas = 49, AlterClientQuotasRequest;
    DescribeUserScramCredentials = 50, DescribeUserScramCredentialsRequest;
    DescribeCluster = 60, DescribeClusterRequest;
    DescribeProducers = 61, DescribeProducersRequest;
    ConsumerGroupHeartbeat = 68, ConsumerGroupHeartbeatRequest;
    ConsumerGroupDescribe = 69, ConsumerGroupDescribeRequest;
    ListConfigResources = 74, ListConfigResourcesRequest;
    DescribeTopicPartitions = 75, DescribeTopicPartitionsRequest;
}

/// The APIs that a broker answers and advertises, by rising key.
pub const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeAcls,
    ApiKey::CreateAcls,
    ApiKey::DeleteAcls,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::OffsetDelete,
    ApiKey::DescribeClientQuotas,
    ApiKey::AlterClientQuotas,
    ApiKey::DescribeUserScramCredentials,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::ListConfigResources,
    ApiKey::DescribeTopicPartitions,
];

/// One row: an API and the versions of it that are understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Api {
    pub key: ApiKey,
    pub name: &'static str,
    pub min: i16,
    pub max: i16,
    /// The first version with compact lengths and tagged fields; `i16::MAX`: none.
    pub flexible_from: i16,
    /// The least version that is shown to clients, which may lie below `min`.
    pub advertised_min: i16,
}

impl Api {
    const fn of<R: Request>(name: &'static str) -> Self {
        let (min, max) = (*R::VERSIONS.start(), *R::VERSIONS.end());
        let flexible_from = R::FLEXIBLE_FROM;
        Self { key: R::API, name, min, max, flexible_from, advertised_min: min }
    }

    const fn advertised_from(self, advertised_min: i16) -> Self {
        Self { advertised_min, ..self }
    }

    /// Whether requests and responses of `version` have a codec.
    pub fn has_version(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether the body, and with it the header of the request, is flexible.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

impl ApiKey {
    /// `None`: an API without a description, or none of Kafka's.
    pub fn from_code(code: i16) -> Option<Self> {
        let row = *ROWS.get(usize::try_from(code).ok()?)?;
        APIS.get(usize::from(row)).map(|api| api.key)
    }

    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The API's row.
    pub fn api(self) -> &'static Api {
        &APIS[usize::from(ROWS[self as usize])]
    }

    /// Whether a broker answers it.
    pub fn is_served(self) -> bool {
        SERVED.binary_search(&self).is_ok()
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api().name)
    }
}

/// Keys beyond this are none of Kafka's.
const KEYS_MAX: usize = 96;

/// The row of an API by its key; an index beyond the table where there is none.
const ROWS: [u8; KEYS_MAX] = {
    let mut rows = [u8::MAX; KEYS_MAX];
    let mut row = 0;
    while row < APIS.len() {
        rows[APIS[row].key as usize] = row as u8;
        row += 1;
    }
    rows
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_finds_its_row_and_no_other_does() {
        for api in APIS {
            assert_eq!(ApiKey::from_code(api.key.code()), Some(api.key));
            assert_eq!(api.key.api(), api);
        }
        let found = (i16::MIN..=i16::MAX).filter_map(ApiKey::from_code).count();
        assert_eq!(found, APIS.len());
    }

    #[test]
    fn the_tables_rise_so_that_they_can_be_searched() {
        assert!(APIS.is_sorted_by(|a, b| a.key < b.key));
        assert!(SERVED.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn produce_shows_versions_that_it_refuses() {
        let produce = ApiKey::Produce.api();
        assert_eq!((produce.advertised_min, produce.min, produce.max), (0, 3, 13));
        assert!(!produce.has_version(2) && produce.has_version(3) && !produce.has_version(14));
    }
}
