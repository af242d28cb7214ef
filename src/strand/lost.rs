//! R11 after a start that found a table unreadable: offsets that it may have given are never given
//! again, and nobody is told of the strand before that is durable.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::base::Mutant;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::Entry;
use crate::strand::Notice;
use crate::strand::Output;
use crate::strand::Use;
use crate::strand::ledger::Ledger;
use crate::strand::machine::Phase;
use crate::strand::machine::Strand;

/// How far ends are advanced where a table was lost. More than a lost frame can have held.
const LOST_OFFSETS: Offset = 1 << 32;

/// What a start still owes to what it found.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// `Notice::Ready` comes when this sequence is durable. What the ends were advanced to would
    /// else be served, and taken back by another crash.
    ready_at: Option<u64>,
    /// Partitions of which the lost tables held everything are still to be named. Until then no
    /// checkpoint is captured: it would leave the damage behind, and with it what is known of it.
    wants_partitions: bool,
    /// Of uses of which something was lost. A footer hides that, so it is written when both slots
    /// hold what was made of it (R5).
    pub footers: VecDeque<Ledger>,
}

impl Strand {
    /// Recovery is over: says so, at once or when what it had to append is durable. `told`: the
    /// last sequence at which each partition's end was told.
    pub(super) fn say_ready(
        &mut self,
        lost: Option<u64>,
        told: &BTreeMap<PartitionId, u64>,
        out: &mut Output,
    ) {
        if let Some(lost) = lost.filter(|_| !Mutant::OffsetsReusedAfterDamage.is_on()) {
            self.lost.wants_partitions = true;
            self.lost.ready_at = self.advance_ends(lost, told);
        }
        if self.lost.ready_at.is_none() {
            out.notices.push(Notice::Ready);
        }
    }

    /// Gives the frame that holds the last of it; `None`: there is nothing to advance.
    fn advance_ends(&mut self, lost: u64, told: &BTreeMap<PartitionId, u64>) -> Option<u64> {
        let is_open = |partition: &PartitionId| told.get(partition).copied().unwrap_or(0) <= lost;
        let open: Vec<(PartitionId, Offset)> = self
            .logs
            .iter()
            .filter(|(partition, _)| is_open(partition))
            .map(|(partition, log)| (*partition, log.end()))
            .collect();
        let mut newest = None;
        for (partition, from) in open {
            newest = Some(self.lose(partition, from));
        }
        newest
    }

    fn lose(&mut self, partition: PartitionId, from: Offset) -> u64 {
        let to = from.saturating_add(LOST_OFFSETS);
        self.push(partition, Entry::Lost { partition, from, to }, Bytes::new()).sequence
    }

    /// Frames became durable: whoever waits for that is told.
    pub(super) fn say_durable(&mut self, out: &mut Output) {
        let sequence = self.commit.durable();
        match self.lost.ready_at {
            // Until the strand is ready nobody has appended anything.
            Some(ready_at) if sequence < ready_at => {}
            Some(_) => {
                self.lost.ready_at = None;
                if self.is_running() {
                    out.notices.push(Notice::Ready);
                }
            }
            None => out.notices.push(Notice::Durable { sequence }),
        }
    }

    /// What was lost is settled: footers of what is left may be written.
    pub(super) fn release_footers(&mut self) {
        if !self.lost.footers.is_empty() && !self.recycling_is_held() {
            self.footers.append(&mut self.lost.footers);
        }
    }

    /// Whether the footer of the use is still to be written.
    pub(super) fn waits_for_footer(&self, place: Use) -> bool {
        self.footers.iter().chain(&self.lost.footers).any(|ledger| ledger.place == place)
    }

    /// `Notice::Ready` was said, or is said next.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Running) && self.lost.ready_at.is_none()
    }

    /// Whether this start found tables unreadable and waits for [`Strand::name_partitions`].
    pub fn wants_partitions(&self) -> bool {
        self.lost.wants_partitions
    }

    /// All partitions that may have been in this strand when it started, by who gave them their
    /// numbers. One that the strand does not know may have lost all it had with a table, and its
    /// offsets are not given again either (R11). To be called once the strand is ready; gives
    /// those partitions, each with the frame that must be durable.
    pub fn name_partitions(
        &mut self,
        partitions: impl IntoIterator<Item = PartitionId>,
    ) -> Vec<(PartitionId, u64)> {
        let mut lost = Vec::new();
        if !self.is_ready() || !std::mem::take(&mut self.lost.wants_partitions) {
            return lost;
        }
        for partition in partitions {
            if !self.logs.contains_key(&partition) {
                lost.push((partition, self.lose(partition, 0)));
            }
        }
        self.checkpoints.want();
        lost
    }
}
