//! The partitions of a consumer group's topics. Kafka 4.0 wrote it, later ones only delete it.

record! {
    /// The topics of a consumer group and their partitions, as Kafka 4.0 kept them.
    ConsumerGroupPartitionMetadata = 4, values 0..=0, flexible 0;

    key ConsumerGroupPartitionMetadataKey {
        group_id: String, 0..;
    }

    value ConsumerGroupPartitionMetadataValue {
        topics: Vec<ConsumerGroupPartitionMetadataTopic>, 0..;
    }

    struct ConsumerGroupPartitionMetadataTopic {
        topic_id: TopicId, 0..;
        topic_name: String, 0..;
        num_partitions: i32, 0..;
        partition_metadata: Vec<ConsumerGroupPartitionMetadataRacks>, 0..;
    }

    struct ConsumerGroupPartitionMetadataRacks {
        partition: i32, 0..;
        racks: Vec<String>, 0..;
    }
}
