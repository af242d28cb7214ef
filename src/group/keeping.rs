//! Offsets are committed, asked for and deleted; groups are deleted (rules 53, 55, 63).

use std::sync::Arc;

use super::consumer::Stale;
use super::context::Context;
use super::coordinator::Coordinator;
use super::kind::Group;
use super::kind::Kind;
use super::offsets;
use crate::group::Commit;
use crate::group::CommitPartition;
use crate::group::Error;
use crate::group::FetchOffsets;
use crate::group::JournalError;
use crate::group::OffsetValue;
use crate::group::Record;
use crate::group::State;
use crate::group::TopicOffsets;
use crate::group::TopicPartitions;
use crate::group::bounds;

/// What each partition is answered, by topic.
type Verdicts = Vec<Vec<Result<(), Error>>>;

impl Coordinator {
    pub(super) fn commit(
        &mut self,
        group: &Arc<str>,
        commit: Commit,
        cx: &mut Context<'_>,
    ) -> Result<Verdicts, Error> {
        let stale = match self.groups.get_mut(group).map(|found| &mut found.kind) {
            Some(Kind::Classic(classic)) => {
                classic.check_commit(&commit.who, cx.now)?;
                None
            }
            Some(Kind::Consumer(consumer)) => {
                consumer.check_commit(&commit.who, commit.knows_epochs)?
            }
            None if commit.who.generation < 0 => None,
            None if commit.knows_epochs => return Err(Error::GroupIdNotFound),
            None => return Err(Error::IllegalGeneration),
        };
        if let Some(stale) = stale {
            check_partitions(&stale, &commit)?;
        }
        let (verdicts, records) = self.decide_commit(group, &commit, cx);
        if records.is_empty() {
            return Ok(verdicts);
        }
        cx.journal.append(&records).map_err(|error| match error {
            JournalError::TooLarge => Error::InvalidCommitOffsetSize,
            JournalError::Unavailable => Error::CoordinatorNotAvailable,
        })?;
        let found = self.ensure(group, cx.now);
        for record in records {
            if let Record::Offset { topic, partition, value: Some(value), .. } = record {
                found.offsets.put(&topic, partition, value);
            }
        }
        Ok(verdicts)
    }

    fn decide_commit(
        &self,
        group: &Arc<str>,
        commit: &Commit,
        cx: &Context<'_>,
    ) -> (Verdicts, Vec<Record>) {
        let known = self.groups.get(group);
        let mut room = cx.config.state_bytes_max.saturating_sub(self.bytes);
        let mut records = Vec::new();
        let mut decide = |topic: &crate::group::CommitTopic, partition: &CommitPartition| {
            // Kafka counts UTF-16 units.
            if partition.metadata.encode_utf16().count() > cx.config.offset_metadata_max {
                return Err(Error::OffsetMetadataTooLarge);
            }
            let value = OffsetValue {
                offset: partition.offset,
                leader_epoch: partition.leader_epoch,
                metadata: partition.metadata.clone(),
                committed_ms: cx.now.wall_ms,
                expires_ms: commit.retention_ms.map(|ms| cx.now.wall_ms.saturating_add(ms)),
                topic_id: topic.id,
            };
            // What replaces an offset needs no more room than it.
            let before =
                known.and_then(|known| known.offsets.get(&topic.topic, partition.partition));
            let before = before.map_or(0, |before| offsets::bytes(&topic.topic, before));
            let more = offsets::bytes(&topic.topic, &value).saturating_sub(before);
            room = room.checked_sub(more).ok_or(Error::InvalidCommitOffsetSize)?;
            records.push(Record::Offset {
                group: group.clone(),
                topic: topic.topic.clone(),
                partition: partition.partition,
                value: Some(value),
            });
            Ok(())
        };
        let mut verdicts = Vec::with_capacity(commit.topics.len());
        for topic in &commit.topics {
            verdicts.push(topic.partitions.iter().map(|part| decide(topic, part)).collect());
        }
        (verdicts, records)
    }

    pub(super) fn fetch_offsets(
        &self,
        group: &str,
        wanted: &FetchOffsets,
    ) -> Result<Vec<TopicOffsets>, Error> {
        let found = self.groups.get(group);
        if let (Some(Kind::Consumer(consumer)), Some((member, epoch))) =
            (found.map(|found| &found.kind), &wanted.who)
        {
            consumer.check_fetch(member, *epoch)?;
        }
        Ok(match (&wanted.topics, found) {
            (None, None) => Vec::new(),
            (None, Some(found)) => found.offsets.all(),
            (Some(topics), Some(found)) => {
                topics.iter().map(|topic| found.offsets.chosen(topic)).collect()
            }
            (Some(topics), None) => topics.iter().map(nothing).collect(),
        })
    }

