//! Whether and how a checked batch goes to the end of its partition (rules 8, 12, 16 to 21, 88).

use bytes::Bytes;
use bytes::BytesMut;

use super::Led;
use crate::api::Appended;
use crate::api::Rejection;
use crate::base::Mutant;
use crate::base::Offset;
use crate::base::Rng;
use crate::log::Attempt;
use crate::log::Log;
use crate::log::RollLimits;
use crate::log::Verdict;
use crate::log::next_sequence;
use crate::record::Accepted;
use crate::record::BatchHeader;
use crate::record::HEADER_BYTES;
use crate::record::TimeStamp;
use crate::record::TimestampType;
use crate::strand::Append;

/// What holds for every append of this moment.
#[derive(Clone, Copy, Debug)]
pub struct AppendTerms {
    /// Wall clock, milliseconds.
    pub now_ms: i64,
    /// The same, but for jumps of the clock ahead: producers expire by it (R23).
    pub elapsed_ms: i64,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub enum Decision {
    /// Append `batch` with these facts; the answer is due once it is durable.
    Append {
        append: Append,
        batch: Bytes,
        appended: Appended,
    },
    /// It was appended before (rule 17): answer so, once everything of the partition that was
    /// appended up to now is durable (R12).
    Duplicate(Appended),
    /// Refused because of what was appended before: to be said once that is durable (R12).
    RefuseWhenDurable(Rejection),
    Refuse(Rejection),
}

/// Decides on `batch`, which passed the checks that `accepted` tells of.
pub fn decide(
    led: &Led,
    log: &Log,
    accepted: &Accepted,
    batch: &Bytes,
    terms: AppendTerms,
) -> Decision {
    let header = &accepted.header;
    if header.attributes.is_transactional() {
        // Rule 32: a transaction's batch needs a coordinator that knows of it.
        return Decision::Refuse(Rejection::Transaction);
    }
    if let Some(decision) = check_producer(led, log, header, terms) {
        return decision;
    }
    let base_offset = log.end();
    if base_offset.checked_add(Offset::from(header.last_offset_delta) + 1).is_none() {
        return Decision::Refuse(Rejection::BatchTooLarge);
    }
    // R23: time does not run backwards within a partition.
    let append_time_ms = terms.now_ms.max(log.appended_ms());
    let stored = accepted.stored_header(batch, base_offset, led.epoch, append_time_ms);
    let append = facts(led, log, &stored, append_time_ms);
    let batch = match accepted.time {
        // Base offset and epoch are stamped by the strand on the way to the commit buffer.
        TimeStamp::Keep => batch.slice(..accepted.bytes),
        TimeStamp::Create { .. } | TimeStamp::LogAppend => {
            with_header(&batch[..accepted.bytes], &stored)
        }
    };
    let appended = Appended {
        base_offset,
        append_time_ms: log_append_time(&stored),
        log_start: led.log_start,
    };
    Decision::Append { append, batch, appended }
}

fn check_producer(
    led: &Led,
    log: &Log,
    header: &BatchHeader,
    terms: AppendTerms,
) -> Option<Decision> {
    if !header.has_producer() {
        return None;
    }
    let attempt = Attempt {
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        first_sequence: header.base_sequence,
        last_sequence: header.last_sequence(),
    };
    match log.producers().check(&attempt, terms.elapsed_ms, terms.producer_expiration_ms) {
        Verdict::Accept => None,
        Verdict::Duplicate(_) if led.epoch > 0 && Mutant::DuplicateAcceptedAfterStart.is_on() => {
            None
        }
        Verdict::Duplicate(batch) => Some(Decision::Duplicate(Appended {
            base_offset: batch.base_offset,
            // Kafka answers with the original's timestamp here, whatever the timestamp type.
            append_time_ms: batch.timestamp,
            log_start: led.log_start,
        })),
        Verdict::OutOfOrder { last_sequence } => {
            let (expected, found) = (next_sequence(last_sequence), header.base_sequence);
            Some(Decision::RefuseWhenDurable(Rejection::OutOfOrderSequence { expected, found }))
        }
        Verdict::OldEpoch { current } => {
            let found = header.producer_epoch;
            Some(Decision::RefuseWhenDurable(Rejection::OldProducerEpoch { current, found }))
        }
    }
}

fn facts(led: &Led, log: &Log, stored: &BatchHeader, appended_ms: i64) -> Append {
    let append = Append::of(led.id, stored, appended_ms);
    let last_offset = stored.base_offset + Offset::from(stored.last_offset_delta);
    let limits = RollLimits {
        bytes: u64::from(led.config.segment_bytes),
        ms: led.config.segment_ms.saturating_sub(jitter(led, log)),
    };
    let rolls = log.segments().rolls(
        u64::from(append.bytes),
        stored.max_timestamp,
        last_offset,
        appended_ms,
        limits,
    );
    Append { rolls, ..append }
}

/// `segment.jitter.ms`, as a share that differs from segment to segment and is the same whenever
/// it is asked for.
fn jitter(led: &Led, log: &Log) -> i64 {
    let bound = led.config.segment_jitter_ms.min(led.config.segment_ms);
    if bound <= 0 {
        return 0;
    }
    let base = log.segments().active().map_or(0, |segment| segment.base);
    let mut rng = Rng::new(led.id.0 ^ (base as u64).rotate_left(32));
    rng.below(bound as u64) as i64
}

fn with_header(batch: &[u8], header: &BatchHeader) -> Bytes {
    let mut copy = BytesMut::with_capacity(batch.len());
    copy.extend_from_slice(&header.encode());
    copy.extend_from_slice(&batch[HEADER_BYTES..]);
    copy.freeze()
}

/// Rule 12: the time that the broker stamped, else -1.
fn log_append_time(stored: &BatchHeader) -> i64 {
    match stored.attributes.timestamp_type() {
        TimestampType::LogAppendTime => stored.max_timestamp,
        TimestampType::CreateTime => -1,
    }
}
