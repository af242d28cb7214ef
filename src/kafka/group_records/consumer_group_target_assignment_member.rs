//! What a member of a consumer group (KIP-848) is to have.

record! {
    /// What a member of a consumer group is to have.
    ConsumerGroupTargetAssignmentMember = 7, values 0..=0, flexible 0;

    key ConsumerGroupTargetAssignmentMemberKey {
        group_id: String, 0..;
        member_id: String, 0..;
    }

    value ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: Vec<TargetTopicPartitions>, 0..;
    }

    struct TargetTopicPartitions {
        topic_id: TopicId, 0..;
        partitions: Vec<i32>, 0..;
    }
}
