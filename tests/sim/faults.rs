//! The fault atlas: what was done to the store, and what each of it permits. What is not permitted
//! here must not happen.
//!
//! | fault | must be survived | may be reported |
//! |---|---|---|
//! | kill, power cut, late writes, torn sectors | wholly | a torn tail |
//! | full disk | wholly: appends are refused, nothing else | `Full` |
//! | failed or short write | by a stop and a restart (R7) | `Fatal::WriteFailed` |
//! | failed read | in recovery by a stop and a restart; later by refusing that read | `Damage`, `Fatal::Unrecoverable` |
//! | a bit of a batch, a sector of a batch | all but that run (R21) | `Damage` |
//! | a bit of a frame's header or table, any sector of a frame | all but that frame; offsets are not reused (R11) | `Damage` |
//! | anything of the last frame, before another one proves it (R6) | all but what it and those behind it hold | a torn tail |
//! | a bit of an extent's header, footer, or an index file; a header's page zeroed | wholly, or fenced | `Damage` |
//! | a slot is not written as it was said to be | wholly: it does not read back (section 1, Checkpoint) | `Damage` |
//! | one slot unreadable | wholly, from the other one (R10, R13) | `Damage` |
//! | both slots unreadable | by a stop that frees nothing (R14) | `Fatal::Unrecoverable` |

use std::collections::BTreeSet;

use strandlog::strand::DamageReport;
use strandlog::strand::ExtentId;
use strandlog::strand::Fatal;
use strandlog::strand::File;
use strandlog::strand::IoFailure;
use strandlog::strand::Outcome;

use crate::batch::BatchCrc;

/// Stands for frames that nobody wrote, in a page that nobody can read.
const NO_FRAME: u64 = u64::MAX - 1;

/// Whether it stands for frames that nobody wrote.
pub fn is_no_frame(sequence: u64) -> bool {
    sequence > u64::MAX / 2
}

/// What a piece of rot hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A stored batch; its neighbours in the run may go with it.
    Batch {
        crc: BatchCrc,
        extent: ExtentId,
    },
    /// The header, table or padding of a frame.
    Frame {
        extent: ExtentId,
        position: usize,
    },
    /// Anything else of an extent: its header, its footer, or bytes that nobody uses.
    Extent {
        extent: ExtentId,
    },
    Index,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Faults {
    pub hit: Vec<Target>,
    /// Batches that may answer with an error or be lost: those that were hit, and their
    /// neighbours in the same run or frame.
    pub fenced: BTreeSet<BatchCrc>,
    /// Frames that were hit: what they held may be gone with their tables (R11).
    pub frames: Vec<u64>,
    /// Files in which something was damaged.
    pub damaged: BTreeSet<File>,
    /// In this life of the process.
    pub write_failed: bool,
    pub read_failed: bool,
    pub reported: u64,
    /// The process before this one stopped in good order.
    pub clean: bool,
    /// Tables may have been hit, so that whole frames may be gone (R11).
    pub may_lose: bool,
    /// Both slots were made unreadable.
    pub no_slot: bool,
}

impl Faults {
    /// A new process.
    pub fn on_start(&mut self) {
        self.write_failed = false;
        self.read_failed = false;
    }

    pub fn on_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failed(IoFailure::Short) => self.write_failed = true,
            // Which of the two it was the strand knows; either permits what it permits.
            Outcome::Failed(IoFailure::Os(_)) => {
                self.write_failed = true;
                self.read_failed = true;
            }
            _ => {}
        }
    }

    pub fn on_damage(&mut self, report: &DamageReport) {
        self.reported += 1;
        let known = self.damaged.contains(&report.file) || self.read_failed;
        assert!(known, "damage is reported where nothing was done: {report:?}");
    }

    pub fn on_torn_tail(&mut self, last_sequence: u64) {
        assert!(!self.clean, "a torn tail at {last_sequence} after a clean shutdown");
    }

    pub fn on_fatal(&mut self, fatal: &Fatal) {
        let permitted = match fatal {
            Fatal::WriteFailed { .. } => self.write_failed,
            Fatal::Unrecoverable { .. } => self.read_failed || self.no_slot,
            Fatal::Locked { .. } => false,
        };
        assert!(permitted, "the process stops without a reason: {fatal:?}");
    }

    /// Whether nothing was damaged so far.
    pub fn is_sound(&self) -> bool {
        self.hit.is_empty()
    }

    /// Whether reads of this batch may fail.
    pub fn may_fence(&self, crc: BatchCrc) -> bool {
        let index = self.hit.contains(&Target::Index);
        self.read_failed || index || self.fenced.contains(&crc)
    }

    /// Something rots. A batch of which a bit flips is fenced and nothing more; anything else may
    /// take the table of its frame along, and a page that nobody can read may have held any (R10).
    pub fn on_rot(&mut self, file: File, target: Target, is_unreadable: bool) {
        if is_unreadable {
            self.frames.push(NO_FRAME - self.hit.len() as u64);
        }
        self.may_lose |= is_unreadable || !matches!(target, Target::Batch { .. });
        self.damaged.insert(file);
        self.hit.push(target);
    }
}
