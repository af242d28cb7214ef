//! What the shards of one process say to each other. `Send`: nothing in it refers to a shard's memory.

use crate::api::Answer;
use crate::api::Question;
use crate::shard::AdminMessage;

/// A request in flight at its home shard. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// One message on the ring between two shards; a FIFO per pair.
///
/// Bound: a home shard asks a peer at most `limits::ASKS_MAX` things whose answers are outstanding,
/// so at most that many [`Answer`]s can be on their way back; all of one turn travel in one message.
#[derive(Debug)]
pub enum Message {
    /// Home to owner.
    Asks(Vec<Ask>),
    /// Owner to home.
    Answers(Vec<Answered>),
    /// Between the controller's shard and the others.
    Admin(AdminMessage),
}

/// One question, and under which name its answer is awaited.
#[derive(Debug)]
pub struct Ask {
    pub request: RequestId,
    /// Which part of the request.
    pub part: u32,
    pub question: Question,
}

/// One answer.
#[derive(Debug)]
pub struct Answered {
    pub request: RequestId,
    pub part: u32,
    pub answer: Answer,
}
