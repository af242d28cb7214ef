//! Every topic config of Kafka 4.3: type, default, bounds, the broker configs that stand behind
//! it, and what it does here. The table is compared with Kafka's own answers by a test.

use crate::metadata::configs::Bounds;
use crate::metadata::configs::ConfigType;
use crate::metadata::configs::Value;

/// What a config does here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// What Kafka does.
    Obeyed,
    /// Nothing: it is validated, kept and described. `deploy/topic-configs.md` says why, and what
    /// happens instead.
    None,
}

/// A broker config that stands in for a topic config that is not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Synonym {
    pub name: &'static str,
    /// What its value is multiplied with.
    pub factor: i64,
}

/// The facts of one topic config.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TopicDef {
    pub key: TopicKey,
    pub name: &'static str,
    pub kind: ConfigType,
    /// `None`: not set, and without a default.
    pub default: Option<&'static str>,
    pub bounds: Bounds,
    /// In order of precedence.
    pub synonyms: &'static [Synonym],
    pub effect: Effect,
    /// Not described unless set; for tests of the broker.
    pub internal: bool,
    pub doc: &'static str,
}

impl TopicDef {
    /// The definition of `name`.
    pub fn of(name: &str) -> Option<&'static Self> {
        let found = TOPIC_DEFS.binary_search_by(|def| def.name.cmp(name)).ok()?;
        TOPIC_DEFS.get(found)
    }

    pub fn parse(&self, text: &str) -> Result<Value, String> {
        Value::parse(self.name, self.kind, self.bounds, text)
    }
}

const LONG_MAX: &str = "9223372036854775807";
const HOUR_MS: i64 = 3_600_000;

macro_rules! topic_defs {
    ($($key:ident $name:literal, $kind:ident, $default:expr, $bounds:expr,
       [$($synonym:literal $(* $factor:expr)?),*], $effect:ident $($internal:ident)?, $doc:literal;)*) => {
        /// A topic config.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum TopicKey { $($key,)* }

        /// All of them, by name.
        pub static TOPIC_DEFS: &[TopicDef] = &[$(TopicDef {
            key: TopicKey::$key,
            name: $name,
            kind: ConfigType::$kind,
            default: $default,
            bounds: $bounds,
            synonyms: &[$(Synonym { name: $synonym, factor: 1 $(* $factor)? },)*],
            effect: Effect::$effect,
            internal: topic_defs!(@internal $($internal)?),
            doc: $doc,
        },)*];
    };
    (@internal internal) => { true };
    (@internal) => { false };
}

impl TopicKey {
    pub fn def(self) -> &'static TopicDef {
        // The variants are in the order of the table.
        &TOPIC_DEFS[self as usize]
    }
}

