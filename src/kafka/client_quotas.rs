//! DescribeClientQuotas (48) and AlterClientQuotas (49): quotas are kept and described as Kafka does.
//! Nobody is held to them: `deploy/topic-configs.md` says so.

use std::collections::BTreeSet;

use crate::kafka::admin::AdminContext;
use crate::kafka::admin::AdminError;
use crate::kafka::admin::Part;
use crate::kafka::admin::merge;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::AlterClientQuotasRequest;
use crate::kafka::messages::AlterClientQuotasResponse;
use crate::kafka::messages::AlteredQuotaEntity;
use crate::kafka::messages::AlteredQuotaEntityResult;
use crate::kafka::messages::AlteredQuotas;
use crate::kafka::messages::AlteredQuotasResult;
use crate::kafka::messages::DescribeClientQuotasRequest;
use crate::kafka::messages::DescribeClientQuotasResponse;
use crate::kafka::messages::DescribedQuotaEntity;
use crate::kafka::messages::DescribedQuotas;
use crate::kafka::messages::QuotaComponent;
use crate::kafka::messages::QuotaValue;
use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::Operation;
use crate::metadata::Outcome;
use crate::metadata::Overrides;
use crate::metadata::QuotaEntity;
use crate::metadata::QuotaName;
use crate::metadata::Resource;

const USER: &str = "user";
const CLIENT: &str = "client-id";
const ADDRESS: &str = "ip";

/// What a component of a filter matches.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// The part of an entity that a type names; `None`: there is no such type.
fn part<'a>(entity: &'a mut QuotaEntity, kind: &str) -> Option<&'a mut Option<QuotaName>> {
    match kind {
        USER => Some(&mut entity.user),
        CLIENT => Some(&mut entity.client),
        ADDRESS => Some(&mut entity.address),
        _ => None,
    }
}

pub fn describe(
    context: AdminContext<'_>,
    request: &DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    if let Err(error) = check_filter(&request.components) {
        return DescribeClientQuotasResponse {
            error_code: error.code.code(),
            error_message: error.message,
            entries: None,
            ..DescribeClientQuotasResponse::default()
        };
    }
    let matching = context.image.state().resources().filter_map(|(resource, set)| match resource {
        Resource::Quota(entity) if matches(entity, request) => Some(described(entity, set)),
        Resource::Quota(_) | Resource::Group(_) | Resource::Loggers(_) => None,
    });
    DescribeClientQuotasResponse {
        entries: Some(matching.collect()),
        ..DescribeClientQuotasResponse::default()
    }
}

fn check_filter(components: &[QuotaComponent]) -> Result<(), AdminError> {
    let mut kinds = BTreeSet::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return Err(AdminError::invalid("Invalid empty entity type."));
        }
        if !kinds.insert(kind) {
            return Err(AdminError::invalid(format!(
                "Entity type {kind} cannot appear more than once in the filter."
            )));
        }
        if ![USER, CLIENT, ADDRESS].contains(&kind) {
            let message = format!("Unsupported entity type {kind}");
            return Err(AdminError::new(ErrorCode::UnsupportedVersion, message));
        }
        let set = component.r#match.is_some();
        let wrong = match component.match_type {
            EXACT if !set => "Request specified MATCH_TYPE_EXACT, but set match string to null.",
            DEFAULT if set => {
                "Request specified MATCH_TYPE_DEFAULT, but also specified a match string."
            }
            ANY if set => {
                "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string."
            }
            EXACT | DEFAULT | ANY => continue,
            other => return Err(AdminError::invalid(format!("Unknown match type {other}"))),
        };
        return Err(AdminError::invalid(wrong));
    }
    if kinds.contains(ADDRESS) && kinds.len() > 1 {
        return Err(AdminError::invalid(
            "Invalid entity filter component combination. IP filter component should not be used \
             with user or clientId filter component.",
        ));
    }
    Ok(())
}

