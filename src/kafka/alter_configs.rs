//! IncrementalAlterConfigs (44): single configs of resources change. AlterConfigs (33): all configs of
//! resources are replaced.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::kafka::admin::AdminContext;
use crate::kafka::admin::AdminError;
use crate::kafka::admin::Part;
use crate::kafka::admin::merge;
use crate::kafka::describe_configs::BROKER;
use crate::kafka::describe_configs::BROKER_LOGGER;
use crate::kafka::describe_configs::CLIENT_METRICS;
use crate::kafka::describe_configs::GROUP;
use crate::kafka::describe_configs::TOPIC;
use crate::kafka::errors::ErrorCode;
use crate::kafka::loggers;
use crate::kafka::messages::AlterConfigsRequest;
use crate::kafka::messages::AlterConfigsResourceResponse;
use crate::kafka::messages::AlterConfigsResponse;
use crate::kafka::messages::IncrementalAlterConfigsRequest;
use crate::kafka::messages::IncrementalAlterConfigsResponse;
use crate::kafka::messages::IncrementalAlterConfigsResult;
use crate::kafka::messages::IncrementalAlterableConfig;
use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::Operation;
use crate::metadata::Outcome;
use crate::metadata::Resource;

/// Operations on a config.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// A request that waits for the controller.
#[derive(Debug)]
pub struct AlterConfigsAsked {
    parts: Vec<Part<IncrementalAlterConfigsResult>>,
}

/// Changes of one resource, by whichever of the two APIs.
struct Wanted {
    kind: i8,
    name: String,
    replaces: bool,
    configs: Vec<IncrementalAlterableConfig>,
}

/// What the controller is asked, and what becomes of its answer.
pub fn ask(
    context: AdminContext<'_>,
    request: IncrementalAlterConfigsRequest,
) -> (Command, AlterConfigsAsked) {
    let wanted = request.resources.into_iter().map(|resource| Wanted {
        kind: resource.resource_type,
        name: resource.resource_name,
        replaces: false,
        configs: resource.configs,
    });
    ask_all(context, wanted.collect(), request.validate_only)
}

/// The same for the older API, which replaces what is set on a resource.
pub fn ask_to_replace(
    context: AdminContext<'_>,
    request: AlterConfigsRequest,
) -> (Command, AlterConfigsAsked) {
    let wanted = request.resources.into_iter().map(|resource| {
        let configs = resource.configs.into_iter().map(|config| IncrementalAlterableConfig {
            name: config.name,
            config_operation: SET,
            value: config.value,
            ..IncrementalAlterableConfig::default()
        });
        Wanted {
            kind: resource.resource_type,
            name: resource.resource_name,
            replaces: true,
            configs: configs.collect(),
        }
    });
    ask_all(context, wanted.collect(), request.validate_only)
}

fn ask_all(
    context: AdminContext<'_>,
    wanted: Vec<Wanted>,
    validate_only: bool,
) -> (Command, AlterConfigsAsked) {
    let mut times: BTreeMap<(i8, String), u32> = BTreeMap::new();
    for resource in &wanted {
        *times.entry((resource.kind, resource.name.clone())).or_default() += 1;
    }
    let mut parts = Vec::new();
    let mut alterations = Vec::new();
    for resource in wanted {
        let named = IncrementalAlterConfigsResult {
            error_message: None,
            resource_type: resource.kind,
            resource_name: resource.name.clone(),
            ..IncrementalAlterConfigsResult::default()
        };
        let alteration = match times.get(&(resource.kind, resource.name.clone())) {
            Some(2..) => Err(AdminError::invalid("Each resource must appear at most once.")),
            _ => alteration(context, resource),
        };
        match alteration {
            Ok(alteration) => {
                alterations.push(alteration);
                parts.push(Part::Asked(named));
            }
            Err(error) => parts.push(Part::Answered(refused(named, error))),
        }
    }
    (Command::Alter { alterations, validate_only }, AlterConfigsAsked { parts })
}

