//! The real broker, started as a process and driven over its sockets: by librdkafka, and by bytes
//! that no client sends.

mod batches;
mod broker;
mod client;
mod damage;
mod garbage;
mod groups;
mod half_closed;
mod memory;
mod mutations;
mod refusals;
mod restart;
mod roundtrip;
mod seccomp;
mod wire;
