//! A member of a consumer group (KIP-848) and what it subscribes to.

record! {
    /// A member of a consumer group and what it subscribes to.
    ConsumerGroupMemberMetadata = 5, values 0..=0, flexible 0;

    key ConsumerGroupMemberMetadataKey {
        group_id: String, 0..;
        member_id: String, 0..;
    }

    value ConsumerGroupMemberMetadataValue {
        instance_id: Option<String>, 0.., null 0..;
        rack_id: Option<String>, 0.., null 0..;
        client_id: String, 0..;
        client_host: String, 0..;
        subscribed_topic_names: Vec<String>, 0..;
        subscribed_topic_regex: Option<String>, 0.., null 0..;
        /// Milliseconds.
        rebalance_timeout_ms: i32, 0.., default -1;
        server_assignor: Option<String>, 0.., null 0..;
        /// `None`: the member speaks the consumer protocol.
        classic_member_metadata: Option<ClassicMemberMetadata>, 0.., null 0.., tag 0;
    }

    /// What a member that speaks the classic protocol brought.
    struct ClassicMemberMetadata {
        /// Milliseconds.
        session_timeout_ms: i32, 0..;
        supported_protocols: Vec<ClassicMemberProtocol>, 0..;
    }

    struct ClassicMemberProtocol {
        name: String, 0..;
        metadata: Bytes, 0..;
    }
}
