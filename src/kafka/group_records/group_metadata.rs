//! A classic group as its last completed rebalance left it.
//!
//! * 1: rebalance timeouts. 2: the time of the last change of state. 3 (KIP-345): static members.
//! * 4: tagged fields.

record! {
    /// A classic group as its last completed rebalance left it.
    GroupMetadata = 2, values 0..=4, flexible 4;

    key GroupMetadataKey {
        group: String, 0..;
    }

    value GroupMetadataValue {
        /// Empty: the group only keeps offsets.
        protocol_type: String, 0..;
        generation: i32, 0..;
        protocol: Option<String>, 0.., null 0..;
        leader: Option<String>, 0.., null 0..;
        /// Milliseconds since 1970; -1: not known.
        current_state_timestamp: i64, 2.., default -1, ignorable;
        members: Vec<GroupMetadataMember>, 0..;
    }

    /// A member, and what the leader assigned to it.
    struct GroupMetadataMember {
        member_id: String, 0..;
        group_instance_id: Option<String>, 3.., null 3.., default None, ignorable;
        client_id: String, 0..;
        client_host: String, 0..;
        /// Milliseconds.
        rebalance_timeout: i32, 1.., default -1, ignorable;
        /// Milliseconds.
        session_timeout: i32, 0..;
        subscription: Bytes, 0..;
        assignment: Bytes, 0..;
    }
}
