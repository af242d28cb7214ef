//! Every described API: its facts, its codec, and the codec of the Rust oracle.

use bytes::Bytes;
use kafka_protocol::messages as peer;
use strandlog::kafka::messages;
use strandlog::kafka::wire::DecodeError;
use strandlog::kafka::wire::Fault;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Writer;

use crate::facts::ApiFacts;
use crate::peer::Peer;

#[path = "../../src/kafka/messages/produce.rs"]
mod produce;
#[path = "../../src/kafka/messages/fetch.rs"]
mod fetch;
#[path = "../../src/kafka/messages/list_offsets.rs"]
mod list_offsets;
#[path = "../../src/kafka/messages/metadata.rs"]
mod metadata;
#[path = "../../src/kafka/messages/offset_commit.rs"]
mod offset_commit;
#[path = "../../src/kafka/messages/offset_fetch.rs"]
mod offset_fetch;
#[path = "../../src/kafka/messages/find_coordinator.rs"]
mod find_coordinator;
#[path = "../../src/kafka/messages/join_group.rs"]
mod join_group;
#[path = "../../src/kafka/messages/heartbeat.rs"]
mod heartbeat;
#[path = "../../src/kafka/messages/leave_group.rs"]
mod leave_group;
#[path = "../../src/kafka/messages/sync_group.rs"]
mod sync_group;
#[path = "../../src/kafka/messages/describe_groups.rs"]
mod describe_groups;
#[path = "../../src/kafka/messages/list_groups.rs"]
mod list_groups;
#[path = "../../src/kafka/messages/api_versions.rs"]
mod api_versions;
#[path = "../../src/kafka/messages/create_topics.rs"]
mod create_topics;
#[path = "../../src/kafka/messages/delete_topics.rs"]
mod delete_topics;
#[path = "../../src/kafka/messages/delete_records.rs"]
mod delete_records;
#[path = "../../src/kafka/messages/init_producer_id.rs"]
mod init_producer_id;
#[path = "../../src/kafka/messages/offset_for_leader_epoch.rs"]
mod offset_for_leader_epoch;
#[path = "../../src/kafka/messages/describe_acls.rs"]
mod describe_acls;
#[path = "../../src/kafka/messages/create_acls.rs"]
mod create_acls;
#[path = "../../src/kafka/messages/delete_acls.rs"]
mod delete_acls;
#[path = "../../src/kafka/messages/describe_configs.rs"]
mod describe_configs;
#[path = "../../src/kafka/messages/alter_configs.rs"]
mod alter_configs;
#[path = "../../src/kafka/messages/describe_log_dirs.rs"]
mod describe_log_dirs;
#[path = "../../src/kafka/messages/create_partitions.rs"]
mod create_partitions;
#[path = "../../src/kafka/messages/delete_groups.rs"]
mod delete_groups;
#[path = "../../src/kafka/messages/incremental_alter_configs.rs"]
mod incremental_alter_configs;
#[path = "../../src/kafka/messages/offset_delete.rs"]
mod offset_delete;
#[path = "../../src/kafka/messages/describe_client_quotas.rs"]
mod describe_client_quotas;
#[path = "../../src/kafka/messages/alter_client_quotas.rs"]
mod alter_client_quotas;
#[path = "../../src/kafka/messages/describe_user_scram_credentials.rs"]
mod describe_user_scram_credentials;
#[path = "../../src/kafka/messages/describe_cluster.rs"]
mod describe_cluster;
#[path = "../../src/kafka/messages/describe_producers.rs"]
mod describe_producers;
#[path = "../../src/kafka/messages/consumer_group_heartbeat.rs"]
mod consumer_group_heartbeat;
#[path = "../../src/kafka/messages/consumer_group_describe.rs"]
mod consumer_group_describe;
#[path = "../../src/kafka/messages/list_config_resources.rs"]
mod list_config_resources;
#[path = "../../src/kafka/messages/describe_topic_partitions.rs"]
mod describe_topic_partitions;

