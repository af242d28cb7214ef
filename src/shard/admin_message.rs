//! What the controller's shard and the others say to each other.

use crate::base::Offset;
use crate::metadata::Command;
use crate::metadata::Outcome;
use crate::metadata::Publication;
use crate::metadata::Ticket;

/// Bound: a shard has `limits::COMMANDS_MAX` commands out at most, each with one outcome; images
/// follow the commits of the metadata strand, of which few are in flight.
#[derive(Debug)]
pub enum AdminMessage {
    /// The controller's shard to all: a new image of the metadata.
    Publish(Box<Publication>),
    /// To the controller's shard: the image of this index is in force here.
    Confirm { index: Offset },
    /// To the controller's shard: something is to be changed.
    Command { ticket: Ticket, command: Command },
    /// The controller's shard to the one that asked: how it ended.
    Outcome { ticket: Ticket, outcome: Outcome },
}
