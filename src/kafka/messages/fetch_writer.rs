//! `FetchResponse` as the broker writes it: everything but the records, with the places marked
//! where stored batches go, so that they leave from where they lie. The facts are those of
//! [`FetchResponse`]; tests hold the two against each other.

use bytes::Bytes;

use crate::base::TopicId;
use crate::kafka::versions::ApiKey;
use crate::kafka::wire::EncodeError;
use crate::kafka::wire::Field;
use crate::kafka::wire::Form;
use crate::kafka::wire::Message;
use crate::kafka::wire::Refusal;
use crate::kafka::wire::ResponseHeader;
use crate::kafka::wire::Writer;
use crate::kafka::wire::write_length;
use crate::kafka::wire::write_string;

use super::AbortedTransaction;
use super::FetchEndpoint;
use super::FetchResponse;

/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;

/// The first version with the endpoints of leaders.
const ENDPOINTS_FROM: i16 = 16;

/// A piece of the frame, in the order in which it goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FetchPart {
    Inline(Bytes),
    /// The records of the partition that was written as the n-th, counted from 0 over all topics.
    Records(usize),
}

/// A whole frame, length prefix included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchFrame {
    pub parts: Vec<FetchPart>,
    /// The bytes of all parts, records included.
    pub bytes: usize,
}

/// What a partition's part of the response says beside its records.
#[derive(Clone, Copy, Debug)]
pub struct FetchedHead<'a> {
    pub partition_index: i32,
    pub error_code: i16,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    /// From version 5 on.
    pub log_start_offset: i64,
    /// The greatest epoch that is common, and its end. From version 12 on.
    pub diverging: Option<(i32, i64)>,
    /// The leader's id and epoch, with an error that asks the client to turn to it. From version 12
    /// on.
    pub current_leader: Option<(i32, i32)>,
    /// `None` is null.
    pub aborted_transactions: Option<&'a [AbortedTransaction]>,
    /// From version 11 on; -1 for none.
    pub preferred_read_replica: i32,
    /// Bytes of the records that will go where [`FetchPart::Records`] stands; `None` is null.
    pub records_bytes: Option<usize>,
}

impl Default for FetchedHead<'_> {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging: None,
            current_leader: None,
            aborted_transactions: None,
            preferred_read_replica: -1,
            records_bytes: Some(0),
        }
    }
}

/// Writes one response: [`FetchWriter::new`], then each topic followed by its partitions, then
/// [`FetchWriter::finish`]. The announced counts must be kept (asserted).
#[derive(Debug)]
pub struct FetchWriter {
    writer: Writer,
    form: Form,
    /// Where records go: the inline bytes before them, and the partition.
    cuts: Vec<(usize, usize)>,
    records_bytes: usize,
    partitions: usize,
    topics_due: usize,
    partitions_due: usize,
}

impl FetchWriter {
    /// Begins the frame of a response with `topics` topics.
    ///
    /// # Errors
    /// A version that the response does not have; a session where the version has none.
    pub fn new(
        version: i16,
        correlation_id: i32,
        throttle_time_ms: i32,
        error_code: i16,
        session_id: i32,
        topics: usize,
    ) -> Result<Self, EncodeError> {
        if !FetchResponse::VERSIONS.contains(&version) {
            return Err(EncodeError::new(Refusal::Version(version)).within(FetchResponse::NAME));
        }
        let form = FetchResponse::form(version);
        let mut writer = Writer::with_capacity(256);
        writer.i32(0);
        let header = ResponseHeader { correlation_id };
        header.encode(ResponseHeader::flexible(ApiKey::Fetch, form.flexible), &mut writer);
        writer.i32(throttle_time_ms);
        if version >= 7 {
            writer.i16(error_code);
            writer.i32(session_id);
        } else if session_id != 0 {
            return Err(EncodeError::new(Refusal::Lacking).within("FetchResponse.session_id"));
        }
        write_length(&mut writer, Some(topics), form.flexible)
            .map_err(|error| error.within("FetchResponse.responses"))?;
        Ok(Self {
            writer,
            form,
            cuts: Vec::new(),
            records_bytes: 0,
            partitions: 0,
            topics_due: topics,
            partitions_due: 0,
        })
    }

    /// Begins a topic with `partitions` partitions. The version decides whether the name or the id
    /// is written.
    ///
    /// # Errors
    /// A name that is too long.
    pub fn topic(&mut self, name: &str, id: TopicId, partitions: usize) -> Result<(), EncodeError> {
        assert!(self.partitions_due == 0, "a topic before the partitions of the last one");
        assert!(self.topics_due > 0, "more topics than announced");
        self.topics_due -= 1;
        self.partitions_due = partitions;
        if self.form.version < TOPIC_IDS_FROM {
            write_string(&mut self.writer, Some(name), self.form.flexible)
                .map_err(|error| error.within("FetchedTopic.topic"))?;
        } else {
            self.writer.put(&id.0);
        }
        write_length(&mut self.writer, Some(partitions), self.form.flexible)
            .map_err(|error| error.within("FetchedTopic.partitions"))?;
        if partitions == 0 {
            self.no_tags();
        }
        Ok(())
    }

