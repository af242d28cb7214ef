//! Topics, partitions, configs and the node itself: an event log with a deterministic
//! [`State::apply`], immutable [`Image`]s of what it says, and the [`Controller`], its only writer.
//!
//! The log is a strand of its own (`StrandId::METADATA`): partition 0 holds the events, one per
//! record, *offset = index, leader epoch = term*; partition 1 holds snapshots. Nothing here waits,
//! reads a clock, or knows a protocol. Shard 0 drives the controller; every shard reads images.

mod configs;
mod event;
mod image;
mod state;
mod topic;

pub use configs::Bounds;
pub use configs::BrokerDef;
pub use configs::Cleanup;
pub use configs::Compression;
pub use configs::ConfigType;
pub use configs::Described;
pub use configs::Effect;
pub use configs::InForce;
pub use configs::Layer;
pub use configs::Setting;
pub use configs::Settings;
pub use configs::Source;
pub use configs::Synonym;
pub use configs::TOPIC_DEFS;
pub use configs::TimestampType;
pub use configs::TopicConfig;
pub use configs::TopicDef;
pub use configs::TopicKey;
pub use configs::Value;
pub use event::Event;
pub use image::Advertise;
pub use image::Change;
pub use image::Image;
pub use image::Layout;
pub use image::Listener;
pub use image::PartitionInfo;
pub use image::Publication;
pub use state::Inconsistent;
pub use state::State;
pub use topic::Overrides;
pub use topic::PartitionRef;
pub use topic::Placement;
pub use topic::Topic;
