//! One file for each kind of request: how clients ask it, and what its answers are held against.

mod alter_client_quotas;
mod alter_configs;
mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_acls;
mod create_partitions;
mod create_topics;
mod delete_acls;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Request;

use super::client::Stage;
use super::truth::Place;

pub use fetch::is_behind;

/// Asks it, if there is something to ask. A request without a workload does not compile.
pub fn ask(api: ApiKey, stage: &mut Stage<'_>) {
    match api {
        ApiKey::Produce => produce::ask(stage),
        ApiKey::Fetch => fetch::ask(stage),
        ApiKey::ListOffsets => list_offsets::ask(stage),
        ApiKey::Metadata => metadata::ask(stage),
        ApiKey::OffsetCommit => offset_commit::ask(stage),
        ApiKey::OffsetFetch => offset_fetch::ask(stage),
        ApiKey::FindCoordinator => find_coordinator::ask(stage),
        ApiKey::JoinGroup => join_group::ask(stage),
        ApiKey::Heartbeat => heartbeat::ask(stage),
        ApiKey::LeaveGroup => leave_group::ask(stage),
        ApiKey::SyncGroup => sync_group::ask(stage),
        ApiKey::DescribeGroups => describe_groups::ask(stage),
        ApiKey::ListGroups => list_groups::ask(stage),
        ApiKey::ApiVersions => api_versions::ask(stage),
        ApiKey::CreateTopics => create_topics::ask(stage),
        ApiKey::DeleteTopics => delete_topics::ask(stage),
        ApiKey::DeleteRecords => delete_records::ask(stage),
        ApiKey::InitProducerId => init_producer_id::ask(stage),
        ApiKey::OffsetForLeaderEpoch => offset_for_leader_epoch::ask(stage),
        ApiKey::DescribeAcls => describe_acls::ask(stage),
        ApiKey::CreateAcls => create_acls::ask(stage),
        ApiKey::DeleteAcls => delete_acls::ask(stage),
        ApiKey::DescribeConfigs => describe_configs::ask(stage),
        ApiKey::AlterConfigs => alter_configs::ask(stage),
        ApiKey::DescribeLogDirs => describe_log_dirs::ask(stage),
        ApiKey::CreatePartitions => create_partitions::ask(stage),
        ApiKey::DeleteGroups => delete_groups::ask(stage),
        ApiKey::IncrementalAlterConfigs => incremental_alter_configs::ask(stage),
        ApiKey::OffsetDelete => offset_delete::ask(stage),
        ApiKey::DescribeClientQuotas => describe_client_quotas::ask(stage),
        ApiKey::AlterClientQuotas => alter_client_quotas::ask(stage),
        ApiKey::DescribeUserScramCredentials => describe_user_scram_credentials::ask(stage),
        ApiKey::DescribeCluster => describe_cluster::ask(stage),
        ApiKey::DescribeProducers => describe_producers::ask(stage),
        ApiKey::ConsumerGroupHeartbeat => consumer_group_heartbeat::ask(stage),
        ApiKey::ConsumerGroupDescribe => consumer_group_describe::ask(stage),
        ApiKey::ListConfigResources => list_config_resources::ask(stage),
        ApiKey::DescribeTopicPartitions => describe_topic_partitions::ask(stage),
    }
}

/// Kafka's error of a code, which must be one.
fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or_else(|| panic!("answers: error code {code} is none"))
}

/// The error must be one of these.
fn expect(code: i16, allowed: &[ErrorCode], what: &str) -> ErrorCode {
    let error = error_of(code);
    assert!(allowed.contains(&error), "answers: {what} is refused with {error}");
    error
}

/// Some partition that is believed to be there.
fn any_place(stage: &mut Stage<'_>) -> Option<Place> {
    let places = stage.truth.places();
    let count = places.len() as u64;
    (count > 0).then(|| places[stage.rng.below(count) as usize].clone())
}

/// Some topic that is believed to be there.
fn any_topic(stage: &mut Stage<'_>) -> Option<String> {
    any_place(stage).map(|(topic, _)| topic)
}

/// How a coordinator says that it is not there yet.
const AWAY: &[ErrorCode] = &[
    ErrorCode::CoordinatorLoadInProgress,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::NotCoordinator,
    ErrorCode::RequestTimedOut,
];

/// How it says that a member is not in the generation that it believes in.
const OUTDATED: &[ErrorCode] =
    &[ErrorCode::UnknownMemberId, ErrorCode::IllegalGeneration, ErrorCode::RebalanceInProgress];

/// A group that nobody is in.
const STRANGERS: &str = "strangers";

/// Asks in any version; an answer that does not come is no answer to look at.
fn probe<R: Request>(
    stage: &mut Stage<'_>,
    request: &R,
    check: impl FnOnce(&mut Stage<'_>, R::Response) + 'static,
) {
    let version = stage.version::<R>();
    stage.send(version, request, |stage, response| {
        if let Some(response) = response {
            check(stage, response);
        }
    });
}
