//! A frame is one commit: a header, a table of entries, and the batches themselves. It begins and
//! ends on a page and its padding is zeros (R8).
//!
//! | bytes | what |
//! |---|---|
//! | 0–63 | [`FrameHeader`] |
//! | 64–… | the table: entries one after another ([`TableEntry`]) |
//! | … | the payload: the batches of the table's `Append` and `Relocate` entries, in its order, back to back |
//! | … | zeros up to the next page |
//!
//! Everything but the padding is covered: the header by its keyed CRC, the table by the header,
//! each batch by its own CRC-32C (which the table repeats) and its 61-byte header by a CRC
//! seeded with the partition's identity (R21).

mod gathering;
mod header;
mod parse;
mod table;
#[cfg(test)]
mod tests;

pub use gathering::FrameStamp;
pub use gathering::Gathering;
pub use header::FRAME_HEADER;
pub use header::FRAME_LIMIT;
pub use header::FrameHeader;
pub use header::FramePlace;
pub use parse::Frame;
pub use parse::FrameFault;
pub(super) use parse::check_batch;
pub use table::TableEntry;
pub(super) use table::entry_bytes;

pub(super) use parse::table_entries;
