//! Configs that change while the node runs. The words are those of Kafka's `LogConfig`,
//! `ConfigurationControlManager` (topics) and `ConfigAdminManager` (brokers).

use std::sync::Arc;

use crate::base::NodeId;
use crate::metadata::Alteration;
use crate::metadata::BrokerDef;
use crate::metadata::Change;
use crate::metadata::ConfigType;
use crate::metadata::Configured;
use crate::metadata::Event;
use crate::metadata::Image;
use crate::metadata::Operation;
use crate::metadata::Overrides;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;
use crate::metadata::TOPIC_DEFS;
use crate::metadata::TopicDef;
use crate::metadata::TopicKey;
use crate::metadata::check_topic_name;
use crate::metadata::controller::OVERRIDES_BYTES_MAX;
use crate::metadata::controller::plan::Plan;
use crate::metadata::controller::resources;

pub(super) fn alter(plan: &mut Plan, alteration: Alteration) -> Result<(), Refusal> {
    let changes = Changes { replaces: alteration.replaces, list: alteration.changes };
    match alteration.resource {
        Configured::Topic(name) => alter_topic(plan, &name, changes),
        Configured::Node(node) => alter_node(plan, Some(node), changes),
        Configured::Cluster => alter_node(plan, None, changes),
        Configured::Resource(resource) => resources::alter(plan, resource, changes),
    }
}

/// What is to become of the configs of one resource.
pub(super) struct Changes {
    pub(super) replaces: bool,
    pub(super) list: Vec<(String, Operation)>,
}

impl Changes {
    /// What the changes are made to, where `before` is set.
    pub(super) fn base(&self, before: &Overrides) -> Overrides {
        if self.replaces { Overrides::new() } else { before.clone() }
    }
}

fn alter_topic(plan: &mut Plan, name: &str, changes: Changes) -> Result<(), Refusal> {
    let topic = plan.image.topic(name).cloned();
    let before = topic.as_ref().and_then(|topic| topic.overrides.clone()).unwrap_or_default();
    let mut after = changes.base(&before);
    for (key, operation) in changes.list {
        let current = before.get(key.as_str()).map(|value| value.to_string());
        match changed_topic_value(&key, operation, current)? {
            Some(value) => after.insert(key.into(), value.into()),
            None => after.remove(key.as_str()),
        };
    }
    if name.is_empty() {
        return Err(RefusalKind::InvalidRequest.because("Default topic resources are not allowed."));
    }
    check_topic_name(name).map_err(|reason| RefusalKind::InvalidTopicName.because(reason))?;
    check_topic_overrides(&plan.image, &after)?;
    let Some(topic) = topic else {
        let message = format!("The topic '{name}' does not exist.");
        return Err(RefusalKind::UnknownTopic.because(message));
    };
    let changes = difference(&before, &after);
    if changes.is_empty() {
        return Ok(());
    }
    let event = Event::TopicConfigured { topic: topic.id, changes };
    plan.push(event, Some(Change::Configured { topic: topic.id }))
}

fn changed_topic_value(
    key: &str,
    operation: Operation,
    current: Option<String>,
) -> Result<Option<String>, Refusal> {
    let (verb, items) = match &operation {
        Operation::Set(value) => return Ok(Some(value.clone())),
        Operation::Delete => return Ok(None),
        Operation::Append(items) => ("APPEND", items),
        Operation::Subtract(items) => ("SUBTRACT", items),
    };
    let def = TopicDef::of(key).filter(|def| def.kind == ConfigType::List);
    let Some(def) = def else {
        let message = format!("Can't {verb} to key {key} because its type is not LIST.");
        return Err(RefusalKind::InvalidConfig.because(message));
    };
    let current = current.or_else(|| def.default.map(str::to_owned)).unwrap_or_default();
    Ok(Some(edited_list(&current, items, matches!(operation, Operation::Append(_)))))
}

