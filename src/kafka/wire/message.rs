//! Whole messages: what every request and response can do, and their frames.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::kafka::versions::ApiKey;

use super::fault::DecodeError;
use super::fault::EncodeError;
use super::fault::Fault;
use super::fault::Refusal;
use super::field::Field;
use super::field::Form;
use super::header::RequestHeader;
use super::header::ResponseHeader;
use super::reader::Reader;
use super::writer::Writer;

/// A request or a response, in any of its versions.
pub trait Message: Field + Clone + PartialEq + Default + Debug {
    const NAME: &'static str;
    const API: ApiKey;
    /// The versions that the description covers.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields; `i16::MAX`: none.
    const FLEXIBLE_FROM: i16;

    /// Reads the message from where the reader stands; bytes behind it are left.
    ///
    /// # Errors
    /// Bytes that are not this message, and a version that it does not have.
    fn decode(version: i16, reader: &mut Reader) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(reader.error(Fault::Version(version)).within(Self::NAME));
        }
        Self::read(reader, Self::form(version)).map_err(|error| error.within(Self::NAME))
    }

    /// Appends the message to the writer.
    ///
    /// # Errors
    /// A value that the version cannot carry, and a version that the message does not have. What
    /// the writer holds is then of no use.
    fn encode(&self, version: i16, writer: &mut Writer) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(EncodeError::new(Refusal::Version(version)).within(Self::NAME));
        }
        self.write(writer, Self::form(version)).map_err(|error| error.within(Self::NAME))
    }

    /// Reads the message from `bytes`, which must hold it and nothing else.
    ///
    /// # Errors
    /// As [`Message::decode`], and bytes behind the message.
    fn decode_whole(version: i16, bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(version, &mut reader)?;
        reader.finish().map_err(|error| error.within(Self::NAME))?;
        Ok(message)
    }

    /// How fields look in `version`.
    fn form(version: i16) -> Form {
        let flexible = version >= Self::FLEXIBLE_FROM;
        Form { version, flexible, nullable: false, tagged: false }
    }
}

/// A request; it knows what answers it.
pub trait Request: Message {
    type Response: Message;

    /// Reads the request from the body of its frame. Bytes behind it mean nothing, as with Kafka: librdkafka's question
    /// for the metadata of all topics has three of them from version 9 on.
    ///
    /// # Errors
    /// As [`Message::decode`].
    fn decode_body(version: i16, body: Bytes) -> Result<Self, DecodeError> {
        Self::decode(version, &mut Reader::new(body))
    }
}

/// The frame of a response: length prefix, header, body.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_response<M: Message>(
    version: i16,
    correlation_id: i32,
    response: &M,
) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::with_capacity(128);
    writer.i32(0);
    ResponseHeader { correlation_id }
        .encode(ResponseHeader::flexible(M::API, M::form(version).flexible), &mut writer);
    response.encode(version, &mut writer)?;
    close_frame(writer)
}

/// The frame of a request: length prefix, header, body.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_request<M: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &M,
) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::with_capacity(128);
    writer.i32(0);
    RequestHeader::write(M::API, version, correlation_id, client_id, &mut writer)?;
    request.encode(version, &mut writer)?;
    close_frame(writer)
}

fn close_frame(mut writer: Writer) -> Result<Bytes, EncodeError> {
    let length = writer.len() - 4;
    let Ok(prefix) = i32::try_from(length) else {
        return Err(EncodeError::new(Refusal::TooLong(length)));
    };
    writer.patch_i32(0, prefix);
    Ok(writer.into_bytes())
}