    /// Writes the next partition of the topic.
    ///
    /// # Errors
    /// More than the wire's length fields can say; a preferred replica where the version has none.
    pub fn partition(&mut self, head: &FetchedHead<'_>) -> Result<(), EncodeError> {
        assert!(self.partitions_due > 0, "more partitions than announced");
        self.partitions_due -= 1;
        let version = self.form.version;
        self.writer.i32(head.partition_index);
        self.writer.i16(head.error_code);
        self.writer.i64(head.high_watermark);
        self.writer.i64(head.last_stable_offset);
        if version >= 5 {
            self.writer.i64(head.log_start_offset);
        }
        self.aborted(head.aborted_transactions)
            .map_err(|error| error.within("FetchedPartition.aborted_transactions"))?;
        if version >= 11 {
            self.writer.i32(head.preferred_read_replica);
        } else if head.preferred_read_replica != -1 {
            let error = EncodeError::new(Refusal::Lacking);
            return Err(error.within("FetchedPartition.preferred_read_replica"));
        }
        write_length(&mut self.writer, head.records_bytes, self.form.flexible)
            .map_err(|error| error.within("FetchedPartition.records"))?;
        if let Some(bytes) = head.records_bytes
            && bytes > 0
        {
            self.cuts.push((self.writer.len(), self.partitions));
            self.records_bytes += bytes;
        }
        self.partitions += 1;
        self.partition_tags(head)?;
        if self.partitions_due == 0 {
            self.no_tags();
        }
        Ok(())
    }

    /// Ends the frame. `endpoints`: of the leaders named in it, from version 16 on.
    ///
    /// # Errors
    /// A frame that is longer than its prefix can say; endpoints where the version has none.
    pub fn finish(mut self, endpoints: &Vec<FetchEndpoint>) -> Result<FetchFrame, EncodeError> {
        assert!(self.topics_due == 0, "fewer topics than announced");
        assert!(self.partitions_due == 0, "fewer partitions than announced");
        self.endpoints(endpoints).map_err(|error| error.within("FetchResponse.node_endpoints"))?;
        let bytes = self.writer.len() + self.records_bytes;
        let Ok(prefix) = i32::try_from(bytes - 4) else {
            return Err(EncodeError::new(Refusal::TooLong(bytes)).within(FetchResponse::NAME));
        };
        self.writer.patch_i32(0, prefix);
        let inline = self.writer.into_bytes();
        let mut parts = Vec::with_capacity(2 * self.cuts.len() + 1);
        let mut start = 0;
        for (end, partition) in self.cuts {
            parts.push(FetchPart::Inline(inline.slice(start..end)));
            parts.push(FetchPart::Records(partition));
            start = end;
        }
        if start < inline.len() {
            parts.push(FetchPart::Inline(inline.slice(start..)));
        }
        Ok(FetchFrame { parts, bytes })
    }

    fn aborted(&mut self, aborted: Option<&[AbortedTransaction]>) -> Result<(), EncodeError> {
        write_length(&mut self.writer, aborted.map(<[_]>::len), self.form.flexible)?;
        for transaction in aborted.unwrap_or_default() {
            transaction.write(&mut self.writer, self.form)?;
        }
        Ok(())
    }

    fn partition_tags(&mut self, head: &FetchedHead<'_>) -> Result<(), EncodeError> {
        if !self.form.flexible {
            if head.diverging.is_some() {
                let error = EncodeError::new(Refusal::Lacking);
                return Err(error.within("FetchedPartition.diverging_epoch"));
            }
            if head.current_leader.is_some() {
                let error = EncodeError::new(Refusal::Lacking);
                return Err(error.within("FetchedPartition.current_leader"));
            }
            return Ok(());
        }
        let diverging = head.diverging.filter(|diverging| *diverging != (-1, -1));
        let leader = head.current_leader.filter(|leader| *leader != (-1, -1));
        let writer = &mut self.writer;
        writer.uvarint(u32::from(diverging.is_some()) + u32::from(leader.is_some()));
        // Each a struct with an empty tagged section of its own: one byte.
        if let Some((epoch, end_offset)) = diverging {
            writer.uvarint(0);
            writer.uvarint(4 + 8 + 1);
            writer.i32(epoch);
            writer.i64(end_offset);
            writer.uvarint(0);
        }
        if let Some((id, epoch)) = leader {
            writer.uvarint(1);
            writer.uvarint(4 + 4 + 1);
            writer.i32(id);
            writer.i32(epoch);
            writer.uvarint(0);
        }
        Ok(())
    }

    fn endpoints(&mut self, endpoints: &Vec<FetchEndpoint>) -> Result<(), EncodeError> {
        if endpoints.is_empty() {
            self.no_tags();
            return Ok(());
        }
        if self.form.version < ENDPOINTS_FROM {
            return Err(EncodeError::new(Refusal::Lacking));
        }
        self.writer.uvarint(1);
        self.writer.uvarint(0);
        let start = self.writer.len();
        endpoints.write(&mut self.writer, self.form)?;
        self.writer.prefix_length(start)
    }

    /// An empty tagged section, where the version has them.
    fn no_tags(&mut self) {
        if self.form.flexible {
            self.writer.uvarint(0);
        }
    }
}