/// `current` with `items` added where they are missing, or taken out.
fn edited_list(current: &str, items: &str, append: bool) -> String {
    let mut list: Vec<&str> = current.split(',').filter(|item| !item.is_empty()).collect();
    for item in items.split(',') {
        match (append, list.iter().position(|present| *present == item)) {
            (true, None) => list.push(item),
            (false, Some(at)) => {
                list.remove(at);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    list.join(",")
}

/// That `set` may be what is set on a topic.
pub(super) fn check_topic_overrides(image: &Image, set: &Overrides) -> Result<(), Refusal> {
    let invalid = |message: String| RefusalKind::InvalidConfig.because(message);
    if let Some(name) = set.keys().find(|name| TopicDef::of(name).is_none()) {
        return Err(invalid(format!("Unknown topic config name: {name}")));
    }
    check_size(set)?;
    for def in TOPIC_DEFS {
        if let Some(text) = set.get(def.name) {
            def.parse(text).map_err(invalid)?;
        }
    }
    let value = |key| image.in_force().topic_value(key, Some(set));
    let min = value(TopicKey::MinCompactionLagMs).number();
    let max = value(TopicKey::MaxCompactionLagMs).number();
    if min > max {
        return Err(invalid(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        )));
    }
    if value(TopicKey::RemoteStorageEnable).is_true() {
        return Err(invalid(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured \
             with remote log storage."
                .to_owned(),
        ));
    }
    Ok(())
}

pub(super) fn check_size(set: &Overrides) -> Result<(), Refusal> {
    let bytes: usize = set.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > OVERRIDES_BYTES_MAX {
        let message =
            format!("Configs of {bytes} bytes are set; {OVERRIDES_BYTES_MAX} is the most.");
        return Err(RefusalKind::InvalidConfig.because(message));
    }
    Ok(())
}

fn alter_node(plan: &mut Plan, node: Option<NodeId>, changes: Changes) -> Result<(), Refusal> {
    let found = plan.image.state().node_overrides(node).cloned();
    let before = found.unwrap_or_else(|| Arc::new(Overrides::new()));
    let mut after = changes.base(&before);
    for (key, operation) in changes.list {
        let value = changed_node_value(plan, &key, operation, &before)?;
        match value {
            Some(value) => after.insert(key.into(), value.into()),
            None => after.remove(key.as_str()),
        };
    }
    check_node_overrides(&after)?;
    let changes = difference(&before, &after);
    if changes.is_empty() {
        return Ok(());
    }
    plan.push(Event::NodeConfigured { node, changes }, Some(Change::Defaults))
}

fn changed_node_value(
    plan: &Plan,
    key: &str,
    operation: Operation,
    before: &Overrides,
) -> Result<Option<String>, Refusal> {
    let (verb, items) = match &operation {
        Operation::Set(value) => return Ok(Some(value.clone())),
        Operation::Delete => return Ok(None),
        Operation::Append(items) => ("append", items),
        Operation::Subtract(items) => ("subtract", items),
    };
    if !BrokerDef::of(key).is_some_and(|def| def.kind == ConfigType::List) {
        let message = format!("Config value {verb} is not allowed for config key: {key}");
        return Err(RefusalKind::InvalidConfig.because(message));
    }
    let set = before.get(key).map(|value| value.to_string());
    let inherited = || plan.image.in_force().value(key).shown();
    let current = set.or_else(inherited).unwrap_or_default();
    Ok(Some(edited_list(&current, items, matches!(operation, Operation::Append(_)))))
}

/// That `set` may be what is set on a node. A name that nothing here reads is refused like one that
/// cannot change: Kafka keeps it, for plug-ins.
fn check_node_overrides(set: &Overrides) -> Result<(), Refusal> {
    let wrong = |message: String| RefusalKind::InvalidRequest.because(message);
    let fixed = set.keys().filter(|name| !BrokerDef::of(name).is_some_and(|def| def.dynamic));
    let fixed: Vec<&str> = fixed.map(|name| &**name).collect();
    if !fixed.is_empty() {
        let names = fixed.join(", ");
        return Err(wrong(format!("Cannot update these configs dynamically: [{names}]")));
    }
    check_size(set)?;
    for (name, text) in set {
        let Some(def) = BrokerDef::of(name) else { continue };
        let value = def.parse(text).map_err(wrong)?;
        let required = match (&**name, value.number()) {
            ("log.retention.ms", 0) => {
                "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"
            }
            ("log.roll.ms", ..1) => "log.roll.ms must be greater than or equal to 1",
            ("log.roll.jitter.ms", ..0) => "log.roll.jitter.ms must be greater than or equal to 0",
            _ => continue,
        };
        return Err(wrong(format!("requirement failed: {required}")));
    }
    Ok(())
}

/// What turns `before` into `after`.
pub(super) fn difference(before: &Overrides, after: &Overrides) -> Vec<(String, Option<String>)> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| (name.to_string(), None));
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    gone.chain(set.map(|(name, value)| (name.to_string(), Some(value.to_string())))).collect()
}
