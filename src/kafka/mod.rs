//! The Kafka front end: Kafka's bytes to requests and answers to bytes. Pure. The only module that
//! knows API keys, versions and error codes.

#[macro_use]
pub mod wire;
pub mod messages;
pub mod errors;
pub mod frame;
pub mod versions;

mod admin;
pub mod alter_configs;
pub mod api_versions;
pub mod client_quotas;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod fetch;
pub mod fetch_session;
pub mod group_records;
pub mod groups;
pub mod init_producer_id;
pub mod leader_epoch;
pub mod list_config_resources;
pub mod list_offsets;
mod loggers;
pub mod metadata;
pub mod produce;
pub mod rejection;
pub mod security;
pub mod session;

pub use admin::AdminContext;

#[cfg(test)]
mod admin_tests;
