//! What the shards of one process say to each other. `Send`: nothing in it refers to a shard's memory.

/// One message on the ring between two shards; a FIFO per pair.
#[derive(Debug)]
pub enum Message {}
