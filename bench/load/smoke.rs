//! What `cargo test` runs: the generator against a broker of a page that keeps its word, and against
//! the same broker breaking it in every way that the generator must notice.

use crate::payload;
use crate::plan::Plan;
use crate::run;
use crate::verify::Fault;
use bytes::Bytes;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;
use strandlog::kafka::messages::*;
use strandlog::kafka::versions::APIS;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::RequestHeader;
use strandlog::kafka::wire::encode_response;
use strandlog::record::Batch;
use strandlog::record::stamp;

const PARTITIONS: usize = 4;
/// The batch of every partition with which something happens.
const VICTIM: usize = 7;
/// What a fetch waits for at most when there is nothing.
const WAIT: Duration = Duration::from_millis(20);

/// How the broker breaks its word.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Break {
    Nothing,
    Loses,
    Repeats,
    Exchanges,
    Changes,
}

/// The stored batches of every partition.
type Log = Mutex<Vec<Vec<Vec<u8>>>>;

struct Broker {
    breaks: Break,
    port: u16,
    log: Log,
    came: Condvar,
}

pub(crate) fn run(plan: &Plan) {
    payload::check();
    let small = Plan {
        seconds: 0.3,
        warmup: 0.0,
        connections: 3,
        partitions: PARTITIONS as u32,
        records: 5,
        record_bytes: 64,
        consumers: 2,
        ..plan.clone()
    };
    let plans = [
        Plan { depth: 3, batches: 2, idempotent: true, ..small.clone() },
        Plan { rate: Some(2000.0), connections: 9, ..small.clone() },
        Plan { read_back: true, acks: 1, ..small.clone() },
    ];
    for plan in plans {
        let report = measure(&plan, Break::Nothing);
        assert!(report.is_sound(), "{}", report.table());
        assert!(report.verifier().records > 100, "{}", report.table());
    }
    // What is not read cannot be missing.
    let report = measure(&Plan { produce_only: true, ..small.clone() }, Break::Loses);
    assert!(report.is_sound() && report.verifier().records == 0, "{}", report.table());
    let breaks = [
        (Break::Loses, Fault::Loss),
        (Break::Repeats, Fault::Duplicate),
        (Break::Exchanges, Fault::Reorder),
        (Break::Changes, Fault::Corruption),
    ];
    for (breaks, fault) in breaks {
        let report = measure(&Plan { connections: 1, ..small.clone() }, breaks);
        let found = report.verifier().faults();
        assert!(found.contains_key(&fault), "{breaks:?} was not noticed: {}", report.table());
        assert!(report.json().contains(&format!("\"{fault}\"")));
    }
    println!("load: smoke test passed");
}

fn measure(plan: &Plan, breaks: Break) -> crate::report::Report {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let log = Mutex::new(vec![Vec::new(); PARTITIONS]);
    let broker = Arc::new(Broker { breaks, port, log, came: Condvar::new() });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let broker = broker.clone();
            // Ends with its connection.
            std::thread::spawn(move || broker.serve(stream.expect("a connection")));
        }
    });
    let plan = Plan { bootstrap: format!("127.0.0.1:{port}"), ..plan.clone() };
    assert_eq!(plan.fault(), None);
    run::run(&plan).unwrap_or_else(|error| panic!("{breaks:?}: {error}"))
}

