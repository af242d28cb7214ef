//! ApiVersions: what this broker serves. Never refused: an unknown version is answered in version 0
//! with the range of ApiVersions, so that the client can ask again.

use bytes::Bytes;

use super::errors::ErrorCode;
use super::messages::ApiVersion;
use super::messages::ApiVersionsRequest;
use super::messages::ApiVersionsResponse;
use super::messages::FinalizedFeatureKey;
use super::messages::SupportedFeatureKey;
use super::versions::Api;
use super::versions::ApiKey;
use super::versions::SERVED;
use super::wire::DecodeError;
use super::wire::Request;
use super::wire::encode_response;

/// A feature with the level that is in force, which is the highest.
struct Feature {
    name: &'static str,
    level: i16,
}

/// What clients find among Kafka's features (KIP-584): groups of the consumer protocol (KIP-848).
const FEATURES: &[Feature] = &[Feature { name: "group.version", level: 1 }];

/// Levels never change, so this is the first state of them, and the last.
const FEATURES_EPOCH: i64 = 0;

/// The first version whose clients bear a feature that may also be off (KAFKA-17011).
const LEVEL_ZERO_FROM: i16 = 4;

/// Every feature of here may be off, as in Kafka.
fn supported(version: i16) -> Vec<SupportedFeatureKey> {
    let shown = FEATURES.iter().filter(|_| version >= LEVEL_ZERO_FROM);
    let shown = shown.map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: 0,
        max_version: feature.level,
        ..SupportedFeatureKey::default()
    });
    shown.collect()
}

fn finalized(feature: &Feature) -> FinalizedFeatureKey {
    FinalizedFeatureKey {
        name: feature.name.to_owned(),
        min_version_level: feature.level,
        max_version_level: feature.level,
        ..FinalizedFeatureKey::default()
    }
}

/// The frame of the answer.
///
/// # Errors
/// A body that is no request of its version.
pub fn answer(version: i16, correlation: i32, body: Bytes) -> Result<Bytes, DecodeError> {
    if !ApiKey::ApiVersions.api().has_version(version) {
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: vec![row(ApiKey::ApiVersions.api())],
            ..ApiVersionsResponse::default()
        };
        return Ok(encoded(0, correlation, &response));
    }
    let request = ApiVersionsRequest::decode_body(version, body)?;
    let named = is_software_name(&request.client_software_name)
        && is_software_name(&request.client_software_version);
    let response = if version >= 3 && !named {
        let error_code = ErrorCode::InvalidRequest.code();
        ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() }
    } else {
        ApiVersionsResponse {
            api_keys: SERVED.iter().map(|key| row(key.api())).collect(),
            supported_features: supported(version),
            finalized_features_epoch: FEATURES_EPOCH,
            finalized_features: FEATURES.iter().map(finalized).collect(),
            ..ApiVersionsResponse::default()
        }
    };
    Ok(encoded(version, correlation, &response))
}

fn encoded(version: i16, correlation: i32, response: &ApiVersionsResponse) -> Bytes {
    encode_response(version, correlation, response)
        .expect("a table of a few dozen numbers fits every version")
}

fn row(api: &Api) -> ApiVersion {
    ApiVersion {
        api_key: api.key.code(),
        min_version: api.advertised_min,
        max_version: api.max,
        ..ApiVersion::default()
    }
}

/// KIP-511: letters, digits, `-` and `.`, beginning and ending with a letter or digit.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'.';
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests;
