//! An offset as Kafka before 0.9 committed it. Read, never written.

record! {
    /// An offset as Kafka before 0.9 committed it.
    LegacyOffsetCommit = 0, values 0..=0, flexible i16::MAX;

    key LegacyOffsetCommitKey {
        group: String, 0..;
        topic: String, 0..;
        partition: i32, 0..;
    }

    value LegacyOffsetCommitValue {
        offset: i64, 0..;
        metadata: String, 0..;
        commit_timestamp: i64, 0..;
    }
}
