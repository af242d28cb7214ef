//! One log per core, and everything that happens to its partitions, in order: format, group
//! commit, recovery, checkpoints, space. Decides only; the port carries out its [`Op`]s.
//! The contract is storage.md's, rule by rule (R1–R23); `ARCHITECTURE.md` says where each lives.

mod batch;
mod config;
mod entry;
mod fields;
mod frame;
mod key;
mod op;
mod output;
mod run;

pub use config::StrandConfig;
pub use config::StrandIdentity;
pub use entry::Append;
pub use entry::Entry;
pub use entry::EntryId;
pub use entry::Place;
pub use frame::FRAME_HEADER;
pub use frame::FRAME_LIMIT;
pub use frame::Frame;
pub use frame::FrameFault;
pub use frame::FrameHeader;
pub use frame::FramePlace;
pub use frame::FrameStamp;
pub use frame::Gathering;
pub use frame::TableEntry;
pub use key::StoreKey;
pub use op::ExtentId;
pub use op::File;
pub use op::IndexId;
pub use op::IoFailure;
pub use op::Listing;
pub use op::Op;
pub use op::Outcome;
pub use op::Slot;
pub use op::Token;
pub use output::Batches;
pub use output::Damage;
pub use output::DamageReport;
pub use output::Fatal;
pub use output::Notice;
pub use output::Output;
pub use output::ReadError;
pub use output::ReadId;
pub use output::ReadOutcome;
pub use output::ReadRequest;
pub use output::Refusal;
pub use output::SeekOutcome;
pub use run::PlacedRun;
pub use run::RUN_LIMIT;
pub use run::Run;
pub use run::RunMap;
pub use run::Use;
pub use run::runs_of;
