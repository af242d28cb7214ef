//! One producing connection.

use crate::client::LoadError;
use crate::client::decode_answer;
use crate::payload::ProducerStamp;
use crate::payload::Stamp;
use crate::payload::Template;
use crate::socket::Socket;
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::wire::encode_request;

/// Where the correlation id lies in a request's frame.
const CORRELATION: Range<usize> = 8..12;
const TIMEOUT_MS: i32 = 30_000;

/// A request that is built once and stamped for every send.
struct Frame {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

/// One batch in it.
struct Slot {
    partition_at: usize,
    batch: Range<usize>,
}

impl Frame {
    fn new(
        version: i16,
        topic: &str,
        acks: i16,
        template: &Template,
        batches: usize,
    ) -> Result<Self, LoadError> {
        let fault =
            |error: strandlog::kafka::wire::EncodeError| LoadError::Answer(error.to_string());
        let part = PartitionProduceData {
            index: 0,
            records: Some(Bytes::copy_from_slice(&template.batch)),
            ..PartitionProduceData::default()
        };
        let data = TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![part; batches],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![data],
            ..ProduceRequest::default()
        };
        let bytes = encode_request(version, 0, Some("strandlog-load"), &request).map_err(fault)?;
        let bytes = bytes.to_vec();
        // Before a batch: the partition, then the length, whose size the version decides.
        let length_bytes = if version >= 9 { compact_bytes(template.batch.len()) } else { 4 };
        let mut slots = Vec::new();
        let mut from = 0;
        for _ in 0..batches {
            let found =
                bytes[from..].windows(template.batch.len()).position(|w| w == template.batch);
            let at = from + found.expect("every batch was written as it is");
            let batch = at..at + template.batch.len();
            from = batch.end;
            slots.push(Slot { partition_at: at - length_bytes - 4, batch });
        }
        Ok(Self { bytes, slots })
    }
}

/// Bytes of the length of a compact byte string.
fn compact_bytes(length: usize) -> usize {
    let bits = usize::BITS - (length + 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A request under way.
struct Pending {
    correlation: i32,
    intended_ns: u64,
}

/// What an answer says of a request.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) intended_ns: u64,
    /// Partition and the offset behind the batch.
    pub(crate) ends: Vec<(u32, i64)>,
}

/// What all connections of a run share.
pub(crate) struct Common<'a> {
    pub(crate) version: i16,
    pub(crate) topic: &'a str,
    pub(crate) acks: i16,
    pub(crate) template: &'a Template,
    pub(crate) records: u32,
    pub(crate) batches: usize,
    pub(crate) depth: usize,
    pub(crate) run: u64,
}

pub(crate) struct Producer<'a> {
    common: &'a Common<'a>,
    pub(crate) socket: Socket,
    connection: u32,
    partitions: Vec<u32>,
    /// Of `partitions`: batches sent so far.
    sequences: Vec<u64>,
    /// Of `partitions`: the end that was acknowledged last.
    ends: Vec<i64>,
    next_partition: usize,
    producer: Option<(i64, i16)>,
    frame: Frame,
    /// Bytes of `frame` that the socket took; all of them when nothing is being sent.
    sent: usize,
    correlation: i32,
    under_way: VecDeque<Pending>,
    /// Open loop: moments that have come and found the connection busy.
    pub(crate) late: VecDeque<u64>,
}

impl<'a> Producer<'a> {
    pub(crate) fn new(
        common: &'a Common<'a>,
        socket: Socket,
        connection: u32,
        partitions: Vec<u32>,
        producer: Option<(i64, i16)>,
    ) -> Result<Self, LoadError> {
        assert!(!partitions.is_empty(), "a connection produces to a partition");
        let batches = common.batches.min(partitions.len());
        let Common { version, topic, acks, template, .. } = *common;
        let frame = Frame::new(version, topic, acks, template, batches)?;
        Ok(Self {
            common,
            socket,
            connection,
            sequences: vec![0; partitions.len()],
            ends: vec![0; partitions.len()],
            // Connections that share partitions begin at different ones.
            next_partition: connection as usize % partitions.len(),
            partitions,
            producer,
            sent: frame.bytes.len(),
            frame,
            correlation: 0,
            under_way: VecDeque::new(),
            late: VecDeque::new(),
        })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.sent == self.frame.bytes.len()
    }

