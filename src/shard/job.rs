//! Work over 50 µs that is done off-core, by the port's blocking pool: pure functions of their input.

use bytes::Bytes;

use crate::base::Offset;
use crate::group::PatternSearch;
use crate::metadata::Image;
use crate::record::Batch;
use crate::record::Codec;
use crate::record::Opened;
use crate::record::Records;
use crate::record::Refusal;
use crate::record::Rules;
use crate::record::TimestampType;
use crate::record::decompress;
use crate::record::open;

/// Names one job of a shard. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u64);

/// What is to be done. A batch that has more than `bytes_max` bytes when it is opened is refused.
#[derive(Debug)]
pub enum Job {
    /// Check the records of a compressed batch, and compress it anew where the topic wants that.
    Open { batch: Bytes, rules: Box<Rules>, bytes_max: usize },
    /// Find the first record at or after `timestamp` and at or above offset `from`.
    FindRecord { batch: Bytes, timestamp: i64, from: Offset, bytes_max: usize },
    /// Find topics that regular expressions of a group stand for: a piece of the search.
    MatchPatterns { image: Box<Image>, search: Box<PatternSearch> },
}

/// What came of it.
#[derive(Debug)]
pub enum JobResult {
    Opened(Result<Opened, Refusal>),
    /// Offset and timestamp; `None`: there is no such record, or the batch cannot be opened.
    FoundRecord(Option<(Offset, i64)>),
    Matched {
        image: Box<Image>,
        search: Box<PatternSearch>,
    },
}

impl Job {
    pub fn run(self) -> JobResult {
        match self {
            Self::Open { batch, rules, bytes_max } => {
                JobResult::Opened(open(&batch, &rules, bytes_max))
            }
            Self::FindRecord { batch, timestamp, from, bytes_max } => {
                JobResult::FoundRecord(find_record(&batch, timestamp, from, bytes_max))
            }
            Self::MatchPatterns { image, mut search } => {
                let from = search.begins_at();
                search.go_on(image.state().topics_from(&from).map(|topic| &topic.name));
                JobResult::Matched { image, search }
            }
        }
    }
}

/// The first record of `batch` at or after `timestamp` and at or above offset `from`, with its
/// timestamp. Decompresses where it must: on a shard's own thread only for uncompressed batches.
pub(super) fn find_record(
    batch: &[u8],
    timestamp: i64,
    from: Offset,
    bytes_max: usize,
) -> Option<(Offset, i64)> {
    let batch = Batch::parse(batch).ok()?;
    let header = &batch.header;
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        let reached = header.max_timestamp >= timestamp;
        return reached.then_some((header.base_offset.max(from), header.max_timestamp));
    }
    let codec = header.attributes.codec().ok()?;
    let mut plain = Vec::new();
    let payload = match codec {
        Codec::None => batch.payload(),
        _ => {
            decompress(codec, batch.payload(), bytes_max, &mut plain).ok()?;
            &plain
        }
    };
    Records::new(payload, header.count).map_while(Result::ok).find_map(|record| {
        let time = header.base_timestamp.wrapping_add(record.timestamp_delta);
        let offset = header.base_offset.saturating_add(Offset::from(record.offset_delta));
        (time >= timestamp && offset >= from).then_some((offset, time))
    })
}
