//! DeleteRecords (rule 87).

use super::messages::DeleteRecordsPartition;
use super::messages::DeleteRecordsPartitionResult;
use super::rejection::error_code;
use crate::api::Rejection;
use crate::base::Offset;

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: Offset = -1;

/// Below which offset records may go; `None`: all that are visible.
pub fn delete_below(partition: &DeleteRecordsPartition) -> Option<Offset> {
    (partition.offset != HIGH_WATERMARK).then_some(partition.offset)
}

/// The answer for one partition: the log start that is the low watermark of its one replica.
pub fn deleted(
    partition: &DeleteRecordsPartition,
    result: &Result<Offset, Rejection>,
) -> DeleteRecordsPartitionResult {
    let (low_watermark, error_code) = match result {
        Ok(start) => (*start, 0),
        Err(rejection) => (-1, error_code(rejection).code()),
    };
    DeleteRecordsPartitionResult {
        partition_index: partition.partition_index,
        low_watermark,
        error_code,
        ..DeleteRecordsPartitionResult::default()
    }
}