fn matches(entity: &QuotaEntity, request: &DescribeClientQuotasRequest) -> bool {
    let mut rest = entity.clone();
    for component in &request.components {
        let Some(place) = part(&mut rest, &component.entity_type) else { return false };
        let fits = match (component.match_type, place.take()) {
            (EXACT, Some(QuotaName::Named(name))) => Some(name) == component.r#match,
            (DEFAULT, Some(QuotaName::Default)) | (ANY, Some(_)) => true,
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    !request.strict || request.components.is_empty() || rest == QuotaEntity::default()
}

fn described(entity: &QuotaEntity, set: &Overrides) -> DescribedQuotas {
    let parts = [(CLIENT, &entity.client), (ADDRESS, &entity.address), (USER, &entity.user)];
    let entity = parts.into_iter().filter_map(|(kind, name)| {
        let name = name.as_ref()?;
        let entity_name = match name {
            QuotaName::Default => None,
            QuotaName::Named(name) => Some(name.clone()),
        };
        let entity_type = kind.to_owned();
        Some(DescribedQuotaEntity { entity_type, entity_name, ..Default::default() })
    });
    let values = set.iter().filter_map(|(key, text)| {
        let (key, value) = (key.to_string(), text.parse().ok()?);
        Some(QuotaValue { key, value, ..QuotaValue::default() })
    });
    DescribedQuotas {
        entity: entity.collect(),
        values: values.collect(),
        ..DescribedQuotas::default()
    }
}

/// A request that waits for the controller.
#[derive(Debug)]
pub struct AlterQuotasAsked {
    parts: Vec<Part<AlteredQuotasResult>>,
}

/// What the controller is asked, and what becomes of its answer.
pub fn ask(request: AlterClientQuotasRequest) -> (Command, AlterQuotasAsked) {
    let mut parts = Vec::new();
    let mut alterations = Vec::new();
    for entry in request.entries {
        let named = named(&entry);
        match alteration(entry) {
            Ok(alteration) => {
                alterations.push(alteration);
                parts.push(Part::Asked(named));
            }
            Err(error) => parts.push(Part::Answered(refused(named, error))),
        }
    }
    let command = Command::Alter { alterations, validate_only: request.validate_only };
    (command, AlterQuotasAsked { parts })
}

fn named(entry: &AlteredQuotas) -> AlteredQuotasResult {
    let entity = entry.entity.iter().map(|part| AlteredQuotaEntityResult {
        entity_type: part.entity_type.clone(),
        entity_name: part.entity_name.clone(),
        ..AlteredQuotaEntityResult::default()
    });
    let entity = entity.collect();
    AlteredQuotasResult { error_message: None, entity, ..AlteredQuotasResult::default() }
}

fn alteration(entry: AlteredQuotas) -> Result<Alteration, AdminError> {
    let entity = entity(entry.entity)?;
    let changes = entry.ops.into_iter().map(|op| {
        // As text it comes back as it was, to the last bit.
        let value = format!("{:?}", op.value);
        (op.key, if op.remove { Operation::Delete } else { Operation::Set(value) })
    });
    Ok(Alteration {
        resource: Configured::Resource(Resource::Quota(entity)),
        replaces: false,
        changes: changes.collect(),
    })
}

fn entity(parts: Vec<AlteredQuotaEntity>) -> Result<QuotaEntity, AdminError> {
    let mut entity = QuotaEntity::default();
    if parts.is_empty() {
        return Err(AdminError::invalid("Invalid empty client quota entity"));
    }
    for AlteredQuotaEntity { entity_type, entity_name, .. } in parts {
        let Some(place) = part(&mut entity, &entity_type) else {
            let message = format!("Unhandled client quota entity type: {entity_type}");
            return Err(AdminError::invalid(message));
        };
        if place.is_some() {
            let message = format!("Invalid client quota entity with duplicate {entity_type}");
            return Err(AdminError::invalid(message));
        }
        if entity_name.as_deref() == Some("") {
            return Err(AdminError::invalid(format!("Empty {entity_type} not supported")));
        }
        *place = Some(entity_name.map_or(QuotaName::Default, QuotaName::Named));
    }
    if entity.address.is_some() && (entity.user.is_some() || entity.client.is_some()) {
        return Err(AdminError::invalid(
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ));
    }
    Ok(entity)
}

impl AlterQuotasAsked {
    pub fn answer(self, outcome: Outcome) -> AlterClientQuotasResponse {
        let results = match outcome {
            Outcome::Altered(results) => Ok(results),
            other => Err(AdminError::of(&other)),
        };
        let entries = merge(self.parts, results, |named, result| match result {
            Ok(()) => named,
            Err(error) => refused(named, error),
        });
        AlterClientQuotasResponse { entries, ..AlterClientQuotasResponse::default() }
    }
}

fn refused(named: AlteredQuotasResult, error: AdminError) -> AlteredQuotasResult {
    AlteredQuotasResult { error_code: error.code.code(), error_message: error.message, ..named }
}

#[cfg(test)]
mod tests;
