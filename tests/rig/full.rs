//! A file system that fills under load: produce is refused with an error that clients retry, reads
//! and deletions go on, what one topic frees another of another lifetime takes without a restart,
//! and neither an end in good order nor a start minds the full disk (R16).

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteRecordsPartition;
use strandlog::kafka::messages::DeleteRecordsRequest;
use strandlog::kafka::messages::DeleteRecordsTopic;
use strandlog::kafka::messages::DeleteTopicsRequest;
use strandlog::kafka::messages::FetchPartition;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchTopic;
use strandlog::record::BatchBuilder;

use crate::broker::Launch;
use crate::client::Connection;
use crate::client::create_topic;
use crate::client::request_for;
use crate::disk::Loop;

const DISK_BYTES: u64 = 320 << 20;

/// Whatever room there is is found within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long produce has to be refused without a break until the disk counts as full.
const FULL_FOR: Duration = Duration::from_secs(4);

/// Retention decides which strand a topic is in.
const ENDLESS: (&str, &str) = ("retention.ms", "-1");

/// Fills, empties and fills a small disk, with starts in between.
pub fn fill_and_empty(binary: &Path) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Loop::format(dir.path(), DISK_BYTES);
    let mut launch = Launch::new(binary, dir.path(), disk.mount.join("data"));
    launch.shards = 1;
    let broker = launch.start();
    create_topic(&launch.address(), "first", 1, &[]);
    create_topic(&launch.address(), "second", 1, &[ENDLESS]);
    let mut client = Client(Connection::open(&launch.address()));
    let first = client.fill("first");
    assert!(first > 100, "most of the disk: {first} MB");
    client.assert_holds("first", first);
    println!("full disk: {first} MB taken, then refused");
    broker.terminate();

    let broker = launch.start();
    let mut client = Client(Connection::open(&launch.address()));
    client.assert_holds("first", first);
    assert_eq!(client.produce("first"), ErrorCode::KafkaStorageError as i16, "still full");
    let second = client.fill("second");
    client.delete_records("first", first / 2);
    let more = client.fill("second");
    assert!(more * 4 > first, "{second} MB before and {more} MB after half of {first} MB went");
    client.assert_holds("second", second + more);
    client.delete_topic("first");
    let last = client.fill("second");
    assert!(last * 4 > first, "{last} MB after the other half of {first} MB went");
    client.assert_holds("second", second + more + last);
    broker.terminate();

    let broker = launch.start();
    let mut client = Client(Connection::open(&launch.address()));
    client.assert_holds("second", second + more + last);
    broker.terminate();
}

struct Client(Connection);

impl Client {
    /// A batch of a megabyte. Gives the error code.
    fn produce(&mut self, topic: &str) -> i16 {
        let mut batch = BatchBuilder::new();
        batch.push(1_700_000_000_000, None, Some(&vec![7; 1_000_000]), &[]);
        let request = request_for(topic, 0, Bytes::from(batch.finish()));
        let response = self.0.call(7, &request).expect("an answer");
        response.responses[0].partition_responses[0].error_code
    }

    /// Produces until the disk is full and stays so. Gives how many megabytes were taken.
    fn fill(&mut self, topic: &str) -> i64 {
        let began = Instant::now();
        let (mut taken, mut refused_since) = (0, None);
        loop {
            match self.produce(topic) {
                0 => (taken, refused_since) = (taken + 1, None),
                code => {
                    assert_eq!(code, ErrorCode::KafkaStorageError as i16, "a retriable refusal");
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > FULL_FOR {
                        return taken;
                    }
                    std::thread::park_timeout(Duration::from_millis(50));
                }
            }
            assert!(began.elapsed() < 10 * PATIENCE, "{taken} MB, and the disk is not full");
        }
    }

    /// The last record of `end` is there and can be read, and so can the first that is left.
    fn assert_holds(&mut self, topic: &str, end: i64) {
        let (watermark, start, _) = self.fetch(topic, end - 1);
        assert_eq!(watermark, end, "{topic}: what was acknowledged is there");
        for offset in [start, end - 1] {
            let (_, _, bytes) = self.fetch(topic, offset);
            assert!(bytes > 1_000_000, "{topic}: {bytes} bytes at {offset}");
        }
    }

    /// High watermark, log start, and bytes of records from `offset` on.
    fn fetch(&mut self, topic: &str, offset: i64) -> (i64, i64, usize) {
        let partition =
            FetchPartition { fetch_offset: offset, partition_max_bytes: 1, ..Default::default() };
        let topics = vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![partition],
            ..Default::default()
        }];
        let request = FetchRequest { max_wait_ms: 100, max_bytes: 1, topics, ..Default::default() };
        let response = self.0.call(11, &request).expect("an answer");
        let fetched = &response.responses[0].partitions[0];
        assert_eq!(fetched.error_code, 0, "reads go on: {fetched:?}");
        let bytes = fetched.records.as_ref().map_or(0, Bytes::len);
        (fetched.high_watermark, fetched.log_start_offset, bytes)
    }

    fn delete_records(&mut self, topic: &str, offset: i64) {
        let partitions =
            vec![DeleteRecordsPartition { partition_index: 0, offset, ..Default::default() }];
        let topics =
            vec![DeleteRecordsTopic { name: topic.into(), partitions, ..Default::default() }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 30_000, ..Default::default() };
        let response = self.0.call(1, &request).expect("an answer");
        assert_eq!(response.topics[0].partitions[0].error_code, 0, "{response:?}");
    }

    fn delete_topic(&mut self, topic: &str) {
        let topic_names = vec![topic.into()];
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 30_000, ..Default::default() };
        let response = self.0.call(3, &request).expect("an answer");
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }
}
