//! Clients' requests at their home shard: Kafka's bytes become questions to the owners of
//! partitions, their answers become Kafka's bytes. The only part of a shard that knows a protocol.

mod describe;
mod dispatch;
mod fetch;
mod gather;
mod groups;
mod produce;
mod producer_ids;
mod reading;
mod resolve;

use super::ShardConfig;
use crate::kafka::fetch_session::FetchSessions;
use crate::kafka::messages::ProduceView;

pub(super) use fetch::Fetching;
pub(super) use gather::Gathering;
pub(super) use groups::Grouping;
pub(super) use produce::Producing;
pub(super) use reading::Reading;

/// What requests of all connections share.
#[derive(Debug)]
pub(super) struct Home {
    /// Lent to each produce request while it is read.
    produce_view: ProduceView,
    sessions: FetchSessions,
    producer_ids: producer_ids::ProducerIds,
    pub(super) reading: Reading,
}

impl Home {
    pub(super) fn new(config: &ShardConfig) -> Self {
        Self {
            produce_view: ProduceView::default(),
            sessions: FetchSessions::new(
                config.fetch_sessions_max,
                config.fetch_session_partitions_max,
                config.seed,
            ),
            producer_ids: producer_ids::ProducerIds::default(),
            reading: Reading::default(),
        }
    }
}
