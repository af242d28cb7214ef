//! The strand over a disk in memory.

mod aging;
mod damage;
mod disk;
mod recovering;
mod reindexing;
mod slices;
mod space;
mod writing;

use bytes::Bytes;

use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::Append;
use crate::strand::Refusal;
use crate::strand::Strand;
use crate::strand::batch::body_crc;

/// A batch of one record that is `bytes` long and filled with `fill`, and what is said of it.
pub(super) fn batch(
    partition: u64,
    base_offset: Offset,
    bytes: usize,
    fill: u8,
) -> (Append, Bytes) {
    assert!(bytes > 61, "a batch has a header");
    let mut raw = vec![fill; bytes];
    raw[..61].fill(0);
    raw[8..12].copy_from_slice(&((bytes - 12) as i32).to_be_bytes());
    raw[16] = 2;
    raw[43..51].copy_from_slice(&(-1_i64).to_be_bytes());
    raw[51..53].copy_from_slice(&(-1_i16).to_be_bytes());
    raw[53..57].copy_from_slice(&(-1_i32).to_be_bytes());
    raw[57..61].copy_from_slice(&1_i32.to_be_bytes());
    let crc = body_crc(&raw);
    raw[17..21].copy_from_slice(&crc.to_be_bytes());
    let append = Append {
        partition: PartitionId(partition),
        base_offset,
        leader_epoch: 1,
        last_offset_delta: 0,
        count: 1,
        bytes: bytes as u32,
        crc,
        max_timestamp: 0,
        attributes: 0,
        producer_id: -1,
        producer_epoch: -1,
        first_sequence: -1,
        rolls: false,
        appended_ms: 1,
    };
    (append, Bytes::from(raw))
}

/// Appends one record at the partition's end.
pub(super) fn produce(strand: &mut Strand, partition: u64, bytes: usize) -> Result<u64, Refusal> {
    let end = strand.log(PartitionId(partition)).map_or(0, |log| log.end());
    let (append, bytes) = batch(partition, end, bytes, end as u8 ^ partition as u8);
    strand.append(append, bytes)
}
