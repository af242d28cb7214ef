//! Reads record batches.
//!
//! * 7 (KIP-227): sessions. 9 (KIP-320): leader epochs. 11 (KIP-392): racks and preferred replicas.
//! * 12 (KIP-595): flexible, divergence. 13 (KIP-516): topic ids in place of names. 15 (KIP-903):
//!   the replica's state is tagged. 16 (KIP-951): endpoints of leaders. 17: directory ids. 18: the
//!   follower's high watermark.
//!
//! The broker writes responses with [`FetchWriter`](super::FetchWriter).

api! {
    /// Reads record batches.
    Fetch = 1, versions 4..=18, flexible 12;

    request FetchRequest {
        cluster_id: Option<String>, 12.., null 12.., default None, tag 0, ignorable;
        replica_id: i32, 0..=14, default -1;
        replica_state: FetchReplicaState, 15.., tag 1;
        max_wait_ms: i32, 0..;
        min_bytes: i32, 0..;
        max_bytes: i32, 3.., default i32::MAX, ignorable;
        isolation_level: i8, 4.., ignorable;
        session_id: i32, 7.., ignorable;
        session_epoch: i32, 7.., default -1, ignorable;
        topics: Vec<FetchTopic>, 0..;
        forgotten_topics_data: Vec<ForgottenTopic>, 7..;
        rack_id: String, 11.., ignorable;
    }

    struct FetchReplicaState {
        replica_id: i32, 15.., default -1;
        replica_epoch: i64, 15.., default -1;
    }

    struct FetchTopic {
        topic: String, 0..=12, ignorable;
        topic_id: TopicId, 13.., ignorable;
        partitions: Vec<FetchPartition>, 0..;
    }

    struct FetchPartition {
        partition: i32, 0..;
        current_leader_epoch: i32, 9.., default -1, ignorable;
        fetch_offset: i64, 0..;
        last_fetched_epoch: i32, 12.., default -1;
        log_start_offset: i64, 5.., default -1, ignorable;
        partition_max_bytes: i32, 0..;
        replica_directory_id: Uuid, 17.., tag 0, ignorable;
        high_watermark: i64, 18.., default i64::MAX, tag 1, ignorable;
    }

    struct ForgottenTopic {
        topic: String, 7..=12, ignorable;
        topic_id: TopicId, 13.., ignorable;
        partitions: Vec<i32>, 7..;
    }

    response FetchResponse {
        throttle_time_ms: i32, 1.., ignorable;
        error_code: i16, 7.., ignorable;
        session_id: i32, 7..;
        responses: Vec<FetchedTopic>, 0..;
        node_endpoints: Vec<FetchEndpoint>, 16.., tag 0;
    }

    struct FetchedTopic {
        topic: String, 0..=12, ignorable;
        topic_id: TopicId, 13.., ignorable;
        partitions: Vec<FetchedPartition>, 0..;
    }

    struct FetchedPartition {
        partition_index: i32, 0..;
        error_code: i16, 0..;
        high_watermark: i64, 0..;
        last_stable_offset: i64, 4.., default -1, ignorable;
        log_start_offset: i64, 5.., default -1, ignorable;
        diverging_epoch: DivergingEpoch, 12.., tag 0;
        current_leader: FetchLeader, 12.., tag 1;
        snapshot_id: FetchSnapshotId, 12.., tag 2;
        aborted_transactions: Option<Vec<AbortedTransaction>>, 4.., null 4.., ignorable;
        preferred_read_replica: i32, 11.., default -1;
        records: Option<Bytes>, 0.., null 0.., default None;
    }

    struct DivergingEpoch {
        epoch: i32, 12.., default -1;
        end_offset: i64, 12.., default -1;
    }

    struct FetchLeader {
        leader_id: i32, 12.., default -1;
        leader_epoch: i32, 12.., default -1;
    }

    struct FetchSnapshotId {
        end_offset: i64, 0.., default -1;
        epoch: i32, 0.., default -1;
    }

    struct AbortedTransaction {
        producer_id: i64, 4..;
        first_offset: i64, 4..;
    }

    struct FetchEndpoint {
        node_id: i32, 16..;
        host: String, 16..;
        port: i32, 16..;
        rack: Option<String>, 16.., null 16.., default None;
    }
}
