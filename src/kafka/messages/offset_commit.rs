//! Commits a group's offsets.
//!
//! * 5: no retention of its own any more. 6: leader epochs. 7 (KIP-345): static members.
//! * 9 (KIP-848): the generation may be a member epoch. 10 (KIP-848): topic ids in place of names.

api! {
    /// Commits a group's offsets.
    OffsetCommit = 8, versions 2..=10, flexible 8;

    request OffsetCommitRequest {
        group_id: String, 0..;
        generation_id_or_member_epoch: i32, 1.., default -1, ignorable;
        member_id: String, 1.., ignorable;
        group_instance_id: Option<String>, 7.., null 7.., default None;
        retention_time_ms: i64, 2..=4, default -1, ignorable;
        topics: Vec<OffsetCommitRequestTopic>, 0..;
    }

    struct OffsetCommitRequestTopic {
        name: String, 0..=9, ignorable;
        topic_id: TopicId, 10.., ignorable;
        partitions: Vec<OffsetCommitRequestPartition>, 0..;
    }

    struct OffsetCommitRequestPartition {
        partition_index: i32, 0..;
        committed_offset: i64, 0..;
        committed_leader_epoch: i32, 6.., default -1, ignorable;
        committed_metadata: Option<String>, 0.., null 0..;
    }

    response OffsetCommitResponse {
        throttle_time_ms: i32, 3.., ignorable;
        topics: Vec<OffsetCommitResponseTopic>, 0..;
    }

    struct OffsetCommitResponseTopic {
        name: String, 0..=9, ignorable;
        topic_id: TopicId, 10.., ignorable;
        partitions: Vec<OffsetCommitResponsePartition>, 0..;
    }

    struct OffsetCommitResponsePartition {
        partition_index: i32, 0..;
        error_code: i16, 0..;
    }
}
