//! `strandlog log rescue`: what still validates, printed or written out.

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

use crate::cli::dump::strand_name;
use crate::cli::segments::SegmentWriter;
use crate::cli::store::StrandStore;
use crate::record::BatchHeader;
use crate::strand::RescuedBatch;
use crate::strand::StrandPlace;
use crate::strand::rescue;

/// Prints what can be had of a strand, and writes it below `to`.
pub(super) fn strand(
    place: &StrandPlace,
    store: &StrandStore,
    to: Option<&Path>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = strand_name(place.strand);
    let found = rescue(&store.identity, store);
    for what in &found.unreadable {
        writeln!(out, "strand {name}: unreadable: {what}")?;
    }
    for (partition, batches) in &found.partitions {
        let bytes: u64 = batches.iter().map(|batch| u64::from(batch.bytes)).sum();
        let (count, ranges) = (batches.len(), ranges(batches));
        writeln!(
            out,
            "strand {name}: partition {}: {count} batches, {bytes} bytes, offsets {ranges}",
            partition.0
        )?;
        if let Some(to) = to {
            write_segments(store, &to.join(format!("{name}-{}", partition.0)), batches)?;
        }
    }
    Ok(())
}

/// Offsets that are there, holes shown.
fn ranges(batches: &[RescuedBatch]) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for batch in batches {
        match ranges.last_mut() {
            Some((_, end)) if *end == batch.base_offset => *end = batch.end,
            _ => ranges.push((batch.base_offset, batch.end)),
        }
    }
    let texts: Vec<String> = ranges.iter().map(|(from, to)| format!("{from}..{to}")).collect();
    texts.join(", ")
}

/// As Kafka names and lays out a segment; further ones where one is full.
fn write_segments(store: &StrandStore, dir: &Path, batches: &[RescuedBatch]) -> io::Result<()> {
    let Some(first) = batches.first() else { return Ok(()) };
    fs::create_dir(dir)?;
    let mut segment = SegmentWriter::create(dir, first.base_offset)?;
    for batch in batches {
        let bytes = store.read_at(batch.extent, batch.position, batch.bytes);
        let bytes = bytes.map_err(io::Error::other)?;
        let header = BatchHeader::parse(&bytes).map_err(|e| io::Error::other(e.to_string()))?;
        if !segment.has_room_for(&header) {
            let next = SegmentWriter::create(dir, header.base_offset)?;
            std::mem::replace(&mut segment, next).finish()?;
        }
        segment.append(&header, &bytes)?;
    }
    segment.finish()
}