topic_defs! {
    CleanupPolicy "cleanup.policy", List, Some("delete"), Bounds::ItemsOf(&["compact", "delete"]),
        ["log.cleanup.policy"], Obeyed,
        "What happens to old records. `delete` drops segments beyond the retention by time or size; \
         `compact` keeps the newest record of each key; an empty list keeps everything.";
    CompressionGzipLevel "compression.gzip.level", Int, Some("-1"), Bounds::BetweenOr(1, 9, -1),
        ["compression.gzip.level"], Obeyed,
        "Level of gzip where compression.type is gzip; -1 leaves it to the library.";
    CompressionLz4Level "compression.lz4.level", Int, Some("9"), Bounds::Between(1, 17),
        ["compression.lz4.level"], None,
        "Level of LZ4 where compression.type is lz4.";
    CompressionType "compression.type", Text, Some("producer"),
        Bounds::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        ["compression.type"], Obeyed,
        "What batches are compressed with in the log. `producer` keeps what the producer chose.";
    CompressionZstdLevel "compression.zstd.level", Int, Some("3"), Bounds::Between(-131_072, 22),
        ["compression.zstd.level"], Obeyed,
        "Level of Zstandard where compression.type is zstd.";
    DeleteRetentionMs "delete.retention.ms", Long, Some("86400000"), Bounds::AtLeast(0),
        ["log.cleaner.delete.retention.ms"], None,
        "How long a compacted topic keeps tombstones, so that a reader from the start sees them.";
    FileDeleteDelayMs "file.delete.delay.ms", Long, Some("60000"), Bounds::AtLeast(0),
        ["log.segment.delete.delay.ms"], None,
        "How long a deleted segment's file stays before it is removed.";
    FlushMessages "flush.messages", Long, Some(LONG_MAX), Bounds::AtLeast(1),
        ["log.flush.interval.messages"], None,
        "Messages after which data is forced to disk.";
    FlushMs "flush.ms", Long, Some(LONG_MAX), Bounds::AtLeast(0),
        ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"], None,
        "Time after which data is forced to disk.";
    FollowerThrottledReplicas "follower.replication.throttled.replicas", List, Some(""),
        Bounds::ThrottledReplicas, [], None,
        "Replicas whose replication is throttled on the follower's side: partition:broker pairs, \
         or * for all.";
    IndexIntervalBytes "index.interval.bytes", Int, Some("4096"), Bounds::AtLeast(0),
        ["log.index.interval.bytes"], None,
        "Bytes of log between two entries of the offset index.";
    InternalSegmentBytes "internal.segment.bytes", Int, None, Bounds::Any, [], None internal,
        "Size of a segment, for tests of the broker only.";
    LeaderThrottledReplicas "leader.replication.throttled.replicas", List, Some(""),
        Bounds::ThrottledReplicas, [], None,
        "Replicas whose replication is throttled on the leader's side: partition:broker pairs, \
         or * for all.";
    LocalRetentionBytes "local.retention.bytes", Long, Some("-2"), Bounds::AtLeast(-2),
        ["log.local.retention.bytes"], None,
        "Bytes of a partition that stay local once they were copied to remote storage; -2 means as \
         retention.bytes.";
    LocalRetentionMs "local.retention.ms", Long, Some("-2"), Bounds::AtLeast(-2),
        ["log.local.retention.ms"], None,
        "How long segments stay local once they were copied to remote storage; -2 means as \
         retention.ms.";
    MaxCompactionLagMs "max.compaction.lag.ms", Long, Some(LONG_MAX), Bounds::AtLeast(1),
        ["log.cleaner.max.compaction.lag.ms"], None,
        "How long a record of a compacted topic may stay uncompacted at most.";
    MaxMessageBytes "max.message.bytes", Int, Some("1048588"), Bounds::AtLeast(0),
        ["message.max.bytes"], Obeyed,
        "Largest record batch accepted, in bytes, as it arrives and after recompression.";
    MessageTimestampAfterMaxMs "message.timestamp.after.max.ms", Long, Some("3600000"),
        Bounds::AtLeast(0), ["log.message.timestamp.after.max.ms"], Obeyed,
        "How far a record's CreateTime may lie ahead of the broker's clock before the batch is refused.";
    MessageTimestampBeforeMaxMs "message.timestamp.before.max.ms", Long, Some(LONG_MAX),
        Bounds::AtLeast(0), ["log.message.timestamp.before.max.ms"], Obeyed,
        "How far a record's CreateTime may lie behind the broker's clock before the batch is refused.";
    MessageTimestampType "message.timestamp.type", Text, Some("CreateTime"),
        Bounds::OneOf(&["CreateTime", "LogAppendTime"]), ["log.message.timestamp.type"], Obeyed,
        "Whose clock timestamps come from: the producer's (CreateTime) or the broker's (LogAppendTime).";
    MinCleanableDirtyRatio "min.cleanable.dirty.ratio", Double, Some("0.5"), Bounds::Between(0, 1),
        ["log.cleaner.min.cleanable.ratio"], None,
        "Share of a compacted log that must be dirty before it is compacted.";
    MinCompactionLagMs "min.compaction.lag.ms", Long, Some("0"), Bounds::AtLeast(0),
        ["log.cleaner.min.compaction.lag.ms"], None,
        "How long a record of a compacted topic stays uncompacted at least.";
    MinInsyncReplicas "min.insync.replicas", Int, Some("1"), Bounds::AtLeast(1),
        ["min.insync.replicas"], Obeyed,
        "In-sync replicas that a write with acks=all needs; never more than the topic has replicas.";
    Preallocate "preallocate", Boolean, Some("false"), Bounds::Any, ["log.preallocate"], None,
        "Whether a segment's file is allocated whole when it is created.";
    RemoteLogCopyDisable "remote.log.copy.disable", Boolean, Some("false"), Bounds::Any, [], None,
        "Whether tiered data is read only.";
    RemoteLogDeleteOnDisable "remote.log.delete.on.disable", Boolean, Some("false"), Bounds::Any, [],
        None, "Whether tiered data is deleted when tiering is switched off for the topic.";
    RemoteStorageEnable "remote.storage.enable", Boolean, Some("false"), Bounds::Any, [], None,
        "Whether segments are copied to remote storage.";
    RetentionBytes "retention.bytes", Long, Some("-1"), Bounds::Any, ["log.retention.bytes"], Obeyed,
        "Bytes that a partition keeps where cleanup.policy has delete; negative means all.";
    RetentionMs "retention.ms", Long, Some("604800000"), Bounds::AtLeast(-1),
        ["log.retention.ms", "log.retention.minutes" * 60_000, "log.retention.hours" * HOUR_MS], Obeyed,
        "How long a record is kept where cleanup.policy has delete; -1 means for ever.";
    SegmentBytes "segment.bytes", Int, Some("1073741824"), Bounds::AtLeast(1_048_576),
        ["log.segment.bytes"], Obeyed,
        "Size at which a partition's segment is rolled. Retention deletes whole segments.";
    SegmentIndexBytes "segment.index.bytes", Int, Some("10485760"), Bounds::AtLeast(4),
        ["log.index.size.max.bytes"], None,
        "Size at which a segment's offset index is full and the segment is rolled.";
    SegmentJitterMs "segment.jitter.ms", Long, Some("0"), Bounds::AtLeast(0),
        ["log.roll.jitter.ms", "log.roll.jitter.hours" * HOUR_MS], Obeyed,
        "Up to this much is taken off segment.ms at random, so that segments do not roll together.";
    SegmentMs "segment.ms", Long, Some("604800000"), Bounds::AtLeast(1),
        ["log.roll.ms", "log.roll.hours" * HOUR_MS], Obeyed,
        "Age at which a partition's segment is rolled even if it is not full.";
    UncleanLeaderElectionEnable "unclean.leader.election.enable", Boolean, Some("false"), Bounds::Any,
        ["unclean.leader.election.enable"], None,
        "Whether a replica that is not in sync may become leader, at the price of lost records.";
}
