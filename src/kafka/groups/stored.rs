//! What coordinators write down, in the records that Kafka keeps in `__consumer_offsets`.

use std::sync::Arc;

use bytes::Bytes;

use super::stored_consumer;
use crate::group::GroupValue;
use crate::group::MemberValue;
use crate::group::OffsetValue;
use crate::group::Record;
use crate::kafka::group_records;
use crate::kafka::group_records::GroupMetadataKey;
use crate::kafka::group_records::GroupMetadataMember;
use crate::kafka::group_records::GroupMetadataValue;
use crate::kafka::group_records::OffsetCommitKey;
use crate::kafka::group_records::OffsetCommitValue;
use crate::kafka::wire::DecodeError;
use crate::kafka::wire::EncodeError;

/// What stands in an expiry time that there is none of.
const NEVER: i64 = -1;

/// Key and value of a record.
///
/// # Errors
/// A string that is longer than Kafka's can be.
pub fn write_record(record: &Record) -> Result<(Bytes, Option<Bytes>), EncodeError> {
    let stored = match record {
        Record::Group { group, value } => group_records::Record::GroupMetadata(
            GroupMetadataKey { group: group.to_string(), ..GroupMetadataKey::default() },
            value.as_ref().map(stored_group),
        ),
        Record::Offset { group, topic, partition, value } => group_records::Record::OffsetCommit(
            OffsetCommitKey {
                group: group.to_string(),
                topic: topic.to_string(),
                partition: *partition,
                ..OffsetCommitKey::default()
            },
            value.as_ref().map(stored_offset),
        ),
        record => stored_consumer::stored(record).expect("it is of a consumer group"),
    };
    stored.encode()
}

/// The record of a key and a value; `None`: one that says nothing of groups that are known here.
///
/// # Errors
/// Bytes that are no record of Kafka's coordinator.
pub fn read_record(key: Bytes, value: Option<Bytes>) -> Result<Option<Record>, DecodeError> {
    let record = match group_records::Record::decode(key, value)? {
        Some(group_records::Record::GroupMetadata(key, value)) => {
            Record::Group { group: key.group.into(), value: value.map(group_of) }
        }
        Some(group_records::Record::OffsetCommit(key, value)) => Record::Offset {
            group: key.group.into(),
            topic: key.topic.into(),
            partition: key.partition,
            value: value.map(offset_of),
        },
        Some(record) => return Ok(stored_consumer::read(record)),
        None => return Ok(None),
    };
    Ok(Some(record))
}

fn stored_group(value: &GroupValue) -> GroupMetadataValue {
    GroupMetadataValue {
        protocol_type: value.protocol_type.to_string(),
        generation: value.generation,
        protocol: value.protocol.as_deref().map(str::to_owned),
        leader: value.leader.as_deref().map(str::to_owned),
        current_state_timestamp: value.since_ms,
        members: value.members.iter().map(stored_member).collect(),
        ..GroupMetadataValue::default()
    }
}

fn stored_member(member: &MemberValue) -> GroupMetadataMember {
    GroupMetadataMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.clone(),
        assignment: member.assignment.clone(),
        ..GroupMetadataMember::default()
    }
}

fn group_of(value: GroupMetadataValue) -> GroupValue {
    GroupValue {
        protocol_type: value.protocol_type.into(),
        generation: value.generation,
        protocol: value.protocol.map(Arc::from),
        leader: value.leader.map(Arc::from),
        since_ms: value.current_state_timestamp,
        members: value.members.into_iter().map(member_of).collect(),
    }
}

fn member_of(member: GroupMetadataMember) -> MemberValue {
    MemberValue {
        id: member.member_id.into(),
        instance: member.group_instance_id.map(Arc::from),
        client_id: member.client_id.into(),
        client_host: member.client_host.into(),
        // Version 0 has one timeout for both.
        rebalance_timeout_ms: match member.rebalance_timeout {
            -1 => member.session_timeout,
            timeout_ms => timeout_ms,
        },
        session_timeout_ms: member.session_timeout,
        subscription: Bytes::copy_from_slice(&member.subscription),
        assignment: Bytes::copy_from_slice(&member.assignment),
    }
}

fn stored_offset(value: &OffsetValue) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.to_string(),
        commit_timestamp: value.committed_ms,
        expire_timestamp: value.expires_ms.unwrap_or(NEVER),
        topic_id: value.topic_id,
        ..OffsetCommitValue::default()
    }
}

fn offset_of(value: OffsetCommitValue) -> OffsetValue {
    OffsetValue {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.into(),
        committed_ms: value.commit_timestamp,
        expires_ms: Some(value.expire_timestamp).filter(|&ms| ms != NEVER),
        topic_id: value.topic_id,
    }
}
