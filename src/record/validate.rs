//! What a broker checks on a produced batch, as a pure function (rules 1–14 of Kafka's semantics:
//! `ProduceRequest.validateRecords`, `UnifiedLog.append`, `LogValidator`).
//!
//! Deviations from Kafka, each for a reason:
//! - Compressed batches are opened only where the topic demands it: a compacted topic (keys),
//!   another codec than the producer's, or a header whose timestamps are out of bounds. Kafka opens
//!   all of them, which is most of its work for compressed traffic.
//! - Uncompressed batches whose offset deltas are not 0, 1, 2, … are refused; Kafka stores them.
//! - An unknown codec is `UNSUPPORTED_COMPRESSION_TYPE`, compressed garbage `INVALID_RECORD`; Kafka
//!   answers both with `UNKNOWN_SERVER_ERROR`.
//! - At most [`FAULTS_MAX`] records at fault are listed.

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::record::batch::Attributes;
use crate::record::batch::Batch;
use crate::record::batch::BatchHeader;
use crate::record::batch::LENGTH_END;
use crate::record::batch::MAGIC_AT;
use crate::record::batch::NO_PRODUCER;
use crate::record::batch::NO_TIMESTAMP;
use crate::record::batch::TimestampType;
use crate::record::build::BatchBuilder;
use crate::record::build::assemble;
use crate::record::compress::Codec;
use crate::record::compress::decompress;
use crate::record::records::Record;
use crate::record::records::Records;
use crate::record::records::RecordsError;
use crate::record::refusal::RecordFault;
use crate::record::refusal::RecordRefusal;
use crate::record::refusal::Refusal;
use bytes::Bytes;

/// The most bytes that a batch may have when it is opened, where memory allows. A batch of
/// `max.message.bytes` that packs more tightly than 128 : 1 is refused as too large.
pub const OPENED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Records at fault that a refusal lists; more are only counted.
const FAULTS_MAX: usize = 100;

/// The smallest record of any format (`LegacyRecord.RECORD_OVERHEAD_V0`).
const RECORD_BYTES_MIN: i32 = 14;

/// `compression.type` and its level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Batches stay as the producer compressed them.
    Producer,
    /// Batches are stored with this codec. A batch that already has it stays as it is.
    Fixed { codec: Codec, level: i32 },
}

