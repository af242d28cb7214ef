//! Which leader epoch wrote which offsets (rules 72, 73 and 77; `LeaderEpochFileCache`).

use crate::base::LeaderEpoch;
use crate::base::Offset;

/// Where an epoch ends, as `OffsetForLeaderEpoch` answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEnd {
    pub epoch: LeaderEpoch,
    pub end: Offset,
}

/// Epochs with their first offsets; both strictly rise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Epochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    pub(super) fn from_entries(entries: Vec<(LeaderEpoch, Offset)>) -> Self {
        let mut epochs = Self::default();
        for (epoch, start) in entries {
            epochs.assign(epoch, start);
        }
        epochs
    }

    /// `epoch` begins at `start`, unless it is known already. Epochs that would have begun at or
    /// after `start` wrote nothing and are forgotten.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch < 0 || self.latest().is_some_and(|latest| epoch <= latest) {
            return;
        }
        self.truncate(start);
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(1 + self.entries.len() / 4);
        }
        self.entries.push((epoch, start));
    }

    /// The log ends at `end`: epochs that begin there or later are gone.
    pub(super) fn truncate(&mut self, end: Offset) {
        let keep = self.entries.partition_point(|&(_, start)| start < end);
        self.entries.truncate(keep);
    }

    /// The log starts at `start`: of the epochs below only the one that holds `start` stays, and
    /// begins there.
    pub(super) fn move_start(&mut self, start: Offset) {
        let below = self.entries.partition_point(|&(_, first)| first <= start);
        if below == 0 {
            return;
        }
        self.entries.drain(..below - 1);
        self.entries[0].1 = start;
    }

    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|&(epoch, _)| epoch)
    }

    pub fn first(&self) -> Option<LeaderEpoch> {
        self.entries.first().map(|&(epoch, _)| epoch)
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|&(_, start)| start <= offset);
        after.checked_sub(1).map(|index| self.entries[index].0)
    }

    /// Epochs with their first offsets, ascending.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// Rule 73. The end of `epoch`, or of the highest epoch below it that wrote something;
    /// `log_end` ends the latest one. `None`: nothing is known of it.
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        let latest = self.latest()?;
        if epoch < 0 || epoch > latest {
            return None;
        }
        if epoch == latest {
            return Some(EpochEnd { epoch, end: log_end });
        }
        let higher = self.entries.partition_point(|&(known, _)| known <= epoch);
        let end = self.entries[higher].1;
        // Below all known epochs: the data is gone, and a reader goes on at the log's start.
        let floor = higher.checked_sub(1).map_or(epoch, |index| self.entries[index].0);
        Some(EpochEnd { epoch: floor, end })
    }
}
