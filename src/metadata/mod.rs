//! Topics, partitions, configs and the node itself: an event log with a deterministic
//! [`State::apply`], immutable [`Image`]s of what it says, and the [`Controller`], its only writer.
//!
//! The log is a strand of its own (`StrandId::METADATA`): partition 0 holds the events, one per
//! record, *offset = index, leader epoch = term*; partition 1 holds snapshots. Nothing here waits,
//! reads a clock, or knows a protocol. Shard 0 drives the controller; every shard reads images.

mod command;
mod configs;
mod controller;
mod encoding;
mod event;
mod image;
mod journal;
mod recovery;
mod resource;
mod snapshot;
mod state;
mod topic;
mod topic_name;

#[cfg(test)]
pub(crate) mod rig;
#[cfg(test)]
mod tests;

pub use command::Alteration;
pub use command::Command;
pub use command::Configured;
pub use command::CreatedTopic;
pub use command::DeletedTopic;
pub use command::Growth;
pub use command::NewTopic;
pub use command::Operation;
pub use command::Outcome;
pub use command::Refusal;
pub use command::RefusalKind;
pub use command::Ticket;
pub use command::TopicRef;
pub use configs::Bounds;
pub use configs::BrokerDef;
pub use configs::Cleanup;
pub use configs::Compression;
pub use configs::ConfigType;
pub use configs::Described;
pub use configs::Effect;
pub use configs::GROUP_DEFS;
pub use configs::GroupDef;
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
pub use controller::COMMAND_BYTES_MAX;
pub use controller::COMMANDS_MAX;
pub use controller::Controller;
pub use controller::ControllerOutput;
pub use controller::OVERRIDES_BYTES_MAX;
pub use controller::PARTITIONS_MAX;
pub use controller::PARTITIONS_PER_COMMAND_MAX;
pub use controller::PRODUCER_IDS;
pub use controller::RESOURCES_MAX;
pub use controller::TOPICS_MAX;
pub use encoding::EncodingError;
pub use event::Event;
pub use image::Advertise;
pub use image::BROKERS_PER_NODE;
pub use image::Change;
pub use image::Image;
pub use image::Layout;
pub use image::Listener;
pub use image::PartitionInfo;
pub use image::Publication;
pub use journal::EVENTS;
pub use journal::Journal;
pub use journal::JournalError;
pub use journal::JournalFull;
pub use journal::JournalRecord;
pub use journal::SNAPSHOTS;
pub use journal::read_records;
pub use recovery::Recovered;
pub use recovery::Recovery;
pub use recovery::RecoveryError;
pub use resource::QuotaEntity;
pub use resource::QuotaName;
pub use resource::Resource;
pub use snapshot::Snapshot;
pub use snapshot::SnapshotReader;
pub use snapshot::SnapshotWriter;
pub use state::Inconsistent;
pub use state::State;
pub use topic::Overrides;
pub use topic::PartitionRef;
pub use topic::Placement;
pub use topic::Topic;
pub use topic_name::TOPIC_NAME_BYTES_MAX;
pub use topic_name::check_topic_name;
pub use topic_name::is_internal_topic;