    /// Rule 63: only a group without members. The offsets go first, so that a deletion that ends
    /// half-way can be asked for again.
    pub(super) fn delete(&mut self, group: &Arc<str>, cx: &mut Context<'_>) -> Result<(), Error> {
        let found = self.groups.get(group).ok_or(Error::GroupIdNotFound)?;
        if !found.kind.is_empty() {
            return Err(Error::NonEmptyGroup);
        }
        let all: Vec<_> =
            found.offsets.iter().map(|(topic, partition, _)| (topic.clone(), partition)).collect();
        self.drop_offsets(group, &all, cx).map_err(|_| Error::CoordinatorNotAvailable)?;
        self.bury(group, cx).map_err(|_| Error::CoordinatorNotAvailable)
    }

    /// Writes what ends the group and forgets it.
    pub(super) fn bury(
        &mut self,
        group: &Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), JournalError> {
        if let Some(found) = self.groups.get(group) {
            cx.journal.append(&found.kind.tombstones(group))?;
        }
        self.forget(group);
        Ok(())
    }

    /// Writes tombstones, and forgets what they are of as far as they were written.
    pub(super) fn drop_offsets(
        &mut self,
        group: &Arc<str>,
        offsets: &[(Arc<str>, i32)],
        cx: &mut Context<'_>,
    ) -> Result<(), JournalError> {
        let longest = offsets.iter().map(|(topic, _)| topic.len()).max().unwrap_or(0);
        let record_bytes = bounds::OFFSET_BYTES + group.len() + longest;
        for part in offsets.chunks((bounds::BATCH_BYTES / record_bytes).max(1)) {
            let tombstone = |(topic, partition): &(Arc<str>, i32)| Record::Offset {
                group: group.clone(),
                topic: topic.clone(),
                partition: *partition,
                value: None,
            };
            let records: Vec<_> = part.iter().map(tombstone).collect();
            cx.journal.append(&records)?;
            if let Some(found) = self.groups.get_mut(group) {
                for (topic, partition) in part {
                    found.offsets.remove(topic, *partition);
                }
            }
        }
        Ok(())
    }

    /// OffsetDelete (KIP-496): not of topics that members read.
    pub(super) fn delete_offsets(
        &mut self,
        group: &Arc<str>,
        topics: &[TopicPartitions],
        cx: &mut Context<'_>,
    ) -> Result<Verdicts, Error> {
        let found = self.groups.get(group).ok_or(Error::GroupIdNotFound)?;
        if let Kind::Classic(classic) = &found.kind
            && classic.state() != State::Empty
            && !classic.is_consumer()
        {
            return Err(Error::NonEmptyGroup);
        }
        let mut doomed = Vec::new();
        let mut verdicts = Vec::with_capacity(topics.len());
        for topic in topics {
            let subscribed = found.kind.is_subscribed_to(&topic.topic);
            let verdict = if subscribed { Err(Error::GroupSubscribedToTopic) } else { Ok(()) };
            verdicts.push(vec![verdict; topic.partitions.len()]);
            let kept = topic.partitions.iter().filter(|&&partition| {
                !subscribed && found.offsets.get(&topic.topic, partition).is_some()
            });
            doomed.extend(kept.map(|&partition| (topic.topic.clone(), partition)));
        }
        self.drop_offsets(group, &doomed, cx).map_err(|_| Error::CoordinatorNotAvailable)?;
        Ok(verdicts)
    }

    /// Rule 55: a topic is gone, and with it what was committed for it.
    pub(super) fn forget_topic(&mut self, topic: &str, cx: &mut Context<'_>) {
        let has_some = |(_, found): &(&Arc<str>, &Group)| !found.offsets.of_topic(topic).is_empty();
        let groups: Vec<_> =
            self.groups.iter().filter(has_some).map(|(group, _)| group.clone()).collect();
        for group in groups {
            let Some(found) = self.groups.get(&group) else { continue };
            let name: Arc<str> = Arc::from(topic);
            let partitions = found.offsets.of_topic(topic).into_iter();
            let offsets: Vec<_> = partitions.map(|partition| (name.clone(), partition)).collect();
            // What cannot be written goes when it expires, and is told apart by the topic's id.
            let _ = self.drop_offsets(&group, &offsets, cx);
            self.settle(&group);
        }
    }
}

/// As in Kafka, one partition that is not the member's refuses the whole commit.
fn check_partitions(stale: &Stale, commit: &Commit) -> Result<(), Error> {
    for topic in &commit.topics {
        for partition in &topic.partitions {
            stale.check(topic.id, partition.partition)?;
        }
    }
    Ok(())
}

fn nothing(wanted: &TopicPartitions) -> TopicOffsets {
    TopicOffsets {
        topic: wanted.topic.clone(),
        id: wanted.id,
        partitions: wanted
            .partitions
            .iter()
            .map(|&partition| offsets::missing(partition))
            .collect(),
    }
}
