//! The configs of a topic that the data path obeys, as values.

use crate::base::Lifetime;
use crate::metadata::configs::InForce;
use crate::metadata::configs::TopicKey;
use crate::metadata::configs::Value;

/// What happens to old records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cleanup {
    /// Segments beyond the retention are deleted.
    pub delete: bool,
    /// Only the newest record of each key is wanted. Records without a key are refused.
    pub compact: bool,
}

/// What batches are compressed with in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// As the producer sent them.
    Producer,
    Uncompressed,
    Gzip {
        level: i32,
    },
    Snappy,
    Lz4 {
        level: i32,
    },
    Zstd {
        level: i32,
    },
}

/// Whose clock a record's timestamp comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// A topic's configs in force: its own, else the node's dynamic ones, else the configuration
/// file's, else Kafka's defaults. Computed once per topic and shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicConfig {
    pub cleanup: Cleanup,
    pub compression: Compression,
    /// Largest batch accepted, in bytes, header included.
    pub max_message_bytes: u32,
    pub timestamp_type: TimestampType,
    /// How far a record's timestamp may lie behind the wall clock, in milliseconds.
    pub timestamp_before_max_ms: i64,
    /// How far a record's timestamp may lie ahead of the wall clock, in milliseconds.
    pub timestamp_after_max_ms: i64,
    /// In-sync replicas that `acks=all` needs, at least 1.
    pub min_insync_replicas: i32,
    /// `None`: records are kept however old they are.
    pub retention_ms: Option<i64>,
    /// Bytes per partition; `None`: kept however many they are.
    pub retention_bytes: Option<u64>,
    /// A segment is rolled before it grows beyond this, in bytes.
    pub segment_bytes: u32,
    /// A segment older than this is rolled, in milliseconds.
    pub segment_ms: i64,
    /// Up to this much is taken off `segment_ms`, so that partitions do not roll together.
    pub segment_jitter_ms: i64,
}

impl TopicConfig {
    /// From the value in force of each key.
    pub(in crate::metadata) fn resolve(value: impl Fn(TopicKey) -> Value) -> Self {
        let policy = value(TopicKey::CleanupPolicy);
        Self {
            cleanup: Cleanup {
                delete: policy.items().any(|item| item == "delete"),
                compact: policy.items().any(|item| item == "compact"),
            },
            compression: Self::compression(&value),
            max_message_bytes: value(TopicKey::MaxMessageBytes).unsigned(),
            timestamp_type: match value(TopicKey::MessageTimestampType).text() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: value(TopicKey::MessageTimestampBeforeMaxMs).number(),
            timestamp_after_max_ms: value(TopicKey::MessageTimestampAfterMaxMs).number(),
            min_insync_replicas: value(TopicKey::MinInsyncReplicas).int(),
            retention_ms: Some(value(TopicKey::RetentionMs).number()).filter(|ms| *ms >= 0),
            retention_bytes: u64::try_from(value(TopicKey::RetentionBytes).number()).ok(),
            segment_bytes: value(TopicKey::SegmentBytes).unsigned(),
            segment_ms: value(TopicKey::SegmentMs).number(),
            segment_jitter_ms: value(TopicKey::SegmentJitterMs).number(),
        }
    }

    /// How long records of such a topic live: which of a core's strands it goes to when it is
    /// created. A config that changes later does not move what is there.
    pub fn lifetime(&self) -> Lifetime {
        if self.cleanup.compact || !self.cleanup.delete {
            return Lifetime::Endless;
        }
        match (self.retention_ms, self.retention_bytes) {
            (Some(..=Lifetime::BRIEF_MS_MAX), _) => Lifetime::Brief,
            (Some(_), _) | (None, Some(_)) => Lifetime::Finite,
            (None, None) => Lifetime::Endless,
        }
    }

    fn compression(value: impl Fn(TopicKey) -> Value) -> Compression {
        match value(TopicKey::CompressionType).text() {
            "uncompressed" => Compression::Uncompressed,
            "gzip" => Compression::Gzip { level: value(TopicKey::CompressionGzipLevel).int() },
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4 { level: value(TopicKey::CompressionLz4Level).int() },
            "zstd" => Compression::Zstd { level: value(TopicKey::CompressionZstdLevel).int() },
            _ => Compression::Producer,
        }
    }
}

impl Default for TopicConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        InForce::default().topic_config(None)
    }
}