    /// Whether another request may be sent.
    pub(crate) fn is_free(&self) -> bool {
        self.sent == self.frame.bytes.len() && self.under_way.len() < self.common.depth
    }

    pub(crate) fn batches(&self) -> usize {
        self.frame.slots.len()
    }

    /// Begins to send a request that was meant for `intended_ns`.
    pub(crate) fn send(&mut self, intended_ns: u64, wall_ms: i64) -> Result<(), LoadError> {
        assert!(self.is_free(), "one request at a time, and not more than the depth");
        self.correlation = self.correlation.wrapping_add(1) & i32::MAX;
        self.frame.bytes[CORRELATION].copy_from_slice(&self.correlation.to_be_bytes());
        for slot in &self.frame.slots {
            let at = self.next_partition;
            self.next_partition = (at + 1) % self.partitions.len();
            let partition = self.partitions[at];
            let sequence = self.sequences[at];
            self.sequences[at] += 1;
            let stamp = Stamp {
                run: self.common.run,
                connection: self.connection,
                partition,
                sequence,
                intended_ns,
            };
            // Sequences count records and wrap from the greatest to 0.
            let first = sequence.wrapping_mul(u64::from(self.common.records)) as i32 & i32::MAX;
            let producer =
                self.producer.map(|(id, epoch)| ProducerStamp { id, epoch, sequence: first });
            let bytes = &mut self.frame.bytes;
            bytes[slot.partition_at..slot.partition_at + 4]
                .copy_from_slice(&partition.to_be_bytes());
            let batch = &mut bytes[slot.batch.clone()];
            self.common.template.stamp(batch, &stamp, wall_ms, producer);
        }
        self.sent = 0;
        self.under_way.push_back(Pending { correlation: self.correlation, intended_ns });
        self.push()
    }

    /// Sends on; true when a request without an answer (acks=0) is through.
    pub(crate) fn push(&mut self) -> Result<(), LoadError> {
        while self.sent < self.frame.bytes.len() {
            match self.socket.send(&self.frame.bytes[self.sent..])? {
                0 => return Ok(()),
                sent => self.sent += sent,
            }
        }
        Ok(())
    }

    /// The next request that is done: answered, or wholly sent where no answer comes.
    pub(crate) fn done(&mut self) -> Result<Option<Done>, LoadError> {
        if self.common.acks == 0 {
            if self.sent < self.frame.bytes.len() {
                return Ok(None);
            }
            let done = self.under_way.pop_front();
            return Ok(
                done.map(|request| Done { intended_ns: request.intended_ns, ends: Vec::new() })
            );
        }
        let Some(answer) = self.socket.frame()? else { return Ok(None) };
        let Some(request) = self.under_way.pop_front() else {
            return Err(LoadError::Answer("one more than was asked for".to_owned()));
        };
        let answer =
            decode_answer::<ProduceRequest>(self.common.version, request.correlation, answer)?;
        let mut ends = Vec::with_capacity(self.batches());
        for part in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
            if part.error_code != 0 {
                return Err(LoadError::Refused("Produce", part.error_code));
            }
            let partition = part.index as u32;
            let Some(at) = self.partitions.iter().position(|&own| own == partition) else {
                return Err(LoadError::Answer(format!("partition {partition} was not asked for")));
            };
            if part.base_offset < self.ends[at] {
                let (offset, end) = (part.base_offset, self.ends[at]);
                let what = format!("offset {offset} was given twice: {end} was acknowledged");
                return Err(LoadError::Answer(what));
            }
            self.ends[at] = part.base_offset + i64::from(self.common.records);
            ends.push((partition, self.ends[at]));
        }
        if ends.len() != self.batches() {
            return Err(LoadError::Answer("a partition is missing in it".to_owned()));
        }
        Ok(Some(Done { intended_ns: request.intended_ns, ends }))
    }
}
