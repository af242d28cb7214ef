//! Offsets by timestamp.
//!
//! Special timestamps: -1 latest, -2 earliest, -3 (from version 7 on) the record of the greatest
//! timestamp, -4 (8) earliest local, -5 (9) latest tiered, -6 (11) earliest pending upload.

api! {
    /// Offsets by timestamp.
    ListOffsets = 2, versions 1..=11, flexible 6;

    request ListOffsetsRequest {
        replica_id: i32, 0..;
        isolation_level: i8, 2..;
        topics: Vec<ListOffsetsTopic>, 0..;
        timeout_ms: i32, 10.., ignorable;
    }

    struct ListOffsetsTopic {
        name: String, 0..;
        partitions: Vec<ListOffsetsPartition>, 0..;
    }

    struct ListOffsetsPartition {
        partition_index: i32, 0..;
        current_leader_epoch: i32, 4.., default -1, ignorable;
        timestamp: i64, 0..;
    }

    response ListOffsetsResponse {
        throttle_time_ms: i32, 2.., ignorable;
        topics: Vec<ListOffsetsTopicResponse>, 0..;
    }

    struct ListOffsetsTopicResponse {
        name: String, 0..;
        partitions: Vec<ListOffsetsPartitionResponse>, 0..;
    }

    struct ListOffsetsPartitionResponse {
        partition_index: i32, 0..;
        error_code: i16, 0..;
        timestamp: i64, 1.., default -1;
        offset: i64, 1.., default -1;
        leader_epoch: i32, 4.., default -1;
    }
}
