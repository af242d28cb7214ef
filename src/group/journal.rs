//! Where a coordinator writes what must not be lost.

use crate::group::Record;

/// The end of the coordinator's log.
pub trait Journal {
    /// Appends `records` as one batch: all of them, or none. What is answered after this call is
    /// to be held back until they are durable.
    ///
    /// # Errors
    /// Nothing was written.
    fn append(&mut self, records: &[Record]) -> Result<(), JournalError>;
}

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalError {
    /// The records are larger than a batch may be.
    TooLarge,
    /// The log takes nothing at the moment.
    Unavailable,
}