/// What a topic and a request demand of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `segment.bytes`.
    pub segment_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy` contains `compact`: every record needs a key.
    pub compacted: bool,
    /// `compression.type`.
    pub compression: Compression,
    /// False for Produce below version 7.
    pub zstd_allowed: bool,
    /// Wall clock, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What is to be stamped into the header about time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeStamp {
    /// The header is right as it is.
    Keep,
    /// Timestamp type CreateTime and this max timestamp: the producer's header said otherwise.
    Create { max_timestamp: i64 },
    /// Timestamp type LogAppendTime and the time of the append.
    LogAppend,
}

/// A batch that may be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// As it came; what [`Accepted::stamp`] returns is what is stored.
    pub header: BatchHeader,
    /// Bytes of the batch. What follows them in the request is cut off.
    pub bytes: usize,
    pub time: TimeStamp,
}

impl Accepted {
    /// The header under which the batch is stored. `batch` is the accepted one, `append_time_ms` is
    /// used where the topic has LogAppendTime. Whoever stores the batch puts
    /// [`BatchHeader::encode`] of it over the first 61 bytes of the copy.
    pub fn stored_header(
        &self,
        batch: &[u8],
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        append_time_ms: i64,
    ) -> BatchHeader {
        let batch = Batch { header: self.header, bytes: &batch[..self.bytes] };
        let header = match self.time {
            TimeStamp::Keep => self.header,
            TimeStamp::Create { max_timestamp } => {
                batch.header_at_time(TimestampType::CreateTime, max_timestamp)
            }
            TimeStamp::LogAppend => {
                batch.header_at_time(TimestampType::LogAppendTime, append_time_ms)
            }
        };
        BatchHeader { base_offset, leader_epoch, ..header }
    }
}

/// What is to be done with a batch that passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Append(Accepted),
    /// Hand it to [`open`] off-core first; appends of its partition that follow it wait.
    Open,
}

/// What [`open`] made of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opened {
    /// Append the bytes that came.
    AsItIs(Accepted),
    /// Append these bytes instead.
    Rebuilt { accepted: Accepted, batch: Bytes },
}

/// Judges the records of one partition in a Produce request. Reads every byte once (CRC), the
/// framing of uncompressed records a second time; allocates only to refuse.
pub fn validate(bytes: &[u8], rules: &Rules) -> Result<Verdict, Refusal> {
    let batch = only_batch(bytes, rules)?;
    let header = &batch.header;
    check_header(&batch, rules)?;
    let codec = codec_of(header)?;
    if target_codec(codec, rules) != codec {
        return Ok(Verdict::Open);
    }
    if codec == Codec::None {
        let walk = walk(batch.payload(), header, rules)?;
        if let Some((index, found)) = walk.gap {
            return Err(RecordsError::OffsetDelta { index, found }.into());
        }
        return accept(&batch, time_stamp(header, walk.max_timestamp, rules), rules)
            .map(Verdict::Append);
    }
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        refuse_common_timestamp(header, rules)?;
    }
    let suspicious = [header.base_timestamp, header.max_timestamp].into_iter().any(|timestamp| {
        rules.timestamp_type == TimestampType::CreateTime
            && timestamp_fault(timestamp, TimestampType::CreateTime, rules).is_some()
    });
    if rules.compacted || suspicious {
        return Ok(Verdict::Open);
    }
    accept(&batch, time_stamp(header, header.max_timestamp, rules), rules).map(Verdict::Append)
}

/// Decompresses a batch that [`validate`] wants opened, checks its records and compresses them anew
/// where needed. Takes as long as it takes: not for a shard's own thread. Holds at most twice
/// `opened_bytes_max`, which a batch that is larger when opened is refused by.
pub fn open(bytes: &[u8], rules: &Rules, opened_bytes_max: usize) -> Result<Opened, Refusal> {
    let batch = only_batch(bytes, rules)?;
    let header = batch.header;
    let codec = codec_of(&header)?;
    let mut plain = Vec::new();
    decompress(codec, batch.payload(), opened_bytes_max, &mut plain)?;
    let walk = walk(&plain, &header, rules)?;
    if let (Codec::None, Some((index, found))) = (codec, walk.gap) {
        return Err(RecordsError::OffsetDelta { index, found }.into());
    }
    let target = target_codec(codec, rules);
    if target == codec && walk.gap.is_none() {
        let time = time_stamp(&header, walk.max_timestamp, rules);
        return accept(&batch, time, rules).map(Opened::AsItIs);
    }
    let rebuilt = Bytes::from(rebuild(&header, target, walk, plain, rules)?);
    if rebuilt.len() > rules.max_message_bytes {
        let (bytes, bytes_max) = (rebuilt.len(), rules.max_message_bytes);
        return Err(Refusal::TooLargeRebuilt { bytes, bytes_max });
    }
    let batch = Batch::parse(&rebuilt).expect("what was just built is a batch");
    let time = time_stamp(&batch.header, walk.max_timestamp, rules);
    let accepted = accept(&batch, time, rules)?;
    Ok(Opened::Rebuilt { accepted, batch: rebuilt })
}

/// A batch with the same records and header, but for codec, timestamps in the header, and offset
/// deltas without gaps.
fn rebuild(
    header: &BatchHeader,
    codec: Codec,
    walk: Walk,
    plain: Vec<u8>,
    rules: &Rules,
) -> Result<Vec<u8>, Refusal> {
    let level = match rules.compression {
        Compression::Fixed { level, .. } => level,
        Compression::Producer => default_level(codec),
    };
    let attributes = match header.attributes.is_transactional() {
        true => Attributes::default().with_transactional(),
        false => Attributes::default(),
    };
    if walk.gap.is_none() {
        let header = BatchHeader { attributes, max_timestamp: walk.max_timestamp, ..*header };
        return Ok(assemble(header, codec, level, &plain));
    }
    let mut builder = BatchBuilder::new().codec(codec, level).attributes(attributes).producer(
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
    );
    for record in Records::new(&plain, header.count) {
        let record = record?;
        let headers: Vec<_> = record.headers.map(|header| (header.key, header.value)).collect();
        builder.push(timestamp_of(&record, header), record.key, record.value, &headers);
    }
    // The records are twice in memory already.
    drop(plain);
    Ok(builder.finish())
}

/// Kafka's defaults for `compression.gzip.level`, `.lz4.level` and `.zstd.level`.
fn default_level(codec: Codec) -> i32 {
    match codec {
        Codec::None | Codec::Snappy => 0,
        Codec::Gzip => -1,
        Codec::Lz4 => 9,
        Codec::Zstd => 3,
    }
}

fn codec_of(header: &BatchHeader) -> Result<Codec, Refusal> {
    header.attributes.codec().map_err(Refusal::UnknownCodec)
}

fn target_codec(codec: Codec, rules: &Rules) -> Codec {
    match rules.compression {
        Compression::Producer => codec,
        Compression::Fixed { codec, .. } => codec,
    }
}

/// Exactly one batch of format 2; a cut-off one behind it is ignored, as Kafka does.
fn only_batch<'a>(bytes: &'a [u8], rules: &Rules) -> Result<Batch<'a>, Refusal> {
    let Some((total, magic)) = frame(bytes)? else { return Err(Refusal::NoBatch) };
    if magic != 2 {
        return Err(Refusal::OldMagic(magic));
    }
    let Ok(batch) = Batch::parse(&bytes[..total]) else {
        // Shorter than a header: whatever it is, it is not what a CRC was made of.
        return Err(Refusal::Crc { stored: 0 });
    };
    if batch.header.attributes.codec() == Ok(Codec::Zstd) && !rules.zstd_allowed {
        return Err(Refusal::ZstdTooEarly);
    }
    if frame(&bytes[total..])?.is_some() {
        return Err(Refusal::SeveralBatches);
    }
    Ok(batch)
}

/// Total bytes and magic of what lies at the front, whatever its format; `None` where it is not
/// there as a whole.
fn frame(bytes: &[u8]) -> Result<Option<(usize, i8)>, Refusal> {
    let Some(length) = bytes.get(8..LENGTH_END).and_then(|length| length.first_chunk::<4>()) else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    if length < RECORD_BYTES_MIN {
        return Err(Refusal::RecordSize(length));
    }
    let Some(&magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
    let magic = magic as i8;
    if !(0..=2).contains(&magic) {
        return Err(Refusal::UnknownMagic(magic));
    }
    let total = LENGTH_END + length as usize;
    Ok((total <= bytes.len()).then_some((total, magic)))
}

/// Rules 4, 5 and the CRC, in Kafka's order.
fn check_header(batch: &Batch<'_>, rules: &Rules) -> Result<(), Refusal> {
    let header = &batch.header;
    if header.base_offset != 0 {
        return Err(Refusal::BaseOffset(header.base_offset));
    }
    if batch.bytes.len() > rules.max_message_bytes {
        let (bytes, bytes_max) = (batch.bytes.len(), rules.max_message_bytes);
        return Err(Refusal::TooLarge { bytes, bytes_max });
    }
    if !batch.crc_holds() {
        return Err(Refusal::Crc { stored: header.crc });
    }
    let last_offset_delta = header.last_offset_delta;
    if last_offset_delta < 0 {
        return Err(Refusal::OffsetRange { last_offset_delta });
    }
    if header.count <= 0 {
        return Err(Refusal::Count(header.count));
    }
    if last_offset_delta != header.count - 1 {
        return Err(Refusal::CountMismatch { last_offset_delta, count: header.count });
    }
    if header.attributes.is_control() {
        return Err(Refusal::Control);
    }
    if header.producer_id > NO_PRODUCER && header.base_sequence < 0 {
        let (base_sequence, producer_id) = (header.base_sequence, header.producer_id);
        return Err(Refusal::Sequence { base_sequence, producer_id });
    }
    Ok(())
}

fn accept(batch: &Batch<'_>, time: TimeStamp, rules: &Rules) -> Result<Accepted, Refusal> {
    let bytes = batch.bytes.len();
    if bytes > rules.segment_bytes {
        return Err(Refusal::LargerThanSegment { bytes, bytes_max: rules.segment_bytes });
    }
    Ok(Accepted { header: batch.header, bytes, time })
}

fn time_stamp(header: &BatchHeader, max_timestamp: i64, rules: &Rules) -> TimeStamp {
    let as_it_is = header.attributes.timestamp_type() == TimestampType::CreateTime
        && header.max_timestamp == max_timestamp;
    match rules.timestamp_type {
        TimestampType::LogAppendTime => TimeStamp::LogAppend,
        TimestampType::CreateTime if as_it_is => TimeStamp::Keep,
        TimestampType::CreateTime => TimeStamp::Create { max_timestamp },
    }
}

/// What a walk over all records found.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// Of the records; at least [`NO_TIMESTAMP`].
    max_timestamp: i64,
    /// The first record whose offset delta is not its index: (index, delta).
    gap: Option<(i32, i32)>,
}

fn walk(payload: &[u8], header: &BatchHeader, rules: &Rules) -> Result<Walk, Refusal> {
    let mut walk = Walk { max_timestamp: NO_TIMESTAMP, gap: None };
    let mut faults = Faults::default();
    let kind = header.attributes.timestamp_type();
    for (index, record) in (0..).zip(Records::new(payload, header.count)) {
        let record = record?;
        let timestamp = timestamp_of(&record, header);
        walk.max_timestamp = walk.max_timestamp.max(timestamp);
        if record.offset_delta != index && walk.gap.is_none() {
            walk.gap = Some((index, record.offset_delta));
        }
        if rules.compacted && record.key.is_none() {
            faults.add(index, RecordFault::NoKey);
        } else if let Some(fault) = timestamp_fault(timestamp, kind, rules) {
            faults.add(index, fault);
        }
    }
    faults.verdict()?;
    Ok(walk)
}

/// Milliseconds since the Unix epoch. Sums wrap, as Java's do.
fn timestamp_of(record: &Record<'_>, header: &BatchHeader) -> i64 {
    match header.attributes.timestamp_type() {
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
        TimestampType::LogAppendTime => header.max_timestamp,
    }
}

/// Rule 11, as `LogValidator.validateTimestamp` has it. `kind` is what the batch says of itself.
fn timestamp_fault(timestamp: i64, kind: TimestampType, rules: &Rules) -> Option<RecordFault> {
    if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
        let from = rules.now_ms.saturating_sub(rules.timestamp_before_max_ms);
        let to = rules.now_ms.saturating_add(rules.timestamp_after_max_ms);
        let out_of_range = timestamp < from || timestamp > to;
        return out_of_range.then_some(RecordFault::Timestamp { timestamp, from, to });
    }
    (kind == TimestampType::LogAppendTime).then_some(RecordFault::LogAppendTime)
}

/// A batch marked LogAppendTime has one timestamp for all of its records, so its header tells
/// whether each of them is at fault.
fn refuse_common_timestamp(header: &BatchHeader, rules: &Rules) -> Result<(), Refusal> {
    let kind = TimestampType::LogAppendTime;
    let Some(fault) = timestamp_fault(header.max_timestamp, kind, rules) else { return Ok(()) };
    let total = usize::try_from(header.count).expect("a count above 0 was checked");
    let listed = header.count.min(FAULTS_MAX as i32);
    let faults = (0..listed).map(|index| RecordRefusal { index, fault }).collect();
    Err(Refusal::Records { total, faults })
}

#[derive(Default)]
struct Faults {
    total: usize,
    first: Vec<RecordRefusal>,
}

impl Faults {
    fn add(&mut self, index: i32, fault: RecordFault) {
        self.total += 1;
        if self.first.len() < FAULTS_MAX {
            self.first.push(RecordRefusal { index, fault });
        }
    }

    fn verdict(self) -> Result<(), Refusal> {
        if self.total == 0 {
            return Ok(());
        }
        Err(Refusal::Records { total: self.total, faults: self.first })
    }
}

#[cfg(test)]
mod tests;
