//! What can be configured: every topic config of Kafka 4.3 and what it does here.

mod topic;

pub use topic::Cleanup;
pub use topic::Compression;
pub use topic::TimestampType;
pub use topic::TopicConfig;
