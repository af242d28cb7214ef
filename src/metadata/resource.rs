//! What has configs without being a topic or a node, and quotas' entities.

use crate::base::NodeId;

/// Something that configs are set on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Resource {
    /// A group, by its id.
    Group(String),
    /// Whose quotas these are; values are numbers.
    Quota(QuotaEntity),
    /// The loggers of a node, whose levels these are. They hold for one life of the node.
    Loggers(NodeId),
}

/// Whom quotas hold for: users, clients, both together, or addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct QuotaEntity {
    pub user: Option<QuotaName>,
    pub client: Option<QuotaName>,
    pub address: Option<QuotaName>,
}

/// One by name, or all that have no quotas of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QuotaName {
    Default,
    Named(String),
}
