//! DescribeConfigs (32): what is configured, where the value comes from, and what it means.

use crate::kafka::admin::AdminContext;
use crate::kafka::admin::AdminError;
use crate::kafka::errors::ErrorCode;
use crate::kafka::loggers;
use crate::kafka::messages::DescribeConfigsRequest;
use crate::kafka::messages::DescribeConfigsResource;
use crate::kafka::messages::DescribeConfigsResourceResult;
use crate::kafka::messages::DescribeConfigsResponse;
use crate::kafka::messages::DescribeConfigsResult;
use crate::kafka::messages::DescribeConfigsSynonym;
use crate::metadata::ConfigType;
use crate::metadata::Described;
use crate::metadata::Layer;
use crate::metadata::Resource;
use crate::metadata::Source;
use crate::metadata::check_topic_name;

/// Kinds of resources that have configs.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// Where a logger's level comes from.
const LOGGER_SOURCE: i8 = 6;

pub fn answer(
    context: AdminContext<'_>,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let described = describe(context, resource);
        let (error, configs) = match described {
            Ok(configs) => (AdminError::new(ErrorCode::None, ""), configs),
            Err(error) => (error, Vec::new()),
        };
        DescribeConfigsResult {
            error_code: error.code.code(),
            error_message: error.message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs: configs.into_iter().map(|config| trimmed(config, request)).collect(),
            ..DescribeConfigsResult::default()
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

/// Without what was not asked for.
fn trimmed(
    config: DescribeConfigsResourceResult,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let DescribeConfigsResourceResult { synonyms, documentation, .. } = config;
    DescribeConfigsResourceResult {
        synonyms: if request.include_synonyms { synonyms } else { Vec::new() },
        documentation: documentation.filter(|_| request.include_documentation),
        ..config
    }
}

type Configs = Vec<DescribeConfigsResourceResult>;

fn describe(
    context: AdminContext<'_>,
    resource: &DescribeConfigsResource,
) -> Result<Configs, AdminError> {
    let keys = resource.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
    let wanted = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| key == name));
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC => describe_topic(context, name, wanted),
        BROKER => describe_broker(context, name, wanted),
        BROKER_LOGGER => describe_loggers(context, name, wanted),
        CLIENT_METRICS if name.is_empty() => {
            Err(AdminError::invalid("Client metrics subscription name must not be empty"))
        }
        GROUP if name.is_empty() => Err(AdminError::invalid("Group name must not be empty")),
        GROUP => {
            let resource = Resource::Group(name.to_owned());
            let set = context.image.state().resource(&resource);
            let configs = context.image.in_force().describe_group(set.map(|set| &**set));
            Ok(configs.into_iter().filter(|config| wanted(&config.name)).map(described).collect())
        }
        // There is nothing that could be set on them.
        CLIENT_METRICS => Ok(Vec::new()),
        _ => Err(AdminError::invalid(ErrorCode::InvalidRequest.message())),
    }
}

fn describe_topic(
    context: AdminContext<'_>,
    name: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Configs, AdminError> {
    check_topic_name(name)
        .map_err(|reason| AdminError::new(ErrorCode::InvalidTopicException, reason))?;
    let Some(topic) = context.image.topic(name) else {
        return Err(AdminError::new(ErrorCode::UnknownTopicOrPartition, ""));
    };
    let configs = context.image.in_force().describe_topic(topic.overrides.as_deref());
    let wanted = configs.iter().filter(|config| wanted(&config.name));
    Ok(wanted.cloned().map(described).collect())
}

fn describe_broker(
    context: AdminContext<'_>,
    name: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Configs, AdminError> {
    let in_force = context.image.in_force();
    if name.is_empty() {
        return Ok(in_force.describe_cluster(wanted).into_iter().map(described).collect());
    }
    let Ok(id) = name.parse::<i32>() else {
        return Err(AdminError::invalid(format!(
            "Broker id must be an integer, but it is: {name}"
        )));
    };
    if !context.is_broker(id) {
        let node = context.image.layout().node;
        return Err(AdminError::invalid(format!(
            "Unexpected broker id, expected {node} or empty string, but received {name}"
        )));
    }
    Ok(in_force.describe_node(wanted).into_iter().map(described).collect())
}

fn describe_loggers(
    context: AdminContext<'_>,
    name: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Configs, AdminError> {
    if name.is_empty() {
        return Err(AdminError::invalid("Broker id must not be empty"));
    }
    let Ok(id) = name.parse::<i32>() else {
        return Err(AdminError::invalid(format!(
            "Broker id must be an integer, but it is: {name}"
        )));
    };
    let node = context.image.layout().node;
    if !context.is_broker(id) {
        return Err(AdminError::invalid(format!(
            "Unexpected broker id, expected {node} but received {name}"
        )));
    }
    let levels = loggers::levels(context.image).into_iter().filter(|(name, _)| wanted(name));
    let described = levels.map(|(name, level)| DescribeConfigsResourceResult {
        name: name.to_owned(),
        value: Some(level),
        config_source: LOGGER_SOURCE,
        ..DescribeConfigsResourceResult::default()
    });
    Ok(described.collect())
}

fn described(config: Described) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: config.name,
        value: config.value,
        read_only: config.read_only,
        config_source: source_code(config.source),
        synonyms: config.layers.into_iter().map(synonym).collect(),
        config_type: config.kind.map_or(0, type_code),
        documentation: Some(config.doc.to_owned()),
        ..DescribeConfigsResourceResult::default()
    }
}

fn synonym(layer: Layer) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: layer.name,
        value: Some(layer.value),
        source: source_code(layer.source),
        ..DescribeConfigsSynonym::default()
    }
}

/// Kafka's number of where a value comes from.
pub(super) fn source_code(source: Source) -> i8 {
    match source {
        Source::Group => 8,
        Source::Topic => 1,
        Source::Node => 2,
        Source::Cluster => 3,
        Source::Static => 4,
        Source::Default => 5,
    }
}

fn type_code(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::Text => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}

#[cfg(test)]
mod tests;
