//! The headers in front of every request and response.

use crate::kafka::versions::ApiKey;

use super::fault::DecodeError;
use super::fault::EncodeError;
use super::field::Form;
use super::field::Nullable;
use super::field::write_string;
use super::reader::Reader;
use super::tags::TagReader;
use super::text::Text;
use super::writer::Writer;

/// The client id has a 16-bit length in both versions of the header.
const SHORT: Form = Form { version: 1, flexible: false, nullable: true, tagged: false };

/// What stands in front of a request's body, in header version 1 or 2. Tagged fields of version 2
/// are skipped: Kafka defines none.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestHeader {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Text>,
}

impl RequestHeader {
    /// Reads the header; the reader then stands at the body. The key may be unknown and the version
    /// not served: the form of the header follows from the version alone, so the correlation id can
    /// still be answered. The header of an unknown API is read as version 1.
    ///
    /// # Errors
    /// Bytes that are no header.
    pub fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let within = |error: DecodeError| error.within("RequestHeader");
        let api_key = reader.i16().map_err(within)?;
        let api_version = reader.i16().map_err(within)?;
        let correlation_id = reader.i32().map_err(within)?;
        let client_id = Text::read_nullable(reader, SHORT)
            .map_err(|error| error.within("RequestHeader.client_id"))?;
        let flexible =
            ApiKey::from_code(api_key).is_some_and(|key| key.api().is_flexible(api_version));
        if flexible {
            TagReader::skip(reader).map_err(within)?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    /// Writes a header for `api` in `version`.
    ///
    /// # Errors
    /// A client id that is too long.
    pub fn write(
        api: ApiKey,
        version: i16,
        correlation_id: i32,
        client_id: Option<&str>,
        writer: &mut Writer,
    ) -> Result<(), EncodeError> {
        writer.i16(api.code());
        writer.i16(version);
        writer.i32(correlation_id);
        write_string(writer, client_id, false)
            .map_err(|error| error.within("RequestHeader.client_id"))?;
        if api.api().is_flexible(version) {
            writer.uvarint(0);
        }
        Ok(())
    }
}

/// What stands in front of a response's body, in header version 0 or 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ResponseHeader {
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Whether the header is of version 1, by whether the body is flexible. The header of
    /// `ApiVersions` never is, so that a client that asked with a version the broker lacks can read
    /// the answer.
    pub fn flexible(api: ApiKey, body: bool) -> bool {
        body && api != ApiKey::ApiVersions
    }

    /// # Errors
    /// Bytes that are no header.
    pub fn decode(flexible: bool, reader: &mut Reader) -> Result<Self, DecodeError> {
        let within = |error: DecodeError| error.within("ResponseHeader");
        let correlation_id = reader.i32().map_err(within)?;
        if flexible {
            TagReader::skip(reader).map_err(within)?;
        }
        Ok(Self { correlation_id })
    }

    pub fn encode(&self, flexible: bool, writer: &mut Writer) {
        writer.i32(self.correlation_id);
        if flexible {
            writer.uvarint(0);
        }
    }
}
