//! Producers that wait for each answer and note how long it took.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use strandlog::kafka::messages::CreatableTopic;
use strandlog::kafka::messages::CreatableTopicConfig;
use strandlog::kafka::messages::CreateTopicsRequest;
use strandlog::kafka::messages::CreateTopicsResponse;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::ProduceResponse;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::ResponseHeader;
use strandlog::kafka::wire::encode_request;
use strandlog::record::BatchBuilder;

const TOPIC: &str = "stalls";
/// How many producers load the broker. Among many, the next request soon wakes an executor that
/// forgot a wake-up; with one, nothing else does.
pub const CROWDS: [usize; 2] = [8, 1];
/// An answer that has not come by then never comes.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A client's connection, one request at a time.
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a TCP socket");
        Self(stream)
    }

    /// Versions before the flexible ones only.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        let frame =
            encode_request(version, 7, Some("stall"), request).expect("a request that encodes");
        self.0.write_all(&frame)?;
        let mut prefix = [0; 4];
        self.0.read_exact(&mut prefix)?;
        let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
        self.0.read_exact(&mut body)?;
        let mut reader = Reader::new(Bytes::from(body));
        ResponseHeader::decode(false, &mut reader).expect("a response header");
        Ok(R::Response::decode(version, &mut reader).expect("a response"))
    }
}

/// The topic that [`Load`] produces to.
pub fn create_load_topic(address: &str) {
    create_topic(address, TOPIC, 4, &[]);
}

pub fn create_topic(address: &str, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut request = CreateTopicsRequest { timeout_ms: 10_000, ..Default::default() };
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    };
    request.topics.push(CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    });
    let response: CreateTopicsResponse =
        Connection::open(address).call(4, &request).expect("an answer");
    assert_eq!(response.topics[0].error_code, 0, "{response:?}");
}

/// How long answers took.
#[derive(Default)]
pub struct Answers {
    took: Vec<Duration>,
    /// Connections whose last answer never came.
    pub stuck: usize,
}

impl Answers {
    pub fn count(&self) -> usize {
        self.took.len()
    }

    pub fn slowest(&self) -> Duration {
        self.took.iter().copied().max().unwrap_or_default()
    }

    pub fn later_than(&self, limit: Duration) -> u64 {
        self.took.iter().filter(|took| **took > limit).count() as u64
    }
}

/// Producers one request deep, until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    producers: Vec<JoinHandle<Answers>>,
}

impl Load {
    pub fn start(address: &str, connections: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let producers = (0..connections)
            .map(|producer| {
                let (stop, connection) = (stop.clone(), Connection::open(address));
                std::thread::spawn(move || produce(connection, producer as i32 % 4, &stop))
            })
            .collect();
        Self { stop, producers }
    }

    pub fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Answers::default();
        for producer in self.producers {
            let answers = producer.join().expect("a producer's thread");
            all.took.extend(answers.took);
            all.stuck += answers.stuck;
        }
        all
    }
}

fn produce(mut connection: Connection, partition: i32, stop: &AtomicBool) -> Answers {
    let request = request(partition);
    let mut answers = Answers::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let Ok(response) = connection.call(7, &request) else {
            answers.stuck += 1;
            break;
        };
        assert_accepted(&response);
        answers.took.push(began.elapsed());
    }
    answers
}

fn assert_accepted(response: &ProduceResponse) {
    let answer = &response.responses[0].partition_responses[0];
    assert_eq!(answer.error_code, 0, "{answer:?}");
}

fn request(partition: i32) -> ProduceRequest {
    let mut batch = BatchBuilder::new();
    batch.push(1_700_000_000_000, None, Some(&[7; 200]), &[]);
    request_for(TOPIC, partition, Bytes::from(batch.finish()))
}

/// Appends a batch.
pub fn request_for(topic: &str, partition: i32, batch: Bytes) -> ProduceRequest {
    let records = Some(batch);
    let partition_data =
        vec![PartitionProduceData { index: partition, records, ..Default::default() }];
    let topic_data =
        vec![TopicProduceData { name: topic.into(), partition_data, ..Default::default() }];
    ProduceRequest { acks: 1, timeout_ms: 30_000, topic_data, ..Default::default() }
}
