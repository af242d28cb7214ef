//! What a member of a consumer group (KIP-848) has.

record! {
    /// What a member of a consumer group has.
    ConsumerGroupCurrentMemberAssignment = 8, values 0..=0, flexible 0;

    key ConsumerGroupCurrentMemberAssignmentKey {
        group_id: String, 0..;
        member_id: String, 0..;
    }

    value ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: i32, 0..;
        previous_member_epoch: i32, 0..;
        /// 0: stable. 1: partitions not yet revoked. 2: waits for others to release. 127: unknown.
        state: i8, 0..;
        assigned_partitions: Vec<CurrentTopicPartitions>, 0..;
        partitions_pending_revocation: Vec<CurrentTopicPartitions>, 0..;
    }

    struct CurrentTopicPartitions {
        topic_id: TopicId, 0..;
        partitions: Vec<i32>, 0..;
        /// The member epoch at which each was assigned; empty: not known.
        assignment_epochs: Option<Vec<i32>>, 0.., null 0.., tag 0;
    }
}
