//! Which APIs, versions and features a broker has.
//!
//! * 3 (KIP-511): flexible, the client names its software; features (KIP-584) come as tagged
//!   fields. The response's header never is flexible.
//! * 4 (KAFKA-17011): supported features with a least version of 0 are listed too.

api! {
    /// Which APIs, versions and features a broker has.
    ApiVersions = 18, versions 0..=4, flexible 3;

    request ApiVersionsRequest {
        client_software_name: String, 3.., ignorable;
        client_software_version: String, 3.., ignorable;
    }

    response ApiVersionsResponse {
        error_code: i16, 0..;
        api_keys: Vec<ApiVersion>, 0..;
        throttle_time_ms: i32, 1.., ignorable;
        supported_features: Vec<SupportedFeatureKey>, 3.., tag 0, ignorable;
        finalized_features_epoch: i64, 3.., default -1, tag 1, ignorable;
        finalized_features: Vec<FinalizedFeatureKey>, 3.., tag 2, ignorable;
        zk_migration_ready: bool, 3.., tag 3, ignorable;
    }

    struct ApiVersion {
        api_key: i16, 0..;
        min_version: i16, 0..;
        max_version: i16, 0..;
    }

    struct SupportedFeatureKey {
        name: String, 3..;
        min_version: i16, 3..;
        max_version: i16, 3..;
    }

    struct FinalizedFeatureKey {
        name: String, 3..;
        max_version_level: i16, 3..;
        min_version_level: i16, 3..;
    }
}
