//! The events of one command, applied to a copy of the newest image as they are decided.

use crate::metadata::Change;
use crate::metadata::Event;
use crate::metadata::Image;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;
use crate::metadata::controller::COMMAND_BYTES_MAX;
use crate::metadata::controller::PARTITIONS_MAX;
use crate::metadata::controller::PARTITIONS_PER_COMMAND_MAX;

/// What a record adds to the bytes of its event, at most.
const RECORD_BYTES: usize = 32;

#[derive(Debug)]
pub(super) struct Plan {
    /// With the events so far.
    pub(super) image: Image,
    pub(super) events: Vec<Event>,
    pub(super) changes: Vec<Change>,
    bytes: usize,
    partitions: usize,
}

impl Plan {
    pub(super) fn new(image: &Image) -> Self {
        let image = image.clone();
        Self { image, events: Vec::new(), changes: Vec::new(), bytes: 0, partitions: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// That `count` further partitions are within the bounds.
    pub(super) fn take_partitions(&mut self, count: usize) -> Result<(), Refusal> {
        let planned = self.partitions.saturating_add(count);
        if planned > PARTITIONS_PER_COMMAND_MAX {
            let message = "Excessively large number of partitions per request.";
            return Err(RefusalKind::TooMuch.because(message));
        }
        if self.image.state().partition_count().saturating_add(count) > PARTITIONS_MAX {
            let message = format!("This node has room for {PARTITIONS_MAX} partitions at most.");
            return Err(RefusalKind::TooMuch.because(message));
        }
        self.partitions = planned;
        Ok(())
    }

    /// Adds an event that follows from the state, unless the command has grown too large.
    pub(super) fn push(&mut self, event: Event, change: Option<Change>) -> Result<(), Refusal> {
        let bytes = self.bytes + event.encode().len() + RECORD_BYTES;
        if bytes > COMMAND_BYTES_MAX {
            let message = "Unable to perform excessively large batch operation.";
            return Err(RefusalKind::TooMuch.because(message));
        }
        self.bytes = bytes;
        let applied = self.image.apply(&event, change.as_ref());
        assert!(applied.is_ok(), "a decided event follows from the state: {applied:?}");
        self.events.push(event);
        self.changes.extend(change);
        Ok(())
    }
}
