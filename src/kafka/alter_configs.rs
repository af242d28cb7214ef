//! IncrementalAlterConfigs (44): single configs of topics and brokers change.

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
use crate::kafka::messages::IncrementalAlterConfigsRequest;
use crate::kafka::messages::IncrementalAlterConfigsResource;
use crate::kafka::messages::IncrementalAlterConfigsResponse;
use crate::kafka::messages::IncrementalAlterConfigsResult;
use crate::kafka::messages::IncrementalAlterableConfig;
use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::Operation;
use crate::metadata::Outcome;

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

/// What the controller is asked, and what becomes of its answer.
pub fn ask(
    context: AdminContext<'_>,
    request: IncrementalAlterConfigsRequest,
) -> (Command, AlterConfigsAsked) {
    let mut times: BTreeMap<(i8, String), u32> = BTreeMap::new();
    for resource in &request.resources {
        let of = (resource.resource_type, resource.resource_name.clone());
        *times.entry(of).or_default() += 1;
    }
    let mut parts = Vec::new();
    let mut alterations = Vec::new();
    for resource in request.resources {
        let named = IncrementalAlterConfigsResult {
            error_message: None,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..IncrementalAlterConfigsResult::default()
        };
        let of = (resource.resource_type, resource.resource_name.clone());
        let alteration = match times.get(&of) {
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
    let command = Command::Alter { alterations, validate_only: request.validate_only };
    (command, AlterConfigsAsked { parts })
}

fn alteration(
    context: AdminContext<'_>,
    resource: IncrementalAlterConfigsResource,
) -> Result<Alteration, AdminError> {
    check_keys(&resource.configs)?;
    let name = resource.resource_name;
    let configured = match resource.resource_type {
        TOPIC => Configured::Topic(name),
        BROKER if name.is_empty() => Configured::Cluster,
        BROKER => {
            let node = context.image.layout().node;
            check_broker(context, &name)?;
            Configured::Node(node)
        }
        BROKER_LOGGER => return Err(refuse_loggers(context, &name, &resource.configs)),
        GROUP if name.is_empty() => {
            return Err(AdminError::invalid("Default group resources are not allowed."));
        }
        GROUP => return Err(unknown("group", &resource.configs)),
        CLIENT_METRICS => return Err(unknown("client metrics", &resource.configs)),
        other => return Err(AdminError::invalid(format!("Unknown resource type {other}"))),
    };
    let changes = resource.configs.into_iter().map(operation);
    Ok(Alteration { resource: configured, changes: changes.collect::<Result<_, _>>()? })
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

/// There is one logger, and its level is fixed while the node runs.
fn refuse_loggers(
    context: AdminContext<'_>,
    name: &str,
    configs: &[IncrementalAlterableConfig],
) -> AdminError {
    let Ok(id) = name.parse::<i32>() else {
        return AdminError::invalid(format!("Node id must be an integer, but it is: {name}"));
    };
    if !context.is_broker(id) {
        let node = context.image.layout().node;
        let message = format!("Unexpected node id. Expected {node}, but received {name}");
        return AdminError::invalid(message);
    }
    match configs.iter().find(|config| config.name != "root") {
        Some(config) => AdminError::new(
            ErrorCode::InvalidConfig,
            format!("Logger {} does not exist!", config.name),
        ),
        None => AdminError::invalid(
            "Log levels cannot be changed while the node runs; set log.filter and restart it",
        ),
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
