//! What the node has promised, and what anybody has seen of it: the checkers. Everything that an
//! answer tells is held against what was told before it was asked for.

mod groups;
mod log;
mod topic;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;

pub use groups::Groups;
pub use log::Batch;
pub use log::BatchId;
pub use log::Log;
pub use log::Order;
pub use topic::Topic;
pub use topic::TopicKind;

/// A partition, as clients name it.
pub type Place = (String, i32);

/// What was known of a partition when something was asked of it: no answer may fall behind.
#[derive(Clone, Debug)]
pub struct Floor {
    pub place: Place,
    /// Every core knows the partition.
    is_certain: bool,
    high: i64,
    start: i64,
}

/// What topics of the seed may have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Features {
    pub retention: bool,
    pub deletes_topics: bool,
    pub rewrites: bool,
}

/// See the module.
#[derive(Default)]
pub struct Truth {
    pub topics: BTreeMap<String, Topic>,
    batches: BTreeMap<BatchId, Batch>,
    last_batch: u64,
    /// Producer ids that were handed out.
    producers: BTreeSet<i64>,
    pub features: Features,
    /// A client's quota was set, and that was confirmed.
    pub quota_set: bool,
    pub groups: Groups,
    pub acknowledged: u64,
    pub read: u64,
}

impl Truth {
    pub fn new(features: Features) -> Self {
        Self { features, ..Self::default() }
    }

    /// The node died. What anybody saw of the metadata was durable, so every core of the next one
    /// knows it.
    pub fn on_death(&mut self) {
        self.topics.values_mut().for_each(Topic::on_death);
    }

    /// Partitions that clients believe to be there.
    pub fn places(&self) -> Vec<Place> {
        let usable = self.topics.values().filter(|topic| topic.is_usable());
        let places = usable
            .flat_map(|topic| topic.logs.keys().map(|&partition| (topic.name.clone(), partition)));
        places.collect()
    }

    pub fn topic(&self, name: &str) -> &Topic {
        self.topics.get(name).unwrap_or_else(|| panic!("routing: nobody asked for topic {name}"))
    }

    pub fn topic_mut(&mut self, name: &str) -> &mut Topic {
        self.topics.get_mut(name).expect("a topic that was asked for")
    }

    pub fn id_of(&self, name: &str) -> Option<TopicId> {
        self.topics.get(name)?.id
    }

    pub fn name_of(&self, id: TopicId) -> &str {
        let named = self.topics.values().find(|topic| topic.id == Some(id));
        named.map_or_else(|| panic!("routing: nobody knows a topic {id:?}"), |topic| &topic.name)
    }

    pub fn log(&self, place: &Place) -> &Log {
        let topic = self.topic(&place.0);
        topic.logs.get(&place.1).unwrap_or_else(|| panic!("routing: nobody asked for {place:?}"))
    }

    fn log_mut(&mut self, place: &Place) -> &mut Log {
        self.topic_mut(&place.0).logs.get_mut(&place.1).expect("a partition that was asked for")
    }

    pub fn floor(&self, place: &Place) -> Floor {
        let topic = self.topic(&place.0);
        let log = topic.logs.get(&place.1);
        Floor {
            place: place.clone(),
            is_certain: topic.is_certain(place.1),
            high: log.map_or(0, |log| log.high),
            start: log.map_or(0, |log| log.start),
        }
    }

    /// A producer id was handed out.
    pub fn granted(&mut self, producer: i64) {
        assert!(self.producers.insert(producer), "producer id {producer} was handed out twice");
    }

    pub fn check_producer(&self, producer: i64) {
        assert!(self.producers.contains(&producer), "producer id {producer} was handed to nobody");
    }

    /// Somebody asks for everything below `to` to be deleted, or for all that is visible.
    pub fn ask_deletion(&mut self, place: &Place, to: Option<i64>) {
        let log = self.log_mut(place);
        log.deletable = log.deletable.max(to.unwrap_or(i64::MAX));
    }

