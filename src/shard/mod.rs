//! Everything that one core owns, as one pure state machine. What the simulator drives.

mod effects;
mod event;
mod intake;
mod job;
mod message;

pub use crate::strand::Fatal;
pub use effects::CloseReason;
pub use effects::Effects;
pub use effects::Part;
pub use event::Event;
pub use intake::Expelled;
pub use intake::Intake;
pub use intake::IntakeLimits;
pub use job::Job;
pub use job::JobId;
pub use job::JobResult;
pub use message::Message;
