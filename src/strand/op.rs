//! What a strand wants of its disk, and what the disk says. The port carries ops out; the
//! simulator's disk does the same in memory and knows written from durable.

use crate::base::Block;

/// Names one op of one strand; its completion carries it. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

/// An extent's number within its strand; its file keeps it for life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExtentId(pub u32);

/// An index file's number within its strand. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndexId(pub u64);

/// One of the two checkpoint slots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Slot {
    A,
    B,
}

/// A file of a strand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum File {
    Extent(ExtentId),
    Slot(Slot),
    Index(IndexId),
}

/// One wish. Every op is answered by exactly one [`Outcome`] under its token. Ops in flight have
/// no order among each other: what depends on a completion is issued after that completion.
#[derive(Clone, Debug)]
pub enum Op {
    /// Which files of this strand exist, with their lengths. Left-over temporary files of
    /// unfinished allocations are removed by it.
    List,
    /// Opens the file for direct I/O and takes `flock(LOCK_EX)` on that very descriptor, retrying
    /// for a while (R9). Before it, nothing of that file is read or written.
    Lock { file: File },
    /// Makes everything durable that the device took for this strand before (R9).
    Flush,
    /// Reads exactly `bytes`; position and length are multiples of a page. Ends early only at
    /// the end of the file: the block is then shorter.
    Read { file: File, position: u64, bytes: u32 },
    /// Writes a whole block in place, `O_DIRECT | O_DSYNC`: done means durable. Position and
    /// length are multiples of a page, and lie within the file.
    Write { file: File, position: u64, data: Block },
    /// Makes an extent: created under a temporary name, preallocated to `bytes`, zeroed (paced)
    /// if `zeroed`, synced, renamed, its directory synced, opened for writing and locked.
    Allocate { extent: ExtentId, bytes: u64, zeroed: bool },
    /// Writes a whole index file under a temporary name, syncs it, renames it, syncs the
    /// directory: done means durable under its name.
    StoreIndex { index: IndexId, data: Block },
    /// Makes the slot's file exist with at least `bytes`, zeroed and durable, and locks it.
    GrowSlot { slot: Slot, bytes: u64 },
    /// Closes and unlinks the file, syncs the directory.
    Remove { file: File },
}

/// How an op ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Listed(Listing),
    Locked,
    Flushed,
    Read(Block),
    Written,
    Allocated,
    Stored,
    Grown,
    Removed,
    Failed(IoFailure),
}

/// The files of a strand with their lengths in bytes, sorted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    pub extents: Vec<(ExtentId, u64)>,
    pub slots: Vec<(Slot, u64)>,
    pub indexes: Vec<(IndexId, u64)>,
}

/// Why an op failed. Nothing is known about what a failed write left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoFailure {
    /// No space left on the device, or a quota is used up.
    Full,
    /// Less was written than asked.
    Short,
    /// Somebody else holds the lock.
    Locked,
    /// The file is not there.
    Missing,
    /// Any other error, with its `errno`.
    Os(i32),
}
