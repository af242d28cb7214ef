//! What a connection's frame asks, before its body is read: which API, in which version, under
//! which correlation id.

use std::fmt;

use bytes::Bytes;

use super::versions::ApiKey;
use super::wire::DecodeError;
use super::wire::Reader;
use super::wire::RequestHeader;
use super::wire::Text;

/// One request that can be answered.
#[derive(Debug)]
pub struct Call {
    pub api: ApiKey,
    /// Served, but for ApiVersions, which answers in every version.
    pub version: i16,
    pub correlation: i32,
    pub client_id: Option<Text>,
    /// What follows the header.
    pub body: Bytes,
}

/// Why a frame cannot be answered: Kafka closes such a connection.
#[derive(Debug)]
pub enum CallFault {
    Header(DecodeError),
    /// No API of Kafka's, or one that is not served.
    UnknownApi(i16),
    UnsupportedVersion {
        api: ApiKey,
        version: i16,
    },
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::UnknownApi(key) => write!(f, "api key {key} is not served"),
            Self::UnsupportedVersion { api, version } => {
                write!(f, "{api} version {version} is not served")
            }
        }
    }
}

/// Reads the header of `frame`, which comes without its length prefix.
///
/// # Errors
/// A frame that cannot be answered.
pub fn read_call(frame: Bytes) -> Result<Call, CallFault> {
    let mut reader = Reader::new(frame.clone());
    // An ApiVersions request of a version from the future has a header that is known, but perhaps
    // a body that is not: its answer needs nothing but the correlation id.
    let header = RequestHeader::decode(&mut reader).map_err(CallFault::Header)?;
    let api = ApiKey::from_code(header.api_key).filter(|api| api.is_served());
    let api = api.ok_or(CallFault::UnknownApi(header.api_key))?;
    let version = header.api_version;
    if !api.api().has_version(version) && api != ApiKey::ApiVersions {
        return Err(CallFault::UnsupportedVersion { api, version });
    }
    let body = frame.slice(reader.position()..);
    let RequestHeader { correlation_id: correlation, client_id, .. } = header;
    Ok(Call { api, version, correlation, client_id, body })
}

/// Whether a frame that was not read yet asks for `api`.
pub fn asks(api: ApiKey, frame: &[u8]) -> bool {
    frame.first_chunk() == Some(&api.code().to_be_bytes())
}

/// Whether a frame that was not read yet asks for something that owners of partitions answer, or the
/// coordinators that live with them.
pub fn asks_an_owner(frame: &[u8]) -> bool {
    const OF_OWNERS: [ApiKey; 15] = [
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::ListOffsets,
        ApiKey::DeleteRecords,
        ApiKey::OffsetForLeaderEpoch,
        ApiKey::OffsetCommit,
        ApiKey::OffsetFetch,
        ApiKey::JoinGroup,
        ApiKey::Heartbeat,
        ApiKey::LeaveGroup,
        ApiKey::SyncGroup,
        ApiKey::DescribeGroups,
        ApiKey::ListGroups,
        ApiKey::DeleteGroups,
        ApiKey::OffsetDelete,
    ];
    OF_OWNERS.iter().any(|&api| asks(api, frame))
}

#[cfg(test)]
mod tests;
