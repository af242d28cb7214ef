//! What the administrative requests have in common: what they are answered from, how a refusal of
//! the controller becomes an error code, and which parts of a request wait for the controller.

use crate::kafka::errors::ErrorCode;
use crate::metadata::Image;
use crate::metadata::Listener;
use crate::metadata::Outcome;
use crate::metadata::Refusal;
use crate::metadata::RefusalKind;

/// Every operation that Kafka lets anybody do on the cluster where nobody is asked who they are.
pub(super) const CLUSTER_OPERATIONS: i32 = 8096;

/// The same for a topic.
pub(super) const TOPIC_OPERATIONS: i32 = 3576;

/// Brokers, topics and configs as the client that asks may see them.
#[derive(Clone, Copy, Debug)]
pub struct AdminContext<'a> {
    pub image: &'a Image,
    /// The listener that the client came in by, counted as configured.
    pub listener: u16,
    pub version: i16,
}

/// A broker as clients are shown it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ShownBroker {
    pub(super) id: i32,
    pub(super) host: String,
    pub(super) port: i32,
    pub(super) rack: Option<String>,
}

impl AdminContext<'_> {
    /// All brokers, with the addresses of the listener that the client came in by.
    pub(super) fn brokers(&self) -> Vec<ShownBroker> {
        let layout = self.image.layout();
        let listener = layout.listeners.get(usize::from(self.listener));
        let Some(Listener { host, port, core_port, .. }) = listener else { return Vec::new() };
        let shown = layout.brokers().map(|(id, core)| ShownBroker {
            id,
            host: host.clone(),
            port: match core {
                None => i32::from(*port),
                Some(core) => i32::from(*core_port) + i32::from(core.0),
            },
            rack: layout.rack.clone(),
        });
        shown.collect()
    }

    /// The broker that clients are told controls the cluster: any that lives will do.
    pub(super) fn controller(&self) -> i32 {
        self.image.layout().brokers().next().map_or(-1, |(id, _)| id)
    }

    /// Kafka's text of the cluster's id: 22 characters of URL-safe base64.
    pub(super) fn cluster_id(&self) -> String {
        base64_url(&self.image.state().cluster().0)
    }

    /// That `id` is one of the brokers that clients are shown.
    pub(super) fn is_broker(&self, id: i32) -> bool {
        id == self.image.layout().node
            || self.image.layout().brokers().any(|(known, _)| known == id)
    }
}

fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=chunk.len() {
            let shift = 18 - 6 * digit;
            text.push(char::from(DIGITS[(bits >> shift & 0x3f) as usize]));
        }
    }
    text
}

/// An error code with what it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AdminError {
    pub(super) code: ErrorCode,
    pub(super) message: Option<String>,
}

impl AdminError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// What an outcome without results means for every part.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let message = match outcome {
            Outcome::TimedOut => ErrorCode::RequestTimedOut.message(),
            _ => "The controller takes no changes at the moment. Nothing was done.",
        };
        Self::new(ErrorCode::RequestTimedOut, message)
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            RefusalKind::InvalidTopicName => ErrorCode::InvalidTopicException,
            RefusalKind::TopicExists => ErrorCode::TopicAlreadyExists,
            RefusalKind::UnknownTopic => ErrorCode::UnknownTopicOrPartition,
            RefusalKind::UnknownTopicId => ErrorCode::UnknownTopicId,
            RefusalKind::InvalidPartitions => ErrorCode::InvalidPartitions,
            RefusalKind::InvalidReplicationFactor => ErrorCode::InvalidReplicationFactor,
            RefusalKind::InvalidAssignment => ErrorCode::InvalidReplicaAssignment,
            RefusalKind::InvalidConfig => ErrorCode::InvalidConfig,
            RefusalKind::InvalidRequest => ErrorCode::InvalidRequest,
            RefusalKind::TooMuch => ErrorCode::PolicyViolation,
        };
        Self { code, message: refusal.message }
    }
}

/// One part of a request: answered on the spot, or as the controller says.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Part<T> {
    Answered(T),
    /// The next result of the controller's answer is this part's; what it lacks is kept here.
    Asked(T),
}

/// The answers of `parts` in their order. `finish` completes those that were asked with their
/// result; an error stands for all of them.
pub(super) fn merge<T, R>(
    parts: Vec<Part<T>>,
    results: Result<Vec<Result<R, Refusal>>, AdminError>,
    finish: impl Fn(T, Result<R, AdminError>) -> T,
) -> Vec<T> {
    let (mut results, failed) = match results {
        Ok(results) => (results.into_iter(), AdminError::of(&Outcome::Unavailable)),
        Err(error) => (Vec::new().into_iter(), error),
    };
    let mut answer = |part| match part {
        Part::Answered(answer) => answer,
        Part::Asked(answer) => match results.next() {
            Some(result) => finish(answer, result.map_err(Into::into)),
            None => finish(answer, Err(failed.clone())),
        },
    };
    parts.into_iter().map(&mut answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_written_as_kafka_writes_uuids() {
        let mut bytes = [0_u8; 16];
        bytes[15] = 1;
        assert_eq!(base64_url(&bytes), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(base64_url(&[0xff; 16]), "_____________________w");
        assert_eq!(base64_url(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64_url(b"fooba"), "Zm9vYmE");
    }
}
