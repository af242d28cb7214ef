//! An offset that a group has committed for a partition.
//!
//! * 1: has a time of its own at which it expires. 2: has none any more. 3: leader epochs.
//! * 4: tagged fields; the topic's id is one.

record! {
    /// An offset that a group has committed.
    OffsetCommit = 1, values 0..=4, flexible 4;

    key OffsetCommitKey {
        group: String, 0..;
        topic: String, 0..;
        partition: i32, 0..;
    }

    value OffsetCommitValue {
        offset: i64, 0..;
        /// Of the last record that was consumed; -1: not known.
        leader_epoch: i32, 3.., default -1, ignorable;
        metadata: String, 0..;
        /// Milliseconds since 1970.
        commit_timestamp: i64, 0..;
        /// Milliseconds since 1970; -1: as the broker's retention says.
        expire_timestamp: i64, 1..=1, default -1, ignorable;
        topic_id: TopicId, 4.., tag 0, ignorable;
    }
}
