//! The committed offsets of groups.
//!
//! * 2: null topics ask for all; a top-level error. 7 (KIP-447): may insist on decided ones.
//! * 8 (KIP-709): several groups at once. 9 (KIP-848): members of the consumer protocol. 10
//!   (KIP-848): topic ids in place of names.

api! {
    /// The committed offsets of groups.
    OffsetFetch = 9, versions 1..=10, flexible 6;

    request OffsetFetchRequest {
        group_id: String, 0..=7;
        topics: Option<Vec<OffsetFetchRequestTopic>>, 0..=7, null 2..=7;
        groups: Vec<OffsetFetchRequestGroup>, 8..;
        require_stable: bool, 7..;
    }

    struct OffsetFetchRequestTopic {
        name: String, 0..=7;
        partition_indexes: Vec<i32>, 0..=7;
    }

    struct OffsetFetchRequestGroup {
        group_id: String, 8..;
        member_id: Option<String>, 9.., null 9.., default None, ignorable;
        member_epoch: i32, 9.., default -1, ignorable;
        topics: Option<Vec<OffsetFetchRequestTopics>>, 8.., null 8..;
    }

    struct OffsetFetchRequestTopics {
        name: String, 8..=9, ignorable;
        topic_id: TopicId, 10.., ignorable;
        partition_indexes: Vec<i32>, 8..;
    }

    response OffsetFetchResponse {
        throttle_time_ms: i32, 3.., ignorable;
        topics: Vec<OffsetFetchResponseTopic>, 0..=7;
        error_code: i16, 2..=7, ignorable;
        groups: Vec<OffsetFetchResponseGroup>, 8..;
    }

    struct OffsetFetchResponseTopic {
        name: String, 0..=7;
        partitions: Vec<OffsetFetchResponsePartition>, 0..=7;
    }

    struct OffsetFetchResponsePartition {
        partition_index: i32, 0..=7;
        committed_offset: i64, 0..=7;
        committed_leader_epoch: i32, 5..=7, default -1, ignorable;
        metadata: Option<String>, 0..=7, null 0..=7;
        error_code: i16, 0..=7;
    }

    struct OffsetFetchResponseGroup {
        group_id: String, 8..;
        topics: Vec<OffsetFetchResponseTopics>, 8..;
        error_code: i16, 8..;
    }

    struct OffsetFetchResponseTopics {
        name: String, 8..=9, ignorable;
        topic_id: TopicId, 10.., ignorable;
        partitions: Vec<OffsetFetchResponsePartitions>, 8..;
    }

    struct OffsetFetchResponsePartitions {
        partition_index: i32, 8..;
        committed_offset: i64, 8..;
        committed_leader_epoch: i32, 8.., default -1, ignorable;
        metadata: Option<String>, 8.., null 8..;
        error_code: i16, 8..;
    }
}