impl Broker {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut frame)?;
            let mut reader = Reader::new(Bytes::from(frame));
            let header = RequestHeader::decode(&mut reader).map_err(io::Error::other)?;
            let answer = self.answer(&header, &mut reader);
            stream.write_all(&answer)?;
        }
    }

    fn answer(&self, header: &RequestHeader, reader: &mut Reader) -> Bytes {
        let (version, number) = (header.api_version, header.correlation_id);
        let api = ApiKey::from_code(header.api_key).expect("an API that was advertised");
        match api {
            ApiKey::ApiVersions => encode(version, number, &api_versions()),
            ApiKey::Metadata => encode(version, number, &self.metadata()),
            ApiKey::CreateTopics => encode(version, number, &create_topics()),
            ApiKey::InitProducerId => encode(
                version,
                number,
                &InitProducerIdResponse { producer_id: 9, ..Default::default() },
            ),
            ApiKey::ListOffsets => encode(version, number, &list_offsets()),
            ApiKey::Produce => encode(version, number, &self.produce(decode(version, reader))),
            ApiKey::Fetch => encode(version, number, &self.fetch(decode(version, reader))),
            other => panic!("{other} is not used by the generator"),
        }
    }

    fn metadata(&self) -> MetadataResponse {
        let partition = |partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: 1,
            ..Default::default()
        };
        let topic = MetadataResponseTopic {
            name: Some("load".to_owned()),
            partitions: (0..PARTITIONS as i32).map(partition).collect(),
            ..Default::default()
        };
        let broker = MetadataResponseBroker {
            node_id: 1,
            host: "127.0.0.1".to_owned(),
            port: i32::from(self.port),
            ..Default::default()
        };
        MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() }
    }

    fn produce(&self, request: ProduceRequest) -> ProduceResponse {
        let topic = &request.topic_data[0];
        let mut log = self.log.lock().expect("no thread panicked");
        let answer = |part: &PartitionProduceData| {
            let batch = part.records.as_ref().expect("there is one").to_vec();
            let base_offset = self.store(&mut log[part.index as usize], batch);
            PartitionProduceResponse { index: part.index, base_offset, ..Default::default() }
        };
        let partition_responses = topic.partition_data.iter().map(answer).collect();
        self.came.notify_all();
        let response = TopicProduceResponse {
            name: topic.name.clone(),
            partition_responses,
            ..Default::default()
        };
        ProduceResponse { responses: vec![response], ..Default::default() }
    }

    /// Stores a batch, or does what it should not. Returns the offset that the producer is told.
    fn store(&self, log: &mut Vec<Vec<u8>>, mut batch: Vec<u8>) -> i64 {
        let end = |log: &[Vec<u8>]| log.last().map_or(0, |last| parse(last).header.end_offset());
        let offset = end(log);
        stamp(&mut batch, offset, 0);
        let victim = log.len() == VICTIM;
        match self.breaks {
            Break::Loses if victim => {
                // It takes its offsets along; the next batch is as large.
                let count = i64::from(parse(&batch).header.count);
                stamp(&mut batch, offset + count, 0);
            }
            Break::Repeats if victim => {
                log.push(batch.clone());
                stamp(&mut batch, end(log), 0);
            }
            Break::Exchanges if victim => {
                let mut before = log.pop().expect("some came before");
                let first = parse(&before).header.base_offset;
                stamp(&mut batch, first, 0);
                log.push(batch);
                batch = std::mem::take(&mut before);
                stamp(&mut batch, end(log), 0);
            }
            Break::Changes if victim => *batch.last_mut().expect("not empty") ^= 1,
            _ => {}
        }
        log.push(batch);
        offset
    }

    fn fetch(&self, request: FetchRequest) -> FetchResponse {
        let topic = &request.topics[0];
        let mut log = self.log.lock().expect("no thread panicked");
        let read = |log: &[Vec<Vec<u8>>]| -> Vec<FetchedPartition> {
            let part = |asked: &FetchPartition| {
                let stored = &log[asked.partition as usize];
                let from = asked.fetch_offset;
                let ahead = stored.iter().filter(|batch| parse(batch).header.end_offset() > from);
                let records = ahead.take(10).flatten().copied().collect::<Vec<u8>>();
                FetchedPartition {
                    partition_index: asked.partition,
                    records: Some(Bytes::from(records)),
                    ..Default::default()
                }
            };
            topic.partitions.iter().map(part).collect()
        };
        let mut partitions = read(&log);
        let empty = |part: &FetchedPartition| part.records.as_ref().is_none_or(Bytes::is_empty);
        if partitions.iter().all(empty) {
            log = self.came.wait_timeout(log, WAIT).expect("no thread panicked").0;
            partitions = read(&log);
        }
        let response =
            FetchedTopic { topic: topic.topic.clone(), partitions, ..Default::default() };
        FetchResponse { responses: vec![response], ..Default::default() }
    }
}

fn parse(batch: &[u8]) -> Batch<'_> {
    Batch::parse(batch).expect("only batches are stored")
}

fn decode<M: Message>(version: i16, reader: &mut Reader) -> M {
    M::decode(version, reader).expect("the generator's requests are right")
}

fn encode<M: Message>(version: i16, number: i32, answer: &M) -> Bytes {
    encode_response(version, number, answer).expect("a version that was advertised")
}

fn api_versions() -> ApiVersionsResponse {
    let row = |api: &strandlog::kafka::versions::Api| ApiVersion {
        api_key: api.key.code(),
        min_version: api.min,
        max_version: api.max,
        ..Default::default()
    };
    ApiVersionsResponse { api_keys: APIS.iter().map(row).collect(), ..Default::default() }
}

fn create_topics() -> CreateTopicsResponse {
    let topic = CreatableTopicResult { name: "load".to_owned(), ..Default::default() };
    CreateTopicsResponse { topics: vec![topic], ..Default::default() }
}

fn list_offsets() -> ListOffsetsResponse {
    let partition = |partition_index| ListOffsetsPartitionResponse {
        partition_index,
        offset: 0,
        ..Default::default()
    };
    let topic = ListOffsetsTopicResponse {
        name: "load".to_owned(),
        partitions: (0..PARTITIONS as i32).map(partition).collect(),
        ..Default::default()
    };
    ListOffsetsResponse { topics: vec![topic], ..Default::default() }
}
