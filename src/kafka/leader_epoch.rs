//! OffsetForLeaderEpoch (rules 71 and 73).

use super::messages::EpochEndOffset;
use super::messages::OffsetForLeaderPartition;
use super::rejection::error_code;
use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Offset;

/// The answer for one partition. An epoch that is not known is no error: -1 and -1.
pub fn epoch_end(
    partition: &OffsetForLeaderPartition,
    result: &Result<Option<(LeaderEpoch, Offset)>, Rejection>,
) -> EpochEndOffset {
    let (leader_epoch, end_offset) = result.as_ref().ok().copied().flatten().unwrap_or((-1, -1));
    EpochEndOffset {
        error_code: result.as_ref().err().map_or(0, |rejection| error_code(rejection).code()),
        partition: partition.partition,
        leader_epoch,
        end_offset,
        ..EpochEndOffset::default()
    }
}
