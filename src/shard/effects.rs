//! All that a core can want. Lanes have no order among each other: what depends on a completion is
//! emitted after that completion came in.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::ConnId;
use crate::base::ShardId;
use crate::base::Slice;
use crate::base::StrandId;
use crate::metadata::Overrides;
use crate::shard::Job;
use crate::shard::JobId;
use crate::shard::Message;
use crate::strand::Fatal;
use crate::strand::Op;
use crate::strand::Token;

/// What one turn wants carried out. Lent by the port, emptied by it, and used again.
#[derive(Debug, Default)]
pub struct Effects {
    pub ops: Vec<(StrandId, Token, Op)>,
    /// To a connection, in the order of this lane, with one `writev` per connection and turn.
    pub sends: Vec<(ConnId, Part)>,
    pub closes: Vec<(ConnId, CloseReason)>,
    /// Stop, or go on, taking requests off a connection.
    pub pauses: Vec<ConnId>,
    pub resumes: Vec<ConnId>,
    /// Request bytes of a connection that nothing refers to any more: its admission charge ends.
    pub released: Vec<(ConnId, usize)>,
    pub mesh: Vec<(ShardId, Message)>,
    pub jobs: Vec<(JobId, Job)>,
    /// Levels of loggers differ from those of the configuration by these from here on.
    pub log_levels: Option<Arc<Overrides>>,
    /// When the shard wants a `Tick` at the latest, in `Now::mono_us`.
    pub deadline: Option<u64>,
    /// The process must stop at once, with this reason's exit status.
    pub fatal: Option<Fatal>,
    /// The shard is ready to serve (once), or has finished its shutdown (once).
    pub ready: bool,
    pub stopped: bool,
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Part {
    Bytes(Bytes),
    /// Stored batches, straight from the memory they were written from or read into.
    Stored(Slice),
}

impl Part {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Stored(slice) => slice.bytes(),
        }
    }
}

/// Why the broker closes a connection; goes into one log line with who it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The client ended it, and all that it sent before was taken.
    Ended,
    /// Bytes that are no request, with what was wrong.
    Malformed(String),
    /// A request longer than `socket.request.max.bytes`.
    TooLarge { bytes: u64 },
    /// No progress for too long: a request that does not complete, or an answer nobody reads.
    Slow,
    /// Idle longer than `connections.max.idle.ms`.
    Idle,
    /// `acks=0` produce failed: Kafka closes so that the client notices.
    UnacknowledgedError(String),
    /// Memory or connections are used up and this one was chosen.
    Overload,
    /// The broker stops.
    Shutdown,
}
