//! The end of a coordinator's log: records become a batch as Kafka writes it, and are appended the
//! way every batch is, but for the waiting: what a coordinator decides it knows at once.

use bytes::Bytes;

use super::super::owner::Owner;
use crate::api::Rejection;
use crate::base::Now;
use crate::base::PartitionId;
use crate::group::Journal;
use crate::group::JournalError;
use crate::group::Record;
use crate::kafka::groups::write_record;
use crate::record::BatchBuilder;

/// Lent to a coordinator while it decides.
pub(super) struct PartitionJournal<'a> {
    owner: &'a mut Owner,
    partition: PartitionId,
    now: Now,
    written: usize,
}

impl<'a> PartitionJournal<'a> {
    pub(super) fn new(owner: &'a mut Owner, partition: PartitionId, now: Now) -> Self {
        Self { owner, partition, now, written: 0 }
    }

    /// Bytes that were appended through it.
    pub(super) fn written(&self) -> usize {
        self.written
    }
}

impl Journal for PartitionJournal<'_> {
    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut batch = BatchBuilder::new();
        for record in records {
            // Only a name longer than Kafka's strings cannot be written.
            let (key, value) = write_record(record).map_err(|_| JournalError::TooLarge)?;
            batch.push(self.now.wall_ms, Some(&key), value.as_deref(), &[]);
        }
        let batch = Bytes::from(batch.finish());
        let bytes = batch.len();
        self.owner.append_own(self.now, self.partition, &batch).map_err(|rejection| {
            tracing::warn!(partition = ?self.partition, ?rejection, "groups: nothing was written");
            match rejection {
                Rejection::BatchTooLarge => JournalError::TooLarge,
                _ => JournalError::Unavailable,
            }
        })?;
        self.written += bytes;
        Ok(())
    }
}
