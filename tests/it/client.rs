//! librdkafka, as the tests use it.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::DeliveryResult;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;

/// Longer than anything takes on a busy machine; reached only when something is lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Counts what was acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged(std::sync::Mutex<BTreeMap<(i32, i64), Vec<u8>>>);

impl rdkafka::ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Ok(message) = result {
            let payload = message.payload().unwrap_or_default().to_vec();
            let mut all = self.0.lock().expect("no test panics while it counts");
            all.insert((message.partition(), message.offset()), payload);
        }
    }
}

pub(crate) fn producer(bootstrap: &str, more: &[(&str, &str)]) -> BaseProducer<Acknowledged> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("message.timeout.ms", "30000");
    more.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    config.create_with_context(Acknowledged::default()).expect("a producer")
}

/// Sends `count` records of `bytes` bytes; all must be acknowledged. Gives what lies where.
pub(crate) fn produce(
    producer: &BaseProducer<Acknowledged>,
    topic: &str,
    count: usize,
    bytes: usize,
) -> BTreeMap<(i32, i64), Vec<u8>> {
    for number in 0..count {
        let mut payload = format!("{number} ").into_bytes();
        payload.resize(bytes.max(payload.len()), b'x');
        let key = number.to_string();
        loop {
            let record = BaseRecord::to(topic).key(&key).payload(&payload);
            match producer.send(record) {
                Ok(()) => break,
                Err(_) => {
                    producer.poll(Duration::from_millis(10));
                }
            }
        }
    }
    producer.flush(PATIENCE).expect("all records acknowledged in time");
    producer.context().0.lock().expect("no test panics while it counts").clone()
}

/// Reads `partitions` partitions from their start until everything in `expected` was seen.
pub(crate) fn consume(
    bootstrap: &str,
    topic: &str,
    expected: &BTreeMap<(i32, i64), Vec<u8>>,
) -> BTreeMap<(i32, i64), Vec<u8>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for (partition, _) in expected.keys() {
        if list.find_partition(topic, *partition).is_none() {
            list.add_partition_offset(topic, *partition, Offset::Beginning).expect("an offset");
        }
    }
    consumer.assign(&list).expect("an assignment");
    let begun = Instant::now();
    let mut found = BTreeMap::new();
    while found.len() < expected.len() {
        assert!(begun.elapsed() < PATIENCE, "{} of {} records", found.len(), expected.len());
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let place = (message.partition(), message.offset());
            let before = found.insert(place, message.payload().unwrap_or_default().to_vec());
            assert!(before.is_none(), "offset {place:?} came twice");
        }
    }
    found
}

/// Makes a topic by asking for it.
pub(crate) fn partitions_of(producer: &BaseProducer<Acknowledged>, topic: &str) -> usize {
    let begun = Instant::now();
    loop {
        let metadata = producer.client().fetch_metadata(Some(topic), PATIENCE).expect("metadata");
        let found = &metadata.topics()[0];
        if found.error().is_none() && !found.partitions().is_empty() {
            return found.partitions().len();
        }
        assert!(begun.elapsed() < PATIENCE, "the topic was not made: {:?}", found.error());
    }
}
