//! Kafka's wire format: primitives, headers, and the description language in which
//! [`messages`](super::messages) states the facts of every API.
//!
//! Bytes from the network are refused with a [`DecodeError`]; they never cause a panic, and no more
//! memory is allocated than they justify. Pure; driven by the sessions, the clients of other nodes
//! and the load generator.

#[macro_use]
mod describe;
mod fault;
mod field;
mod header;
mod message;
mod reader;
mod tags;
mod text;
mod writer;

#[cfg(test)]
mod tests;

pub use fault::DecodeError;
pub use fault::EncodeError;
pub use fault::Fault;
pub use fault::Refusal;
pub use field::Field;
pub use field::Form;
pub use field::Nullable;
pub use header::RequestHeader;
pub use header::ResponseHeader;
pub use message::Message;
pub use message::Request;
pub use message::encode_request;
pub use message::encode_response;
pub use reader::Reader;
pub use tags::UnknownTag;
pub use tags::UnknownTags;
pub use text::Text;
pub use writer::Writer;

pub(crate) use field::read_count;
pub(crate) use field::write_length;
pub(crate) use field::write_string;
pub(crate) use tags::TagReader;
pub(crate) use tags::TagWriter;

/// The types that descriptions name.
pub(crate) mod field_types {
    pub(crate) use bytes::Bytes;
    pub(crate) use uuid::Uuid;

    pub(crate) use crate::base::TopicId;
}
