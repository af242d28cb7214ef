//! The producers that are active in partitions (KIP-664).

api! {
    /// The producers that are active in partitions (KIP-664).
    DescribeProducers = 61, versions 0..=0, flexible 0;

    request DescribeProducersRequest {
        topics: Vec<DescribeProducersTopic>, 0..;
    }

    struct DescribeProducersTopic {
        name: String, 0..;
        partition_indexes: Vec<i32>, 0..;
    }

    response DescribeProducersResponse {
        throttle_time_ms: i32, 0..;
        topics: Vec<DescribeProducersTopicResult>, 0..;
    }

    struct DescribeProducersTopicResult {
        name: String, 0..;
        partitions: Vec<DescribeProducersPartition>, 0..;
    }

    struct DescribeProducersPartition {
        partition_index: i32, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0.., default None;
        active_producers: Vec<DescribedProducer>, 0..;
    }

    struct DescribedProducer {
        producer_id: i64, 0..;
        producer_epoch: i32, 0..;
        last_sequence: i32, 0.., default -1;
        last_timestamp: i64, 0.., default -1;
        coordinator_epoch: i32, 0..;
        current_txn_start_offset: i64, 0.., default -1;
    }
}
