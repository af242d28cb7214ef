//! Strandlog: a log broker for Linux. The modules stand in the order in which a produced message
//! meets them; ARCHITECTURE.md walks through them.

pub mod cli;
pub mod server;
pub mod io;
pub mod kafka;
pub mod api;
pub mod shard;
pub mod group;
pub mod partition;
pub mod metadata;
pub mod log;
pub mod strand;
pub mod record;
pub mod config;
pub mod base;
