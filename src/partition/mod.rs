//! One partition while it is led here: whether an append fits, what a reader may see, when old
//! segments go. Decides from the partition's [`Log`](crate::log::Log); the shard carries out, on
//! the strand, and waits. Payload bytes are not touched.

mod append;
mod delete;
mod led;
mod read;
mod retention;

#[cfg(test)]
mod tests;

pub use append::AppendTerms;
pub use append::Decision;
pub use append::decide;
pub use delete::delete_to;
pub use led::Led;
pub use read::ReadStart;
pub use read::epoch_end;
pub use read::read_start;
pub use retention::expired_start;
