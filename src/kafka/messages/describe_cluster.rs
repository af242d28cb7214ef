//! The cluster's id, controller and brokers (KIP-700).
//!
//! * 1: brokers or controllers. 2: may list fenced brokers.

api! {
    /// The cluster's id, controller and brokers (KIP-700).
    DescribeCluster = 60, versions 0..=2, flexible 0;

    request DescribeClusterRequest {
        include_cluster_authorized_operations: bool, 0..;
        endpoint_type: i8, 1.., default 1;
        include_fenced_brokers: bool, 2..;
    }

    response DescribeClusterResponse {
        throttle_time_ms: i32, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0.., default None;
        endpoint_type: i8, 1.., default 1;
        cluster_id: String, 0..;
        controller_id: i32, 0.., default -1;
        brokers: Vec<DescribeClusterBroker>, 0..;
        cluster_authorized_operations: i32, 0.., default i32::MIN;
    }

    struct DescribeClusterBroker {
        broker_id: i32, 0..;
        host: String, 0..;
        port: i32, 0..;
        rack: Option<String>, 0.., null 0.., default None;
        is_fenced: bool, 2..;
    }
}
