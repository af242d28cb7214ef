//! Both slots are read whole; the newest valid one counts.

use std::collections::BTreeMap;

use crate::base::Block;
use crate::base::Mutant;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::log::Log;
use crate::strand::EntryId;
use crate::strand::Fatal;
use crate::strand::File;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Slot;
use crate::strand::StrandIdentity;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::SlotFault;
use crate::strand::checkpoint::SlotHeader;
use crate::strand::checkpoint::SlotView;
use crate::strand::checkpointing::SlotFacts;
use crate::strand::checkpointing::SlotState;
use crate::strand::recover::SLOTS;

/// Reads the slots, one after another: the first page, then all of it.
pub(super) struct SlotReader {
    identity: StrandIdentity,
    file_bytes: [u64; 2],
    /// Which slot is read, and whether its first page was.
    at: usize,
    slot_bytes: Option<u32>,
    blocks: [Option<Block>; 2],
    version: Option<u16>,
}

/// What the slots say.
pub(super) struct FoundSlots {
    pub states: [SlotState; 2],
    pub newest: Option<NewestSlot>,
}

pub(super) struct NewestSlot {
    pub head: CheckpointHead,
    pub logs: BTreeMap<PartitionId, Log>,
}

impl SlotReader {
    pub(super) fn new(identity: StrandIdentity, listed: &[(Slot, u64)]) -> Self {
        let bytes_of =
            |slot: Slot| listed.iter().find(|(of, _)| *of == slot).map_or(0, |(_, bytes)| *bytes);
        Self {
            identity,
            file_bytes: SLOTS.map(bytes_of),
            at: 0,
            slot_bytes: None,
            blocks: [None, None],
            version: None,
        }
    }

    pub(super) fn wants(&mut self) -> Option<Op> {
        while self.at < 2 && self.file_bytes[self.at] < PAGE as u64 {
            self.at += 1;
        }
        let slot = SLOTS.get(self.at)?;
        let bytes = self.slot_bytes.unwrap_or(PAGE as u32);
        Some(Op::Read { file: File::Slot(*slot), position: 0, bytes })
    }

    pub(super) fn on_read(&mut self, outcome: &Outcome) {
        let block = match outcome {
            Outcome::Read(block) => Some(block.clone()),
            _ => None,
        };
        if self.slot_bytes.take().is_some() {
            self.blocks[self.at] = block;
            self.at += 1;
            return;
        }
        let (key, strand) = (self.identity.key, self.identity.strand);
        let header = block.map(|block| SlotHeader::parse(block.bytes(), &key, strand));
        match header {
            Some(Ok(header)) if header.slot_bytes() <= self.file_bytes[self.at] => {
                self.slot_bytes = u32::try_from(header.slot_bytes()).ok();
            }
            Some(Err(SlotFault::Version(version))) => self.version = Some(version),
            _ => {}
        }
        if self.slot_bytes.is_none() {
            self.at += 1;
        }
    }

    pub(super) fn into_found(self) -> Result<FoundSlots, Fatal> {
        if let Some(version) = self.version {
            let what = format!("a checkpoint slot is of format {version}");
            return Err(Fatal::Unrecoverable { what });
        }
        let (key, strand) = (self.identity.key, self.identity.strand);
        let mut states = [SlotState::default(), SlotState::default()];
        let mut newest: Option<(CheckpointHead, SlotView<'_>)> = None;
        for (at, state) in states.iter_mut().enumerate() {
            state.file_bytes = self.file_bytes[at];
            let view = self.blocks[at]
                .as_ref()
                .map(|block| SlotView::validate(block.bytes(), &key, strand));
            let Some(Ok(view)) = view else { continue };
            let Some(head) = view.head() else { continue };
            let indexes = head.indexes.iter().map(|record| record.index).collect();
            state.valid = Some(SlotFacts { generation: head.generation, from: head.from, indexes });
            if newest.as_ref().is_none_or(|(best, _)| best.generation < head.generation) {
                newest = Some((head, view));
            }
        }
        let newest = newest.map(|(head, view)| NewestSlot { logs: logs(&view), head });
        Ok(FoundSlots { states, newest })
    }
}

fn logs(view: &SlotView<'_>) -> BTreeMap<PartitionId, Log> {
    let log = |(partition, mut image): (PartitionId, crate::log::LogImage)| {
        if Mutant::TruncateReplayedTwice.is_on() {
            image.applied = EntryId::default();
        }
        (partition, Log::from_image(image))
    };
    view.logs().map(log).collect()
}
