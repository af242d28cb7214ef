//! Topics and partitions, page by page (KIP-966).

api! {
    /// Topics and partitions, page by page (KIP-966).
    DescribeTopicPartitions = 75, versions 0..=0, flexible 0;

    request DescribeTopicPartitionsRequest {
        topics: Vec<DescribeTopicPartitionsTopic>, 0..;
        response_partition_limit: i32, 0.., default 2000;
        cursor: Option<TopicPartitionsCursor>, 0.., null 0.., default None;
    }

    struct DescribeTopicPartitionsTopic {
        name: String, 0..;
    }

    struct TopicPartitionsCursor {
        topic_name: String, 0..;
        partition_index: i32, 0..;
    }

    response DescribeTopicPartitionsResponse {
        throttle_time_ms: i32, 0.., ignorable;
        topics: Vec<DescribeTopicPartitionsResponseTopic>, 0..;
        next_cursor: Option<TopicPartitionsCursor>, 0.., null 0.., default None;
    }

    struct DescribeTopicPartitionsResponseTopic {
        error_code: i16, 0..;
        name: Option<String>, 0.., null 0..;
        topic_id: TopicId, 0.., ignorable;
        is_internal: bool, 0.., ignorable;
        partitions: Vec<DescribeTopicPartitionsResponsePartition>, 0..;
        topic_authorized_operations: i32, 0.., default i32::MIN;
    }

    struct DescribeTopicPartitionsResponsePartition {
        error_code: i16, 0..;
        partition_index: i32, 0..;
        leader_id: i32, 0..;
        leader_epoch: i32, 0.., default -1, ignorable;
        replica_nodes: Vec<i32>, 0..;
        isr_nodes: Vec<i32>, 0..;
        eligible_leader_replicas: Option<Vec<i32>>, 0.., null 0.., default None;
        last_known_elr: Option<Vec<i32>>, 0.., null 0.., default None;
        offline_replicas: Vec<i32>, 0.., ignorable;
    }
}
