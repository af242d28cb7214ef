//! The records of groups of the consumer protocol (KIP-848) in Kafka's words.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::TopicId;
use crate::group::ClassicAbout;
use crate::group::CurrentValue;
use crate::group::EpochValue;
use crate::group::MemberAbout;
use crate::group::MemberState;
use crate::group::Owned;
use crate::group::Partitions;
use crate::group::PatternValue;
use crate::group::Protocol;
use crate::group::Record;
use crate::group::TargetEpochValue;
use crate::kafka::group_records;
use crate::kafka::group_records::ClassicMemberMetadata;
use crate::kafka::group_records::ClassicMemberProtocol;
use crate::kafka::group_records::ConsumerGroupCurrentMemberAssignmentKey;
use crate::kafka::group_records::ConsumerGroupCurrentMemberAssignmentValue;
use crate::kafka::group_records::ConsumerGroupMemberMetadataKey;
use crate::kafka::group_records::ConsumerGroupMemberMetadataValue;
use crate::kafka::group_records::ConsumerGroupMetadataKey;
use crate::kafka::group_records::ConsumerGroupMetadataValue;
use crate::kafka::group_records::ConsumerGroupPartitionMetadataKey;
use crate::kafka::group_records::ConsumerGroupPartitionMetadataValue;
use crate::kafka::group_records::ConsumerGroupRegularExpressionKey;
use crate::kafka::group_records::ConsumerGroupRegularExpressionValue;
use crate::kafka::group_records::ConsumerGroupTargetAssignmentMemberKey;
use crate::kafka::group_records::ConsumerGroupTargetAssignmentMemberValue;
use crate::kafka::group_records::ConsumerGroupTargetAssignmentMetadataKey;
use crate::kafka::group_records::ConsumerGroupTargetAssignmentMetadataValue;
use crate::kafka::group_records::CurrentTopicPartitions;
use crate::kafka::group_records::TargetTopicPartitions;

const STABLE: i8 = 0;
const REVOKING: i8 = 1;
const WAITING: i8 = 2;
const UNKNOWN: i8 = 127;

/// `None`: no record of a group of the consumer protocol.
pub(super) fn stored(record: &Record) -> Option<group_records::Record> {
    Some(match record {
        Record::Group { .. } | Record::Offset { .. } => return None,
        Record::Epoch { group, value } => {
            let key =
                ConsumerGroupMetadataKey { group_id: group.to_string(), ..Default::default() };
            let value = value.map(|value| ConsumerGroupMetadataValue {
                epoch: value.epoch,
                metadata_hash: value.topics_hash,
                ..Default::default()
            });
            (key, value).into()
        }
        Record::Topics { group, is_kept } => {
            let group_id = group.to_string();
            let key = ConsumerGroupPartitionMetadataKey { group_id, ..Default::default() };
            (key, is_kept.then(ConsumerGroupPartitionMetadataValue::default)).into()
        }
        Record::Member { group, member, value } => {
            let (group_id, member_id) = (group.to_string(), member.to_string());
            let key = ConsumerGroupMemberMetadataKey { group_id, member_id, ..Default::default() };
            (key, value.as_deref().map(stored_about)).into()
        }
        Record::TargetEpoch { group, value } => {
            let group_id = group.to_string();
            let key = ConsumerGroupTargetAssignmentMetadataKey { group_id, ..Default::default() };
            let value = value.map(|value| ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch: value.epoch,
                assignment_timestamp: value.made_ms,
                ..Default::default()
            });
            (key, value).into()
        }
        Record::Target { group, member, value } => {
            let (group_id, member_id) = (group.to_string(), member.to_string());
            let key = ConsumerGroupTargetAssignmentMemberKey {
                group_id,
                member_id,
                ..Default::default()
            };
            (key, value.as_deref().map(stored_target)).into()
        }
        Record::Current { group, member, value } => {
            let (group_id, member_id) = (group.to_string(), member.to_string());
            let key = ConsumerGroupCurrentMemberAssignmentKey {
                group_id,
                member_id,
                ..Default::default()
            };
            (key, value.as_deref().map(stored_current)).into()
        }
        Record::Pattern { group, pattern, value } => {
            let key = ConsumerGroupRegularExpressionKey {
                group_id: group.to_string(),
                regular_expression: pattern.to_string(),
                ..Default::default()
            };
            let value = value.as_deref().map(|value| ConsumerGroupRegularExpressionValue {
                topics: value.topics.iter().map(ToString::to_string).collect(),
                version: value.version,
                timestamp: value.matched_ms,
                ..Default::default()
            });
            (key, value).into()
        }
    })
}

