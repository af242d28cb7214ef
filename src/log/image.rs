//! A log's facts as plain data, for checkpoints.

use super::Epochs;
use super::Log;
use super::Producer;
use super::Producers;
use super::Segment;
use super::Segments;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::strand::EntryId;

/// All of a [`Log`], and nothing derived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogImage {
    pub start: Offset,
    pub end: Offset,
    pub applied: EntryId,
    pub appended_ms: i64,
    /// Epochs with their first offsets, ascending.
    pub epochs: Vec<(LeaderEpoch, Offset)>,
    /// Oldest first.
    pub segments: Vec<Segment>,
    /// By producer id, ascending.
    pub producers: Vec<(i64, Producer)>,
}

impl Log {
    pub fn image(&self) -> LogImage {
        LogImage {
            start: self.start,
            end: self.end,
            applied: self.applied,
            appended_ms: self.appended_ms,
            epochs: self.epochs.entries().to_vec(),
            segments: self.segments.iter().copied().collect(),
            producers: self.producers.iter().map(|(id, state)| (id, *state)).collect(),
        }
    }

    pub fn from_image(image: LogImage) -> Self {
        Self {
            start: image.start,
            end: image.end,
            applied: image.applied,
            appended_ms: image.appended_ms,
            epochs: Epochs::from_entries(image.epochs),
            segments: Segments::from_list(image.segments),
            producers: Producers::from_entries(image.producers),
        }
    }
}
