//! The kernel: sockets, files, rings between cores, clocks, signals, entropy. The only async code
//! and the only names from glommio, `std::fs` and clocks. It decides nothing: it gathers events,
//! steps the shard, and carries out what the shard wants. Driven by `server`.
//!
//! What the port promises the shard:
//! - one event per thing that happened, each exactly once, and a bounded number of them per turn;
//! - every op of a strand ends in exactly one outcome, every job in exactly one result;
//! - bytes of one connection arrive and leave in order; messages between two shards too;
//! - a wake-up that the executor lost costs a heartbeat, or two looks of the watchdog, not for ever.

mod clock;
mod disk;
mod executor;
mod fatal;
mod host;
mod inbox;
mod jobs;
mod lateness;
mod listener;
mod log_filter;
mod memory;
mod mesh;
mod port;
mod socket;
mod task;
mod turn;
mod watchdog;

pub use clock::Clock;
pub use clock::entropy;
pub use disk::Disk;
pub use disk::DiskFigures;
pub use disk::LOCK;
pub use disk::MANIFEST;
pub use disk::Room;
pub use disk::Share;
pub use disk::StrandPaths;
pub use executor::Control;
pub use executor::ExecutorPlan;
pub use executor::start_executor;
pub use fatal::ExitStatus;
pub use fatal::exit_now;
pub use fatal::stop;
pub use host::FileSystem;
pub use host::Finding;
pub use host::Host;
pub use host::RingFault;
pub use host::SHARD_MEMORY_LEAST;
pub use host::Unsuitable;
pub use host::host_name;
pub use host::probe_ring;
pub use lateness::PortFigures;
pub use lateness::note_continued;
pub use listener::Bound;
pub use listener::ListenError;
pub use listener::ShardListeners;
pub use listener::bind_all;
pub(crate) use log_filter::install;
pub use memory::DmaPool;
pub use mesh::MeshEnds;
pub use mesh::mesh_of;
pub use port::ConnectionLimit;
pub use turn::Core;
pub use turn::Watch;
pub use watchdog::Watchdog;
