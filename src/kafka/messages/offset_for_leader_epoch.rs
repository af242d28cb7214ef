//! Where leader epochs ended, for finding out where two logs part (KIP-101, KIP-320).

api! {
    /// Where leader epochs ended, for finding out where two logs part (KIP-101, KIP-320).
    OffsetForLeaderEpoch = 23, versions 2..=4, flexible 4;

    request OffsetForLeaderEpochRequest {
        replica_id: i32, 3.., default -2, ignorable;
        topics: Vec<OffsetForLeaderTopic>, 0..;
    }

    struct OffsetForLeaderTopic {
        topic: String, 0..;
        partitions: Vec<OffsetForLeaderPartition>, 0..;
    }

    struct OffsetForLeaderPartition {
        partition: i32, 0..;
        current_leader_epoch: i32, 2.., default -1, ignorable;
        leader_epoch: i32, 0..;
    }

    response OffsetForLeaderEpochResponse {
        throttle_time_ms: i32, 2.., ignorable;
        topics: Vec<OffsetForLeaderTopicResult>, 0..;
    }

    struct OffsetForLeaderTopicResult {
        topic: String, 0..;
        partitions: Vec<EpochEndOffset>, 0..;
    }

    struct EpochEndOffset {
        error_code: i16, 0..;
        partition: i32, 0..;
        leader_epoch: i32, 1.., default -1, ignorable;
        end_offset: i64, 0.., default -1;
    }
}
