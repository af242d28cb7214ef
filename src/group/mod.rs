//! The group coordinator: members, generations and committed offsets of the groups that one
//! partition of `__consumer_offsets` holds. Pure: it is told the time, and what it wants written
//! it hands over as [`Record`]s.

mod answer;
pub mod bounds;
mod classic;
mod command;
mod config;
mod context;
mod coordinator;
mod error;
mod expiry;
mod journal;
mod keeping;
mod load;
mod offsets;
mod record;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use answer::DescribedMember;
pub use answer::Description;
pub use answer::Joined;
pub use answer::JoinedGeneration;
pub use answer::JoinedMember;
pub use answer::Listing;
pub use answer::PartitionOffset;
pub use answer::State;
pub use answer::Synced;
pub use answer::TopicOffsets;
pub use command::Command;
pub use command::Commit;
pub use command::CommitPartition;
pub use command::CommitTopic;
pub use command::FetchOffsets;
pub use command::Join;
pub use command::Leaving;
pub use command::Presence;
pub use command::Protocol;
pub use command::Sync;
pub use command::Ticket;
pub use command::TopicPartitions;
pub use config::Config;
pub use coordinator::Coordinator;
pub use coordinator::refusal;
pub use error::Error;
pub use journal::Journal;
pub use journal::JournalError;
pub use load::Renewal;
pub use record::GroupValue;
pub use record::MemberValue;
pub use record::OffsetValue;
pub use record::Record;
