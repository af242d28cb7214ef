//! The settings. Each is declared once; struct, table, defaults, parsing and help follow from it.

use crate::config::ListenerAddress;
use crate::config::setting::Bytes;
use crate::config::setting::Choice;
use crate::config::setting::Setting;
use crate::config::setting::Value;
use crate::config::setting::check_bounds;

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident: $hint:literal { $($variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name { $($variant,)* }

        impl Choice for $name {
            const HINT: &'static str = $hint;
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)*];
        }

        impl Value for $name {
            const HINT: &'static str = $hint;

            fn parse(text: &str) -> Result<Self, String> {
                Self::word(text).ok_or_else(|| format!("not one of {}", $hint))
            }
        }

        impl $name {
            /// As it is written in a configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    )*};
}

choices! {
    /// What clients are shown of a machine.
    Advertise: "node|core" {
        Node = "node",
        Core = "core",
    }

    /// Kafka's `compression.type` of a broker or topic.
    Compression: "producer|uncompressed|gzip|snappy|lz4|zstd" {
        Producer = "producer",
        Uncompressed = "uncompressed",
        Gzip = "gzip",
        Snappy = "snappy",
        Lz4 = "lz4",
        Zstd = "zstd",
    }

    /// Which groups may change their protocol while they have members.
    GroupMigration: "bidirectional|upgrade|downgrade|disabled" {
        Bidirectional = "bidirectional",
        Upgrade = "upgrade",
        Downgrade = "downgrade",
        Disabled = "disabled",
    }

    /// An assignor of groups of the consumer protocol.
    GroupAssignor: "uniform|range" {
        Uniform = "uniform",
        Range = "range",
    }

    /// Kafka's `message.timestamp.type`.
    TimestampType: "CreateTime|LogAppendTime" {
        CreateTime = "CreateTime",
        LogAppendTime = "LogAppendTime",
    }
}