/// One API in all its readings.
pub(crate) struct Api {
    pub(crate) facts: ApiFacts,
    request: (Codec, Peer),
    response: (Codec, Peer),
}

/// What the product makes of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    /// Decodes, and gives what the decoded message is written as.
    pub(crate) rewrite: fn(i16, Bytes) -> Result<Bytes, DecodeError>,
    /// Decodes, and gives what the decoded message shows of itself.
    pub(crate) show: fn(i16, Bytes) -> Result<String, DecodeError>,
    /// Decodes, and gives the fault if there is one: what the decoder alone allocates can be counted.
    pub(crate) fault: fn(i16, Bytes) -> Option<Fault>,
}

impl Codec {
    fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            rewrite: |version, bytes| {
                let message = M::decode_whole(version, bytes)?;
                let mut writer = Writer::new();
                message.encode(version, &mut writer).expect("what was decoded can be encoded");
                Ok(writer.into_bytes())
            },
            show: |version, bytes| Ok(format!("{:?}", M::decode_whole(version, bytes)?)),
            fault: |version, bytes| M::decode_whole(version, bytes).err().map(|error| error.fault),
        }
    }
}

impl Api {
    pub(crate) fn codec(&self, direction: &str) -> Codec {
        if direction == "request" { self.request.0 } else { self.response.0 }
    }

    pub(crate) fn peer(&self, direction: &str) -> Peer {
        if direction == "request" { self.request.1 } else { self.response.1 }
    }
}

pub(crate) const DIRECTIONS: [&str; 2] = ["request", "response"];

macro_rules! readings {
    ($( $module:ident: $request:ident, $response:ident; )*) => {
        vec![ $( Api {
            facts: $module::facts(),
            request: (Codec::of::<messages::$request>(), Peer::of::<peer::$request>()),
            response: (Codec::of::<messages::$response>(), Peer::of::<peer::$response>()),
        }, )* ]
    };
}

/// By rising key.
pub(crate) fn all() -> Vec<Api> {
    readings! {
        produce: ProduceRequest, ProduceResponse;
        fetch: FetchRequest, FetchResponse;
        list_offsets: ListOffsetsRequest, ListOffsetsResponse;
        metadata: MetadataRequest, MetadataResponse;
        offset_commit: OffsetCommitRequest, OffsetCommitResponse;
        offset_fetch: OffsetFetchRequest, OffsetFetchResponse;
        find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
        join_group: JoinGroupRequest, JoinGroupResponse;
        heartbeat: HeartbeatRequest, HeartbeatResponse;
        leave_group: LeaveGroupRequest, LeaveGroupResponse;
        sync_group: SyncGroupRequest, SyncGroupResponse;
        describe_groups: DescribeGroupsRequest, DescribeGroupsResponse;
        list_groups: ListGroupsRequest, ListGroupsResponse;
        api_versions: ApiVersionsRequest, ApiVersionsResponse;
        create_topics: CreateTopicsRequest, CreateTopicsResponse;
        delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
        delete_records: DeleteRecordsRequest, DeleteRecordsResponse;
        init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
        offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
        describe_acls: DescribeAclsRequest, DescribeAclsResponse;
        create_acls: CreateAclsRequest, CreateAclsResponse;
        delete_acls: DeleteAclsRequest, DeleteAclsResponse;
        describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
        alter_configs: AlterConfigsRequest, AlterConfigsResponse;
        describe_log_dirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
        create_partitions: CreatePartitionsRequest, CreatePartitionsResponse;
        delete_groups: DeleteGroupsRequest, DeleteGroupsResponse;
        incremental_alter_configs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
        offset_delete: OffsetDeleteRequest, OffsetDeleteResponse;
        describe_client_quotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
        alter_client_quotas: AlterClientQuotasRequest, AlterClientQuotasResponse;
        describe_user_scram_credentials: DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
        describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
        describe_producers: DescribeProducersRequest, DescribeProducersResponse;
        consumer_group_heartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
        consumer_group_describe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
        list_config_resources: ListConfigResourcesRequest, ListConfigResourcesResponse;
        describe_topic_partitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    }
}
