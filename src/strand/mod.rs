//! One log per core, and everything that happens to its partitions, in order: format, group
//! commit, recovery, checkpoints, space. Decides only; the port carries out its [`Op`]s.
//! The contract is storage.md's, rule by rule (R1–R23); `ARCHITECTURE.md` says where each lives.

mod entry;
mod op;

pub use entry::Append;
pub use entry::Entry;
pub use entry::EntryId;
pub use entry::Place;
pub use op::ExtentId;
pub use op::File;
pub use op::IndexId;
pub use op::IoFailure;
pub use op::Listing;
pub use op::Op;
pub use op::Outcome;
pub use op::Slot;
pub use op::Token;
