//! The epoch of a consumer group (KIP-848).

record! {
    /// The epoch of a consumer group, and of what topics it was made.
    ConsumerGroupMetadata = 3, values 0..=0, flexible 0;

    key ConsumerGroupMetadataKey {
        group_id: String, 0..;
    }

    value ConsumerGroupMetadataValue {
        epoch: i32, 0..;
        /// Over the topics of the group; 0: to be computed.
        metadata_hash: i64, 0.., tag 0;
    }
}
