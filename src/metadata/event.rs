//! The facts that the metadata log holds. Each is complete in itself: applying it needs the state
//! before it and nothing else, neither clock nor configuration.

use crate::base::NodeId;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Resource;

/// One fact. Its index is the offset of its record, its term the leader epoch of its batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The first fact of a store: the id by which clients know this cluster.
    ClusterFormed { cluster: TopicId },
    /// A life of the node begins. Raises the leader epoch of every partition that it leads.
    NodeStarted { node: NodeId },
    /// A topic came to be, with the strand of each of its partitions in order. Partitions take
    /// consecutive ids from `first` on.
    TopicCreated {
        topic: TopicId,
        name: String,
        first: PartitionId,
        strands: Vec<StrandId>,
        overrides: Vec<(String, String)>,
    },
    /// A topic grew.
    PartitionsAdded { topic: TopicId, first: PartitionId, strands: Vec<StrandId> },
    /// A topic is gone, and with it all its partitions.
    TopicDeleted { topic: TopicId },
    /// Configs of a topic were set, or removed (`None`).
    TopicConfigured { topic: TopicId, changes: Vec<(String, Option<String>)> },
    /// Dynamic configs of a node, or of every node (`node: None`), were set or removed.
    NodeConfigured { node: Option<NodeId>, changes: Vec<(String, Option<String>)> },
    /// Configs of what is neither topic nor node were set or removed.
    ResourceConfigured { resource: Resource, changes: Vec<(String, Option<String>)> },
    /// A node may hand out the producer ids `first..first + count`.
    ProducerIdsAllocated { node: NodeId, first: i64, count: u32 },
}
