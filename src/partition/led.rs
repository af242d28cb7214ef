//! What the leader of a partition knows beyond its log.

use std::sync::Arc;

use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::TopicConfig;

/// A partition led by this shard. Small, and without memory of its own: there are many, and most
/// are idle.
#[derive(Clone, Debug)]
pub struct Led {
    pub id: PartitionId,
    pub topic: TopicId,
    pub strand: StrandId,
    pub config: Arc<TopicConfig>,
    /// Raised by every start of the node.
    pub epoch: LeaderEpoch,
    /// The log holds the start of `epoch`: written with its first append.
    pub epoch_started: bool,
    /// End of what is durable here, and so of what anyone may see: with a single replica the high
    /// watermark and the last stable offset are the durable end.
    pub high_watermark: Offset,
    /// Where the log starts, as far as that is durable: what anyone is shown. What lies between it
    /// and the start that the strand knows is not read any more.
    pub log_start: Offset,
    /// The strand's frame that holds the newest change of this partition.
    pub last_sequence: u64,
}

impl Led {
    /// Rule 71. `asked` is the epoch that the asker believes current; -1: it does not say.
    pub fn check_epoch(&self, asked: LeaderEpoch) -> Result<(), Rejection> {
        if asked < 0 || asked == self.epoch {
            Ok(())
        } else if asked < self.epoch {
            Err(Rejection::FencedEpoch)
        } else {
            Err(Rejection::UnknownEpoch)
        }
    }

    /// Offsets below `end` became durable.
    pub fn raise_high_watermark(&mut self, end: Offset) -> bool {
        let rises = end > self.high_watermark;
        self.high_watermark = self.high_watermark.max(end);
        rises
    }

    /// It became durable that the log starts at `to`.
    pub fn raise_log_start(&mut self, to: Offset) {
        self.log_start = self.log_start.max(to);
    }
}
