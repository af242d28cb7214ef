//! The answer to Fetch: heads of partitions around stored batches.

use super::errors::ErrorCode;
use super::fetch_session::Said;
use super::fetch_session::TopicKey;
use super::fetch_session::Wanted;
use super::messages::FetchFrame;
use super::messages::FetchWriter;
use super::messages::FetchedHead;
use super::rejection::error_code;
use super::wire::EncodeError;
use crate::api::Data;
use crate::api::PartFetched;
use crate::api::Rejection;
use crate::base::TopicId;

/// The first version whose errors come under a session: at the top.
const SESSIONS_FROM: i16 = 7;

/// `READ_COMMITTED`: aborted transactions are listed. There are none.
const READ_COMMITTED: i8 = 1;

/// What a session compares of a partition's answer.
pub fn said<D>(part: &PartFetched<D>) -> Said {
    let failed = part.data.is_err();
    Said {
        bytes: part.bytes(),
        high_watermark: part.high_watermark,
        log_start: part.log_start,
        remarkable: failed || matches!(part.data, Ok(Data::Diverged { .. })),
        failed,
    }
}

/// What is the same for all partitions of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub version: i16,
    pub correlation: i32,
    pub session: i32,
    pub isolation: i8,
}

/// The frame of an answer that mentions `parts`, in order.
///
/// # Errors
/// More than the wire can say.
pub fn frame<D>(
    terms: Terms,
    parts: &[(Wanted, PartFetched<D>)],
) -> Result<FetchFrame, EncodeError> {
    let Terms { version, correlation, session, isolation } = terms;
    let groups: Vec<_> = parts.chunk_by(|(a, _), (b, _)| a.topic == b.topic).collect();
    let mut writer =
        FetchWriter::new(version, correlation, 0, ErrorCode::None.code(), session, groups.len())?;
    for group in groups {
        let (name, id) = match group.first().map(|(wanted, _)| &wanted.topic) {
            Some(TopicKey::Name(name)) => (&**name, TopicId::NONE),
            Some(TopicKey::Id(id)) => ("", *id),
            None => continue,
        };
        writer.topic(name, id, group.len())?;
        for (wanted, part) in group {
            writer.partition(&head(version, isolation, wanted.partition, part))?;
        }
    }
    writer.finish(&Vec::new())
}

/// The frame of an answer that is an error as a whole.
///
/// # Errors
/// As [`frame`].
pub fn error_frame(
    version: i16,
    correlation: i32,
    error: ErrorCode,
) -> Result<FetchFrame, EncodeError> {
    debug_assert!(version >= SESSIONS_FROM, "older versions have no sessions to be wrong about");
    FetchWriter::new(version, correlation, 0, error.code(), 0, 0)?.finish(&Vec::new())
}

fn head<D>(
    version: i16,
    isolation: i8,
    partition_index: i32,
    part: &PartFetched<D>,
) -> FetchedHead<'static> {
    let base = FetchedHead { partition_index, ..FetchedHead::default() };
    let data = match &part.data {
        Ok(data) => data,
        Err(rejection) => {
            return FetchedHead {
                error_code: fetch_error(version, rejection).code(),
                aborted_transactions: Some(&[]),
                ..base
            };
        }
    };
    let diverging = match data {
        Data::Diverged { epoch, end } => Some((*epoch, *end)),
        Data::Batches { .. } => None,
    };
    FetchedHead {
        high_watermark: part.high_watermark,
        // Rule 37: without open transactions the last stable offset is the high watermark.
        last_stable_offset: part.high_watermark,
        log_start_offset: part.log_start,
        diverging,
        aborted_transactions: if isolation == READ_COMMITTED { Some(&[]) } else { None },
        records_bytes: Some(part.bytes()),
        ..base
    }
}

/// Errors that a fetch version does not know are told as ones that it does.
fn fetch_error(version: i16, rejection: &Rejection) -> ErrorCode {
    match error_code(rejection) {
        // Fetch sessions' clients know it; before that it was a broken disk that nobody named.
        ErrorCode::KafkaStorageError if version <= 5 => ErrorCode::NotLeaderOrFollower,
        error => error,
    }
}
