//! Topics that come, and that grow. Refusals, their order and their words are those of Kafka's
//! `ReplicationControlManager`.

use std::collections::BTreeSet;

use crate::base::NodeId;
use crate::base::Rng;
use crate::base::TopicId;
use crate::metadata::Change;
use crate::metadata::CreatedTopic;
use crate::metadata::Event;
use crate::metadata::Growth;
use crate::metadata::Image;
use crate::metadata::NewTopic;
use crate::metadata::Overrides;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;
use crate::metadata::check_topic_name;
use crate::metadata::controller::TOPICS_MAX;
use crate::metadata::controller::alter;
use crate::metadata::controller::place::place;
use crate::metadata::controller::plan::Plan;

/// Replicas of every partition: there is one node.
const REPLICAS: i16 = 1;

pub(super) fn create(
    plan: &mut Plan,
    ids: &mut Rng,
    topic: NewTopic,
) -> Result<CreatedTopic, Refusal> {
    check_new_name(&plan.image, &topic.name)?;
    let overrides = configs_of(plan, &topic)?;
    let count = match topic.assignment.is_empty() {
        true => counted(&plan.image, &topic)?,
        false => assigned(&plan.image, &topic)?,
    };
    plan.take_partitions(count)?;
    if plan.image.state().topic_count() >= TOPICS_MAX {
        let message = format!("This node has room for {TOPICS_MAX} topics at most.");
        return Err(RefusalKind::TooMuch.because(message));
    }
    let mut chosen = topic.assignment;
    chosen.sort_by_key(|(partition, _)| *partition);
    let broker = |number: usize| chosen.get(number)?.1.first().copied();
    let lifetime = match overrides.is_empty() {
        true => plan.image.defaults().lifetime(),
        false => plan.image.in_force().topic_config(Some(&overrides)).lifetime(),
    };
    let strands = place(&plan.image, lifetime, [], count, broker);
    let id = fresh_id(&plan.image, ids);
    let pairs = overrides.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let event = Event::TopicCreated {
        topic: id,
        name: topic.name,
        first: plan.image.state().next_partition(),
        strands,
        overrides: pairs.collect(),
    };
    plan.push(event, Some(Change::Created { topic: id }))?;
    let configs = plan.image.in_force().describe_topic(Some(&overrides));
    let partitions = i32::try_from(count).unwrap_or(i32::MAX);
    Ok(CreatedTopic { id, partitions, replicas: REPLICAS, configs })
}

fn check_new_name(image: &Image, name: &str) -> Result<(), Refusal> {
    check_topic_name(name).map_err(|reason| RefusalKind::InvalidTopicName.because(reason))?;
    if image.topic(name).is_some() {
        return Err(RefusalKind::TopicExists.because(format!("Topic '{name}' already exists.")));
    }
    let Some(other) = image.state().collision(name) else { return Ok(()) };
    let message = format!("Topic '{name}' collides with existing topic: {}", other.name);
    Err(RefusalKind::InvalidTopicName.because(message))
}

/// The configs of a topic to be, checked. Of a name given twice, the last value counts.
fn configs_of(plan: &Plan, topic: &NewTopic) -> Result<Overrides, Refusal> {
    let null = topic.configs.iter().filter(|(_, value)| value.is_none());
    let null: Vec<&str> = null.map(|(name, _)| name.as_str()).collect();
    if !null.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", null.join(","));
        return Err(RefusalKind::InvalidConfig.because(message));
    }
    let pairs = topic.configs.iter();
    let set: Overrides = pairs
        .filter_map(|(name, value)| Some((name.as_str().into(), value.as_deref()?.into())))
        .collect();
    if !set.is_empty() {
        alter::check_topic_overrides(&plan.image, &set)?;
    }
    Ok(set)
}

/// Partitions of a topic whose placement nobody chose.
fn counted(image: &Image, topic: &NewTopic) -> Result<usize, Refusal> {
    if topic.replicas.is_some_and(|replicas| replicas <= 0) {
        return Err(RefusalKind::InvalidReplicationFactor
            .because("Replication factor must be larger than 0, or -1 to use the default value."));
    }
    if topic.partitions.is_some_and(|partitions| partitions <= 0) {
        return Err(RefusalKind::InvalidPartitions
            .because("Number of partitions was set to an invalid non-positive value."));
    }
    let replicas = topic
        .replicas
        .map_or_else(|| image.in_force().value("default.replication.factor").number(), i64::from);
    if replicas != i64::from(REPLICAS) {
        let brokers = image.layout().brokers().count();
        let reason = match brokers {
            1 => "only 1 broker(s) are registered".to_owned(),
            _ => format!("the {brokers} broker(s) registered are cores of one machine"),
        };
        return Err(RefusalKind::InvalidReplicationFactor.because(format!(
            "Unable to replicate the partition {replicas} time(s): The target replication factor \
             of {replicas} cannot be reached because {reason}."
        )));
    }
    let partitions = topic
        .partitions
        .map_or_else(|| image.in_force().value("num.partitions").number(), i64::from);
    Ok(usize::try_from(partitions).unwrap_or(usize::MAX))
}

