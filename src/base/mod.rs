//! Ids, time, memory, randomness: what every module may name and what names nothing.

mod ids;
mod lifetime;
mod memory;
mod mutant;
mod rng;
mod time;

pub use ids::ConnId;
pub use ids::LeaderEpoch;
pub use ids::NodeId;
pub use ids::Offset;
pub use ids::PartitionId;
pub use ids::ShardId;
pub use ids::StrandId;
pub use ids::TopicId;
pub use lifetime::Lifetime;
pub use memory::Block;
pub use memory::HeapPool;
pub use memory::Memory;
pub use memory::MemoryMut;
pub use memory::PAGE;
pub use memory::Pool;
pub use memory::Slice;
pub use mutant::Mutant;
pub use rng::Rng;
pub use time::Now;
