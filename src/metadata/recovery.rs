//! The state as the metadata strand has it: the newest snapshot, then the events after it.

use std::fmt;
use std::sync::Arc;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::StrandId;
use crate::metadata::Image;
use crate::metadata::Inconsistent;
use crate::metadata::JournalError;
use crate::metadata::JournalRecord;
use crate::metadata::Layout;
use crate::metadata::Settings;
use crate::metadata::SnapshotReader;
use crate::metadata::State;
use crate::metadata::read_records;

/// Why the metadata cannot be trusted: the start stops, and changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecoveryError {
    Journal(JournalError),
    Inconsistent(Inconsistent),
    /// Events are missing between the newest snapshot and the oldest event.
    Gap {
        wanted: Offset,
        found: Offset,
    },
    /// The store was made by a node of another id.
    OtherNode {
        store: i32,
        configured: i32,
    },
    /// A partition lies in a strand that the store's manifest does not have.
    NoStrand(StrandId),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => write!(f, "metadata log: {error}"),
            Self::Inconsistent(error) => error.fmt(f),
            Self::Gap { wanted, found } => write!(
                f,
                "metadata log: event {wanted} is missing, the next one that is there is {found}"
            ),
            Self::OtherNode { store, configured } => {
                write!(f, "the data directory belongs to node {store}, and node.id is {configured}")
            }
            Self::NoStrand(strand) => {
                write!(f, "a partition lies in strand {}, which the manifest lacks", strand.0)
            }
        }
    }
}

impl From<JournalError> for RecoveryError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// What a controller takes over.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub image: Image,
    /// Of the newest event.
    pub term: LeaderEpoch,
    /// Events that no snapshot holds.
    pub events: usize,
}

/// Takes the batches of the snapshot partition first, then those of the events, oldest first.
#[derive(Debug, Default)]
pub struct Recovery {
    snapshots: SnapshotReader,
    state: State,
    term: LeaderEpoch,
    events: usize,
}

impl Recovery {
    /// Whole batches of the snapshot partition.
    pub fn on_snapshots(&mut self, bytes: &[u8]) -> Result<(), RecoveryError> {
        read_records(bytes, |record| Ok(self.snapshots.on_record(record)?))
    }

    /// All snapshots were read: index of the first event that is needed.
    pub fn events_from(&mut self) -> Offset {
        if let Some(snapshot) = std::mem::take(&mut self.snapshots).finish() {
            self.state = snapshot.state;
            self.term = snapshot.term;
        }
        self.state.applied() + 1
    }

    /// Whole batches of the events. What the snapshot holds is passed over.
    pub fn on_events(&mut self, bytes: &[u8]) -> Result<(), RecoveryError> {
        read_records(bytes, |record| self.on_event(record))
    }

    fn on_event(&mut self, record: JournalRecord<'_>) -> Result<(), RecoveryError> {
        let wanted = self.state.applied() + 1;
        if record.offset < wanted {
            return Ok(());
        }
        if record.offset > wanted {
            return Err(RecoveryError::Gap { wanted, found: record.offset });
        }
        let event = record.event()?;
        self.state.apply(record.offset, &event).map_err(RecoveryError::Inconsistent)?;
        self.term = self.term.max(record.term);
        self.events += 1;
        Ok(())
    }

    /// What the log says, seen by a node with this layout and configuration.
    pub fn finish(
        self,
        layout: Arc<Layout>,
        settings: Arc<Settings>,
    ) -> Result<Recovered, RecoveryError> {
        if let Some(store) = self.state.node().filter(|node| *node != layout.node) {
            return Err(RecoveryError::OtherNode { store, configured: layout.node });
        }
        let lost = self.state.strands().find(|strand| !layout.strands.contains_key(strand));
        if let Some(strand) = lost {
            return Err(RecoveryError::NoStrand(strand));
        }
        let image = Image::new(self.state, layout, settings);
        Ok(Recovered { image, term: self.term, events: self.events })
    }
}
