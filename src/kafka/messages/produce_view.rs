//! `ProduceRequest` as the broker reads it: without a copy, and without an allocation once the view
//! has been used. The facts are those of [`ProduceRequest`]; tests hold the two against each other.

use std::ops::Range;

use bytes::Bytes;

use crate::base::TopicId;
use crate::kafka::wire::DecodeError;
use crate::kafka::wire::Fault;
use crate::kafka::wire::Field;
use crate::kafka::wire::Form;
use crate::kafka::wire::Message;
use crate::kafka::wire::Nullable;
use crate::kafka::wire::Reader;
use crate::kafka::wire::TagReader;
use crate::kafka::wire::Text;
use crate::kafka::wire::read_count;

use super::ProduceRequest;

/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;

/// One request; reused for the next by [`ProduceView::decode`]. Unknown tagged fields are skipped.
#[derive(Debug, Default)]
pub struct ProduceView {
    pub transactional_id: Option<Text>,
    pub acks: i16,
    pub timeout_ms: i32,
    topics: Vec<Topic>,
    partitions: Vec<ProducePartition>,
}

/// How a request names a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicRef {
    /// Up to version 12.
    Name(Text),
    /// From version 13 on.
    Id(TopicId),
}

/// One partition's part of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducePartition {
    pub index: i32,
    /// A slice of the request's frame, unchecked.
    pub records: Option<Bytes>,
}

#[derive(Debug)]
struct Topic {
    topic: TopicRef,
    partitions: Range<usize>,
}

impl ProduceView {
    /// Replaces the view by the request in `body`, which must hold it and nothing else.
    ///
    /// # Errors
    /// Bytes that are not the request in `version`, and versions that it does not have. The view is
    /// then empty.
    pub fn decode(&mut self, version: i16, body: Bytes) -> Result<(), DecodeError> {
        self.clear();
        let mut reader = Reader::new(body);
        let read = self.read(version, &mut reader).and_then(|()| reader.finish());
        if read.is_err() {
            self.clear();
        }
        read.map_err(|error| error.within(ProduceRequest::NAME))
    }

    /// Lets go of the request's memory; the view's own stays for the next request.
    pub fn clear(&mut self) {
        self.transactional_id = None;
        self.acks = 0;
        self.timeout_ms = 0;
        self.topics.clear();
        self.partitions.clear();
    }

    /// The topics in the request's order, each with its partitions in the request's order.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (&TopicRef, &[ProducePartition])> {
        self.topics.iter().map(|topic| (&topic.topic, &self.partitions[topic.partitions.clone()]))
    }

    /// All partitions, over the topics, in the request's order.
    pub fn partitions(&self) -> &[ProducePartition] {
        &self.partitions
    }

    fn read(&mut self, version: i16, reader: &mut Reader) -> Result<(), DecodeError> {
        if !ProduceRequest::VERSIONS.contains(&version) {
            return Err(reader.error(Fault::Version(version)));
        }
        let form = ProduceRequest::form(version);
        self.transactional_id = Text::read_nullable(reader, form)
            .map_err(|error| error.within("ProduceRequest.transactional_id"))?;
        self.acks = reader.i16().map_err(|error| error.within("ProduceRequest.acks"))?;
        self.timeout_ms =
            reader.i32().map_err(|error| error.within("ProduceRequest.timeout_ms"))?;
        self.read_topics(reader, form)
            .map_err(|error| error.within("ProduceRequest.topic_data"))?;
        skip_tags(reader, form)
    }

    fn read_topics(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let name = if form.version < TOPIC_IDS_FROM { Text::floor(form) } else { 16 };
        let floor = name + Vec::<i8>::floor(form) + usize::from(form.flexible);
        let Some(count) = read_count(reader, form.flexible, floor)? else {
            return Err(reader.error(Fault::Null));
        };
        reader.charge(count, size_of::<Topic>())?;
        self.topics.reserve(count);
        for _ in 0..count {
            let topic = if form.version < TOPIC_IDS_FROM {
                TopicRef::Name(
                    Text::read(reader, form)
                        .map_err(|error| error.within("TopicProduceData.name"))?,
                )
            } else {
                TopicRef::Id(
                    TopicId::read(reader, form)
                        .map_err(|error| error.within("TopicProduceData.topic_id"))?,
                )
            };
            let first = self.partitions.len();
            self.read_partitions(reader, form)
                .map_err(|error| error.within("TopicProduceData.partition_data"))?;
            skip_tags(reader, form)?;
            self.topics.push(Topic { topic, partitions: first..self.partitions.len() });
        }
        Ok(())
    }

    fn read_partitions(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let floor = 4 + Bytes::floor(form) + usize::from(form.flexible);
        let Some(count) = read_count(reader, form.flexible, floor)? else {
            return Err(reader.error(Fault::Null));
        };
        reader.charge(count, size_of::<ProducePartition>())?;
        self.partitions.reserve(count);
        for _ in 0..count {
            let index = reader.i32().map_err(|error| error.within("PartitionProduceData.index"))?;
            let records = Bytes::read_nullable(reader, form)
                .map_err(|error| error.within("PartitionProduceData.records"))?;
            skip_tags(reader, form)?;
            self.partitions.push(ProducePartition { index, records });
        }
        Ok(())
    }
}

fn skip_tags(reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
    if form.flexible { TagReader::skip(reader) } else { Ok(()) }
}
