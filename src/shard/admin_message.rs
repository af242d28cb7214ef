//! What the controller's shard and the others say to each other.

use crate::base::Offset;
use crate::metadata::Publication;

#[derive(Debug)]
pub enum AdminMessage {
    /// The controller's shard to all: a new image of the metadata.
    Publish(Publication),
    /// To the controller's shard: the image of this index is in force here.
    Confirm { index: Offset },
}