fn alteration(context: AdminContext<'_>, wanted: Wanted) -> Result<Alteration, AdminError> {
    check_keys(&wanted.configs)?;
    let name = wanted.name;
    let resource = match wanted.kind {
        TOPIC => Configured::Topic(name),
        BROKER if name.is_empty() => Configured::Cluster,
        BROKER => {
            let node = context.image.layout().node;
            check_broker(context, &name)?;
            Configured::Node(node)
        }
        BROKER_LOGGER if !wanted.replaces => {
            check_loggers(context, &name, &wanted.configs)?;
            Configured::Resource(Resource::Loggers(context.image.layout().node))
        }
        GROUP if name.is_empty() => {
            return Err(AdminError::invalid("Default group resources are not allowed."));
        }
        GROUP => Configured::Resource(Resource::Group(name)),
        CLIENT_METRICS => return Err(unknown("client metrics", &wanted.configs)),
        other => return Err(AdminError::invalid(format!("Unknown resource type {other}"))),
    };
    let changes = wanted.configs.into_iter().map(operation).collect::<Result<_, _>>()?;
    Ok(Alteration { resource, replaces: wanted.replaces, changes })
}

fn check_keys(configs: &[IncrementalAlterableConfig]) -> Result<(), AdminError> {
    let mut seen = BTreeSet::new();
    if !configs.iter().all(|config| seen.insert(&config.name)) {
        return Err(AdminError::invalid("Error due to duplicate config keys"));
    }
    let null = |config: &&IncrementalAlterableConfig| {
        config.config_operation != DELETE && config.value.is_none()
    };
    let names: Vec<&str> = configs.iter().filter(null).map(|config| config.name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        return Err(AdminError::invalid(format!("Null value not supported for : {names}")));
    }
    Ok(())
}

fn check_broker(context: AdminContext<'_>, name: &str) -> Result<(), AdminError> {
    let Ok(id) = name.parse::<i32>() else {
        return Err(AdminError::invalid(format!("Node id must be an integer, but it is: {name}")));
    };
    if !context.is_broker(id) {
        let node = context.image.layout().node;
        return Err(AdminError::invalid(format!(
            "Unexpected broker id, expected {node}, but received {name}"
        )));
    }
    Ok(())
}

fn check_loggers(
    context: AdminContext<'_>,
    name: &str,
    configs: &[IncrementalAlterableConfig],
) -> Result<(), AdminError> {
    let Ok(id) = name.parse::<i32>() else {
        return Err(AdminError::invalid(format!("Node id must be an integer, but it is: {name}")));
    };
    if !context.is_broker(id) {
        let node = context.image.layout().node;
        let message = format!("Unexpected node id. Expected {node}, but received {name}");
        return Err(AdminError::invalid(message));
    }
    match configs.iter().find(|config| !loggers::is_known(&config.name)) {
        Some(config) => {
            let message = format!("Logger {} does not exist!", config.name);
            Err(AdminError::new(ErrorCode::InvalidConfig, message))
        }
        None => Ok(()),
    }
}

fn unknown(what: &str, configs: &[IncrementalAlterableConfig]) -> AdminError {
    let name = configs.first().map_or("", |config| config.name.as_str());
    AdminError::new(ErrorCode::InvalidConfig, format!("Unknown {what} config name: {name}"))
}

fn operation(config: IncrementalAlterableConfig) -> Result<(String, Operation), AdminError> {
    let value = config.value.unwrap_or_default();
    let operation = match config.config_operation {
        SET => Operation::Set(value),
        DELETE => Operation::Delete,
        APPEND => Operation::Append(value),
        SUBTRACT => Operation::Subtract(value),
        other => return Err(AdminError::invalid(format!("Unknown operations type {other}"))),
    };
    Ok((config.name, operation))
}

impl AlterConfigsAsked {
    pub fn answer(self, outcome: Outcome) -> IncrementalAlterConfigsResponse {
        let results = match outcome {
            Outcome::Altered(results) => Ok(results),
            other => Err(AdminError::of(&other)),
        };
        let responses = merge(self.parts, results, |named, result| match result {
            Ok(()) => named,
            Err(error) => refused(named, error),
        });
        IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() }
    }

    /// The same in the words of the older API.
    pub fn answer_replaced(self, outcome: Outcome) -> AlterConfigsResponse {
        let results = self.answer(outcome).responses.into_iter();
        let responses = results.map(|result| AlterConfigsResourceResponse {
            error_code: result.error_code,
            error_message: result.error_message,
            resource_type: result.resource_type,
            resource_name: result.resource_name,
            ..AlterConfigsResourceResponse::default()
        });
        let responses = responses.collect();
        AlterConfigsResponse { responses, ..AlterConfigsResponse::default() }
    }
}

fn refused(
    named: IncrementalAlterConfigsResult,
    error: AdminError,
) -> IncrementalAlterConfigsResult {
    IncrementalAlterConfigsResult {
        error_code: error.code.code(),
        error_message: error.message,
        ..named
    }
}

#[cfg(test)]
mod tests;
