//! Sets, deletes, appends to and subtracts from single configuration entries (KIP-339).

api! {
    /// Sets, deletes, appends to and subtracts from single configuration entries (KIP-339).
    IncrementalAlterConfigs = 44, versions 0..=1, flexible 1;

    request IncrementalAlterConfigsRequest {
        resources: Vec<IncrementalAlterConfigsResource>, 0..;
        validate_only: bool, 0..;
    }

    struct IncrementalAlterConfigsResource {
        resource_type: i8, 0..;
        resource_name: String, 0..;
        configs: Vec<IncrementalAlterableConfig>, 0..;
    }

    struct IncrementalAlterableConfig {
        name: String, 0..;
        config_operation: i8, 0..;
        value: Option<String>, 0.., null 0..;
    }

    response IncrementalAlterConfigsResponse {
        throttle_time_ms: i32, 0..;
        responses: Vec<IncrementalAlterConfigsResult>, 0..;
    }

    struct IncrementalAlterConfigsResult {
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        resource_type: i8, 0..;
        resource_name: String, 0..;
    }
}
