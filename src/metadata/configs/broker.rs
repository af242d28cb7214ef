//! The broker configs that clients can ask for and, where that has an effect, change.

use crate::metadata::configs::Bounds;
use crate::metadata::configs::ConfigType;
use crate::metadata::configs::TOPIC_DEFS;
use crate::metadata::configs::Value;

/// The facts of one broker config.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BrokerDef {
    pub name: &'static str,
    pub kind: ConfigType,
    pub default: Option<&'static str>,
    pub bounds: Bounds,
    /// It can be changed while the node runs.
    pub dynamic: bool,
    pub doc: &'static str,
}

impl BrokerDef {
    /// The definition of `name`.
    pub fn of(name: &str) -> Option<Self> {
        OWN.iter()
            .copied()
            .find(|def| def.name == name)
            .or_else(|| Self::behind_topics().find(|def| def.name == name))
    }

    /// All of them, in no order that matters.
    pub fn all() -> impl Iterator<Item = Self> {
        OWN.iter().copied().chain(Self::behind_topics())
    }

    /// The first synonym of each topic config. A longer line of synonyms has its default at the end.
    fn behind_topics() -> impl Iterator<Item = Self> {
        TOPIC_DEFS.iter().filter_map(|def| {
            let (first, others) = def.synonyms.split_first()?;
            let alone = others.is_empty();
            Some(Self {
                name: first.name,
                kind: def.kind,
                default: def.default.filter(|_| alone),
                bounds: if alone { def.bounds } else { Bounds::Any },
                dynamic: true,
                doc: def.doc,
            })
        })
    }

    pub fn parse(&self, text: &str) -> Result<Value, String> {
        Value::parse(self.name, self.kind, self.bounds, text)
    }

    /// The names under which the same thing can be configured, in order of precedence.
    pub fn synonyms(name: &str) -> Vec<&str> {
        let lists =
            |def: &&super::TopicDef| def.synonyms.iter().any(|synonym| synonym.name == name);
        match TOPIC_DEFS.iter().find(lists) {
            Some(def) => def.synonyms.iter().map(|synonym| synonym.name).collect(),
            None => vec![name],
        }
    }
}

const fn own(
    name: &'static str,
    kind: ConfigType,
    default: Option<&'static str>,
    bounds: Bounds,
    doc: &'static str,
) -> BrokerDef {
    BrokerDef { name, kind, default, bounds, dynamic: false, doc }
}

