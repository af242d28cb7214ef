//! DeleteRecords (rule 87).

use super::Led;
use crate::api::Rejection;
use crate::base::Offset;
use crate::log::Log;

/// The log start that deleting below `to` asks for; `None` as `to`: everything visible. The answer
/// may be the present start: then there is nothing to do.
pub fn delete_to(led: &Led, log: &Log, to: Option<Offset>) -> Result<Offset, Rejection> {
    if led.config.cleanup.compact && !led.config.cleanup.delete {
        return Err(Rejection::Policy);
    }
    let to = to.unwrap_or(led.high_watermark);
    if to < 0 || to > led.high_watermark {
        return Err(Rejection::OffsetOutOfRange);
    }
    Ok(to.max(log.start()))
}
