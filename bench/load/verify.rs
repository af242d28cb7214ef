//! Holds what is read against what was sent.

use crate::payload::Stamp;
use crate::payload::read_stamp;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use strandlog::record::Batch;
use strandlog::record::Batches;

/// A gap that is longer is loss at once.
const MISSING_MAX: u64 = 10_000;

/// What can be wrong with what a broker gives back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    /// Offsets, or batches of a connection, are missing.
    Loss,
    /// A batch or an offset came again.
    Duplicate,
    /// A batch came before an earlier one of its connection.
    Reorder,
    /// Bytes that are not what was sent.
    Corruption,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loss => "loss",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Corruption => "corruption",
        })
    }
}

/// All partitions of a run.
#[derive(Default)]
pub(crate) struct Verifier {
    run: u64,
    partitions: Vec<PartitionState>,
    faults: BTreeMap<Fault, u64>,
    first: Option<String>,
    pub(crate) batches: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Default)]
struct PartitionState {
    /// The offset that must come next.
    next: i64,
    connections: BTreeMap<u32, Sequences>,
    /// The end that was acknowledged.
    acknowledged: i64,
}

/// The batches of one connection to one partition.
#[derive(Clone, Default)]
struct Sequences {
    /// The sequence that must come next.
    due: u64,
    /// Earlier ones that did not come yet.
    missing: BTreeSet<u64>,
}

impl Sequences {
    fn take(&mut self, found: u64) -> Option<Fault> {
        if found < self.due {
            let late = self.missing.remove(&found);
            return Some(if late { Fault::Reorder } else { Fault::Duplicate });
        }
        let skipped = self.due..found;
        self.due = found + 1;
        if skipped.end - skipped.start > MISSING_MAX {
            return Some(Fault::Loss);
        }
        // They may still come, out of order; if not, the end of the run tells.
        self.missing.extend(skipped);
        None
    }
}

impl Verifier {
    /// `starts`: by partition, the offset from which it is read.
    pub(crate) fn new(run: u64, starts: &[i64]) -> Self {
        let state = |&next: &i64| PartitionState { next, ..PartitionState::default() };
        Self { run, partitions: starts.iter().map(state).collect(), ..Self::default() }
    }

    /// The broker acknowledged everything below `end`.
    pub(crate) fn acknowledge(&mut self, partition: u32, end: i64) {
        let state = &mut self.partitions[partition as usize];
        state.acknowledged = state.acknowledged.max(end);
    }

    /// The offset from which a partition is read on.
    pub(crate) fn next(&self, partition: u32) -> i64 {
        self.partitions[partition as usize].next
    }

    /// Whether everything that was acknowledged was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.partitions.iter().all(|state| state.next >= state.acknowledged)
    }

    /// Looks at what a fetch gave for a partition. `seen` is told when each batch was meant to be
    /// sent.
    pub(crate) fn look(&mut self, partition: u32, records: &[u8], mut seen: impl FnMut(u64)) {
        for batch in Batches::new(records) {
            match batch {
                Ok(batch) => self.look_at(partition, &batch, &mut seen),
                Err(error) => {
                    self.fault(Fault::Corruption, || format!("partition {partition}: {error}"));
                    return;
                }
            }
        }
    }

    fn look_at(&mut self, partition: u32, batch: &Batch<'_>, seen: &mut impl FnMut(u64)) {
        let (base, end) = (batch.header.base_offset, batch.header.end_offset());
        let next = self.next(partition);
        if base > next {
            self.fault(Fault::Loss, || {
                format!("partition {partition}: offsets {next}..{base} are missing")
            });
        } else if base < next {
            self.fault(Fault::Duplicate, || {
                format!("partition {partition}: offset {base} again, {next} was due")
            });
        }
        self.partitions[partition as usize].next = end.max(next);
        self.batches += 1;
        self.records += batch.header.count as u64;
        self.bytes += batch.bytes.len() as u64;
        let stamp = read_stamp(batch).filter(|_| batch.crc_holds());
        let Some(stamp) = stamp.filter(|stamp| stamp.partition == partition) else {
            self.fault(Fault::Corruption, || {
                format!("partition {partition}: the batch at {base} is not one that was sent")
            });
            return;
        };
        if stamp.run != self.run {
            self.fault(Fault::Corruption, || {
                format!("partition {partition}: the batch at {base} is of another run")
            });
            return;
        }
        let state = &mut self.partitions[partition as usize];
        let sequences = state.connections.entry(stamp.connection).or_default();
        let due = sequences.due;
        if let Some(fault) = sequences.take(stamp.sequence) {
            self.fault(fault, || {
                let Stamp { connection, sequence, .. } = stamp;
                format!(
                    "partition {partition}, connection {connection}: batch {sequence} at offset \
                     {base}, {due} was due"
                )
            });
        }
        seen(stamp.intended_ns);
    }

    /// At the end: what was acknowledged and never read is lost, and so is what was skipped.
    pub(crate) fn finish(&mut self) {
        for partition in 0..self.partitions.len() {
            let state = &self.partitions[partition];
            let (next, acknowledged) = (state.next, state.acknowledged);
            let missing: Vec<(u32, u64)> = state
                .connections
                .iter()
                .flat_map(|(&connection, all)| {
                    all.missing.iter().map(move |&one| (connection, one))
                })
                .collect();
            if next < acknowledged {
                self.fault(Fault::Loss, || {
                    format!(
                        "partition {partition}: read up to {next}, acknowledged up to {acknowledged}"
                    )
                });
            }
            for (connection, sequence) in missing {
                self.fault(Fault::Loss, || {
                    format!(
                        "partition {partition}, connection {connection}: batch {sequence} never came"
                    )
                });
            }
        }
    }

    fn fault(&mut self, fault: Fault, what: impl FnOnce() -> String) {
        *self.faults.entry(fault).or_default() += 1;
        self.first.get_or_insert_with(|| format!("{fault}: {}", what()));
    }

    /// How often what went wrong.
    pub(crate) fn faults(&self) -> &BTreeMap<Fault, u64> {
        &self.faults
    }

    /// The first thing that went wrong.
    pub(crate) fn first_fault(&self) -> Option<&str> {
        self.first.as_deref()
    }
}
