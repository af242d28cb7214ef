//! FindCoordinator (10): which broker coordinates a group.
//!
//! The topic that coordinators keep their state in is made when somebody first asks: as by Kafka,
//! the asker is told to come again.

use crate::kafka::AdminContext;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::FindCoordinatorRequest;
use crate::kafka::messages::FindCoordinatorResponse;
use crate::kafka::messages::FoundCoordinator;
use crate::metadata::Command;
use crate::metadata::NewTopic;

/// Where groups and committed offsets are kept.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What is coordinated.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// The partition of `partitions` whose owner coordinates `group`: Java's hash of the name, so that
/// a log of Kafka's can be read here and one of here by Kafka.
pub fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // As Kafka's `Utils.abs`: the least number has no positive counterpart.
    hash.checked_abs().unwrap_or(0).checked_rem(partitions).unwrap_or(0)
}

/// The answer, and the command that makes the topic where it is missing, for which nobody waits.
pub fn find(
    context: AdminContext<'_>,
    request: &FindCoordinatorRequest,
) -> (FindCoordinatorResponse, Option<Command>) {
    let key_type = if context.version >= 1 { request.key_type } else { GROUP };
    let is_missing = key_type == GROUP && context.image.topic(OFFSETS_TOPIC).is_none();
    let command = is_missing.then(|| creation(context));
    if context.version >= 4 {
        let keys = request.coordinator_keys.iter();
        let coordinators = keys.map(|key| found(context, key_type, key)).collect();
        return (FindCoordinatorResponse { coordinators, ..Default::default() }, command);
    }
    let FoundCoordinator { node_id, host, port, error_code, .. } =
        found(context, key_type, &request.key);
    let error = ErrorCode::from_code(error_code).unwrap_or(ErrorCode::UnknownServerError);
    let error_message = match error {
        ErrorCode::None => "NONE".to_owned(),
        error => error.message().to_owned(),
    };
    let response = FindCoordinatorResponse {
        error_code,
        error_message: Some(error_message),
        node_id,
        host,
        port,
        ..Default::default()
    };
    (response, command)
}

fn found(context: AdminContext<'_>, key_type: i8, key: &str) -> FoundCoordinator {
    let (key, none) = (key.to_owned(), FoundCoordinator::default());
    let refused = |error: ErrorCode| FoundCoordinator {
        node_id: -1,
        port: -1,
        error_code: error.code(),
        ..none.clone()
    };
    let coordinator = match key_type {
        GROUP => {
            broker_of(context, &key).unwrap_or_else(|| refused(ErrorCode::CoordinatorNotAvailable))
        }
        // There is no transaction coordinator: as of a Kafka cluster whose own is not available.
        TRANSACTION => refused(ErrorCode::CoordinatorNotAvailable),
        _ => FoundCoordinator {
            error_message: Some(ErrorCode::InvalidRequest.message().to_owned()),
            ..refused(ErrorCode::InvalidRequest)
        },
    };
    FoundCoordinator { key, ..coordinator }
}

fn broker_of(context: AdminContext<'_>, group: &str) -> Option<FoundCoordinator> {
    let topic = context.image.topic(OFFSETS_TOPIC)?;
    let partitions = i32::try_from(topic.partitions.len()).ok()?;
    let partition = context.image.partition(topic, partition_of(group, partitions))?;
    let id = context.image.layout().broker_of(partition.owner);
    let broker = context.brokers().into_iter().find(|broker| broker.id == id)?;
    Some(FoundCoordinator {
        node_id: broker.id,
        host: broker.host,
        port: broker.port,
        ..FoundCoordinator::default()
    })
}

/// The topic as Kafka makes it.
fn creation(context: AdminContext<'_>) -> Command {
    let in_force = context.image.in_force();
    let set = |name: &str, value: String| (name.to_owned(), Some(value));
    let topic = NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: Some(in_force.value("offsets.topic.num.partitions").int()),
        configs: vec![
            set("cleanup.policy", "compact".to_owned()),
            set("compression.type", "producer".to_owned()),
            set("segment.bytes", in_force.value("offsets.topic.segment.bytes").int().to_string()),
        ],
        ..NewTopic::default()
    };
    Command::CreateTopics { topics: vec![topic], validate_only: false }
}
