//! What is asked of the owner of a partition, and what it answers: in no protocol's words, and
//! never serialized. Front ends turn their bytes into [`Question`]s and [`Answer`]s into bytes.
//! Everything here is `Send`: owner and asker may be different cores.

mod answer;
mod question;
mod rejection;

pub use answer::ActiveProducer;
pub use answer::Answer;
pub use answer::Appended;
pub use answer::Data;
pub use answer::Fetched;
pub use answer::FoundOffset;
pub use answer::PartFetched;
pub use question::Append;
pub use question::At;
pub use question::Fetch;
pub use question::FetchPart;
pub use question::Question;
pub use question::Readiness;
pub use question::WatchPart;
pub use rejection::Rejection;
