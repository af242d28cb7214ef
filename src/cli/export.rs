//! `strandlog log export`: a topic as Kafka has it on disk.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::base::PartitionId;
use crate::cli::log::Stopped;
use crate::cli::segments::SegmentWriter;
use crate::cli::segments::write_epochs;
use crate::cli::store::Store;
use crate::cli::store::StrandStore;
use crate::cli::stored::for_each_batch;
use crate::cli::stored::sound_contents;
use crate::log::Log;
use crate::record::BatchHeader;
use crate::strand::Contents;

/// Writes every partition of `topic` below `to`, each in a directory of its own.
pub(super) fn topic(
    store: &Store,
    topic: &str,
    to: &Path,
    out: &mut dyn Write,
) -> Result<(), Stopped> {
    let image = store.metadata()?;
    let Some(found) = image.topic(topic) else {
        return Err(Stopped::Missing(format!("there is no topic `{topic}`")));
    };
    fs::create_dir_all(to)?;
    for (number, info) in image.partitions(found).enumerate() {
        let strand = store.strand(&store.place(info.strand)?)?;
        let contents = sound_contents(&strand)?;
        let dir = to.join(format!("{topic}-{number}"));
        fs::create_dir(&dir)?;
        let batches = partition(&strand, &contents, info.id, &dir)?;
        let empty = Log::default();
        let log = contents.logs.get(&info.id).unwrap_or(&empty);
        writeln!(
            out,
            "{topic}-{number}: {batches} batches, offsets {}..{}",
            log.start(),
            log.end()
        )?;
    }
    Ok(())
}

/// One partition; gives the count of its batches.
fn partition(
    strand: &StrandStore,
    contents: &Contents,
    id: PartitionId,
    dir: &Path,
) -> Result<u64, Stopped> {
    let empty = Log::default();
    let log = contents.logs.get(&id).unwrap_or(&empty);
    let mut bases: Vec<i64> = log.segments().iter().map(|segment| segment.base).collect();
    bases.reverse();
    let mut segment: Option<SegmentWriter> = None;
    let mut batches = 0;
    for_each_batch(strand, contents, id, |batch| {
        let header = BatchHeader::parse(batch)
            .map_err(|error| Stopped::Missing(format!("a batch does not read back: {error}")))?;
        let mut begins = segment.as_ref().is_none_or(|segment| !segment.has_room_for(&header));
        while bases.last().is_some_and(|base| *base <= header.base_offset) {
            bases.pop();
            begins = true;
        }
        if begins {
            let next = SegmentWriter::create(dir, header.base_offset)?;
            if let Some(full) = segment.replace(next) {
                full.finish()?;
            }
        }
        let open = segment.as_mut().expect("begun with the first batch");
        open.append(&header, batch)?;
        batches += 1;
        Ok(())
    })?;
    match segment {
        Some(last) => last.finish()?,
        // Kafka's logs have a segment even when they are empty.
        None => SegmentWriter::create(dir, log.end())?.finish()?,
    }
    write_epochs(dir, log.epochs().entries())?;
    Ok(batches)
}
