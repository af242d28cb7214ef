//! State and members of groups of the consumer protocol (KIP-848).
//!
//! * 1: says whether a member is of the classic protocol (KIP-1099).

api! {
    /// State and members of groups of the consumer protocol (KIP-848).
    ConsumerGroupDescribe = 69, versions 0..=1, flexible 0;

    request ConsumerGroupDescribeRequest {
        group_ids: Vec<String>, 0..;
        include_authorized_operations: bool, 0..;
    }

    response ConsumerGroupDescribeResponse {
        throttle_time_ms: i32, 0..;
        groups: Vec<DescribedConsumerGroup>, 0..;
    }

    struct DescribedConsumerGroup {
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0.., default None;
        group_id: String, 0..;
        group_state: String, 0..;
        group_epoch: i32, 0..;
        assignment_epoch: i32, 0..;
        assignor_name: String, 0..;
        members: Vec<DescribedConsumerGroupMember>, 0..;
        authorized_operations: i32, 0.., default i32::MIN;
    }

    struct DescribedConsumerGroupMember {
        member_id: String, 0..;
        instance_id: Option<String>, 0.., null 0.., default None;
        rack_id: Option<String>, 0.., null 0.., default None;
        member_epoch: i32, 0..;
        client_id: String, 0..;
        client_host: String, 0..;
        subscribed_topic_names: Vec<String>, 0..;
        subscribed_topic_regex: Option<String>, 0.., null 0.., default None;
        assignment: DescribedConsumerGroupAssignment, 0..;
        target_assignment: DescribedConsumerGroupAssignment, 0..;
        member_type: i8, 1.., default -1, ignorable;
    }

    struct DescribedConsumerGroupTopic {
        topic_id: TopicId, 0..;
        topic_name: String, 0..;
        partitions: Vec<i32>, 0..;
    }

    struct DescribedConsumerGroupAssignment {
        topic_partitions: Vec<DescribedConsumerGroupTopic>, 0..;
    }
}
