//! Retention over logical segments (rules 90 and 91).

use super::Led;
use crate::base::Mutant;
use crate::base::Offset;
use crate::log::Log;
use crate::log::Segment;

/// The log start after whatever has expired at wall time `now_ms` is gone; `None`: nothing has.
/// Whole segments go, oldest first, and nothing above the high watermark. Where even the active
/// segment has expired, the next append begins another.
pub fn expired_start(led: &Led, log: &Log, now_ms: i64) -> Option<Offset> {
    if !led.config.cleanup.delete {
        return None;
    }
    let by_time = led.config.retention_ms.and_then(|ms| expired_by_time(led, log, now_ms, ms));
    let by_size = led.config.retention_bytes.and_then(|bytes| expired_by_size(led, log, bytes));
    by_time.max(by_size).filter(|&to| to > log.start())
}

/// Segments with their exclusive ends, as far as they lie below the high watermark.
fn deletable<'a>(led: &Led, log: &'a Log) -> impl Iterator<Item = (&'a Segment, Offset)> {
    let high_watermark = led.high_watermark;
    let ends = log.segments().iter().skip(1).map(|next| next.base).chain([log.end()]);
    log.segments().iter().zip(ends).take_while(move |&(_, end)| end <= high_watermark)
}

fn expired_by_time(led: &Led, log: &Log, now_ms: i64, retention_ms: i64) -> Option<Offset> {
    let expired = |segment: &Segment| {
        // A timestamp in the future keeps its segment and all behind it, as in Kafka.
        let newest = match segment.max_timestamp {
            timestamp if timestamp >= 0 => timestamp,
            _ => segment.appended_ms,
        };
        let kept_ms =
            if Mutant::RetentionTooEager.is_on() { retention_ms / 2 } else { retention_ms };
        now_ms.saturating_sub(newest) > kept_ms
    };
    deletable(led, log).take_while(|(segment, _)| expired(segment)).last().map(|(_, end)| end)
}

fn expired_by_size(led: &Led, log: &Log, retention_bytes: u64) -> Option<Offset> {
    let mut excess = log.bytes().checked_sub(retention_bytes)?;
    let mut start = None;
    for (segment, end) in deletable(led, log) {
        let one_too_many = Mutant::RetentionOneTooMany.is_on() && excess > 0;
        let Some(rest) = excess.checked_sub(segment.bytes).or_else(|| one_too_many.then_some(0))
        else {
            break;
        };
        excess = rest;
        start = Some(end);
    }
    start
}