/// Those that are no topic config's first synonym.
static OWN: &[BrokerDef] = &[
    own(
        "advertised.listeners",
        ConfigType::List,
        None,
        Bounds::Any,
        "What clients are told to connect to, where that is not `listeners`.",
    ),
    own(
        "auto.create.topics.enable",
        ConfigType::Boolean,
        Some("true"),
        Bounds::Any,
        "Whether asking for a topic that does not exist creates it.",
    ),
    own("broker.id", ConfigType::Int, Some("-1"), Bounds::Any, "The older name of `node.id`."),
    own("broker.rack", ConfigType::Text, None, Bounds::Any, "Where the node stands."),
    own(
        "connections.max.idle.ms",
        ConfigType::Long,
        Some("600000"),
        Bounds::Any,
        "Connections idle for longer are closed.",
    ),
    own(
        "default.replication.factor",
        ConfigType::Int,
        Some("1"),
        Bounds::AtLeast(1),
        "Replicas of topics whose creator does not say how many.",
    ),
    own(
        "delete.topic.enable",
        ConfigType::Boolean,
        Some("true"),
        Bounds::Any,
        "Whether topics can be deleted.",
    ),
    own(
        "fetch.max.bytes",
        ConfigType::Int,
        Some("57671680"),
        Bounds::AtLeast(1024),
        "Bytes of one fetch response at most, whatever the client asks for.",
    ),
    BrokerDef {
        dynamic: true,
        ..own(
            "group.consumer.assignment.interval.ms",
            ConfigType::Int,
            Some("1000"),
            Bounds::AtLeast(0),
            "Time between two target assignments of a group at least.",
        )
    },
    own(
        "group.consumer.assignors",
        ConfigType::List,
        Some("uniform,range"),
        Bounds::ItemsOf(&["uniform", "range"]),
        "The assignors that members may ask for; the first is taken where nobody asks.",
    ),
    own(
        "group.consumer.heartbeat.interval.ms",
        ConfigType::Int,
        Some("5000"),
        Bounds::AtLeast(1),
        "How often members of the consumer protocol say that they live.",
    ),
    own(
        "group.consumer.max.assignment.interval.ms",
        ConfigType::Int,
        Some("15000"),
        Bounds::AtLeast(0),
        "Most consumer.assignment.interval.ms of a group.",
    ),
    own(
        "group.consumer.max.heartbeat.interval.ms",
        ConfigType::Int,
        Some("15000"),
        Bounds::AtLeast(1),
        "Most consumer.heartbeat.interval.ms of a group.",
    ),
    own(
        "group.consumer.max.session.timeout.ms",
        ConfigType::Int,
        Some("60000"),
        Bounds::AtLeast(1),
        "Most consumer.session.timeout.ms of a group.",
    ),
    own(
        "group.consumer.max.size",
        ConfigType::Int,
        Some("2147483647"),
        Bounds::AtLeast(1),
        "Members of a group of the consumer protocol at most.",
    ),
    own(
        "group.consumer.migration.policy",
        ConfigType::Text,
        Some("bidirectional"),
        Bounds::OneOf(&["bidirectional", "upgrade", "downgrade", "disabled"]),
        "Which groups may change to the other protocol while they have members.",
    ),
    own(
        "group.consumer.min.assignment.interval.ms",
        ConfigType::Int,
        Some("0"),
        Bounds::AtLeast(0),
        "Least consumer.assignment.interval.ms of a group.",
    ),
    own(
        "group.consumer.min.heartbeat.interval.ms",
        ConfigType::Int,
        Some("5000"),
        Bounds::AtLeast(1),
        "Least consumer.heartbeat.interval.ms of a group.",
    ),
    own(
        "group.consumer.min.session.timeout.ms",
        ConfigType::Int,
        Some("45000"),
        Bounds::AtLeast(1),
        "Least consumer.session.timeout.ms of a group.",
    ),
    own(
        "group.consumer.session.timeout.ms",
        ConfigType::Int,
        Some("45000"),
        Bounds::AtLeast(1),
        "A member of the consumer protocol that is silent for longer is removed.",
    ),
    own(
        "group.initial.rebalance.delay.ms",
        ConfigType::Int,
        Some("3000"),
        Bounds::Any,
        "How long an empty group waits for further members before its first generation.",
    ),
    own(
        "group.max.session.timeout.ms",
        ConfigType::Int,
        Some("1800000"),
        Bounds::Any,
        "Longest session timeout that members of groups may ask for.",
    ),
    own(
        "group.max.size",
        ConfigType::Int,
        Some("2147483647"),
        Bounds::AtLeast(1),
        "Members of a group at most.",
    ),
    own(
        "group.min.session.timeout.ms",
        ConfigType::Int,
        Some("6000"),
        Bounds::Any,
        "Shortest session timeout that members of groups may ask for.",
    ),
    own(
        "listeners",
        ConfigType::List,
        Some("PLAINTEXT://:9092"),
        Bounds::Any,
        "Where the node listens: name://host:port, comma-separated.",
    ),
    own("log.dirs", ConfigType::List, None, Bounds::Any, "Where the data lies."),
    own(
        "log.flush.scheduler.interval.ms",
        ConfigType::Long,
        Some("9223372036854775807"),
        Bounds::Any,
        "Stands in for log.flush.interval.ms. Every acknowledged record is on disk here.",
    ),
    own(
        "log.retention.check.interval.ms",
        ConfigType::Long,
        Some("300000"),
        Bounds::AtLeast(1),
        "How often it is looked for segments beyond the retention.",
    ),
    own(
        "log.retention.hours",
        ConfigType::Int,
        Some("168"),
        Bounds::Any,
        "How long records are kept; stands in for log.retention.minutes.",
    ),
    own(
        "log.retention.minutes",
        ConfigType::Int,
        None,
        Bounds::Any,
        "How long records are kept; stands in for log.retention.ms.",
    ),
    own(
        "log.roll.hours",
        ConfigType::Int,
        Some("168"),
        Bounds::AtLeast(1),
        "Age at which segments are rolled; stands in for log.roll.ms.",
    ),
    own(
        "log.roll.jitter.hours",
        ConfigType::Int,
        Some("0"),
        Bounds::AtLeast(0),
        "What is taken off the age at most; stands in for log.roll.jitter.ms.",
    ),
    own(
        "max.connections",
        ConfigType::Int,
        Some("2147483647"),
        Bounds::AtLeast(0),
        "Connections of the node at most.",
    ),
    own(
        "max.incremental.fetch.session.cache.slots",
        ConfigType::Int,
        Some("1000"),
        Bounds::AtLeast(0),
        "Incremental fetch sessions kept at most.",
    ),
    own(
        "max.request.partition.size.limit",
        ConfigType::Int,
        Some("2000"),
        Bounds::AtLeast(1),
        "Partitions that one answer to DescribeTopicPartitions holds at most.",
    ),
    own("node.id", ConfigType::Int, None, Bounds::AtLeast(0), "The node's number in its cluster."),
    own(
        "num.partitions",
        ConfigType::Int,
        Some("1"),
        Bounds::AtLeast(1),
        "Partitions of topics whose creator does not say how many.",
    ),
    own(
        "offset.metadata.max.bytes",
        ConfigType::Int,
        Some("4096"),
        Bounds::Any,
        "Characters of metadata that may be committed with an offset.",
    ),
    own(
        "offsets.retention.check.interval.ms",
        ConfigType::Long,
        Some("600000"),
        Bounds::AtLeast(1),
        "How often it is looked for offsets that nobody needs.",
    ),
    own(
        "offsets.retention.minutes",
        ConfigType::Int,
        Some("10080"),
        Bounds::AtLeast(1),
        "How long the offsets of a group without members are kept.",
    ),
    own(
        "offsets.topic.num.partitions",
        ConfigType::Int,
        Some("50"),
        Bounds::AtLeast(1),
        "Partitions of the topic that committed offsets are kept in, when it is made.",
    ),
    own(
        "offsets.topic.replication.factor",
        ConfigType::Short,
        Some("3"),
        Bounds::AtLeast(1),
        "Replicas of the topic that committed offsets are kept in; no more than there are nodes.",
    ),
    own(
        "offsets.topic.segment.bytes",
        ConfigType::Int,
        Some("104857600"),
        Bounds::AtLeast(1),
        "Size of the logical segments of the topic that committed offsets are kept in.",
    ),
    own(
        "process.roles",
        ConfigType::List,
        None,
        Bounds::Any,
        "What the process is: both the broker and the controller of its cluster.",
    ),
    own(
        "producer.id.expiration.ms",
        ConfigType::Int,
        Some("86400000"),
        Bounds::AtLeast(1),
        "How long an idle producer's sequence numbers are remembered.",
    ),
    own(
        "socket.request.max.bytes",
        ConfigType::Int,
        Some("104857600"),
        Bounds::AtLeast(1),
        "Longest request accepted, in bytes.",
    ),
];
