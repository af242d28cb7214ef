//! ListOffsets: special timestamps and their versions (rule 75).

use super::errors::ErrorCode;
use super::messages::ListOffsetsPartition;
use super::messages::ListOffsetsPartitionResponse;
use super::rejection::error_code;
use crate::api::At;
use crate::api::FoundOffset;
use crate::api::Rejection;

/// The first version whose answers name the record's leader epoch.
const EPOCHS_FROM: i16 = 4;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// What a timestamp asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    At(At),
    /// There is no tiered storage: nothing is there.
    Nothing,
    /// The version does not have this special timestamp.
    Unsupported,
}

/// Reads a timestamp of the wire.
pub fn wanted(version: i16, timestamp: i64) -> Wanted {
    let since = |from: i16, wanted| if version >= from { wanted } else { Wanted::Unsupported };
    match timestamp {
        0.. => Wanted::At(At::Timestamp(timestamp)),
        LATEST => Wanted::At(At::Latest),
        EARLIEST => Wanted::At(At::Earliest),
        MAX_TIMESTAMP => since(7, Wanted::At(At::MaxTimestamp)),
        // All of a log is local.
        EARLIEST_LOCAL => since(8, Wanted::At(At::Earliest)),
        LATEST_TIERED => since(9, Wanted::Nothing),
        EARLIEST_PENDING_UPLOAD => since(11, Wanted::Nothing),
        _ => Wanted::Unsupported,
    }
}

/// The answer for one partition.
pub fn found(
    version: i16,
    partition: &ListOffsetsPartition,
    result: &Result<Option<FoundOffset>, Rejection>,
) -> ListOffsetsPartitionResponse {
    let base = ListOffsetsPartitionResponse {
        partition_index: partition.partition_index,
        ..ListOffsetsPartitionResponse::default()
    };
    match result {
        Ok(Some(found)) => ListOffsetsPartitionResponse {
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: if version >= EPOCHS_FROM { found.leader_epoch } else { -1 },
            ..base
        },
        Ok(None) => base,
        Err(rejection) => {
            ListOffsetsPartitionResponse { error_code: error_code(rejection).code(), ..base }
        }
    }
}

/// The answer for a partition that is refused before its owner is asked.
pub fn refused(partition: &ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: partition.partition_index,
        error_code: error.code(),
        ..ListOffsetsPartitionResponse::default()
    }
}
