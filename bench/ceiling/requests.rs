//! Just enough of Kafka's protocol: ApiVersions and Metadata by the broker's own codec, Produce
//! (versions 3 to 8) by hand.

use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use strandlog::kafka::messages::ApiVersion;
use strandlog::kafka::messages::ApiVersionsResponse;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::MetadataResponse;
use strandlog::kafka::messages::MetadataResponseBroker;
use strandlog::kafka::messages::MetadataResponsePartition;
use strandlog::kafka::messages::MetadataResponseTopic;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::RequestHeader;
use strandlog::kafka::wire::encode_response;
use strandlog::record::Batch;

pub(crate) use crate::answer::Produce;

/// What is served, as (API, least version, greatest version).
const SERVED: [(ApiKey, i16, i16); 3] =
    [(ApiKey::Produce, 3, 8), (ApiKey::Metadata, 0, 8), (ApiKey::ApiVersions, 0, 3)];

/// What clients are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) address: SocketAddr,
    pub(crate) partitions: i32,
}

pub(crate) enum Parsed {
    /// To be sent after all answers before it.
    Answer(Vec<u8>),
    Produce(Produce),
}

/// One batch of a Produce request.
pub(crate) struct Part {
    pub(crate) partition: usize,
    /// Where it lies in the request's frame. Its CRC was checked.
    pub(crate) batch: Range<usize>,
    pub(crate) records: i64,
}

pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads one request; `frame` is without its length.
pub(crate) fn parse(frame: &[u8], about: &About) -> io::Result<Parsed> {
    let Some(head) = frame.first_chunk::<8>() else { return Err(invalid("no header")) };
    let api = i16::from_be_bytes([head[0], head[1]]);
    let version = i16::from_be_bytes([head[2], head[3]]);
    let known = ApiKey::from_code(api).and_then(|api| SERVED.iter().find(|row| row.0 == api));
    let Some(&(api, min, max)) = known else { return Err(invalid("an API without use here")) };
    if api == ApiKey::Produce && (min..=max).contains(&version) {
        return Produce::parse(frame, version).map(Parsed::Produce);
    }
    let mut reader = Reader::new(Bytes::copy_from_slice(frame));
    let header = RequestHeader::decode(&mut reader).map_err(io::Error::other)?;
    let served = (min..=max).contains(&version);
    let answer = match api {
        ApiKey::ApiVersions => {
            let error_code = if served { 0 } else { UNSUPPORTED_VERSION };
            let version = if served { version } else { 0 };
            encode_response(version, header.correlation_id, &api_versions(error_code))
        }
        ApiKey::Metadata if served => {
            let request =
                MetadataRequest::decode(version, &mut reader).map_err(io::Error::other)?;
            encode_response(version, header.correlation_id, &metadata(request, about))
        }
        _ => return Err(invalid("a version without use here")),
    };
    Ok(Parsed::Answer(answer.map_err(io::Error::other)?.to_vec()))
}

const UNSUPPORTED_VERSION: i16 = 35;

fn api_versions(error_code: i16) -> ApiVersionsResponse {
    let api_keys = SERVED
        .iter()
        .map(|&(api, min_version, max_version)| ApiVersion {
            api_key: api.code(),
            min_version,
            max_version,
            ..ApiVersion::default()
        })
        .collect();
    ApiVersionsResponse { error_code, api_keys, ..ApiVersionsResponse::default() }
}

/// Every topic that is asked for exists.
fn metadata(request: MetadataRequest, about: &About) -> MetadataResponse {
    let partitions: Vec<_> = (0..about.partitions)
        .map(|partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: 0,
            replica_nodes: vec![0],
            isr_nodes: vec![0],
            ..MetadataResponsePartition::default()
        })
        .collect();
    let topics = request.topics.unwrap_or_default();
    let topics = topics
        .into_iter()
        .map(|topic| MetadataResponseTopic {
            name: topic.name,
            partitions: partitions.clone(),
            ..MetadataResponseTopic::default()
        })
        .collect();
    let broker = MetadataResponseBroker {
        node_id: 0,
        host: about.address.ip().to_string(),
        port: i32::from(about.address.port()),
        ..MetadataResponseBroker::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        controller_id: 0,
        topics,
        ..MetadataResponse::default()
    }
}

/// Checks the batch that lies at `range` of the frame.
pub(crate) fn check_batch(frame: &[u8], partition: i32, range: Range<usize>) -> io::Result<Part> {
    let partition = usize::try_from(partition).map_err(|_| invalid("no such partition"))?;
    let batch = Batch::parse(&frame[range.clone()]).map_err(|_| invalid("not a batch"))?;
    if batch.bytes.len() != range.len() || !batch.crc_holds() {
        return Err(invalid("a batch whose CRC or length is wrong"));
    }
    Ok(Part { partition, batch: range, records: i64::from(batch.header.count) })
}
