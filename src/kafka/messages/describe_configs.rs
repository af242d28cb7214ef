//! The configuration of topics, brokers and groups.
//!
//! * 1: synonyms and sources. 3 (KIP-569): types and documentation.

api! {
    /// The configuration of topics, brokers and groups.
    DescribeConfigs = 32, versions 1..=4, flexible 4;

    request DescribeConfigsRequest {
        resources: Vec<DescribeConfigsResource>, 0..;
        include_synonyms: bool, 1..;
        include_documentation: bool, 3..;
    }

    struct DescribeConfigsResource {
        resource_type: i8, 0..;
        resource_name: String, 0..;
        configuration_keys: Option<Vec<String>>, 0.., null 0..;
    }

    response DescribeConfigsResponse {
        throttle_time_ms: i32, 0..;
        results: Vec<DescribeConfigsResult>, 0..;
    }

    struct DescribeConfigsResult {
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        resource_type: i8, 0..;
        resource_name: String, 0..;
        configs: Vec<DescribeConfigsResourceResult>, 0..;
    }

    struct DescribeConfigsResourceResult {
        name: String, 0..;
        value: Option<String>, 0.., null 0..;
        read_only: bool, 0..;
        config_source: i8, 1.., default -1, ignorable;
        is_sensitive: bool, 0..;
        synonyms: Vec<DescribeConfigsSynonym>, 1.., ignorable;
        config_type: i8, 3.., ignorable;
        documentation: Option<String>, 3.., null 0.., ignorable;
    }

    struct DescribeConfigsSynonym {
        name: String, 1..;
        value: Option<String>, 1.., null 0..;
        source: i8, 1..;
    }
}
