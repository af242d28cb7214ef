//! What a strand says: ops for its disk, notices for the shard, answers to its callers.

use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::Slice;
use crate::strand::File;
use crate::strand::Op;
use crate::strand::Token;

/// Where a strand puts its wishes and news. Lent by the caller, emptied by it, and used again.
#[derive(Debug, Default)]
pub struct Output {
    pub ops: Vec<(Token, Op)>,
    pub notices: Vec<Notice>,
}

/// News of a strand, in the order in which they became true.
#[derive(Debug)]
pub enum Notice {
    /// Recovery is over: appends and reads are taken.
    Ready,
    /// Shutdown is over: everything is durable and checkpointed, nothing is in flight.
    Stopped,
    /// All frames up to and including `sequence` are durable.
    Durable { sequence: u64 },
    /// A pending read ended.
    Read { id: ReadId, result: Result<Batches, ReadError> },
    /// A pending seek ended.
    Sought { id: ReadId, result: Result<Option<Offset>, ReadError> },
    /// Appends are refused from here on (R16), or taken again.
    Full { full: bool },
    /// Something proven cannot be read; it is fenced, the rest goes on.
    Damage(DamageReport),
    /// A torn tail was dropped: nothing of it was ever acknowledged (R10). For the log.
    TornTail { file: File, position: u64, last_sequence: u64 },
    /// The process must stop at once.
    Fatal(Fatal),
}

/// Reasons for which the process stops, each with its own exit status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fatal {
    /// A write or sync of a strand failed or was short (R7).
    WriteFailed { what: String },
    /// What is on disk cannot be trusted enough to go on (R14).
    Unrecoverable { what: String },
    /// Another process holds the store.
    Locked { what: String },
}

impl Fatal {
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::WriteFailed { .. } => 70,
            Self::Unrecoverable { .. } => 71,
            Self::Locked { .. } => 72,
        }
    }
}

/// Where something proven is not what it was. For log, metrics and `log dump`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DamageReport {
    pub file: File,
    /// Bytes from the start of the file.
    pub position: u64,
    /// `None`: not one partition's alone.
    pub partition: Option<PartitionId>,
    pub damage: Damage,
}

/// What is wrong with damaged bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// An extent's header does not validate, or its file is missing.
    Header,
    /// A proven frame has no valid header where it must lie, or its table is unreadable (R11).
    Frame,
    /// A batch does not match its CRC or what the table says of it (R21).
    Batch,
    /// A footer does not validate; the frames were scanned instead.
    Footer,
    /// An index file does not validate or is missing.
    Index,
    /// The device answered a read with an error.
    Unreadable,
}

/// A refused append or command. It left no trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No space that is not reserved (R16). Retriable: retention and evacuation give space back.
    Full,
    /// More gathers than the disk takes, or an extent is still in the making. Retriable: with the
    /// next outcome of the disk it may be taken.
    Overloaded,
    /// The batch does not fit an extent (R3), or the strand's limit.
    TooLarge,
    /// Recovery is not over, or shutdown has begun.
    NotReady,
    /// The partition was never heard of: nothing to truncate, move or drop.
    UnknownPartition,
}

/// Names one read or seek that was not answered at once. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReadId(pub u64);

/// What is to be read of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    pub partition: PartitionId,
    /// The first batch given is the one that holds this offset.
    pub from: Offset,
    /// Exclusive: no batch with a base offset at or above it is given.
    pub limit: Offset,
    pub bytes_max: u32,
    /// Give the first batch even when it alone is longer than `bytes_max`.
    pub at_least_one: bool,
}

/// Stored batches, in order. Each slice is one or more whole batches.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    pub slices: Vec<Slice>,
    /// Of all slices together.
    pub bytes: usize,
    /// Where to go on: the end of the last batch, or `from` when there is none.
    pub next: Offset,
}

/// What became of a read when it was asked for.
#[derive(Debug)]
pub enum ReadOutcome {
    Ready(Batches),
    /// `Notice::Read` with this id will follow, unless the read is cancelled.
    Pending(ReadId),
    Failed(ReadError),
}

/// What became of a seek when it was asked for.
#[derive(Debug)]
pub enum SeekOutcome {
    /// Begin reading here; `None`: no batch's maximum reaches the timestamp.
    Ready(Option<Offset>),
    /// `Notice::Sought` with this id will follow, unless it is cancelled.
    Pending(ReadId),
    Failed(ReadError),
}

/// Why a read gave nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// The partition is not in this strand.
    UnknownPartition,
    /// `from` lies below the log's start or above its end.
    OutOfRange,
    /// What is stored there is damaged; the run is fenced (R21). KAFKA_STORAGE_ERROR.
    Damaged,
    /// Too many reads wait already, or no memory. Retriable.
    Overloaded,
}
