//! Produce: batches are checked here, appended at their owners, and answered once all of them are
//! durable (rules 4, 5, 10, 11, 13, 15).

use bytes::Bytes;

use super::super::Shard;
use crate::api::Answer;
use crate::api::Append;
use crate::api::Question;
use crate::api::Readiness;
use crate::api::Rejection;
use crate::base::Now;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::TopicId;
use crate::kafka::messages::ProduceView;
use crate::kafka::messages::TopicRef;
use crate::kafka::produce::Outcome;
use crate::kafka::produce::PartitionOutcome;
use crate::kafka::produce::TopicOutcome;
use crate::kafka::produce::response;
use crate::kafka::rejection::error_code;
use crate::kafka::rejection::error_message;
use crate::metadata::Compression as TopicCompression;
use crate::metadata::TimestampType as TopicTimestampType;
use crate::metadata::Topic;
use crate::metadata::TopicConfig;
use crate::metadata::is_internal_topic;
use crate::record;
use crate::record::Codec;
use crate::record::Compression;
use crate::record::Rules;
use crate::record::TimestampType;
use crate::record::Verdict;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::RequestId;
use crate::shard::requests::InFlight;
use crate::shard::route::HomeAnswer;

/// The first version that may bring zstd (rule 10).
const ZSTD_FROM: i16 = 7;

/// The disk has at least this long, whatever the request says, in milliseconds. Kafka looks at the
/// timeout only where it waits for other replicas, so there are clients that send 0.
const TIMEOUT_MS_LEAST: i32 = 1_000;

/// A produce request of which batches are on their way to the disk.
#[derive(Debug)]
pub(in crate::shard) struct Producing {
    exchange: Exchange,
    acks: i16,
    topics: Vec<TopicOutcome>,
    /// Where the answer of each question belongs: topic and partition, as counted above.
    places: Vec<(usize, usize)>,
    missing: usize,
    pub(in crate::shard) deadline_us: u64,
}

/// A batch on its way to its owner.
struct Outgoing {
    owner: ShardId,
    append: Append,
}

impl Shard {
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let mut view = std::mem::take(&mut self.home.produce_view);
        match view.decode(exchange.version, body) {
            Ok(()) => self.produce(now, exchange, &view, out),
            Err(error) => self.refuse_malformed(now, exchange, &error, out),
        }
        view.clear();
        self.home.produce_view = view;
    }

    fn produce(&mut self, now: Now, exchange: Exchange, view: &ProduceView, out: &mut Effects) {
        let mut outgoing = Vec::new();
        let mut places = Vec::new();
        let mut topics = Vec::with_capacity(view.topics().len());
        for (topic, partitions) in view.topics() {
            let (name, id, resolved) = match topic {
                TopicRef::Name(name) => {
                    (name.as_str().to_owned(), TopicId::NONE, self.topic_by_name(name))
                }
                TopicRef::Id(id) => {
                    let resolved = self.topic_by_id(*id);
                    let name = resolved
                        .as_ref()
                        .map_or_else(|_| String::new(), |topic| topic.name.to_string());
                    (name, *id, resolved)
                }
            };
            let topic_id = resolved.as_ref().ok().map(|topic| topic.id);
            let rules = topic_id.and_then(|topic| self.rules(topic, exchange, now));
            let mut outcomes = Vec::with_capacity(partitions.len());
            for partition in partitions {
                let checked = check_acks(view.acks).and_then(|()| {
                    let topic = resolved.as_ref().map_err(Clone::clone)?;
                    check_topic(topic)?;
                    let info = self.partition_of(topic, partition.index)?;
                    let rules = rules.as_ref().ok_or(Rejection::UnknownPartition)?;
                    let append = check_batch(info.id, partition.records.clone(), rules)?;
                    Ok(Outgoing { owner: info.owner, append })
                });
                let outcome = match checked {
                    Ok(append) => {
                        places.push((topics.len(), outcomes.len()));
                        outgoing.push(append);
                        Outcome::Pending
                    }
                    Err(rejection) => Outcome::Rejected(rejection),
                };
                outcomes.push(PartitionOutcome { index: partition.index, outcome });
            }
            topics.push(TopicOutcome { name, id, partitions: outcomes });
        }
        let timeout_ms = view.timeout_ms.max(TIMEOUT_MS_LEAST);
        let timeout_us = u64::try_from(timeout_ms).unwrap_or(0).saturating_mul(1000);
        let producing = Producing {
            exchange,
            acks: view.acks,
            topics,
            missing: places.len(),
            places,
            deadline_us: now.mono_us.saturating_add(timeout_us),
        };
        self.begin_produce(now, producing, outgoing, out);
    }

    fn begin_produce(
        &mut self,
        now: Now,
        producing: Producing,
        outgoing: Vec<Outgoing>,
        out: &mut Effects,
    ) {
        if outgoing.is_empty() {
            return self.finish_produce(now, producing, out);
        }
        let id = self.requests.next_id();
        // Kafka times out only those who wait for replicas; here all but acks=0 wait for the disk.
        if producing.acks != 0 {
            self.requests.set_deadline(producing.deadline_us, id);
        }
        self.begin_request(producing.exchange, id, InFlight::Produce(producing));
        for (part, Outgoing { owner, append }) in (0..).zip(outgoing) {
            self.ask(now, owner, id, part, Question::Append(append), out);
        }
    }

    pub(in crate::shard) fn on_produce_answer(
        &mut self,
        now: Now,
        request: RequestId,
        part: u32,
        answer: HomeAnswer,
        out: &mut Effects,
    ) {
        let HomeAnswer::Plain(Answer::Appended(result)) = answer else { return };
        let Some(InFlight::Produce(producing)) = self.requests.by_id.get_mut(&request) else {
            return;
        };
        let Some(&(topic, partition)) = producing.places.get(part as usize) else { return };
        producing.topics[topic].partitions[partition].outcome = match result {
            Ok(appended) => Outcome::Appended(appended),
            Err(rejection) => Outcome::Rejected(rejection),
        };
        producing.missing -= 1;
        if producing.missing == 0 {
            self.end_produce(now, request, out);
        }
    }

    /// Ends the request as it stands. Rule 15: what is not durable by the deadline is answered so; it
    /// stays in the log.
    pub(in crate::shard) fn end_produce(
        &mut self,
        now: Now,
        request: RequestId,
        out: &mut Effects,
    ) {
        if let Some(InFlight::Produce(producing)) = self.requests.end(request) {
            self.finish_produce(now, producing, out);
        }
    }

    fn finish_produce(&mut self, now: Now, producing: Producing, out: &mut Effects) {
        let Producing { exchange, acks, topics, .. } = producing;
        if acks != 0 {
            self.tell_refused(exchange, &topics);
            let response = response(exchange.version, topics);
            return self.reply(now, exchange, &response, out);
        }
        // There is no answer to tell of an error; closing tells.
        let failed = topics.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(|partition| match &partition.outcome {
                Outcome::Rejected(rejection) => {
                    Some(format!("{}-{}: {}", topic.name, partition.index, error_code(rejection)))
                }
                Outcome::Appended(_) | Outcome::Pending => None,
            })
        });
        match failed.into_iter().next() {
            Some(first) => {
                self.close(now, exchange.conn, CloseReason::UnacknowledgedError(first), out);
            }
            None => self.complete(now, exchange, Vec::new(), out),
        }
    }

    /// One line for a client that sends what no batch is, with what and who.
    fn tell_refused(&mut self, exchange: Exchange, topics: &[TopicOutcome]) {
        let Some(connection) = self.clients.conns.get_mut(&exchange.conn) else { return };
        if connection.refusal_told {
            return;
        }
        let refused = |topic: &TopicOutcome| {
            topic.partitions.iter().find_map(|partition| match &partition.outcome {
                Outcome::Rejected(rejection @ Rejection::Batch(_)) => {
                    let place = format!("{}-{}", topic.name, partition.index);
                    Some((error_code(rejection), error_message(rejection, &place)))
                }
                Outcome::Rejected(_) | Outcome::Appended(_) | Outcome::Pending => None,
            })
        };
        let Some((error, message)) = topics.iter().find_map(refused) else { return };
        connection.refusal_told = true;
        let (peer, what) = (connection.peer, message.unwrap_or_default());
        tracing::info!(%peer, %error, what, "kafka: a batch is refused; of this client only the first");
    }

    fn rules(&self, topic: TopicId, exchange: Exchange, now: Now) -> Option<Rules> {
        let image = self.image.as_ref()?;
        Some(rules(image.config(topic), exchange.version >= ZSTD_FROM, now.wall_ms))
    }
}

