//! The real broker, started as a process and driven over its sockets: by librdkafka, and by bytes
//! that no client sends.

mod broker;
mod client;
mod garbage;
mod refusals;
mod restart;
mod roundtrip;
