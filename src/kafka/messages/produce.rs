//! Appends record batches.
//!
//! * 7: zstd. 8 (KIP-467): errors by record. 10 (KIP-951): the current leader on an error.
//! * 12 (KIP-890): adds the partitions to the transaction by itself. 13 (KIP-516): topic ids in
//!   place of names.
//!
//! The broker reads requests with [`ProduceView`](super::ProduceView).

api! {
    /// Appends record batches.
    Produce = 0, versions 3..=13, flexible 9;

    request ProduceRequest {
        transactional_id: Option<String>, 3.., null 3.., default None;
        acks: i16, 0..;
        timeout_ms: i32, 0..;
        topic_data: Vec<TopicProduceData>, 0..;
    }

    struct TopicProduceData {
        name: String, 0..=12, ignorable;
        topic_id: TopicId, 13.., ignorable;
        partition_data: Vec<PartitionProduceData>, 0..;
    }

    struct PartitionProduceData {
        index: i32, 0..;
        records: Option<Bytes>, 0.., null 0.., default None;
    }

    response ProduceResponse {
        responses: Vec<TopicProduceResponse>, 0..;
        throttle_time_ms: i32, 1.., ignorable;
        node_endpoints: Vec<ProduceEndpoint>, 10.., tag 0;
    }

    struct TopicProduceResponse {
        name: String, 0..=12, ignorable;
        topic_id: TopicId, 13.., ignorable;
        partition_responses: Vec<PartitionProduceResponse>, 0..;
    }

    struct PartitionProduceResponse {
        index: i32, 0..;
        error_code: i16, 0..;
        base_offset: i64, 0..;
        log_append_time_ms: i64, 2.., default -1, ignorable;
        log_start_offset: i64, 5.., default -1, ignorable;
        record_errors: Vec<BatchIndexAndErrorMessage>, 8.., ignorable;
        error_message: Option<String>, 8.., null 8.., default None, ignorable;
        current_leader: ProduceLeader, 10.., tag 0;
    }

    struct BatchIndexAndErrorMessage {
        batch_index: i32, 8..;
        batch_index_error_message: Option<String>, 8.., null 8.., default None;
    }

    struct ProduceLeader {
        leader_id: i32, 10.., default -1;
        leader_epoch: i32, 10.., default -1;
    }

    struct ProduceEndpoint {
        node_id: i32, 10..;
        host: String, 10..;
        port: i32, 10..;
        rack: Option<String>, 10.., null 10.., default None;
    }
}
