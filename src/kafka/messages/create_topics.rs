//! Creates topics.
//!
//! * 4 (KIP-464): counts of -1 ask for the broker's defaults. 5 (KIP-525): the response describes
//!   what was created. 7 (KIP-516): with its topic id.

api! {
    /// Creates topics.
    CreateTopics = 19, versions 2..=7, flexible 5;

    request CreateTopicsRequest {
        topics: Vec<CreatableTopic>, 0..;
        timeout_ms: i32, 0.., default 60000;
        validate_only: bool, 1..;
    }

    struct CreatableTopic {
        name: String, 0..;
        num_partitions: i32, 0..;
        replication_factor: i16, 0..;
        assignments: Vec<CreatableReplicaAssignment>, 0..;
        configs: Vec<CreatableTopicConfig>, 0..;
    }

    struct CreatableReplicaAssignment {
        partition_index: i32, 0..;
        broker_ids: Vec<i32>, 0..;
    }

    struct CreatableTopicConfig {
        name: String, 0..;
        value: Option<String>, 0.., null 0..;
    }

    response CreateTopicsResponse {
        throttle_time_ms: i32, 2.., ignorable;
        topics: Vec<CreatableTopicResult>, 0..;
    }

    struct CreatableTopicResult {
        name: String, 0..;
        topic_id: TopicId, 7.., ignorable;
        error_code: i16, 0..;
        error_message: Option<String>, 1.., null 0.., ignorable;
        topic_config_error_code: i16, 5.., tag 0, ignorable;
        num_partitions: i32, 5.., default -1, ignorable;
        replication_factor: i16, 5.., default -1, ignorable;
        configs: Option<Vec<CreatableTopicConfigs>>, 5.., null 5.., ignorable;
    }

    struct CreatableTopicConfigs {
        name: String, 5..;
        value: Option<String>, 5.., null 5..;
        read_only: bool, 5..;
        config_source: i8, 5.., default -1, ignorable;
        is_sensitive: bool, 5..;
    }
}
