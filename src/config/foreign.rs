//! Kafka's broker settings that a Kafka administrator may have in a file, and that do nothing here.
//! They are accepted with a warning that says what happens instead, so that a file can be carried
//! over; what is neither here nor a setting is refused.

/// A setting of Kafka without an effect.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    pub name: &'static str,
    /// What happens instead.
    pub instead: &'static str,
}

const THREADS: &str = "one executor per core does this work; see `shards`";
const SYNCED: &str = "every acknowledged record is on the disk already; nothing is left to flush";
const ONE_NODE: &str = "one node keeps one replica of each partition";
const COMPACTION: &str = "compacted topics keep everything until there is compaction";
const INDEX: &str = "the index is part of the storage and sizes itself";
const KRAFT: &str = "the metadata log is kept by this node itself";
const TRANSACTIONS: &str = "transactions are not served";
const KERNEL: &str = "the kernel sizes socket buffers by itself";

/// All of them, sorted by name.
pub static FOREIGN: &[Foreign] = &[
    Foreign { name: "advertised.host.name", instead: "use `advertised.listeners`" },
    Foreign { name: "advertised.port", instead: "use `advertised.listeners`" },
    Foreign { name: "auto.leader.rebalance.enable", instead: ONE_NODE },
    Foreign { name: "background.threads", instead: THREADS },
    Foreign { name: "broker.id", instead: "use `node.id`" },
    Foreign { name: "broker.id.generation.enable", instead: "use `node.id`" },
    Foreign { name: "controller.listener.names", instead: KRAFT },
    Foreign { name: "controller.quorum.bootstrap.servers", instead: KRAFT },
    Foreign { name: "controller.quorum.voters", instead: KRAFT },
    Foreign { name: "host.name", instead: "use `listeners`" },
    Foreign { name: "inter.broker.listener.name", instead: ONE_NODE },
    Foreign { name: "inter.broker.protocol.version", instead: ONE_NODE },
    Foreign { name: "leader.imbalance.check.interval.seconds", instead: ONE_NODE },
    Foreign {
        name: "listener.security.protocol.map",
        instead: "PLAINTEXT is the protocol of all listeners",
    },
    Foreign { name: "log.cleaner.backoff.ms", instead: COMPACTION },
    Foreign { name: "log.cleaner.dedupe.buffer.size", instead: COMPACTION },
    Foreign { name: "log.cleaner.delete.retention.ms", instead: COMPACTION },
    Foreign { name: "log.cleaner.enable", instead: COMPACTION },
    Foreign { name: "log.cleaner.io.buffer.size", instead: COMPACTION },
    Foreign { name: "log.cleaner.min.cleanable.ratio", instead: COMPACTION },
    Foreign { name: "log.cleaner.threads", instead: COMPACTION },
    Foreign { name: "log.dir", instead: "use `log.dirs`" },
    Foreign { name: "log.flush.interval.messages", instead: SYNCED },
    Foreign { name: "log.flush.interval.ms", instead: SYNCED },
    Foreign { name: "log.flush.offset.checkpoint.interval.ms", instead: SYNCED },
    Foreign { name: "log.flush.scheduler.interval.ms", instead: SYNCED },
    Foreign { name: "log.index.interval.bytes", instead: INDEX },
    Foreign { name: "log.index.size.max.bytes", instead: INDEX },
    Foreign { name: "log.message.format.version", instead: "record batches have format 2" },
    Foreign { name: "log.preallocate", instead: "space is always allocated ahead" },
    Foreign {
        name: "log.segment.delete.delay.ms",
        instead: "deleted space is given back when no reader holds it",
    },
    Foreign {
        name: "max.connections.per.ip",
        instead: "`max.connections` bounds all connections together",
    },
    Foreign {
        name: "max.connections.per.ip.overrides",
        instead: "`max.connections` bounds all connections together",
    },
    Foreign { name: "num.io.threads", instead: THREADS },
    Foreign { name: "num.network.threads", instead: THREADS },
    Foreign { name: "num.recovery.threads.per.data.dir", instead: THREADS },
    Foreign { name: "num.replica.fetchers", instead: ONE_NODE },
    Foreign { name: "process.roles", instead: KRAFT },
    Foreign {
        name: "queued.max.requests",
        instead: "`queued.max.request.bytes` bounds requests by their bytes",
    },
    Foreign { name: "replica.fetch.max.bytes", instead: ONE_NODE },
    Foreign { name: "replica.lag.time.max.ms", instead: ONE_NODE },
    Foreign { name: "socket.receive.buffer.bytes", instead: KERNEL },
    Foreign { name: "socket.send.buffer.bytes", instead: KERNEL },
    Foreign { name: "transaction.state.log.min.isr", instead: TRANSACTIONS },
    Foreign { name: "transaction.state.log.num.partitions", instead: TRANSACTIONS },
    Foreign { name: "transaction.state.log.replication.factor", instead: TRANSACTIONS },
    Foreign { name: "unclean.leader.election.enable", instead: ONE_NODE },
    Foreign { name: "zookeeper.connect", instead: KRAFT },
];
