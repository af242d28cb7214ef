//! A checkpoint's state is gathered a slice per turn, while entries go on being taken in.
//!
//! Each partition's log is inside as it is when its slice comes, with `applied` saying what it
//! contains: replay skips what is at or below that (R12), so logs of one checkpoint need not be of
//! one moment. `from` is taken when the gathering begins: no entry that came later is missed.
//! `needs` is taken when it ends: no entry that is inside came later. Everything else that a
//! checkpoint holds is of the moment when it began.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::base::Now;
use crate::base::PartitionId;
use crate::log::Log;
use crate::log::Producers;
use crate::strand::ExtentId;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::EncodedSlot;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::checkpoint::SlotEncoder;
use crate::strand::checkpointing::SlotFacts;
use crate::strand::extents::Extent;
use crate::strand::extents::Life;
use crate::strand::machine::SLICE_PAUSE_US;
use crate::strand::machine::Strand;

/// Rows of a table are written so many times faster than they are taken from where they are kept.
const WRITTEN_PER_TAKEN: usize = 8;

/// The state while it is gathered.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) facts: SlotFacts,
    encoder: SlotEncoder,
    stage: Stage,
    /// When the next slice comes.
    pub(super) due_us: u64,
}

#[derive(Debug)]
enum Stage {
    /// Logs behind this partition's are still to be taken.
    Logs { behind: Bound<PartitionId> },
    /// The partition's producers from `from` on, as they were with the log.
    Producers { partition: PartitionId, producers: Producers, from: i64 },
    /// The partition's producers are there, and are to be put together.
    EndLog { partition: PartitionId },
    /// Every log is there: what is inside is durable with `needs`.
    Finish { needs: Option<u64> },
}

impl Capture {
    /// Goes on for about so many rows, a row being a partition or a producer. `Some`: it is over.
    fn advance(
        &mut self,
        logs: &BTreeMap<PartitionId, Log>,
        newest: u64,
        mut rows: usize,
    ) -> Option<(EncodedSlot, u64)> {
        while rows > 0 {
            match &mut self.stage {
                Stage::Logs { behind } => match logs.range((*behind, Bound::Unbounded)).next() {
                    Some((&partition, log)) => {
                        self.encoder.begin_log(partition, log);
                        let producers = log.producers().clone();
                        self.stage = Stage::Producers { partition, producers, from: i64::MIN };
                        rows -= 1;
                    }
                    None => self.stage = Stage::Finish { needs: None },
                },
                Stage::Producers { partition, producers, from } => {
                    let mut some = producers.iter_from(*from);
                    for (id, state) in some.by_ref().take(rows) {
                        self.encoder.producer(id, state);
                        rows -= 1;
                    }
                    let rest = some.next().map(|(id, _)| id);
                    drop(some);
                    match rest {
                        Some(id) => *from = id,
                        None => self.stage = Stage::EndLog { partition: *partition },
                    }
                }
                Stage::EndLog { partition } => {
                    if !self.encoder.end_log(rows * WRITTEN_PER_TAKEN) {
                        return None;
                    }
                    self.stage = Stage::Logs { behind: Bound::Excluded(*partition) };
                }
                Stage::Finish { needs } => {
                    let needs = *needs.get_or_insert(newest);
                    let slot = self.encoder.finish(needs, rows * WRITTEN_PER_TAKEN);
                    return slot.map(|slot| (slot, needs));
                }
            }
        }
        None
    }
}

impl Strand {
    pub(super) fn begin_capture(&mut self, now: Now) {
        self.checkpoints.generation += 1;
        let facts = SlotFacts {
            generation: self.checkpoints.generation,
            from: self.commit.next_sequence(),
            indexes: self.indexes.keys().copied().collect(),
        };
        let head = CheckpointHead {
            generation: facts.generation,
            manifest: self.identity.manifest,
            from: facts.from,
            needs: 0,
            start: self.start,
            next_use: self.extents.highest_use() + 1,
            next_index: self.next_index,
            wall_ms: now.wall_ms,
            extents: self.extents.iter().filter_map(record).collect(),
            indexes: self.indexes.values().cloned().collect(),
            truncations: self.space.truncations().to_vec(),
        };
        let (key, strand) = (&self.identity.key, self.identity.strand);
        let encoder = SlotEncoder::new(key, strand, &head, self.logs.len());
        let stage = Stage::Logs { behind: Bound::Unbounded };
        self.checkpoints.begin(Capture { facts, encoder, stage, due_us: 0 });
        self.capture_slice(now);
    }

    /// Gathers some more of a checkpoint's state.
    pub(super) fn capture_slice(&mut self, now: Now) {
        let Some(mut capture) = self.checkpoints.take_capture() else { return };
        let newest = self.commit.newest_sequence();
        match capture.advance(&self.logs, newest, self.config.capture_rows) {
            Some((slot, needs)) => self.checkpoints.captured(capture.facts, slot, needs),
            None => {
                capture.due_us = now.mono_us.saturating_add(SLICE_PAUSE_US);
                self.checkpoints.go_on_with(capture);
            }
        }
    }
}

fn record((extent, known): (ExtentId, &Extent)) -> Option<ExtentRecord> {
    let (state, killer) = match known.life {
        Life::Preparing | Life::Removing => return None,
        Life::Ready => (ExtentState::Free, 0),
        Life::Fenced => (ExtentState::Fenced, 0),
        Life::Open => (ExtentState::Open, 0),
        Life::Sealed => (ExtentState::Sealed, 0),
        Life::Dead { killer, .. } => (ExtentState::Dead, killer),
    };
    Some(ExtentRecord {
        extent,
        use_number: known.use_number,
        state,
        first_sequence: known.first_sequence,
        last_sequence: known.last_sequence,
        killer,
        index: known.index,
    })
}
