//! Kafka's bytes over a plain socket: what no client library sends, and what none shows.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;

use bytes::Bytes;
use strandlog::kafka::messages::CreatableTopic;
use strandlog::kafka::messages::CreatableTopicConfig;
use strandlog::kafka::messages::CreateTopicsRequest;
use strandlog::kafka::messages::FetchPartition;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchTopic;
use strandlog::kafka::messages::FetchedPartition;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::PartitionProduceResponse;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::ResponseHeader;
use strandlog::kafka::wire::encode_request;
use strandlog::record::BatchBuilder;

use crate::broker::Broker;
use crate::client::PATIENCE;

/// The versions that these clients speak.
pub(crate) const PRODUCE: i16 = 9;
pub(crate) const FETCH: i16 = 12;

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    correlation: i32,
}

impl Connection {
    pub(crate) fn open(broker: &Broker) -> Self {
        Self::to(broker.address)
    }

    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream, correlation: 0 }
    }

    /// The frame of the next request, its length included.
    pub(crate) fn frame<R: Request>(&mut self, version: i16, request: &R) -> Bytes {
        self.correlation += 1;
        encode_request(version, self.correlation, Some("it"), request).expect("a request")
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        let frame = self.frame(version, request);
        self.stream.write_all(&frame).expect("the broker takes requests");
    }

    /// The next answer, with the number of its request.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("an answer");
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).expect("the whole of an answer");
        let mut reader = Reader::new(frame.into());
        let flexible = ResponseHeader::flexible(R::API, version >= R::FLEXIBLE_FROM);
        let header = ResponseHeader::decode(flexible, &mut reader).expect("a response header");
        let body = R::Response::decode(version, &mut reader).expect("a response body");
        (header.correlation_id, body)
    }

    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        let (correlation, response) = self.receive::<R>(version);
        assert_eq!(correlation, self.correlation, "answers leave in order");
        response
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let config = |&(name, value): &(&str, &str)| CreatableTopicConfig {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..CreatableTopicConfig::default()
        };
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            ..CreateTopicsRequest::default()
        };
        let answer = self.call(5, &request);
        assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
    }

    /// Appends one batch with acks=all.
    pub(crate) fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Vec<u8>,
    ) -> PartitionProduceResponse {
        let answer = self.call(PRODUCE, &produce_request(topic, partition, batch, -1));
        answer.responses[0].partition_responses[0].clone()
    }

    /// Reads one partition, and waits up to `wait_ms` for something to read.
    pub(crate) fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        wait_ms: i32,
    ) -> FetchedPartition {
        let answer = self.call(FETCH, &fetch_request(topic, partition, from, wait_ms));
        answer.responses[0].partitions[0].clone()
    }

    /// Waits until `end` records of a partition are visible.
    pub(crate) fn wait_for(&mut self, topic: &str, partition: i32, end: i64) {
        let mut seen = 0;
        while seen < end {
            let answer = self.fetch(topic, partition, seen, 10_000);
            assert!(answer.high_watermark > seen, "{} of {end} records", answer.high_watermark);
            seen = answer.high_watermark;
        }
        assert_eq!(seen, end);
    }

    /// No further request follows; answers still come.
    pub(crate) fn close_own_direction(&self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// True once the broker has ended the connection, whatever it sent before.
    pub(crate) fn ends(&mut self) -> bool {
        match self.stream.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    /// How the broker's log names this client.
    pub(crate) fn name(&self) -> String {
        format!("peer={} ", self.stream.local_addr().expect("an address"))
    }
}

pub(crate) fn produce_request(
    topic: &str,
    partition: i32,
    batch: Vec<u8>,
    acks: i16,
) -> ProduceRequest {
    let data = PartitionProduceData {
        index: partition,
        records: Some(batch.into()),
        ..PartitionProduceData::default()
    };
    let topic = TopicProduceData {
        name: topic.to_owned(),
        partition_data: vec![data],
        ..TopicProduceData::default()
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

pub(crate) fn fetch_request(topic: &str, partition: i32, from: i64, wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition {
        partition,
        fetch_offset: from,
        partition_max_bytes: 50 << 20,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic: topic.to_owned(),
        partitions: vec![partition],
        ..FetchTopic::default()
    };
    FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// A batch with one record of this value, made now.
pub(crate) fn batch(value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(now_ms(), Some(b"key"), Some(value), &[]);
    builder.finish()
}

pub(crate) fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("later than 1970").as_millis()).expect("not that late")
}
