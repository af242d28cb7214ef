//! Everything that one core owns, as one pure state machine. What the simulator drives.

mod admin;
mod admin_message;
mod clients;
mod config;
mod connection;
mod core;
mod effects;
mod event;
mod figures;
mod groups;
mod home;
mod intake;
mod job;
pub mod limits;
mod message;
mod outbox;
mod owner;
mod requests;
mod route;

pub use self::core::Shard;
pub use crate::strand::Fatal;
pub use admin_message::AdminMessage;
pub use config::ShardConfig;
pub use connection::Exchange;
pub use effects::CloseReason;
pub use effects::Effects;
pub use effects::Part;
pub use event::Event;
pub use figures::ShardFigures;
pub use intake::Expelled;
pub use intake::Intake;
pub use intake::IntakeLimits;
pub use job::Job;
pub use job::JobId;
pub use job::JobResult;
pub use message::Answered;
pub use message::Ask;
pub use message::Message;
pub use message::RequestId;

use job::find_record;
