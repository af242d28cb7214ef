//! The epoch of a consumer group's target assignment (KIP-848).

record! {
    /// The epoch of a consumer group's target assignment.
    ConsumerGroupTargetAssignmentMetadata = 6, values 0..=0, flexible 0;

    key ConsumerGroupTargetAssignmentMetadataKey {
        group_id: String, 0..;
    }

    value ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32, 0..;
        /// When it was computed, in milliseconds since 1970.
        assignment_timestamp: i64, 0.., tag 0;
    }
}
