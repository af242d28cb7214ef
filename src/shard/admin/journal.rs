//! The metadata log in its strand.

use bytes::Bytes;

use crate::base::Offset;
use crate::base::PartitionId;
use crate::metadata::Journal;
use crate::metadata::JournalFull;
use crate::record::BatchHeader;
use crate::strand::Append;
use crate::strand::Strand;

/// Lends the metadata strand to the controller.
pub(super) struct StrandJournal<'a> {
    pub(super) strand: &'a mut Strand,
    /// Wall clock.
    pub(super) now_ms: i64,
}

impl Journal for StrandJournal<'_> {
    fn append(&mut self, partition: PartitionId, batch: Bytes) -> Result<u64, JournalFull> {
        let header = BatchHeader::parse(&batch).expect("the controller's batches are well-formed");
        let log = self.strand.log(partition);
        let epoch_started = log.and_then(|log| log.epochs().latest()) == Some(header.leader_epoch);
        if !epoch_started {
            let started = self.strand.start_epoch(partition, header.leader_epoch);
            started.map_err(|_| JournalFull)?;
        }
        let append = Append::of(partition, &header, self.now_ms);
        self.strand.append(append, batch).map_err(|_| JournalFull)
    }

    fn move_start(&mut self, partition: PartitionId, to: Offset) {
        // Refused, it is done after the next snapshot: until then old records stay, and harm nobody.
        if let Err(refusal) = self.strand.move_start(partition, to) {
            tracing::debug!(?partition, to, ?refusal, "metadata: old records stay");
        }
    }
}
