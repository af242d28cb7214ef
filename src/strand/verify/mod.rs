//! Checks a strand's files whole, while nothing writes to them: the chain of uses, every frame and
//! batch, footers against frames, index files against frames, both slots, and that every offset
//! between a partition's log start and log end lies somewhere. Reads everything, changes nothing.
//!
//! What a crash may leave behind (R10: frames that were never proven, a half-written slot or
//! footer) is a note; everything else that is not as it was written is damage.

mod chain;
mod indexes;
mod partitions;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeMap;

use crate::base::PartitionId;
use crate::log::Log;
use crate::strand::checkpoint::Checkpoint;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::SlotFault;
use crate::strand::checkpoint::read_slot;
use crate::strand::config::StrandIdentity;
use crate::strand::op::ExtentId;
use crate::strand::op::File;
use crate::strand::op::Listing;
use crate::strand::op::Slot;
use crate::strand::run::Run;
use crate::strand::run::RunMap;
use crate::strand::verify::uses::LateFrame;
use crate::strand::verify::uses::Problem;

/// The files of a strand, for reading.
pub trait StoreFiles {
    /// What is there, with lengths.
    fn listing(&self) -> Result<Listing, String>;
    /// A whole file.
    fn read(&self, file: File) -> Result<Vec<u8>, String>;
}

/// Something that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub file: File,
    /// Bytes from the start of the file.
    pub position: u64,
    /// `None`: not one partition's alone.
    pub partition: Option<PartitionId>,
    /// False: a crash may leave it so, and the next start deals with it.
    pub is_damage: bool,
    pub what: String,
}

/// What a check of a strand came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verification {
    pub findings: Vec<Finding>,
    /// Uses that count, and what is in them.
    pub uses: usize,
    pub frames: u64,
    pub batches: u64,
    pub partitions: usize,
    /// Highest sequence that is proven durable.
    pub proven: u64,
}

impl Verification {
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| !finding.is_damage)
    }
}

/// Checks the strand whose files are `files`.
pub fn verify(identity: &StrandIdentity, files: &dyn StoreFiles) -> Verification {
    let mut found = contents(identity, files).verification;
    found.findings.sort_by_key(|finding| (finding.file, finding.position));
    found
}

/// What a stopped strand holds: every partition's facts, and where its batches lie.
#[derive(Debug)]
pub struct Contents {
    pub logs: BTreeMap<PartitionId, Log>,
    pub runs: RunMap,
    pub verification: Verification,
}

/// Reads the strand whose files are `files`, and checks it on the way.
pub fn contents(identity: &StrandIdentity, files: &dyn StoreFiles) -> Contents {
    let mut verifier = Verifier::new(*identity, files);
    match files.listing() {
        Ok(listing) => verifier.run(&listing),
        Err(error) => verifier.damage(File::Slot(Slot::A), 0, None, error),
    }
    let Verifier { logs, runs, found, .. } = verifier;
    Contents { logs, runs, verification: found }
}

struct Verifier<'a> {
    identity: StrandIdentity,
    files: &'a dyn StoreFiles,
    found: Verification,
    /// Of the newest slot that counts.
    checkpoint: CheckpointHead,
    logs: BTreeMap<PartitionId, Log>,
    /// What frames say, newest wins.
    runs: RunMap,
    /// What frames say, all of it: by use and position.
    stored: BTreeMap<(u64, u32), Run>,
    /// What may be damage or a torn tail, until it is known what is proven.
    problems: Vec<Problem>,
    /// Frames of the last uses: whether they count is known last.
    late: Vec<LateFrame>,
}

impl<'a> Verifier<'a> {
    fn new(identity: StrandIdentity, files: &'a dyn StoreFiles) -> Self {
        Self {
            identity,
            files,
            found: Verification::default(),
            checkpoint: CheckpointHead::default(),
            logs: BTreeMap::new(),
            runs: RunMap::default(),
            stored: BTreeMap::new(),
            problems: Vec::new(),
            late: Vec::new(),
        }
    }

    fn run(&mut self, listing: &Listing) {
        self.check_slots(listing);
        let chain = self.check_headers(listing);
        self.found.uses = chain.uses.len();
        self.found.proven = self.found.proven.max(self.checkpoint.needs).max(chain.proven());
        self.check_uses(&chain);
        self.judge_problems();
        self.check_indexes(listing, &chain);
        self.check_partitions(&chain);
        self.found.partitions = self.logs.len();
    }

    /// Both slots: the newest that counts is where the state begins.
    fn check_slots(&mut self, listing: &Listing) {
        let mut faults = Vec::new();
        let mut newest: Option<(CheckpointHead, BTreeMap<PartitionId, Log>)> = None;
        for (slot, _) in &listing.slots {
            match self.read_slot(*slot) {
                Ok((head, logs)) => {
                    let newer =
                        newest.as_ref().is_none_or(|(of, _)| of.generation < head.generation);
                    newest = if newer { Some((head, logs)) } else { newest };
                }
                Err(None) => {}
                Err(Some(what)) => faults.push((*slot, what)),
            }
        }
        for (slot, what) in faults {
            // The other slot counts: this one was being written.
            match &newest {
                Some(_) => self.note(File::Slot(slot), 0, what),
                None => self.damage(File::Slot(slot), 0, None, what),
            }
        }
        if let Some((head, logs)) = newest {
            self.checkpoint = head;
            self.logs = logs;
        }
    }

    /// `Err(None)`: the slot was never written.
    fn read_slot(
        &self,
        slot: Slot,
    ) -> Result<(CheckpointHead, BTreeMap<PartitionId, Log>), Option<String>> {
        let bytes = self.files.read(File::Slot(slot)).map_err(Some)?;
        match read_slot(&bytes, &self.identity.key, self.identity.strand) {
            Ok(Checkpoint { head, logs }) => {
                let logs = logs.into_iter().map(|(id, image)| (id, Log::from_image(image)));
                Ok((head, logs.collect()))
            }
            Err(SlotFault::Empty) => Err(None),
            Err(fault) => Err(Some(format!("the slot does not count: {fault:?}"))),
        }
    }

    fn read_extent(&mut self, extent: ExtentId) -> Option<Vec<u8>> {
        self.read(File::Extent(extent))
    }

    fn read(&mut self, file: File) -> Option<Vec<u8>> {
        match self.files.read(file) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.damage(file, 0, None, error);
                None
            }
        }
    }

    /// What was never proven is a torn tail; everything else is damage (R10).
    fn judge_problems(&mut self) {
        let proven = self.found.proven;
        for problem in std::mem::take(&mut self.problems) {
            let Problem { file, position, partition, sequence, what } = problem;
            if sequence <= proven {
                self.damage(file, position, partition, what);
            } else {
                self.note(file, position, format!("a torn tail, never proven: {what}"));
            }
        }
    }

    fn note(&mut self, file: File, position: u64, what: String) {
        let finding = Finding { file, position, partition: None, is_damage: false, what };
        self.found.findings.push(finding);
    }

    fn damage(
        &mut self,
        file: File,
        position: u64,
        partition: Option<PartitionId>,
        what: impl Into<String>,
    ) {
        let what = what.into();
        let finding = Finding { file, position, partition, is_damage: true, what };
        self.found.findings.push(finding);
    }
}
