//! Membership and assignment in groups of the consumer protocol (KIP-848).
//!
//! * 1: subscription by regular expression; the client makes the member's id (KIP-1082).

api! {
    /// Membership and assignment in groups of the consumer protocol (KIP-848).
    ConsumerGroupHeartbeat = 68, versions 0..=1, flexible 0;

    request ConsumerGroupHeartbeatRequest {
        group_id: String, 0..;
        member_id: String, 0..;
        member_epoch: i32, 0..;
        instance_id: Option<String>, 0.., null 0.., default None;
        rack_id: Option<String>, 0.., null 0.., default None;
        rebalance_timeout_ms: i32, 0.., default -1;
        subscribed_topic_names: Option<Vec<String>>, 0.., null 0.., default None;
        subscribed_topic_regex: Option<String>, 1.., null 1.., default None;
        server_assignor: Option<String>, 0.., null 0.., default None;
        topic_partitions: Option<Vec<ConsumerGroupTopic>>, 0.., null 0.., default None;
    }

    struct ConsumerGroupTopic {
        topic_id: TopicId, 0..;
        partitions: Vec<i32>, 0..;
    }

    response ConsumerGroupHeartbeatResponse {
        throttle_time_ms: i32, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0.., default None;
        member_id: Option<String>, 0.., null 0.., default None;
        member_epoch: i32, 0..;
        heartbeat_interval_ms: i32, 0..;
        assignment: Option<ConsumerGroupAssignment>, 0.., null 0.., default None;
    }

    struct ConsumerGroupAssignment {
        topic_partitions: Vec<ConsumerGroupTopic>, 0..;
    }
}
