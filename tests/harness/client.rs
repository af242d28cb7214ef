//! A client that speaks Kafka's bytes, typed by the broker's own descriptions of the messages.

use bytes::Bytes;
use strandlog::base::ConnId;
use strandlog::kafka::messages::FetchPartition;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchResponse;
use strandlog::kafka::messages::FetchTopic;
use strandlog::kafka::messages::FetchedPartition;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::PartitionProduceResponse;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::ProduceResponse;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::ResponseHeader;
use strandlog::kafka::wire::encode_request;

use super::TestNode;

/// One connection.
#[derive(Debug)]
pub struct Client {
    pub conn: ConnId,
    correlation: i32,
}

impl Client {
    pub(super) fn new(conn: ConnId) -> Self {
        Self { conn, correlation: 0 }
    }

    /// Sends a request and returns its correlation id; the node does not run yet.
    pub fn send<R: Request>(&mut self, node: &mut TestNode, version: i16, request: &R) -> i32 {
        self.correlation += 1;
        let frame =
            encode_request(version, self.correlation, Some("story"), request).expect("a request");
        node.send(self.conn, frame.slice(4..));
        self.correlation
    }

    /// Sends a request and waits for its answer, which must come without time passing.
    pub fn call<R: Request>(
        &mut self,
        node: &mut TestNode,
        version: i16,
        request: &R,
    ) -> R::Response {
        let correlation = self.send(node, version, request);
        node.run();
        let mut answers = self.answers::<R>(node, version);
        assert_eq!(answers.len(), 1, "one answer to one request");
        let (answered, response) = answers.remove(0);
        assert_eq!(answered, correlation);
        response
    }

    /// All answers that are there, as answers to `R`.
    pub fn answers<R: Request>(
        &mut self,
        node: &mut TestNode,
        version: i16,
    ) -> Vec<(i32, R::Response)> {
        node.take_frames(self.conn).into_iter().map(|frame| decode::<R>(version, frame)).collect()
    }

    /// Appends one batch to one partition of a topic that is named, with acks=all.
    pub fn produce(
        &mut self,
        node: &mut TestNode,
        topic: &str,
        partition: i32,
        batch: Vec<u8>,
    ) -> PartitionProduceResponse {
        let request = produce_request(topic, partition, batch, -1);
        let response: ProduceResponse = self.call(node, 9, &request);
        response.responses[0].partition_responses[0].clone()
    }

    /// Reads one partition without waiting.
    pub fn fetch(
        &mut self,
        node: &mut TestNode,
        topic: &str,
        partition: i32,
        from: i64,
    ) -> FetchedPartition {
        let request = fetch_request(topic, &[(partition, from)], 0);
        let response: FetchResponse = self.call(node, 12, &request);
        response.responses[0].partitions[0].clone()
    }
}

/// The correlation id and body of a response frame.
pub fn decode<R: Request>(version: i16, frame: Bytes) -> (i32, R::Response) {
    let mut reader = Reader::new(frame);
    let flexible = ResponseHeader::flexible(R::API, version >= R::FLEXIBLE_FROM);
    let header = ResponseHeader::decode(flexible, &mut reader).expect("a response header");
    let body = R::Response::decode(version, &mut reader).expect("a response body");
    reader.finish().expect("nothing behind the body");
    (header.correlation_id, body)
}

pub fn produce_request(topic: &str, partition: i32, batch: Vec<u8>, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(batch.into()),
                ..PartitionProduceData::default()
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// A fetch of partitions from offsets, outside of a session.
pub fn fetch_request(topic: &str, partitions: &[(i32, i64)], max_wait_ms: i32) -> FetchRequest {
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: partitions.iter().map(partition).collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}
