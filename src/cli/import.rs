//! `strandlog log import`: a segment of Kafka's, appended to a partition of a stopped store.

use std::fs;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::cli::log::Stopped;
use crate::cli::offline::Offline;
use crate::cli::store::Store;
use crate::record::BatchHeader;
use crate::record::Batches;
use crate::record::NO_PRODUCER;
use crate::strand::Append;
use crate::strand::Refusal;

/// Where to.
pub(super) struct Target<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
}

/// Appends the batches of `path`. Where the partition holds no records they keep their offsets, else
/// they follow what is there.
pub(super) fn segment(
    store: &Store,
    target: &Target<'_>,
    path: &Path,
    out: &mut dyn Write,
) -> Result<(), Stopped> {
    let bytes = Bytes::from(fs::read(path)?);
    let batches =
        read(&bytes).map_err(|what| Stopped::Missing(format!("{}: {what}", path.display())))?;
    let image = store.metadata()?;
    let Target { topic, partition } = target;
    let found = image.topic(topic).and_then(|topic| image.partition(topic, *partition));
    let Some(info) = found else {
        let message = format!("there is no partition {topic}-{partition}; create it first");
        return Err(Stopped::Missing(message));
    };
    let Some((first, _)) = batches.first() else {
        writeln!(out, "{topic}-{partition}: nothing to import")?;
        return Ok(());
    };
    let mut offline = Offline::open(store, &store.place(info.strand)?)?;
    let base = begin(&mut offline, info.id, info.leader_epoch, first.base_offset)?;
    let shift = base - first.base_offset;
    let mut last = 0;
    for (number, (header, batch)) in batches.iter().enumerate() {
        let now_ms = offline.now().wall_ms;
        let append = Append {
            rolls: number == 0,
            ..append(info.id, info.leader_epoch, header, shift, now_ms)
        };
        last = take_in(&mut offline, append, batch, last)?;
    }
    offline.sync(last)?;
    offline.close()?;
    let end = batches.last().map_or(base, |(header, _)| header.end_offset() + shift);
    let count = batches.len();
    let kept = if shift == 0 { "as they were" } else { "behind what was there" };
    writeln!(out, "{topic}-{partition}: {count} batches, offsets {base}..{end}, {kept}")?;
    Ok(())
}

/// Every batch with its header, checked as at a broker's door.
fn read(bytes: &Bytes) -> Result<Vec<(BatchHeader, Bytes)>, String> {
    let mut batches: Vec<(BatchHeader, Bytes)> = Vec::new();
    let mut walk = Batches::new(bytes);
    let mut at = 0;
    for batch in walk.by_ref() {
        let batch = match batch {
            Ok(batch) => batch,
            // Preallocated segments end in zeros.
            Err(_) if bytes[at..].iter().all(|byte| *byte == 0) => return Ok(batches),
            Err(error) => return Err(format!("at byte {at}: {error}")),
        };
        let header = batch.header;
        let wrong =
            |what: &str| Err(format!("at byte {at}, offset {}: {what}", header.base_offset));
        if !batch.crc_holds() {
            return wrong("the CRC does not match");
        }
        if header.attributes.is_control() || header.attributes.is_transactional() {
            return wrong("a part of a transaction, which are not served");
        }
        if header.last_offset_delta < 0 || header.base_offset < 0 {
            return wrong("an impossible offset");
        }
        let expected = batches.last().map(|(before, _)| before.end_offset());
        if expected.is_some_and(|expected| expected != header.base_offset) {
            return wrong("offsets are missing before it, as compaction leaves them");
        }
        let length = header.total_bytes();
        batches.push((header, bytes.slice(at..at + length)));
        at += length;
    }
    match walk.rest().iter().all(|byte| *byte == 0) {
        true => Ok(batches),
        false => Err(format!("at byte {at}: a batch that is cut off")),
    }
}

/// Makes the partition known to its strand, and gives the offset that the first batch gets.
fn begin(
    offline: &mut Offline,
    partition: PartitionId,
    epoch: LeaderEpoch,
    first: Offset,
) -> Result<Offset, Stopped> {
    let ends = offline.strand.log(partition).map(|log| (log.start(), log.end()));
    let (start, end) = ends.unwrap_or((0, 0));
    if start < end || first < end {
        return Ok(end);
    }
    let begun = offline.strand.start_epoch(partition, epoch);
    let sequence = begun.and_then(|begun| match first > end {
        true => offline.strand.move_start(partition, first),
        false => Ok(begun),
    });
    offline.sync(sequence.map_err(refused)?)?;
    Ok(first)
}

/// The strand's facts of a batch whose offsets move by `shift`. The producer stays in its bytes and is
/// not remembered: its id is another broker's.
fn append(
    partition: PartitionId,
    leader_epoch: LeaderEpoch,
    header: &BatchHeader,
    shift: Offset,
    appended_ms: i64,
) -> Append {
    let base_offset = header.base_offset + shift;
    let stored = BatchHeader { base_offset, leader_epoch, ..*header };
    Append {
        producer_id: NO_PRODUCER,
        producer_epoch: -1,
        first_sequence: -1,
        ..Append::of(partition, &stored, appended_ms)
    }
}

/// Gives the sequence to wait for. `last`: that of the batch before.
fn take_in(
    offline: &mut Offline,
    append: Append,
    batch: &Bytes,
    last: u64,
) -> Result<u64, Stopped> {
    match offline.strand.append(append, batch.clone()) {
        Ok(sequence) => Ok(sequence),
        Err(Refusal::Overloaded) => {
            offline.sync(last)?;
            offline.strand.append(append, batch.clone()).map_err(refused)
        }
        Err(other) => Err(refused(other)),
    }
}

fn refused(refusal: Refusal) -> Stopped {
    let what = match refusal {
        Refusal::Full => "the disk is full",
        Refusal::TooLarge => "a batch is larger than an extent of this store takes",
        Refusal::Overloaded | Refusal::NotReady | Refusal::UnknownPartition => {
            "the strand takes nothing"
        }
    };
    Stopped::Missing(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    #[test]
    fn a_segment_with_holes_or_a_torn_end_is_refused() {
        let batch = |base: Offset| {
            let mut builder = BatchBuilder::new();
            builder.push(5, None, Some(b"value"), &[]);
            let mut batch = builder.finish();
            crate::record::stamp(&mut batch, base, 0);
            batch
        };
        let whole = [batch(5), batch(6)].concat();
        let offsets = |bytes: &[u8]| {
            let read = read(&Bytes::copy_from_slice(bytes));
            read.map(|batches| batches.iter().map(|(h, _)| h.base_offset).collect::<Vec<_>>())
        };
        assert_eq!(offsets(&whole), Ok(vec![5, 6]));
        assert_eq!(offsets(&[whole.clone(), vec![0; 100]].concat()), Ok(vec![5, 6]));
        let hole = [batch(5), batch(8)].concat();
        assert!(offsets(&hole).unwrap_err().contains("compaction"));
        assert!(offsets(&whole[..whole.len() - 1]).unwrap_err().contains("cut off"));
        let mut flipped = whole;
        let end = flipped.len() - 1;
        flipped[end] ^= 1;
        assert!(offsets(&flipped).unwrap_err().contains("CRC"));
    }
}
