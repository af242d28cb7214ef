//! Names of the resources that have a configuration (KIP-1142).
//!
//! * 0: of client metrics only.

api! {
    /// Names of the resources that have a configuration (KIP-1142).
    ListConfigResources = 74, versions 0..=1, flexible 0;

    request ListConfigResourcesRequest {
        resource_types: Vec<i8>, 1..;
    }

    response ListConfigResourcesResponse {
        throttle_time_ms: i32, 0..;
        error_code: i16, 0..;
        config_resources: Vec<ConfigResource>, 0..;
    }

    struct ConfigResource {
        resource_name: String, 0..;
        resource_type: i8, 1.., default 16, ignorable;
    }
}
