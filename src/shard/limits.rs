//! The bounds of a shard: every queue has one, and what happens at it is an ordinary outcome.

/// Requests of one connection that were taken and not answered. Beyond it the next ones wait.
pub const PIPELINE_MAX: usize = 64;

/// Frames of one connection that wait to be taken, in number and bytes. Beyond either the port
/// stops reading the connection; it goes on at half.
pub const INBOX_FRAMES_MAX: usize = 16;
pub const INBOX_BYTES_MAX: usize = 2 << 20;

/// Bytes of answers that a connection has not read. Beyond it no more of its requests are taken.
pub const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// Bytes that one connection may have taken in its turn before the next has its own (deficit round
/// robin); a larger request waits for as many turns as it needs.
pub const QUANTUM_BYTES: usize = 64 << 10;

/// Bytes of requests taken in one turn of the shard, so that a turn ends.
pub const TURN_BYTES_MAX: usize = 1 << 20;

/// Bytes appended to the strands of a shard and not durable. Beyond it no further produce request
/// is taken.
pub const UNDURABLE_BYTES_MAX: usize = 4 << 20;

/// Questions to one peer shard that were not answered, in number and bytes. The room for the
/// answers is reserved by it: beyond either bound no request that may need the peer is taken.
pub const ASKS_MAX: usize = 4096;
pub const ASKED_BYTES_MAX: usize = 4 << 20;

/// Appends to one partition that wait for an off-core job or for the disk, in number and bytes.
/// Those of this shard's clients stop earlier, at [`UNDURABLE_BYTES_MAX`]; those of other cores at
/// [`ASKED_BYTES_MAX`] each. Beyond it they are refused, retriably.
pub const HELD_APPENDS_MAX: usize = 16_384;
pub const HELD_BYTES_MAX: usize = 64 << 20;

/// The most that one fetch takes from another core: what crosses is copied on the owner's core,
/// and a copy must not hold others up.
pub const CROSSING_BYTES_MAX: u32 = 1 << 20;

/// A client that has taken nothing of its answers for this long is closed where others wait for
/// the memory that they hold, in microseconds.
pub const STUCK_US: u64 = 1_000_000;

/// Slices shorter than this are copied out of storage memory instead of pinning it (R19).
pub const COPY_BELOW_BYTES: usize = 4096;

/// Between two rounds of a shard's housekeeping, in microseconds.
pub const SWEEP_US: u64 = 1_000_000;

/// Partitions that one round looks at at most, whatever the retention's pace wants.
pub const SWEEP_PARTITIONS_MAX: usize = 4096;

/// Wall and monotonic time may drift apart by this much before retention pauses (R23).
pub const CLOCK_DRIFT_MS: i64 = 3_600_000;

/// At a start the wall clock may lie this far behind the newest append, or that far ahead of it,
/// to be believed by retention (R23).
pub const CLOCK_BEHIND_MS: i64 = 3_600_000;
pub const CLOCK_AHEAD_MS: i64 = 366 * 86_400_000;

/// Searches by time that read at the same time; further ones wait in line. Each holds what one
/// read gave it, and the block of the storage that it lies in.
pub const SEARCHES_MAX: usize = 8;

/// Searches by time that wait. Beyond it they are refused, retriably.
pub const SEARCHES_WAITING_MAX: usize = 16_384;

/// Reads of one search by time after which it stands in line again.
pub const SEARCH_READS_MAX: u32 = 64;

/// Bytes of one read of a search by time.
pub const SEARCH_BYTES: u32 = 64 << 10;

/// How long a search by time may take, in microseconds. Batches that claim timestamps which none
/// of their records has make it read on.
pub const SEARCH_US: u64 = 30_000_000;

/// Batches of a shard that are opened off-core at the same time: each may hold
/// [`ShardConfig::opened_bytes_max`](super::ShardConfig::opened_bytes_max) twice.
pub const JOBS_MAX: usize = 1;

/// Jobs that clients wait for and that go before one piece of a search for what patterns stand for,
/// where both wait.
pub const JOBS_PER_PIECE: usize = 8;

/// Bytes of batches that were compressed anew and wait for the disk. Beyond it no further batch is
/// opened: what comes of a small one may be large.
pub const REBUILT_BYTES_MAX: usize = 4 << 20;

/// Commands of one shard that the controller has not answered. Beyond it requests that change
/// metadata are told to come again.
pub const COMMANDS_MAX: usize = 256;

/// How long a request that changes metadata may be waited for, in milliseconds, whatever it asks.
pub const COMMAND_TIMEOUT_MS_MIN: i32 = 1_000;
pub const COMMAND_TIMEOUT_MS_MAX: i32 = 600_000;

/// The same where the request says nothing: Kafka's `request.timeout.ms`.
pub const COMMAND_TIMEOUT_MS: i32 = 30_000;

/// Between two attempts to begin this life of the node while the metadata strand takes nothing, in
/// microseconds.
pub const START_RETRY_US: u64 = 10_000;

/// Bytes of one read of the metadata strand while it is replayed.
pub const REPLAY_BYTES: u32 = 1 << 20;

/// Bytes of a coordinator's log that are read in one turn.
pub const GROUP_LOAD_BYTES: u32 = 64 << 10;

/// A coordinator's log is written anew when it holds so many times what its state takes up, and
/// this many bytes at least.
pub const GROUP_LOG_FACTOR: usize = 4;
pub const GROUP_LOG_BYTES_MIN: usize = 1 << 20;

/// Between two attempts to write a coordinator's state anew, in microseconds.
pub const GROUP_RENEWAL_PAUSE_US: u64 = 1_000_000;

/// How long a coordinator's answer is waited for where it does not wait for members, in
/// microseconds (Kafka's `offsets.commit.timeout.ms`).
pub const GROUP_ANSWER_US: u64 = 5_000_000;

/// Between two commands of a shard that make the topic which coordinators live in, in microseconds.
pub const COORDINATORS_PAUSE_US: u64 = 1_000_000;