/// `None`: no record of a group of the consumer protocol.
pub(super) fn read(record: group_records::Record) -> Option<Record> {
    use group_records::Record as Stored;
    Some(match record {
        Stored::ConsumerGroupMetadata(key, value) => {
            let value = value
                .map(|value| EpochValue { epoch: value.epoch, topics_hash: value.metadata_hash });
            Record::Epoch { group: key.group_id.into(), value }
        }
        Stored::ConsumerGroupPartitionMetadata(key, value) => {
            Record::Topics { group: key.group_id.into(), is_kept: value.is_some() }
        }
        Stored::ConsumerGroupMemberMetadata(key, value) => Record::Member {
            group: key.group_id.into(),
            member: key.member_id.into(),
            value: value.map(|value| Arc::new(about_of(value))),
        },
        Stored::ConsumerGroupTargetAssignmentMetadata(key, value) => {
            let value = value.map(|value| TargetEpochValue {
                epoch: value.assignment_epoch,
                made_ms: value.assignment_timestamp,
            });
            Record::TargetEpoch { group: key.group_id.into(), value }
        }
        Stored::ConsumerGroupTargetAssignmentMember(key, value) => Record::Target {
            group: key.group_id.into(),
            member: key.member_id.into(),
            value: value.map(|value| Arc::new(target_of(value))),
        },
        Stored::ConsumerGroupCurrentMemberAssignment(key, value) => Record::Current {
            group: key.group_id.into(),
            member: key.member_id.into(),
            value: value.map(|value| Arc::new(current_of(value))),
        },
        Stored::ConsumerGroupRegularExpression(key, value) => {
            let value = value.map(|value| PatternValue {
                topics: value.topics.into_iter().map(Arc::from).collect(),
                version: value.version,
                matched_ms: value.timestamp,
            });
            let (group, pattern) = (key.group_id.into(), key.regular_expression.into());
            Record::Pattern { group, pattern, value: value.map(Arc::new) }
        }
        Stored::LegacyOffsetCommit(..) | Stored::OffsetCommit(..) | Stored::GroupMetadata(..) => {
            return None;
        }
    })
}

fn text(name: &Option<Arc<str>>) -> Option<String> {
    name.as_deref().map(str::to_owned)
}

fn stored_about(about: &MemberAbout) -> ConsumerGroupMemberMetadataValue {
    let classic = about.classic.as_ref().map(|classic| ClassicMemberMetadata {
        session_timeout_ms: classic.session_timeout_ms,
        supported_protocols: classic.protocols.iter().map(stored_protocol).collect(),
        ..Default::default()
    });
    ConsumerGroupMemberMetadataValue {
        instance_id: text(&about.instance),
        rack_id: text(&about.rack),
        client_id: about.client_id.to_string(),
        client_host: about.client_host.to_string(),
        subscribed_topic_names: about.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: text(&about.pattern),
        rebalance_timeout_ms: about.rebalance_timeout_ms,
        server_assignor: text(&about.assignor),
        classic_member_metadata: classic,
        ..Default::default()
    }
}

fn stored_protocol(protocol: &Protocol) -> ClassicMemberProtocol {
    ClassicMemberProtocol {
        name: protocol.name.to_string(),
        metadata: protocol.metadata.clone(),
        ..Default::default()
    }
}

fn about_of(value: ConsumerGroupMemberMetadataValue) -> MemberAbout {
    let protocol = |protocol: ClassicMemberProtocol| Protocol {
        name: protocol.name.into(),
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    };
    let classic = value.classic_member_metadata.map(|classic| ClassicAbout {
        session_timeout_ms: classic.session_timeout_ms,
        protocols: classic.supported_protocols.into_iter().map(protocol).collect(),
    });
    MemberAbout {
        instance: value.instance_id.map(Arc::from),
        rack: value.rack_id.map(Arc::from),
        client_id: value.client_id.into(),
        client_host: value.client_host.into(),
        topics: Arc::new(value.subscribed_topic_names.into_iter().map(Arc::from).collect()),
        pattern: value.subscribed_topic_regex.map(Arc::from),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: value.server_assignor.map(Arc::from),
        classic,
    }
}

fn stored_target(target: &Partitions) -> ConsumerGroupTargetAssignmentMemberValue {
    let topic = |(topic_id, found): (&TopicId, &BTreeSet<i32>)| {
        let partitions = found.iter().copied().collect();
        TargetTopicPartitions { topic_id: *topic_id, partitions, ..Default::default() }
    };
    ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: target.iter().map(topic).collect(),
        ..Default::default()
    }
}

fn target_of(value: ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let mut target = Partitions::new();
    for topic in value.topic_partitions {
        if !topic.partitions.is_empty() {
            target.entry(topic.topic_id).or_default().extend(topic.partitions);
        }
    }
    target
}

fn stored_current(value: &CurrentValue) -> ConsumerGroupCurrentMemberAssignmentValue {
    ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: value.epoch,
        previous_member_epoch: value.previous_epoch,
        state: match value.state {
            MemberState::Stable => STABLE,
            MemberState::Revoking => REVOKING,
            MemberState::Waiting => WAITING,
            MemberState::Unknown => UNKNOWN,
        },
        assigned_partitions: stored_owned(&value.assigned),
        partitions_pending_revocation: stored_owned(&value.revoking),
        ..Default::default()
    }
}

