//! What is written while the broker may die, and what was acknowledged of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;
use strandlog::base::Rng;

pub const TOPICS: [&str; 2] = ["orders", "audit"];
pub const PARTITIONS: i32 = 6;
/// How fast records are offered: enough that a write is always under way, and little enough that
/// all rounds together fit the rig's disk and are read back in a moment, on any machine.
const RECORDS_PER_MS: u128 = 60;

/// A record's number, unique over the whole run, is the first eight bytes of its value.
pub type Number = u64;

/// Where a record must be, for all that was acknowledged.
#[derive(Default)]
pub struct Acknowledged {
    pub records: Mutex<BTreeMap<(String, i32, i64), Number>>,
    pub count: AtomicU64,
}

struct Context(Arc<Acknowledged>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        // An error says that the record may or may not be there; both are right.
        let Ok(message) = result else { return };
        let number = number_of(message.payload().expect("every record has a value"));
        let place = (message.topic().to_owned(), message.partition(), message.offset());
        let before =
            self.0.records.lock().expect("no panics in here").insert(place.clone(), number);
        assert!(before.is_none_or(|before| before == number), "{place:?} was given twice");
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A producer in a thread of its own, until it is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Number>>,
}

fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("broker.address.family", "v4");
    config.set("reconnect.backoff.max.ms", "100").set("log_level", "2");
    config
}

pub fn create_topics(address: &str) {
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("a client");
    let topics = TOPICS.map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)));
    let created =
        futures_lite::future::block_on(admin.create_topics(&topics, &AdminOptions::new()));
    for topic in created.expect("the broker answers") {
        topic.expect("a topic");
    }
}

impl Load {
    /// Writes records numbered from `first`, idempotently, [`RECORDS_PER_MS`] or as fast as they
    /// are taken.
    pub fn start(
        address: &str,
        acknowledged: &Arc<Acknowledged>,
        first: Number,
        seed: u64,
    ) -> Self {
        let producer: ThreadedProducer<Context> = client(address)
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("message.timeout.ms", "60000")
            .set("queue.buffering.max.messages", "2000")
            .create_with_context(Context(acknowledged.clone()))
            .expect("a producer");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || write(&producer, &stopped, first, seed));
        Self { stop, thread: Some(thread) }
    }

    /// Stops writing and gives the next record's number. What is under way is dropped or, with
    /// `flush`, waited for.
    pub fn stop(mut self) -> Number {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("stopped once").join().expect("the load's thread")
    }
}

fn write(
    producer: &ThreadedProducer<Context>,
    stop: &AtomicBool,
    first: Number,
    seed: u64,
) -> Number {
    let mut rng = Rng::new(seed);
    let mut number = first;
    let mut value = vec![0; 8 << 10];
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if u128::from(number - first) >= began.elapsed().as_millis() * RECORDS_PER_MS {
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        let bytes = if rng.one_in(20) { 8 + rng.below(8000) } else { 8 + rng.below(300) } as usize;
        value[..8].copy_from_slice(&number.to_le_bytes());
        value[8..bytes].fill(number as u8);
        let record = BaseRecord::<(), [u8]>::to(TOPICS[rng.below(2) as usize])
            .partition(rng.below(PARTITIONS as u64) as i32)
            .payload(&value[..bytes]);
        match producer.send(record) {
            Ok(()) => number += 1,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            Err((error, _)) => panic!("{error}"),
        }
    }
    producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
    number
}

fn number_of(value: &[u8]) -> Number {
    Number::from_le_bytes(value[..8].try_into().expect("at least eight bytes"))
}

/// What a reader finds: every record of every partition, offsets without holes.
pub fn read_everything(address: &str) -> Result<BTreeMap<(String, i32, i64), Number>, String> {
    let consumer: BaseConsumer = client(address)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .expect("a consumer");
    let mut found = BTreeMap::new();
    let mut ends = BTreeMap::new();
    let mut assignment = TopicPartitionList::new();
    for topic in TOPICS {
        for partition in 0..PARTITIONS {
            let (start, end) = consumer
                .fetch_watermarks(topic, partition, Duration::from_secs(20))
                .map_err(|error| format!("{topic}-{partition}: {error}"))?;
            if start != 0 {
                return Err(format!("{topic}-{partition} begins at {start}"));
            }
            ends.insert((topic.to_owned(), partition), (0, end));
            assignment
                .add_partition_offset(topic, partition, rdkafka::Offset::Offset(0))
                .expect("an offset");
        }
    }
    consumer.assign(&assignment).map_err(|error| error.to_string())?;
    while ends.values().any(|(next, end)| next < end) {
        let message = match consumer.poll(Duration::from_secs(20)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("no more records, of {ends:?}")),
        };
        let place = (message.topic().to_owned(), message.partition());
        let (next, _) = ends.get_mut(&place).expect("assigned");
        if message.offset() != *next {
            return Err(format!("{place:?}: offset {} where {next} belongs", message.offset()));
        }
        *next += 1;
        let value = message.payload().ok_or("a record without its value")?;
        let number = number_of(value);
        if value[8..].iter().any(|byte| *byte != number as u8) {
            return Err(format!("{place:?} at {}: other bytes", message.offset()));
        }
        found.insert((place.0, place.1, message.offset()), number);
    }
    Ok(found)
}

/// Accepts a durable produce in each partition, or says which does not.
pub fn probe_every_partition(
    address: &str,
    acknowledged: &Arc<Acknowledged>,
    first: Number,
) -> Number {
    let producer: ThreadedProducer<Context> = client(address)
        .set("acks", "all")
        .create_with_context(Context(acknowledged.clone()))
        .expect("a producer");
    let before = acknowledged.count.load(Ordering::Relaxed);
    let mut number = first;
    for topic in TOPICS {
        for partition in 0..PARTITIONS {
            let value = [&number.to_le_bytes()[..], &[number as u8; 8]].concat();
            let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&value);
            assert!(producer.send(record).is_ok(), "{topic}-{partition}: queue full");
            number += 1;
        }
    }
    producer.flush(Duration::from_secs(30)).expect("every partition takes a record");
    let taken = acknowledged.count.load(Ordering::Relaxed) - before;
    assert_eq!(taken, number - first, "partitions that took no record");
    number
}
