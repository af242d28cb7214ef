//! A coordinator's log stays bounded: when most of it is old, the state is written anew behind it,
//! and the log then starts there. A reader finds what compaction would have left, and no less.

use super::PartitionJournal;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::group::JournalError;
use crate::group::Renewal;
use crate::shard::Shard;
use crate::shard::limits;

/// How much of a log is old, and how far it was written anew.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// Bytes since the log's start.
    bytes: usize,
    renewing: Option<Renewing>,
}

#[derive(Debug)]
struct Renewing {
    renewal: Renewal,
    /// Everything below it is old when the state was written.
    cut: Offset,
    /// All of it was written; it is not durable yet.
    is_written: bool,
    /// Nothing could be written; the next attempt is not before, in `Now::mono_us`.
    pause_us: u64,
}

impl Upkeep {
    /// `bytes` of the log were read.
    pub(super) fn read(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// `written` bytes were appended, and the state takes up `live`; true: it is to be written anew.
    pub(super) fn grow(&mut self, written: usize, live: usize) -> bool {
        self.bytes += written;
        let most = live.saturating_mul(limits::GROUP_LOG_FACTOR).max(limits::GROUP_LOG_BYTES_MIN);
        self.renewing.is_none() && self.bytes > most
    }
}

impl Shard {
    pub(super) fn can_renew_groups(&self) -> bool {
        let is_busy = |partition: &PartitionId| {
            let renewing = self.groups.hosted.get(partition).map(|hosted| &hosted.upkeep.renewing);
            matches!(renewing, Some(Some(renewing)) if renewing.is_written || renewing.pause_us > 0)
        };
        !self.groups.renewing.is_empty() && !self.groups.renewing.iter().all(is_busy)
    }

    /// Writes one piece of each state that is written anew.
    pub(super) fn renew_groups(&mut self, now: Now) {
        let renewing: Vec<_> = self.groups.renewing.iter().copied().collect();
        for partition in renewing {
            if self.renew_group_log(now, partition).is_none() {
                self.groups.renewing.remove(&partition);
            }
        }
    }

    /// `None`: it is over, or never was.
    fn renew_group_log(&mut self, now: Now, partition: PartitionId) -> Option<()> {
        let Self { groups, owner, .. } = self;
        let hosted = groups.hosted.get_mut(&partition)?;
        let end = owner.log_end(partition)?;
        let renewing = hosted.upkeep.renewing.get_or_insert_with(|| {
            hosted.upkeep.bytes = 0;
            let renewal = Renewal::default();
            Renewing { renewal, cut: end, is_written: false, pause_us: 0 }
        });
        if renewing.is_written {
            if !owner.is_durable(partition) {
                return Some(());
            }
            let cut = renewing.cut;
            hosted.upkeep.renewing = None;
            match owner.move_own_start(partition, cut) {
                Ok(()) => tracing::info!(?partition, cut, "groups: the log was written anew"),
                Err(rejection) => tracing::warn!(?partition, ?rejection, "groups: the log stays"),
            }
            return None;
        }
        if renewing.pause_us > now.mono_us {
            return Some(());
        }
        renewing.pause_us = 0;
        let mut journal = PartitionJournal::new(owner, partition, now);
        let renewed = hosted.coordinator.renew(&mut renewing.renewal, &mut journal);
        let written = journal.written();
        match renewed {
            Ok(is_over) => renewing.is_written = is_over,
            Err(JournalError::Unavailable | JournalError::TooLarge) => {
                renewing.pause_us = now.mono_us + limits::GROUP_RENEWAL_PAUSE_US;
            }
        }
        hosted.upkeep.bytes += written;
        Some(())
    }

    /// When a renewal that could not write tries again, in `Now::mono_us`.
    pub(in crate::shard) fn renewal_deadline(&self) -> Option<u64> {
        let hosted = self.groups.renewing.iter().filter_map(|id| self.groups.hosted.get(id));
        let paused = hosted.filter_map(|hosted| hosted.upkeep.renewing.as_ref());
        paused.map(|renewing| renewing.pause_us).filter(|&at_us| at_us > 0).min()
    }
}
