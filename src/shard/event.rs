//! All that can happen to a core.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::ConnId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::shard::JobId;
use crate::shard::JobResult;
use crate::shard::Message;
use crate::strand::Outcome;
use crate::strand::Token;

/// One thing that happened. The port gathers some, steps the shard through them, then lets it
/// finish the turn and carries out the effects.
#[derive(Debug)]
pub enum Event {
    /// A client connected. `listener` counts the configured listeners.
    Accepted { conn: ConnId, peer: SocketAddr, listener: u16 },
    /// One whole request frame arrived, without its length prefix.
    Received { conn: ConnId, frame: Bytes },
    /// The socket took `bytes` of what was sent to it.
    Sent { conn: ConnId, bytes: usize },
    /// Nothing more will be received from the connection: its peer sent a FIN or reset it. The
    /// shard takes what has come in, then closes the connection.
    Ended { conn: ConnId },
    /// The connection is gone, by its peer, by an error, or because the shard closed it.
    Closed { conn: ConnId },
    /// Another shard of this process said something.
    Mesh { from: ShardId, message: Message },
    /// An op of one of this shard's strands ended.
    Disk { strand: StrandId, token: Token, outcome: Outcome },
    /// The disk that the shard's strands share with others is short of space, or has enough again:
    /// a strand, of whatever shard, was refused an extent.
    Space { is_short: bool },
    /// Work done off-core ended.
    Job { job: JobId, result: JobResult },
    /// The port looked at the file system of the data, in bytes.
    Volume { total: u64, usable: u64 },
    /// The deadline asked for has come, or the heartbeat.
    Tick,
    /// Stop in good order: finish commits, checkpoint, then say so.
    Shutdown,
}