macro_rules! settings {
    ($($group:literal { $(
        $(#[doc = $doc:literal])*
        $field:ident: $type:ty = $default:literal, $name:literal $(, $bounds:expr)?;
    )* })*) => {
        /// All settings with their values.
        #[derive(Clone, PartialEq, Debug)]
        pub struct Config { $($(
            $(#[doc = $doc])*
            pub $field: $type,
        )*)* }

        /// The declarations, in the order of help.
        pub static SETTINGS: &[Setting] = &[$($(
            Setting {
                name: $name,
                group: $group,
                meaning: concat!($($doc, "\n",)*),
                default: $default,
                hint: <$type as Value>::HINT,
                set: |config, text| {
                    let value = <$type as Value>::parse(text)?;
                    $(let value = check_bounds(value, &$bounds)?;)?
                    config.$field = value;
                    Ok(())
                },
            },
        )*)*];

        impl Default for Config {
            fn default() -> Self {
                Self { $($(
                    $field: <$type as Value>::parse($default).expect("a default that parses"),
                )*)* }
            }
        }
    };
}

settings! {
    "Node and addresses" {
        /// Where the data lies: one directory, made when it is missing. Its file system must know
        /// O_DIRECT; XFS or ext4 on a local drive are the good choices.
        log_dirs: String = "./strandlog-data", "log.dirs";
        /// Identifies this node in its cluster. Fixed when the directory is formatted.
        node_id: i32 = "1", "node.id", 0..=2_000_000;
        /// Where clients connect, as NAME://HOST:PORT; several are separated by commas. An empty
        /// host means all interfaces, port 0 lets the kernel choose. PLAINTEXT is the protocol there is.
        listeners: Vec<ListenerAddress> = "PLAINTEXT://127.0.0.1:9092", "listeners";
        /// What clients are told to connect to, where it differs from `listeners` (NAT, containers,
        /// all interfaces). One entry per listener, matched by name.
        advertised_listeners: Vec<ListenerAddress> = "", "advertised.listeners";
        /// `node` shows this machine as one broker; any core takes any request. `core` shows each
        /// core as a broker of its own, with node id 1000 × node + core, so that clients send
        /// each request straight to the core that owns the partition.
        advertise: Advertise = "node", "advertise";
        /// Each core also listens on a port of its own: the listener's port, plus this, plus the
        /// core's number.
        shard_port_offset: u16 = "1000", "shard.port.offset", 1..=60_000;
        /// Rack of this machine, as clients see it.
        broker_rack: Option<String> = "", "broker.rack";
    }
    "Cores and memory" {
        /// How many shards (pinned executors, one per core). Default: as many as CPUs may be used,
        /// by affinity and by CPU quota.
        shards: Option<u16> = "", "shards";
        /// Memory for all shards together. Default: three quarters of what the control group
        /// allows, or half of the machine's.
        memory: Option<Bytes> = "", "memory";
        /// How long an idle core looks for work before it sleeps, in microseconds. Cuts latency
        /// and burns the core; ignored under a CPU quota and on one CPU.
        io_spin_us: u32 = "0", "io.spin.us", 0..=10_000;
        /// The executor's preemption timer in microseconds. Short ones cost throughput, and lose
        /// wake-ups wherever the core is taken away for longer.
        io_preempt_timer_us: u32 = "100000", "io.preempt.timer.us", 50..=1_000_000;
        /// The longest pause of an executor's heartbeat while anything is in flight, in
        /// milliseconds. Bounds what a lost wake-up costs.
        io_heartbeat_ms: u32 = "1", "io.heartbeat.ms", 1..=100;
    }
    "Topics" {
        /// Partitions of a topic that is made without a number.
        num_partitions: i32 = "1", "num.partitions", 1..=100_000;
        /// Replicas of a topic that is made without a number. One node keeps one.
        default_replication_factor: i32 = "1", "default.replication.factor", 1..=i32::from(i16::MAX);
        /// Replicas that must have a record before `acks=all` is answered.
        min_insync_replicas: i32 = "1", "min.insync.replicas", 1..=i32::from(i16::MAX);
        /// Whether asking for a topic that is not there makes it.
        auto_create_topics_enable: bool = "true", "auto.create.topics.enable";
        /// Whether topics can be deleted.
        delete_topic_enable: bool = "true", "delete.topic.enable";
        /// Largest record batch a producer may send (`max.message.bytes` of topics).
        message_max_bytes: i32 = "1048588", "message.max.bytes", 0..=33_554_432;
        /// Codec that batches are stored in; `producer` keeps what the producer chose.
        compression_type: Compression = "producer", "compression.type";
        /// Whose clock stamps records.
        log_message_timestamp_type: TimestampType = "CreateTime", "log.message.timestamp.type";
        /// How far before the broker's clock a record's time may lie, in milliseconds.
        log_message_timestamp_before_max_ms: i64 = "9223372036854775807",
            "log.message.timestamp.before.max.ms", 0..=i64::MAX;
        /// How far after the broker's clock a record's time may lie, in milliseconds.
        log_message_timestamp_after_max_ms: i64 = "3600000",
            "log.message.timestamp.after.max.ms", 0..=i64::MAX;
        /// `delete`, `compact`, or both separated by a comma. Compaction keeps everything until
        /// there is one.
        log_cleanup_policy: String = "delete", "log.cleanup.policy";
    }
    "Retention" {
        /// Records older than this many milliseconds are deleted; -1 keeps them. Wins over minutes
        /// and hours.
        log_retention_ms: Option<i64> = "", "log.retention.ms";
        /// As `log.retention.ms`, in minutes. Wins over hours.
        log_retention_minutes: Option<i32> = "", "log.retention.minutes";
        /// As `log.retention.ms`, in hours.
        log_retention_hours: i32 = "168", "log.retention.hours", -1..=i32::MAX;
        /// A partition's bytes beyond which its oldest segments are deleted; -1 sets no limit.
        log_retention_bytes: i64 = "-1", "log.retention.bytes", -1..=i64::MAX;
        /// How often retention looks, in milliseconds.
        log_retention_check_interval_ms: i64 = "300000", "log.retention.check.interval.ms", 1..=i64::MAX;
        /// A partition's logical segment rolls at this size. Retention deletes whole segments.
        log_segment_bytes: i32 = "1073741824", "log.segment.bytes", 1_048_576..=i32::MAX;
        /// A partition's logical segment rolls at this age, in milliseconds. Wins over hours.
        log_roll_ms: Option<i64> = "", "log.roll.ms";
        /// As `log.roll.ms`, in hours.
        log_roll_hours: i32 = "168", "log.roll.hours", 1..=i32::MAX;
        /// How long the sequence numbers of a quiet idempotent producer are remembered.
        producer_id_expiration_ms: i64 = "86400000", "producer.id.expiration.ms", 1..=i64::MAX;
    }
    "Groups" {
        /// How long an empty consumer group waits for further members before its first generation.
        group_initial_rebalance_delay_ms: i32 = "3000", "group.initial.rebalance.delay.ms", 0..=i32::MAX;
        /// Shortest session timeout that members may ask for, in milliseconds.
        group_min_session_timeout_ms: i32 = "6000", "group.min.session.timeout.ms", 1..=i32::MAX;
        /// Longest session timeout that members may ask for, in milliseconds.
        group_max_session_timeout_ms: i32 = "1800000", "group.max.session.timeout.ms", 1..=i32::MAX;
        /// Members of a group of the classic protocol at most.
        group_max_size: i32 = "2147483647", "group.max.size", 1..=i32::MAX;
        /// A member of the consumer protocol (KIP-848) that is silent for longer is removed, in
        /// milliseconds, where its group has no `consumer.session.timeout.ms`.
        group_consumer_session_timeout_ms: i32 = "45000",
            "group.consumer.session.timeout.ms", 1..=i32::MAX;
        /// Least `consumer.session.timeout.ms` of a group.
        group_consumer_min_session_timeout_ms: i32 = "45000",
            "group.consumer.min.session.timeout.ms", 1..=i32::MAX;
        /// Most `consumer.session.timeout.ms` of a group.
        group_consumer_max_session_timeout_ms: i32 = "60000",
            "group.consumer.max.session.timeout.ms", 1..=i32::MAX;
        /// How often members of the consumer protocol say that they live, in milliseconds, where
        /// their group has no `consumer.heartbeat.interval.ms`.
        group_consumer_heartbeat_interval_ms: i32 = "5000",
            "group.consumer.heartbeat.interval.ms", 1..=i32::MAX;
        /// Least `consumer.heartbeat.interval.ms` of a group.
        group_consumer_min_heartbeat_interval_ms: i32 = "5000",
            "group.consumer.min.heartbeat.interval.ms", 1..=i32::MAX;
        /// Most `consumer.heartbeat.interval.ms` of a group.
        group_consumer_max_heartbeat_interval_ms: i32 = "15000",
            "group.consumer.max.heartbeat.interval.ms", 1..=i32::MAX;
        /// Time between two target assignments of a group at least, in milliseconds, where it has
        /// no `consumer.assignment.interval.ms`.
        group_consumer_assignment_interval_ms: i32 = "1000",
            "group.consumer.assignment.interval.ms", 0..=i32::MAX;
        /// Least `consumer.assignment.interval.ms` of a group.
        group_consumer_min_assignment_interval_ms: i32 = "0",
            "group.consumer.min.assignment.interval.ms", 0..=i32::MAX;
        /// Most `consumer.assignment.interval.ms` of a group.
        group_consumer_max_assignment_interval_ms: i32 = "15000",
            "group.consumer.max.assignment.interval.ms", 0..=i32::MAX;
        /// Members of a group of the consumer protocol at most.
        group_consumer_max_size: i32 = "2147483647", "group.consumer.max.size", 1..=i32::MAX;
        /// The assignors that members of the consumer protocol may ask for. The first is taken where
        /// nobody asks.
        group_consumer_assignors: Vec<GroupAssignor> = "uniform,range", "group.consumer.assignors";
        /// Which groups may change to the other protocol while they have members: classic ones
        /// (upgrade), those of the consumer protocol (downgrade), both, or none.
        group_consumer_migration_policy: GroupMigration = "bidirectional",
            "group.consumer.migration.policy";
        /// Characters of metadata that may be committed with an offset.
        offset_metadata_max_bytes: i32 = "4096", "offset.metadata.max.bytes", 0..=i32::MAX;
        /// How long the offsets of a group without members are kept.
        offsets_retention_minutes: i32 = "10080", "offsets.retention.minutes", 1..=i32::MAX;
        /// How often it is looked for offsets that nobody needs, in milliseconds.
        offsets_retention_check_interval_ms: i64 = "600000",
            "offsets.retention.check.interval.ms", 1..=i64::MAX;
        /// Partitions of the topic that committed offsets are kept in, when it is made: they spread
        /// the groups over the cores.
        offsets_topic_num_partitions: i32 = "50", "offsets.topic.num.partitions", 1..=100_000;
        /// Replicas of that topic. One node keeps one.
        offsets_topic_replication_factor: i32 = "1",
            "offsets.topic.replication.factor", 1..=i32::from(i16::MAX);
        /// Size of that topic's logical segments.
        offsets_topic_segment_bytes: i32 = "104857600",
            "offsets.topic.segment.bytes", 1_048_576..=i32::MAX;
    }
    "Connections and requests" {
        /// Connections at a time. The limit of open files lowers it.
        max_connections: u32 = "2147483647", "max.connections", 1..=u32::MAX;
        /// A connection that is quiet for this long is closed.
        connections_max_idle_ms: i64 = "600000", "connections.max.idle.ms", -1..=i64::MAX;
        /// Largest request. A longer one is refused before any memory is set aside for it.
        socket_request_max_bytes: u32 = "104857600", "socket.request.max.bytes", 1024..=1_073_741_824;
        /// Bytes of requests that all shards together hold at a time. Default: an eighth of the memory.
        queued_max_request_bytes: Option<Bytes> = "", "queued.max.request.bytes";
        /// A request that has begun must complete within this time, plus a second for each 16 KiB.
        request_progress_max_ms: u32 = "30000", "request.progress.max.ms", 100..=3_600_000;
        /// Length of the queue of connections that wait to be accepted.
        socket_listen_backlog_size: i32 = "4096", "socket.listen.backlog.size", 1..=65_535;
        /// Most bytes of one Fetch answer.
        fetch_max_bytes: i32 = "57671680", "fetch.max.bytes", 1024..=i32::MAX;
        /// Incremental fetch sessions that are remembered (KIP-227).
        max_incremental_fetch_session_cache_slots: u32 = "1000",
            "max.incremental.fetch.session.cache.slots", 0..=1_000_000;
    }
    "Storage" {
        /// Size of an extent, the piece that a strand's space is handed out in. Fixed when the
        /// directory is formatted.
        storage_extent_bytes: Bytes = "64MiB", "storage.extent.bytes", Bytes(1 << 20)..=Bytes(1 << 32);
        /// Frames that a strand may have on their way to the disk.
        storage_frames_in_flight: u32 = "2", "storage.frames.in.flight", 1..=16;
        /// Allow a copy-on-write file system (Btrfs, ZFS, bcachefs). Writing in place is not in
        /// place there: slower, and a full disk can fail a write that had its space.
        storage_allow_copy_on_write: bool = "false", "storage.allow.copy.on.write";
    }
    "Logging" {
        /// Which log lines are written, in the syntax of tracing's EnvFilter: `info`,
        /// `info,strandlog::io=debug` …
        log_filter: String = "info", "log.filter";
    }
}

impl Config {
    /// `log.retention.ms` as it follows from the three settings; -1 means for ever.
    pub fn retention_ms(&self) -> i64 {
        let from_hours = || match self.log_retention_hours {
            hours if hours < 0 => -1,
            hours => i64::from(hours) * 3_600_000,
        };
        let ms = self.log_retention_ms.or_else(|| {
            self.log_retention_minutes.map(|minutes| i64::from(minutes).saturating_mul(60_000))
        });
        ms.map_or_else(from_hours, |ms| ms.max(-1))
    }

    /// `log.roll.ms` as it follows from the two settings.
    pub fn roll_ms(&self) -> i64 {
        self.log_roll_ms.unwrap_or_else(|| i64::from(self.log_roll_hours) * 3_600_000)
    }

    /// What clients are told for each listener, in the order of `listeners`.
    pub fn advertised(&self) -> Vec<ListenerAddress> {
        let shown = |own: &ListenerAddress| {
            let named = self.advertised_listeners.iter().find(|shown| shown.name == own.name);
            named.unwrap_or(own).clone()
        };
        self.listeners.iter().map(shown).collect()
    }
}
