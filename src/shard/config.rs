//! What a shard is told when it is made. Values only; the settings behind them are `config`'s.

use std::sync::Arc;

use crate::base::ShardId;
use crate::base::TopicId;
use crate::group;
use crate::metadata::Layout;
use crate::metadata::Settings;
use crate::record::OPENED_BYTES_MAX;

/// Limits and paces of one shard.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    pub id: ShardId,
    /// Shards of this process, at least 1.
    pub shards: u16,
    /// `fetch.max.bytes`: the most that one fetch response holds, but for a larger first batch.
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`, of this shard.
    pub fetch_sessions_max: usize,
    /// Partitions that these sessions remember together.
    pub fetch_session_partitions_max: usize,
    /// `connections.max.idle.ms`, in microseconds.
    pub idle_us: u64,
    /// A client that reads nothing of its answers for this long is closed, in microseconds.
    pub slow_us: u64,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: i64,
    /// `log.retention.check.interval.ms`: every partition is looked at once in it.
    pub retention_check_ms: u64,
    /// Storage memory that answers may pin before slices are copied out of it (R19), in bytes.
    pub pinned_bytes_max: usize,
    /// Bytes of answers that no client has read yet, without what they pin. Beyond it the
    /// connection that has not read for the longest is closed (R19).
    pub answer_bytes_max: usize,
    /// Idempotent producers that are remembered, over all partitions.
    pub producers_max: usize,
    /// The most bytes that a batch may have when it is opened off-core.
    pub opened_bytes_max: usize,
    /// Seeds what need not be secret: ids of fetch sessions and of topics.
    pub seed: u64,
    /// The node, its cores and strands, and how it shows itself. The same on every shard.
    pub layout: Arc<Layout>,
    /// The node's configuration as clients may ask for it. The same on every shard.
    pub settings: Arc<Settings>,
    /// By what the coordinators of this shard work.
    pub groups: Arc<group::Config>,
    /// What a new store calls its cluster; random. One that exists keeps its name.
    pub cluster: TopicId,
}

impl Default for ShardConfig {
    /// Kafka's defaults, one shard.
    fn default() -> Self {
        Self {
            id: ShardId(0),
            shards: 1,
            fetch_bytes_max: 55 << 20,
            fetch_sessions_max: 1000,
            fetch_session_partitions_max: 1 << 20,
            idle_us: 600_000_000,
            slow_us: 30_000_000,
            producer_expiration_ms: 86_400_000,
            retention_check_ms: 300_000,
            pinned_bytes_max: 64 << 20,
            answer_bytes_max: 256 << 20,
            producers_max: 1 << 20,
            opened_bytes_max: OPENED_BYTES_MAX,
            seed: 0,
            layout: Arc::default(),
            settings: Arc::default(),
            groups: Arc::default(),
            cluster: TopicId([1; 16]),
        }
    }
}