    /// Whether an error is one that a client has to live with. `true`: the partition is gone.
    pub fn bear(&self, floor: &Floor, error: ErrorCode, what: &str) -> bool {
        let place = &floor.place;
        match error {
            ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
                let topic = self.topic(&place.0);
                assert!(
                    topic.delete_asked || !floor.is_certain,
                    "routing: {what} of {place:?} finds no such partition"
                );
                topic.delete_asked
            }
            ErrorCode::RequestTimedOut
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::KafkaStorageError => false,
            other => panic!("answers: {what} of {place:?} is refused with {other}"),
        }
    }

    /// An answer told the end of what is visible.
    pub fn saw_high(&mut self, floor: &Floor, high: i64) {
        let place = &floor.place;
        assert!(
            high >= floor.high,
            "durability: {place:?} ends at {high}, after somebody was shown {}",
            floor.high
        );
        let log = self.log_mut(place);
        log.high = log.high.max(high);
    }

    /// An answer told where the log starts.
    pub fn saw_start(&mut self, wall_ms: i64, floor: &Floor, start: i64) {
        let place = &floor.place;
        assert!(
            start >= floor.start,
            "deletion undone: {place:?} starts at {start}, after somebody was shown {}",
            floor.start
        );
        let topic = self.topic(&place.0);
        let log = &topic.logs[&place.1];
        if start > log.deletable {
            let gone = log.between(log.deletable, start);
            let kept = gone.map(|id| &self.batches[&id]).find(|batch| {
                let is_old =
                    topic.kind.retention_ms.is_some_and(|ms| batch.newest_ms + ms < wall_ms);
                !is_old && topic.kind.retention_bytes.is_none()
            });
            assert!(
                kept.is_none() && topic.kind.has_retention(),
                "retention: {place:?} starts at {start}, nobody asked for more than {}: {kept:?}",
                log.deletable
            );
        }
        let log = self.log_mut(place);
        log.start = log.start.max(start);
    }

    /// A client makes a batch for a partition.
    pub fn make_batch(&mut self, make: impl FnOnce(BatchId) -> Batch) -> BatchId {
        self.last_batch += 1;
        let id = BatchId(self.last_batch);
        self.batches.insert(id, make(id));
        id
    }

    pub fn batch(&self, id: BatchId) -> &Batch {
        self.batches.get(&id).unwrap_or_else(|| panic!("a batch that nobody made: {id:?}"))
    }

    /// The batch was acknowledged at `base`.
    pub fn acknowledge(&mut self, id: BatchId, base: i64) {
        let end = self.put(id, base);
        let place = self.batch(id).place.clone();
        let log = self.log_mut(&place);
        log.high = log.high.max(end);
        self.acknowledged += 1;
    }

    /// Somebody was shown the batch at `base`. Gives its end.
    pub fn put(&mut self, id: BatchId, base: i64) -> i64 {
        let batch = self.batches.get(&id);
        let batch = batch.unwrap_or_else(|| panic!("a batch that nobody made: {id:?}"));
        assert!(!batch.is_spoilt, "a batch that is none was taken: {batch:?}");
        let topic = self.topics.get_mut(&batch.place.0).expect("a topic that was asked for");
        let log = topic.logs.get_mut(&batch.place.1).expect("a partition that was asked for");
        log.put(id, batch, base)
    }

    /// What `found` says must be the batch that was made.
    pub fn check_batch(&self, place: &Place, found: &strandlog::record::Batch<'_>) -> BatchId {
        let header = &found.header;
        let id = log::first_id(found).unwrap_or_else(|| {
            panic!("durability: {place:?} holds something else at {}", header.base_offset)
        });
        let made = self.batch(id);
        assert_eq!(made.place, *place, "routing: a batch of another partition: {made:?}");
        assert_eq!(header.count, made.count, "durability: records of {made:?}");
        assert!(found.crc_holds(), "durability: the CRC at {}", header.base_offset);
        if !self.topic(&place.0).kind.rewrites {
            assert_eq!(header.crc, made.crc, "durability: the bytes of {made:?}");
        }
        id
    }

    /// Every record up to here was read: nothing that was told may be missing, and what retention
    /// left is enough.
    pub fn check_whole(&self, place: &Place, read_to: i64) {
        let log = self.log(place);
        assert!(
            read_to >= log.high,
            "durability: {place:?} was read to {read_to}, somebody was shown {}",
            log.high
        );
        let topic = self.topic(&place.0);
        if let Some(bytes) = topic.kind.retention_bytes
            && log.start > log.deletable
            && topic.kind.retention_ms.is_none()
        {
            let left: i64 =
                log.between(log.start, i64::MAX).map(|id| self.batches[&id].bytes).sum();
            assert!(left >= bytes, "retention: {place:?} keeps {left} of {bytes} bytes");
        }
    }
}
