//! Kafka's record batch, format 2: header, records, compression, the checks at the door and how a
//! batch is built. Bytes in, bytes out: this module never waits, reads no clock and names no
//! protocol. Who drives it: the Kafka and native front ends, the log, the tools and the load
//! generator.
//!
//! Stored batches are opaque (design): the hot path reads the 61 bytes of the header, checks the
//! CRC and, for uncompressed batches, walks the framing of the records. Compressed batches are
//! opened only where [`validate`] answers [`Verdict::Open`], off-core, by [`open`].

mod batch;
mod build;
mod compress;
mod records;
mod refusal;
mod validate;
mod varint;

#[cfg(test)]
mod golden;

pub use batch::Attributes;
pub use batch::Batch;
pub use batch::BatchError;
pub use batch::BatchHeader;
pub use batch::Batches;
pub use batch::HEADER_BYTES;
pub use batch::NO_PRODUCER;
pub use batch::NO_SEQUENCE;
pub use batch::NO_TIMESTAMP;
pub use batch::TimestampType;
pub use batch::stamp;
pub use build::BatchBuilder;
pub use compress::Codec;
pub use compress::CompressError;
pub use compress::compress;
pub use compress::decompress;
pub use records::Header;
pub use records::Headers;
pub use records::Record;
pub use records::Records;
pub use records::RecordsError;
pub use refusal::RecordFault;
pub use refusal::RecordRefusal;
pub use refusal::Refusal;
pub use refusal::RefusalKind;
pub use validate::Accepted;
pub use validate::Compression;
pub use validate::OPENED_BYTES_MAX;
pub use validate::Opened;
pub use validate::Rules;
pub use validate::TimeStamp;
pub use validate::Verdict;
pub use validate::open;
pub use validate::validate;
