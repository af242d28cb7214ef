//! What can be configured: every topic config of Kafka 4.3 and what it does here, the broker
//! configs behind them, and which value of a config holds.

mod broker;
mod group;
mod in_force;
mod keys;
mod topic;
mod value;

#[cfg(test)]
mod tests;

pub use broker::BrokerDef;
pub use group::GROUP_DEFS;
pub use group::GroupDef;
pub use in_force::Described;
pub use in_force::InForce;
pub use in_force::Layer;
pub use in_force::Setting;
pub use in_force::Settings;
pub use in_force::Source;
pub use keys::Effect;
pub use keys::Synonym;
pub use keys::TOPIC_DEFS;
pub use keys::TopicDef;
pub use keys::TopicKey;
pub use topic::Cleanup;
pub use topic::Compression;
pub use topic::TimestampType;
pub use topic::TopicConfig;
pub use value::Bounds;
pub use value::ConfigType;
pub use value::Value;
