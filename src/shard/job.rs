//! Work over 50 µs that is done off-core, by the port's blocking pool: pure functions of their input.

use bytes::Bytes;

/// Names one job of a shard. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u64);

/// What is to be done.
#[derive(Debug)]
pub enum Job {
    /// Placeholder variant of the seam: the data path replaces it by `Recode`.
    Check { batch: Bytes },
}

/// What came of it.
#[derive(Debug)]
pub enum JobResult {
    Checked,
}

impl Job {
    pub fn run(self) -> JobResult {
        match self {
            Self::Check { .. } => JobResult::Checked,
        }
    }
}
