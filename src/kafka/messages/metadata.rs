//! Which brokers there are, which topics, and who leads their partitions.
//!
//! * 0: no topics means all; 1 and later: null means all, none means none.
//! * 4: may forbid auto-creation. 7: leader epochs. 8–10: operations on the cluster.
//! * 10 (KIP-516): topic ids; from 12 a topic may be asked for by id alone, with its name null.
//! * 13: a top-level error.

api! {
    /// Which brokers there are, which topics, and who leads their partitions.
    Metadata = 3, versions 0..=13, flexible 9;

    request MetadataRequest {
        topics: Option<Vec<MetadataRequestTopic>>, 0.., null 1..;
        allow_auto_topic_creation: bool, 4.., default true;
        include_cluster_authorized_operations: bool, 8..=10;
        include_topic_authorized_operations: bool, 8..;
    }

    struct MetadataRequestTopic {
        topic_id: TopicId, 10.., ignorable;
        name: Option<String>, 0.., null 10..;
    }

    response MetadataResponse {
        throttle_time_ms: i32, 3.., ignorable;
        brokers: Vec<MetadataResponseBroker>, 0..;
        cluster_id: Option<String>, 2.., null 2.., default None, ignorable;
        controller_id: i32, 1.., default -1, ignorable;
        topics: Vec<MetadataResponseTopic>, 0..;
        cluster_authorized_operations: i32, 8..=10, default i32::MIN;
        error_code: i16, 13.., ignorable;
    }

    struct MetadataResponseBroker {
        node_id: i32, 0..;
        host: String, 0..;
        port: i32, 0..;
        rack: Option<String>, 1.., null 1.., default None, ignorable;
    }

    struct MetadataResponseTopic {
        error_code: i16, 0..;
        name: Option<String>, 0.., null 12..;
        topic_id: TopicId, 10.., ignorable;
        is_internal: bool, 1.., ignorable;
        partitions: Vec<MetadataResponsePartition>, 0..;
        topic_authorized_operations: i32, 8.., default i32::MIN;
    }

    struct MetadataResponsePartition {
        error_code: i16, 0..;
        partition_index: i32, 0..;
        leader_id: i32, 0..;
        leader_epoch: i32, 7.., default -1, ignorable;
        replica_nodes: Vec<i32>, 0..;
        isr_nodes: Vec<i32>, 0..;
        offline_replicas: Vec<i32>, 5.., ignorable;
    }
}
