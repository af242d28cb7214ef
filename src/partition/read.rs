//! What a reader of a partition may see (rules 65, 67, 68, 72, 73).

use super::Led;
use crate::api::FetchPart;
use crate::api::Rejection;
use crate::base::LeaderEpoch;
use crate::base::Mutant;
use crate::base::Offset;
use crate::log::EpochEnd;
use crate::log::Log;

/// Where a read begins, if it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadStart {
    /// Batches from the one that holds `from`, below `limit`.
    At { from: Offset, limit: Offset },
    /// Nothing is visible there yet.
    Nothing,
    /// Rule 72: the reader's log parted from this one.
    Diverged(EpochEnd),
}

/// Checks epoch and offset of a fetch.
pub fn read_start(led: &Led, log: &Log, part: &FetchPart) -> Result<ReadStart, Rejection> {
    led.check_epoch(part.current_epoch)?;
    if part.from < log.start() {
        return Err(Rejection::OffsetOutOfRange);
    }
    if part.last_epoch >= 0 {
        let end = epoch_end(led, log, part.last_epoch).ok_or(Rejection::OffsetOutOfRange)?;
        if end.epoch < part.last_epoch || end.end < part.from {
            return Ok(ReadStart::Diverged(end));
        }
    }
    // Rule 68. Between what is visible and the log's end there is nothing to see, and no error.
    if part.from > log.end() {
        return Err(Rejection::OffsetOutOfRange);
    }
    let limit = if Mutant::ReadsBeyondVisible.is_on() { log.end() } else { led.high_watermark };
    if part.from >= limit {
        return Ok(ReadStart::Nothing);
    }
    Ok(ReadStart::At { from: part.from, limit })
}

/// Rule 73, on a leader: the current epoch is known from the election on, though the log holds it
/// only from its first append.
pub fn epoch_end(led: &Led, log: &Log, epoch: LeaderEpoch) -> Option<EpochEnd> {
    let end = led.high_watermark;
    if epoch == led.epoch {
        return Some(EpochEnd { epoch, end });
    }
    if epoch > led.epoch || epoch < 0 {
        return None;
    }
    match log.epochs().latest() {
        // Nothing was written yet since the newest epoch of the log ended.
        Some(latest) if epoch >= latest => Some(EpochEnd { epoch: latest, end }),
        Some(_) => log.epochs().end_offset_for(epoch, end),
        None => Some(EpochEnd { epoch, end: log.start() }),
    }
}