/// Partitions of a topic whose brokers were chosen.
fn assigned(image: &Image, topic: &NewTopic) -> Result<usize, Refusal> {
    let what = match (topic.replicas, topic.partitions) {
        (Some(_), _) => "replication factor",
        (None, Some(_)) => "numPartitions",
        (None, None) => "",
    };
    if !what.is_empty() {
        return Err(RefusalKind::InvalidRequest.because(format!(
            "A manual partition assignment was specified, but {what} was not set to -1."
        )));
    }
    let mut seen = BTreeSet::new();
    for (partition, brokers) in &topic.assignment {
        if !seen.insert(*partition) {
            return Err(RefusalKind::InvalidAssignment.because(format!(
                "Found multiple manual partition assignments for partition {partition}"
            )));
        }
        check_brokers(image, brokers)?;
    }
    if !(0..).zip(&seen).all(|(index, partition)| index == *partition) {
        return Err(RefusalKind::InvalidAssignment
            .because("partitions should be a consecutive 0-based integer sequence"));
    }
    Ok(seen.len())
}

fn check_brokers(image: &Image, brokers: &[NodeId]) -> Result<(), Refusal> {
    let wrong = |reason: String| {
        RefusalKind::InvalidAssignment
            .because(format!("The manual partition assignment includes {reason}"))
    };
    if brokers.is_empty() {
        return Err(wrong("an empty replica list.".to_owned()));
    }
    let mut sorted = brokers.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in sorted {
        if !image.layout().brokers().any(|(known, _)| known == broker) {
            return Err(wrong(format!("broker {broker}, but no such broker is registered.")));
        }
        if previous == Some(broker) {
            return Err(wrong(format!("the broker {broker} more than once.")));
        }
        previous = Some(broker);
    }
    // Two cores of one machine never hold two replicas of a partition.
    if brokers.len() > 1 {
        return Err(wrong("more than one core of the same machine.".to_owned()));
    }
    Ok(())
}

/// A random id that no topic has, and that Kafka does not reserve.
fn fresh_id(image: &Image, ids: &mut Rng) -> TopicId {
    loop {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&ids.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&ids.next_u64().to_be_bytes());
        let id = TopicId(*uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes());
        // 0xf8 and above begin with a dash in base64, which command lines take for an option.
        if id.0[0] < 0xf8 && image.topic_by_id(id).is_none() {
            return id;
        }
    }
}

pub(super) fn grow(plan: &mut Plan, growth: Growth) -> Result<(), Refusal> {
    let Some(topic) = plan.image.topic(&growth.topic).cloned() else {
        return Err(Refusal { kind: RefusalKind::UnknownTopic, message: None });
    };
    let present = topic.partitions.len();
    let wanted = usize::try_from(growth.partitions).unwrap_or(0);
    if wanted == present {
        return Err(RefusalKind::InvalidPartitions
            .because(format!("Topic already has {present} partition(s).")));
    }
    if wanted < present {
        return Err(RefusalKind::InvalidPartitions.because(format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            topic.name, growth.partitions
        )));
    }
    let further = wanted - present;
    if let Some(assignment) = &growth.assignment {
        if assignment.len() != further {
            return Err(RefusalKind::InvalidAssignment.because(format!(
                "Attempted to add {further} additional partition(s), but only {} assignment(s) were \
                 specified.",
                assignment.len()
            )));
        }
        for brokers in assignment {
            check_brokers(&plan.image, brokers)?;
        }
    }
    plan.take_partitions(further)?;
    let chosen = growth.assignment.unwrap_or_default();
    let broker = |number: usize| chosen.get(number)?.first().copied();
    let lie = topic.partitions.iter().map(|placement| placement.strand);
    let lifetime = plan.image.config(topic.id).lifetime();
    let strands = place(&plan.image, lifetime, lie, further, broker);
    let first = plan.image.state().next_partition();
    let from = i32::try_from(present).unwrap_or(i32::MAX);
    let event = Event::PartitionsAdded { topic: topic.id, first, strands };
    plan.push(event, Some(Change::Grown { topic: topic.id, from }))
}
