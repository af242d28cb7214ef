//! After a start a coordinator reads its log, a piece a turn, and answers when it has come to the
//! end.

use bytes::Bytes;

use crate::api::Rejection;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::group::Coordinator;
use crate::kafka::groups::read_record;
use crate::record::Batch;
use crate::record::Codec;
use crate::record::OPENED_BYTES_MAX;
use crate::record::Records;
use crate::record::decompress;
use crate::shard::Effects;
use crate::shard::Shard;
use crate::shard::limits;
use crate::strand::Batches;

/// How far a coordinator has come.
#[derive(Debug)]
pub(super) enum Phase {
    Loading(Loading),
    Active,
    /// Its log cannot be read: nothing true can be said of its groups.
    Unreadable,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loading {
    /// Where the next piece begins; `None`: at the log's start.
    next: Option<Offset>,
    /// The disk is being read.
    reading: bool,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Loading(Loading::default())
    }
}

impl Shard {
    /// Whether a coordinator could read on without waiting for the disk.
    pub(super) fn can_load_groups(&self) -> bool {
        self.groups.loading.iter().any(|partition| {
            let phase = self.groups.hosted.get(partition).map(|hosted| &hosted.phase);
            matches!(phase, Some(Phase::Loading(loading)) if !loading.reading)
                && self.owner.is_led(*partition)
        })
    }

    /// Reads one piece of one coordinator's log.
    pub(super) fn load_groups(&mut self, now: Now, out: &mut Effects) {
        let ready = self.groups.loading.iter().copied().find(|partition| {
            let phase = self.groups.hosted.get(partition).map(|hosted| &hosted.phase);
            matches!(phase, Some(Phase::Loading(loading)) if !loading.reading)
                && self.owner.is_led(*partition)
        });
        let Some(partition) = ready else { return };
        let Some(hosted) = self.groups.hosted.get_mut(&partition) else { return };
        let Phase::Loading(loading) = &mut hosted.phase else { return };
        let Some((start, end)) = self.owner.visible(partition) else { return };
        let from = *loading.next.get_or_insert(start);
        if from >= end {
            return self.begin_groups(now, partition);
        }
        loading.reading = true;
        if let Some(read) = self.read_own(now, partition, from, limits::GROUP_LOAD_BYTES, out) {
            self.on_groups_read(now, partition, read);
        }
    }

    /// A piece was read.
    pub(in crate::shard) fn on_groups_read(
        &mut self,
        now: Now,
        partition: PartitionId,
        read: Result<Batches, Rejection>,
    ) {
        let Some(hosted) = self.groups.hosted.get_mut(&partition) else { return };
        let Phase::Loading(loading) = &mut hosted.phase else { return };
        loading.reading = false;
        let read = match read {
            Ok(read) if read.slices.is_empty() => Err(Rejection::StorageDamaged),
            read => read,
        };
        match read {
            Ok(batches) => {
                loading.next = Some(batches.next);
                for slice in &batches.slices {
                    let bytes = take(&mut hosted.coordinator, now, slice.bytes());
                    hosted.upkeep.read(bytes);
                }
            }
            // It is tried again in the next turn.
            Err(Rejection::Overloaded) => {}
            Err(rejection) => {
                tracing::error!(?partition, ?rejection, "groups: the log cannot be read");
                hosted.phase = Phase::Unreadable;
                self.groups.loading.remove(&partition);
            }
        }
    }

    /// The log was read to its end.
    fn begin_groups(&mut self, now: Now, partition: PartitionId) {
        self.groups.loading.remove(&partition);
        let Some(hosted) = self.groups.hosted.get_mut(&partition) else { return };
        hosted.phase = Phase::Active;
        self.drive(now, partition, Coordinator::begin);
        // Topics that were deleted when nobody could write that down.
        let Some(hosted) = self.groups.hosted.get(&partition) else { return };
        let image = self.image.as_ref();
        let is_gone = |topic: &str| image.is_some_and(|image| image.topic(topic).is_none());
        let gone: Vec<_> =
            hosted.coordinator.topics().into_iter().filter(|topic| is_gone(topic)).collect();
        for topic in gone {
            self.drive(now, partition, |coordinator, cx| coordinator.on_topic_deleted(&topic, cx));
        }
    }
}

/// Takes batches over; gives how many bytes they were. What Kafka's coordinator passes over is
/// passed over: markers of transactions, and records of kinds that are not known.
fn take(coordinator: &mut Coordinator, now: Now, bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Ok(batch) = Batch::parse(rest) {
        rest = &rest[batch.bytes.len()..];
        let attributes = batch.header.attributes;
        if attributes.is_control() || attributes.is_transactional() {
            continue;
        }
        let mut plain = Vec::new();
        let payload = match attributes.codec() {
            Ok(Codec::None) => batch.payload(),
            Ok(codec) => match decompress(codec, batch.payload(), OPENED_BYTES_MAX, &mut plain) {
                Ok(()) => &plain,
                Err(_) => continue,
            },
            Err(_) => continue,
        };
        for record in Records::new(payload, batch.header.count).map_while(Result::ok) {
            let Some(key) = record.key else { continue };
            let value = record.value.map(Bytes::copy_from_slice);
            match read_record(Bytes::copy_from_slice(key), value) {
                Ok(Some(record)) => coordinator.load(now, record),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "groups: a record that cannot be read"),
            }
        }
    }
    bytes.len() - rest.len()
}
