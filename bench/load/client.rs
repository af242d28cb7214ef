//! The blocking part of a run: what a broker can do, topics, leaders, offsets, producer ids.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;
use strandlog::kafka::messages::ApiVersionsRequest;
use strandlog::kafka::messages::CreatableTopic;
use strandlog::kafka::messages::CreatableTopicConfig;
use strandlog::kafka::messages::CreateTopicsRequest;
use strandlog::kafka::messages::FindCoordinatorRequest;
use strandlog::kafka::messages::InitProducerIdRequest;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::MetadataRequestTopic;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::ResponseHeader;
use strandlog::kafka::wire::encode_request;

/// Answers that are larger are not answers.
const ANSWER_MAX: usize = 128 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(50);
/// Unknown topic or partition, leader not available, not leader or follower.
const NOT_YET: [i16; 3] = [3, 5, 6];
/// Coordinator load in progress, coordinator not available, not coordinator.
const COORDINATOR_NOT_YET: [i16; 3] = [14, 15, 16];
/// The last version that asks for one group.
const FIND_MOST: i16 = 3;
const TOPIC_ALREADY_EXISTS: i16 = 36;
pub(crate) const CLIENT: &str = "strandlog-load";

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum LoadError {
    Io(&'static str, io::Error),
    /// The broker answered an error code.
    Refused(&'static str, i16),
    /// The broker cannot do what the run needs.
    Lacking(&'static str),
    /// Bytes that are no answer.
    Answer(String),
    /// Nothing came for half a minute.
    Stalled(&'static str),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Refused(what, code) => write!(f, "{what}: the broker answers error {code}"),
            Self::Lacking(what) => write!(f, "the broker lacks {what}"),
            Self::Answer(what) => write!(f, "not an answer: {what}"),
            Self::Stalled(what) => write!(f, "{what}: no answer for {} s", TIMEOUT.as_secs()),
        }
    }
}

/// The versions that both sides have, by API key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(BTreeMap<i16, (i16, i16)>);

impl Versions {
    /// The greatest version of both sides, but at most `most`.
    pub(crate) fn pick(&self, api: ApiKey, most: i16) -> Option<i16> {
        let (min, max) = *self.0.get(&api.code())?;
        let version = max.min(api.api().max).min(most);
        (version >= min && api.api().has_version(version)).then_some(version)
    }
}

/// A topic as the run uses it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// The address of each partition's leader.
    pub(crate) leaders: Vec<String>,
}

/// One blocking connection.
pub(crate) struct Client {
    stream: TcpStream,
    correlation: i32,
    pub(crate) versions: Versions,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Self, LoadError> {
        let stream =
            TcpStream::connect(address).map_err(|error| LoadError::Io("connecting", error))?;
        stream.set_nodelay(true).map_err(|error| LoadError::Io("connecting", error))?;
        stream
            .set_read_timeout(Some(TIMEOUT))
            .map_err(|error| LoadError::Io("connecting", error))?;
        let mut client = Self { stream, correlation: 0, versions: Versions::default() };
        let request = ApiVersionsRequest {
            client_software_name: CLIENT.to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..ApiVersionsRequest::default()
        };
        let answer = client.call(3, &request)?;
        if answer.error_code != 0 {
            return Err(LoadError::Refused("ApiVersions", answer.error_code));
        }
        let served = |row: &strandlog::kafka::messages::ApiVersion| {
            (row.api_key, (row.min_version, row.max_version))
        };
        client.versions = Versions(answer.api_keys.iter().map(served).collect());
        Ok(client)
    }

    fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, LoadError> {
        self.correlation += 1;
        let frame = encode_request(version, self.correlation, Some(CLIENT), request)
            .map_err(|error| LoadError::Answer(error.to_string()))?;
        self.stream.write_all(&frame).map_err(|error| LoadError::Io("sending", error))?;
        let receiving = |error| LoadError::Io("receiving", error);
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(receiving)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_MAX {
            return Err(LoadError::Answer(format!("{length} bytes")));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(receiving)?;
        decode_answer::<R>(version, self.correlation, Bytes::from(body))
    }

    /// Calls with the greatest version of both sides, but at most `most`.
    fn ask<R: Request>(&mut self, most: i16, request: &R) -> Result<R::Response, LoadError> {
        let version = self.versions.pick(R::API, most).ok_or(LoadError::Lacking(R::NAME))?;
        self.call(version, request)
    }

    /// Creates the topic; one that is there already is taken as it is.
    pub(crate) fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(String, String)],
    ) -> Result<(), LoadError> {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.clone(),
                value: Some(value.clone()),
                ..CreatableTopicConfig::default()
            })
            .collect();
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let answer = self.ask(7, &request)?;
        match answer.topics.first().map(|topic| topic.error_code) {
            Some(0 | TOPIC_ALREADY_EXISTS) => Ok(()),
            Some(code) => Err(LoadError::Refused("CreateTopics", code)),
            None => Err(LoadError::Answer("CreateTopics without a topic".to_owned())),
        }
    }

    /// Waits until every partition has a leader.
    pub(crate) fn topic(&mut self, name: &str) -> Result<Topic, LoadError> {
        let deadline = Instant::now() + TIMEOUT;
        let asked =
            MetadataRequestTopic { name: Some(name.to_owned()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest { topics: Some(vec![asked]), ..MetadataRequest::default() };
        while Instant::now() < deadline {
            let answer = self.ask(12, &request)?;
            let addresses: BTreeMap<i32, String> = answer
                .brokers
                .iter()
                .map(|broker| (broker.node_id, format!("{}:{}", broker.host, broker.port)))
                .collect();
            let found = answer.topics.first().filter(|topic| topic.error_code == 0);
            if let Some(topic) = found.filter(|topic| !topic.partitions.is_empty()) {
                let mut partitions = topic.partitions.clone();
                partitions.sort_by_key(|partition| partition.partition_index);
                let leaders: Option<Vec<String>> = partitions
                    .iter()
                    .map(|partition| addresses.get(&partition.leader_id).cloned())
                    .collect();
                if let Some(leaders) = leaders {
                    return Ok(Topic { name: name.to_owned(), leaders });
                }
            }
            // Nothing tells when a leader is there; a client has to ask again.
            std::thread::sleep(RETRY);
        }
        Err(LoadError::Stalled("waiting for leaders"))
    }

    /// The ends of these partitions, which this broker leads.
    pub(crate) fn ends(&mut self, topic: &str, partitions: &[u32]) -> Result<Vec<i64>, LoadError> {
        let asked = partitions
            .iter()
            .map(|&partition| ListOffsetsPartition {
                partition_index: partition as i32,
                timestamp: -1,
                ..ListOffsetsPartition::default()
            })
            .collect();
        let asked = ListOffsetsTopic {
            name: topic.to_owned(),
            partitions: asked,
            ..ListOffsetsTopic::default()
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![asked],
            ..ListOffsetsRequest::default()
        };
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let answer = self.ask(7, &request)?;
            let parts: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.partitions).collect();
            let refusal = parts.iter().map(|part| part.error_code).find(|&code| code != 0);
            match refusal {
                // A new leader does not know of it yet; nothing tells when it does.
                Some(code) if NOT_YET.contains(&code) && Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                    continue;
                }
                Some(code) => return Err(LoadError::Refused("ListOffsets", code)),
                None => {}
            }
            let missing = || LoadError::Answer("ListOffsets without a partition".to_owned());
            let end = |&partition: &u32| {
                let part = parts.iter().find(|part| part.partition_index == partition as i32);
                part.map(|part| part.offset).ok_or_else(missing)
            };
            return partitions.iter().map(end).collect();
        }
    }

    /// The address of a group's coordinator.
    pub(crate) fn coordinator(&mut self, group: &str) -> Result<String, LoadError> {
        let request =
            FindCoordinatorRequest { key: group.to_owned(), ..FindCoordinatorRequest::default() };
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let answer = self.ask(FIND_MOST, &request)?;
            match answer.error_code {
                0 => return Ok(format!("{}:{}", answer.host, answer.port)),
                // The topic of offsets is made when somebody first asks.
                code if COORDINATOR_NOT_YET.contains(&code) && Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                code => return Err(LoadError::Refused("FindCoordinator", code)),
            }
        }
    }

    /// A fresh producer id and its epoch.
    pub(crate) fn producer_id(&mut self) -> Result<(i64, i16), LoadError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let answer = self.ask(4, &request)?;
            match answer.error_code {
                0 => return Ok((answer.producer_id, answer.producer_epoch)),
                // The broker fetches a block of ids first.
                code if COORDINATOR_NOT_YET.contains(&code) && Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                code => return Err(LoadError::Refused("InitProducerId", code)),
            }
        }
    }
}

/// Reads an answer (a frame without its length) and checks that it is the one that is due.
pub(crate) fn decode_answer<R: Request>(
    version: i16,
    correlation: i32,
    frame: Bytes,
) -> Result<R::Response, LoadError> {
    let fault = |error: strandlog::kafka::wire::DecodeError| LoadError::Answer(error.to_string());
    let mut reader = Reader::new(frame);
    let flexible = ResponseHeader::flexible(R::API, R::form(version).flexible);
    let header = ResponseHeader::decode(flexible, &mut reader).map_err(fault)?;
    if header.correlation_id != correlation {
        let found = header.correlation_id;
        return Err(LoadError::Answer(format!("number {found} where {correlation} is due")));
    }
    R::Response::decode(version, &mut reader).map_err(fault)
}