/// Rule 15.
fn check_acks(acks: i16) -> Result<(), Rejection> {
    if (-1..=1).contains(&acks) { Ok(()) } else { Err(Rejection::InvalidAcks) }
}

/// What coordinators keep in a topic, only they write.
fn check_topic(topic: &Topic) -> Result<(), Rejection> {
    if is_internal_topic(&topic.name) { Err(Rejection::InternalTopic) } else { Ok(()) }
}

/// Header, CRC and framing, before the batch goes to its owner.
fn check_batch(
    partition: PartitionId,
    records: Option<Bytes>,
    rules: &Rules,
) -> Result<Append, Rejection> {
    let batch = records.unwrap_or_default();
    let readiness = match record::validate(&batch, rules) {
        Ok(Verdict::Append(accepted)) => Readiness::Checked(accepted),
        Ok(Verdict::Open) => Readiness::Unopened(Box::new(*rules)),
        Err(refusal) => return Err(Rejection::Batch(Box::new(refusal))),
    };
    Ok(Append { partition, batch, readiness })
}

fn rules(config: &TopicConfig, zstd_allowed: bool, now_ms: i64) -> Rules {
    let fixed = |codec, level| Compression::Fixed { codec, level };
    Rules {
        max_message_bytes: config.max_message_bytes as usize,
        segment_bytes: config.segment_bytes as usize,
        timestamp_type: match config.timestamp_type {
            TopicTimestampType::CreateTime => TimestampType::CreateTime,
            TopicTimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: config.timestamp_before_max_ms,
        timestamp_after_max_ms: config.timestamp_after_max_ms,
        compacted: config.cleanup.compact,
        compression: match config.compression {
            TopicCompression::Producer => Compression::Producer,
            TopicCompression::Uncompressed => fixed(Codec::None, 0),
            TopicCompression::Gzip { level } => fixed(Codec::Gzip, level),
            TopicCompression::Snappy => fixed(Codec::Snappy, 0),
            TopicCompression::Lz4 { level } => fixed(Codec::Lz4, level),
            TopicCompression::Zstd { level } => fixed(Codec::Zstd, level),
        },
        zstd_allowed,
        now_ms,
    }
}
