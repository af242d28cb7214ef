//! The Kafka front end: Kafka's bytes to requests and answers to bytes. Pure. The only module that
//! knows API keys, versions and error codes.

#[macro_use]
pub mod wire;
pub mod messages;
pub mod errors;
pub mod frame;
pub mod versions;