fn stored_owned(owned: &Owned) -> Vec<CurrentTopicPartitions> {
    let topic = |(topic_id, found): (&TopicId, &BTreeMap<i32, i32>)| CurrentTopicPartitions {
        topic_id: *topic_id,
        partitions: found.keys().copied().collect(),
        assignment_epochs: Some(found.values().copied().collect()),
        ..Default::default()
    };
    owned.iter().map(topic).collect()
}

fn current_of(value: ConsumerGroupCurrentMemberAssignmentValue) -> CurrentValue {
    let epoch = value.member_epoch;
    CurrentValue {
        epoch,
        previous_epoch: value.previous_member_epoch,
        state: match value.state {
            STABLE => MemberState::Stable,
            REVOKING => MemberState::Revoking,
            WAITING => MemberState::Waiting,
            _ => MemberState::Unknown,
        },
        assigned: owned_of(value.assigned_partitions, epoch),
        revoking: owned_of(value.partitions_pending_revocation, epoch),
    }
}

/// Before Kafka 4.3 nobody wrote since when a member has a partition: as it does, the member's epoch
/// is taken for it.
fn owned_of(topics: Vec<CurrentTopicPartitions>, epoch: i32) -> Owned {
    let mut owned = Owned::new();
    for topic in topics {
        let known = topic.assignment_epochs.filter(|known| known.len() == topic.partitions.len());
        let epochs = known.unwrap_or_else(|| vec![epoch.max(0); topic.partitions.len()]);
        if !topic.partitions.is_empty() {
            let found = topic.partitions.into_iter().zip(epochs);
            owned.entry(topic.topic_id).or_default().extend(found);
        }
    }
    owned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::groups::read_record;
    use crate::kafka::groups::write_record;

    fn all() -> Vec<Record> {
        let (group, member): (Arc<str>, Arc<str>) = ("g".into(), "m".into());
        let id = TopicId([7; 16]);
        let about = MemberAbout {
            instance: Some("i".into()),
            rack: None,
            client_id: "c".into(),
            client_host: "/h".into(),
            topics: Arc::new(["t".into(), "u".into()].into()),
            pattern: Some("o.*".into()),
            rebalance_timeout_ms: 5,
            assignor: Some("range".into()),
            classic: Some(ClassicAbout {
                session_timeout_ms: 6,
                protocols: vec![Protocol {
                    name: "range".into(),
                    metadata: Bytes::from_static(b"x"),
                }],
            }),
        };
        let current = CurrentValue {
            epoch: 4,
            previous_epoch: 3,
            state: MemberState::Revoking,
            assigned: [(id, [(0, 2), (1, 4)].into())].into(),
            revoking: [(id, [(2, 3)].into())].into(),
        };
        let pattern =
            PatternValue { topics: ["orders".into()].into(), version: 9, matched_ms: 1_000 };
        let target: Partitions = [(id, [0, 1].into())].into();
        let (g, m) = (|| group.clone(), || member.clone());
        vec![
            Record::Epoch { group: g(), value: Some(EpochValue { epoch: 4, topics_hash: -5 }) },
            Record::TargetEpoch {
                group: g(),
                value: Some(TargetEpochValue { epoch: 4, made_ms: 99 }),
            },
            Record::Member { group: g(), member: m(), value: Some(Arc::new(about)) },
            Record::Target { group: g(), member: m(), value: Some(Arc::new(target)) },
            Record::Current { group: g(), member: m(), value: Some(Arc::new(current)) },
            Record::Pattern { group: g(), pattern: "o.*".into(), value: Some(Arc::new(pattern)) },
            Record::Epoch { group: g(), value: None },
            Record::TargetEpoch { group: g(), value: None },
            Record::Topics { group: g(), is_kept: false },
            Record::Member { group: g(), member: m(), value: None },
            Record::Target { group: g(), member: m(), value: None },
            Record::Current { group: g(), member: m(), value: None },
            Record::Pattern { group: g(), pattern: "o.*".into(), value: None },
        ]
    }

    #[test]
    fn what_is_written_is_read_again() {
        for record in all() {
            let (key, value) = write_record(&record).unwrap();
            assert_eq!(value.is_none(), record.is_tombstone());
            assert_eq!(read_record(key, value).unwrap(), Some(record));
        }
    }

    #[test]
    fn partitions_without_epochs_are_had_since_the_members_own() {
        let topic = |epochs| CurrentTopicPartitions {
            topic_id: TopicId([7; 16]),
            partitions: vec![3, 5],
            assignment_epochs: epochs,
            ..Default::default()
        };
        let since = |epochs, epoch| {
            let owned = owned_of(vec![topic(epochs)], epoch);
            owned[&TopicId([7; 16])].clone()
        };
        assert_eq!(since(None, 9), [(3, 9), (5, 9)].into());
        assert_eq!(since(Some(vec![1]), -2), [(3, 0), (5, 0)].into());
        assert_eq!(since(Some(vec![1, 2]), 9), [(3, 1), (5, 2)].into());
    }
}
