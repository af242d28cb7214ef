//! The values that a coordinator works by. The settings behind them are the node's.

use crate::group::Assignor;

/// Limits and paces of every group. Defaults are Kafka's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for further members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    pub session_timeout_ms_max: i32,
    /// `group.max.size`: members of a group at most.
    pub size_max: usize,
    /// `offset.metadata.max.bytes`, in characters as Kafka counts them.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_ms: u64,
    /// Bytes of names, metadata, assignments and offsets that one coordinator keeps at most.
    /// Beyond it nothing is added.
    pub state_bytes_max: usize,
    /// `group.consumer.max.size`: members of a consumer group at most.
    pub consumer_size_max: usize,
    /// `group.consumer.assignors`: those that members may ask for; the first is everybody's who
    /// does not.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`.
    pub migration: Migration,
    /// `group.consumer.regex.refresh.interval.ms`: what patterns stand for is looked for again
    /// after this, whatever happened.
    pub pattern_refresh_ms: i64,
}

/// Which groups may become groups of the other protocol while they have members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migration {
    Bidirectional,
    /// Classic ones may become consumer groups.
    Upgrade,
    /// Consumer groups may become classic ones.
    Downgrade,
    /// None, and members of both protocols are in no group together.
    Disabled,
}

impl Migration {
    pub(super) fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    pub(super) fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 3_000,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            size_max: i32::MAX as usize,
            offset_metadata_max: 4_096,
            retention_ms: 7 * 86_400_000,
            retention_check_ms: 600_000,
            state_bytes_max: 64 << 20,
            consumer_size_max: i32::MAX as usize,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration: Migration::Bidirectional,
            pattern_refresh_ms: 600_000,
        }
    }
}
