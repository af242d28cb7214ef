//! Configs of what is neither topic nor node: groups, quotas, loggers. The words are those of Kafka's
//! `ConfigurationControlManager`, `GroupConfig`, `ClientQuotaControlManager` and `ConfigAdminManager`.

use std::net::IpAddr;

use crate::metadata::Event;
use crate::metadata::GroupDef;
use crate::metadata::Operation;
use crate::metadata::Overrides;
use crate::metadata::QuotaEntity;
use crate::metadata::QuotaName;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;
use crate::metadata::Resource;
use crate::metadata::controller::RESOURCES_MAX;
use crate::metadata::controller::alter::Changes;
use crate::metadata::controller::alter::check_size;
use crate::metadata::controller::alter::difference;
use crate::metadata::controller::plan::Plan;

/// Levels that a logger can have, as Kafka lists them.
const LEVELS: [&str; 6] = ["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];

pub(super) fn alter(plan: &mut Plan, resource: Resource, changes: Changes) -> Result<(), Refusal> {
    let found = plan.image.state().resource(&resource).cloned();
    let before = found.unwrap_or_default();
    let mut after = changes.base(&before);
    for (key, operation) in changes.list {
        match value(&resource, &key, operation)? {
            Some(value) => after.insert(key.into(), value.into()),
            None => after.remove(key.as_str()),
        };
    }
    check_size(&after)?;
    match &resource {
        Resource::Group(_) => check_group(plan, &after)?,
        Resource::Quota(entity) => check_quotas(entity, &after)?,
        Resource::Loggers(_) => {}
    }
    let changes = difference(&before, &after);
    if changes.is_empty() {
        return Ok(());
    }
    if before.is_empty() && plan.image.state().resource_count() >= RESOURCES_MAX {
        let message =
            format!("This node has room for {RESOURCES_MAX} groups and quotas with configs.");
        return Err(RefusalKind::TooMuch.because(message));
    }
    plan.push(Event::ResourceConfigured { resource, changes }, None)
}

/// What becomes of one config; `None`: it is removed.
fn value(resource: &Resource, key: &str, operation: Operation) -> Result<Option<String>, Refusal> {
    let verb = match &operation {
        Operation::Set(_) | Operation::Delete => "",
        Operation::Append(_) => "APPEND",
        Operation::Subtract(_) => "SUBTRACT",
    };
    match (resource, operation) {
        (Resource::Loggers(_), Operation::Set(level)) if !LEVELS.contains(&level.as_str()) => {
            Err(RefusalKind::InvalidConfig.because(format!(
                "Cannot set the log level of {key} to {level} as it is not a supported log level. \
                 Valid log levels are {}",
                LEVELS.join(", ")
            )))
        }
        (_, Operation::Set(value)) => Ok(Some(value)),
        (Resource::Loggers(_), Operation::Delete) if key == "root" => {
            let message = "Removing the log level of the root logger is not allowed";
            Err(RefusalKind::InvalidRequest.because(message))
        }
        (_, Operation::Delete) => Ok(None),
        (Resource::Loggers(_), _) => {
            let message = format!("{verb} operation is not allowed for the BROKER_LOGGER resource");
            Err(RefusalKind::InvalidRequest.because(message))
        }
        (_, _) => {
            let message = format!("Can't {verb} to key {key} because its type is not LIST.");
            Err(RefusalKind::InvalidConfig.because(message))
        }
    }
}

fn check_group(plan: &Plan, set: &Overrides) -> Result<(), Refusal> {
    let invalid = |message: String| RefusalKind::InvalidConfig.because(message);
    if let Some(name) = set.keys().find(|name| GroupDef::of(name).is_none()) {
        return Err(invalid(format!("Unknown group config name: {name}")));
    }
    for (name, text) in set {
        let Some(def) = GroupDef::of(name) else { continue };
        let value = def.parse(text).map_err(invalid)?;
        let in_force = plan.image.in_force();
        if let Some(least) = &def.least
            && value.number() < in_force.bound(least)
        {
            let message = format!("{name} must be greater than or equal to {}", least.name);
            return Err(invalid(message));
        }
        if let Some(most) = &def.most
            && value.number() > in_force.bound(most)
        {
            return Err(invalid(format!("{name} must be less than or equal to {}", most.name)));
        }
    }
    Ok(())
}

/// The quotas of an entity, and whether they are whole numbers and how large at most.
fn quotas(entity: &QuotaEntity) -> &'static [(&'static str, Option<(f64, &'static str)>)] {
    const INT: Option<(f64, &str)> = Some((i32::MAX as f64, "INT"));
    const LONG: Option<(f64, &str)> = Some((i64::MAX as f64, "LONG"));
    if entity.address.is_some() {
        return &[("connection_creation_rate", INT)];
    }
    &[
        ("consumer_byte_rate", LONG),
        ("controller_mutation_rate", None),
        ("producer_byte_rate", LONG),
        ("request_percentage", None),
    ]
}

fn check_quotas(entity: &QuotaEntity, set: &Overrides) -> Result<(), Refusal> {
    let invalid = |message: String| RefusalKind::InvalidRequest.because(message);
    if let Some(QuotaName::Named(address)) = &entity.address
        && address.parse::<IpAddr>().is_err()
    {
        return Err(invalid(format!("{address} is not a valid IP or resolvable host.")));
    }
    for (key, text) in set {
        let known = quotas(entity).iter().find(|(name, _)| **name == **key);
        let Some((_, whole)) = known else {
            return Err(invalid(format!("Invalid configuration key {key}")));
        };
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        if value.is_nan() || value <= 0.0 {
            return Err(invalid(format!("Quota {key} must be greater than 0")));
        }
        let Some((most, kind)) = whole else { continue };
        if value > *most {
            return Err(invalid(format!("Proposed value for {key} is too large for a {kind}.")));
        }
        // What a client computed may be a little beside the number that it means.
        if (value - (value + 1e-6).floor()).abs() > 1e-6 {
            return Err(invalid(format!("{key} cannot be a fractional value.")));
        }
    }
    Ok(())
}
