//! `strandlog log dump`: what is stored, as text.

use std::io;
use std::io::Write;

use crate::base::Lifetime;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::cli::log::Scope;
use crate::cli::records;
use crate::cli::store::StrandStore;
use crate::log::LogImage;
use crate::strand::Append;
use crate::strand::Checkpoint;
use crate::strand::Entry;
use crate::strand::ExtentHeader;
use crate::strand::ExtentId;
use crate::strand::ExtentRecord;
use crate::strand::ExtentState;
use crate::strand::File;
use crate::strand::Found;
use crate::strand::Frame;
use crate::strand::FramePlace;
use crate::strand::HeaderFault;
use crate::strand::IndexHead;
use crate::strand::Manifest;
use crate::strand::Run;
use crate::strand::Scanner;
use crate::strand::Slot;
use crate::strand::SlotFault;
use crate::strand::StoreFiles;
use crate::strand::StrandPlace;
use crate::strand::Trailer;
use crate::strand::read_slot;
use crate::strand::verify;

pub(super) fn strand_name(strand: StrandId) -> String {
    match strand {
        StrandId::METADATA => "metadata".to_owned(),
        StrandId(number) => number.to_string(),
    }
}

pub(super) fn manifest(manifest: &Manifest, out: &mut dyn Write) -> io::Result<()> {
    let store = uuid::Uuid::from_bytes(manifest.key.store);
    let cluster = uuid::Uuid::from_bytes(manifest.cluster);
    writeln!(out, "store {store}: node {}, cluster {cluster}", manifest.node)
}

/// Prints one strand, as much of it as is in scope.
pub(super) fn strand(
    scope: &Scope,
    place: &StrandPlace,
    store: &StrandStore,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lifetime = match place.lifetime {
        Lifetime::Brief => "brief",
        Lifetime::Finite => "finite",
        Lifetime::Endless => "endless",
    };
    let (name, shard) = (strand_name(place.strand), place.shard.0);
    let extent_bytes = place.extent_bytes;
    writeln!(out, "strand {name}: shard {shard}, {lifetime}, extents of {extent_bytes} bytes")?;
    let listing = store.listing().map_err(io::Error::other)?;
    let mut dump = Dump { scope, store, out };
    if scope.extent.is_none() {
        for (slot, bytes) in &listing.slots {
            dump.slot(*slot, *bytes)?;
        }
    }
    let wanted = |extent: &ExtentId| scope.extent.is_none_or(|number| number == extent.0);
    for (extent, _) in listing.extents.iter().filter(|(extent, _)| wanted(extent)) {
        dump.extent(*extent)?;
    }
    if scope.extent.is_none() {
        for (index, bytes) in &listing.indexes {
            dump.index(File::Index(*index), *bytes)?;
        }
    }
    Ok(())
}

/// Checks one strand and prints what was found. False: something is damaged.
pub(super) fn verification(
    place: &StrandPlace,
    store: &StrandStore,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let found = verify(&store.identity, store);
    for finding in &found.findings {
        let word = if finding.is_damage { "DAMAGE" } else { "note" };
        let path = store.path(finding.file);
        write!(out, "{word}: {} at {}: ", path.display(), finding.position)?;
        if let Some(PartitionId(partition)) = finding.partition {
            write!(out, "partition {partition}: ")?;
        }
        writeln!(out, "{}", finding.what)?;
    }
    let damages = found.findings.iter().filter(|finding| finding.is_damage).count();
    writeln!(
        out,
        "strand {}: {} uses, {} frames, {} batches, {} partitions: {}",
        strand_name(place.strand),
        found.uses,
        found.frames,
        found.batches,
        found.partitions,
        if found.is_sound() { "sound".to_owned() } else { format!("{damages} damages") }
    )?;
    Ok(found.is_sound())
}

struct Dump<'a> {
    scope: &'a Scope,
    store: &'a StrandStore,
    out: &'a mut dyn Write,
}

impl Dump<'_> {
    fn is_wanted(&self, partition: Option<PartitionId>) -> bool {
        let wanted = self.scope.partition;
        wanted.is_none_or(|wanted| partition.is_some_and(|PartitionId(of)| of == wanted))
    }

    /// Frames and below are printed of what was asked for by name.
    fn is_deep(&self) -> bool {
        self.scope.extent.is_some() || self.scope.partition.is_some() || self.scope.records
    }

    fn slot(&mut self, slot: Slot, bytes: u64) -> io::Result<()> {
        write!(self.out, "  slot {slot:?} ({bytes} bytes): ")?;
        let file = match self.store.read(File::Slot(slot)) {
            Ok(file) => file,
            Err(error) => return writeln!(self.out, "unreadable: {error}"),
        };
        let identity = &self.store.identity;
        match read_slot(&file, &identity.key, identity.strand) {
            Ok(image) => self.checkpoint(&image),
            Err(SlotFault::Empty) => writeln!(self.out, "never written"),
            Err(fault) => writeln!(self.out, "does not count: {fault:?}"),
        }
    }

    fn checkpoint(&mut self, image: &Checkpoint) -> io::Result<()> {
        let head = &image.head;
        writeln!(
            self.out,
            "generation {}, replay from {}, needs {}, start {}, wall clock {} ms, {} partitions",
            head.generation,
            head.from,
            head.needs,
            head.start,
            head.wall_ms,
            image.logs.len()
        )?;
        for record in &head.extents {
            self.extent_record(record)?;
        }
        for record in &head.indexes {
            let uses: Vec<u64> = record.uses.iter().map(|of| of.number).collect();
            writeln!(
                self.out,
                "    index {}: {} bytes, uses {uses:?}",
                record.index.0, record.bytes
            )?;
        }
        for truncation in &head.truncations {
            let (partition, to) = (truncation.partition.0, truncation.to);
            let sequence = truncation.entry.sequence;
            writeln!(self.out, "    partition {partition}: truncated to {to} in frame {sequence}")?;
        }
        for (partition, log) in &image.logs {
            if self.is_wanted(Some(*partition)) {
                self.log(*partition, log)?;
            }
        }
        Ok(())
    }

    fn extent_record(&mut self, record: &ExtentRecord) -> io::Result<()> {
        let extent = record.extent.0;
        if record.state == ExtentState::Free {
            return writeln!(self.out, "    extent {extent}: free");
        }
        let runs =
            record.index.map_or_else(|| "in memory".to_owned(), |of| format!("in index {}", of.0));
        let number = record.use_number;
        let (first, last) = (record.first_sequence, record.last_sequence);
        writeln!(
            self.out,
            "    extent {extent}: {:?}, use {number}, frames {first}..={last}, runs {runs}",
            record.state
        )
    }

    fn log(&mut self, partition: PartitionId, log: &LogImage) -> io::Result<()> {
        writeln!(
            self.out,
            "    partition {}: offsets {}..{}, applied {}/{}, {} epochs, {} segments, {} producers",
            partition.0,
            log.start,
            log.end,
            log.applied.sequence,
            log.applied.number,
            log.epochs.len(),
            log.segments.len(),
            log.producers.len()
        )?;
        if self.scope.partition.is_none() {
            return Ok(());
        }
        for (epoch, at) in &log.epochs {
            writeln!(self.out, "      epoch {epoch} from offset {at}")?;
        }
        for segment in &log.segments {
            writeln!(
                self.out,
                "      segment {}: {} bytes, timestamps {}..={}",
                segment.base, segment.bytes, segment.first_timestamp, segment.max_timestamp
            )?;
        }
        for (id, producer) in &log.producers {
            let (epoch, sequence) = (producer.epoch, producer.last_sequence);
            writeln!(self.out, "      producer {id}: epoch {epoch}, last sequence {sequence}")?;
        }
        Ok(())
    }

    fn extent(&mut self, extent: ExtentId) -> io::Result<()> {
        write!(self.out, "  extent {}: ", extent.0)?;
        let file = match self.store.read(File::Extent(extent)) {
            Ok(file) => file,
            Err(error) => return writeln!(self.out, "unreadable: {error}"),
        };
        let page = file.get(..PAGE).unwrap_or_default();
        let header = match ExtentHeader::parse(page, &self.store.identity.key) {
            Ok(header) => header,
            Err(HeaderFault::Zeros) => return writeln!(self.out, "never used"),
            Err(fault) => return writeln!(self.out, "no header: {fault:?}"),
        };
        write!(self.out, "use {}, start {}", header.use_number, header.start)?;
        if let Some(before) = header.predecessor {
            let (use_number, end) = (before.use_number, before.closing_end);
            write!(self.out, ", after use {use_number} in extent {}", before.extent.0)?;
            write!(self.out, " up to frame {end}")?;
        }
        writeln!(self.out)?;
        self.frames(&header, &file)?;
        self.footer(&header, &file)
    }

    fn frames(&mut self, header: &ExtentHeader, file: &[u8]) -> io::Result<()> {
        let place = FramePlace {
            strand: header.strand,
            extent: header.extent,
            use_number: header.use_number,
            position: PAGE as u32,
        };
        let (mut frames, mut batches, mut bytes) = (0_u64, 0_u64, 0_u64);
        let mut sequences: Option<(u64, u64)> = None;
        let window = file.get(PAGE..).unwrap_or_default();
        for found in Scanner::new(self.store.identity.key, place, window) {
            match found {
                Found::Frame { frame, damaged } => {
                    let sequence = frame.header().sequence;
                    let first = sequences.map_or(sequence, |(first, _)| first);
                    sequences = Some((first, sequence));
                    frames += 1;
                    for append in frame.table().iter().filter_map(|entry| entry.entry.batch()) {
                        batches += 1;
                        bytes += u64::from(append.bytes);
                    }
                    self.frame(&frame, &damaged)?;
                }
                Found::BadTable { header } => {
                    let (sequence, position) = (header.sequence, header.place.position);
                    writeln!(self.out, "    frame {sequence} at {position}: damaged table")?;
                }
                Found::Unknown { position, version } => {
                    writeln!(self.out, "    frame of version {version} at {position}")?;
                }
                Found::Cut { header } => {
                    let (sequence, position) = (header.sequence, header.place.position);
                    writeln!(self.out, "    frame {sequence} at {position}: cut off")?;
                }
                Found::Foreign { .. } | Found::Nothing { .. } => {}
            }
        }
        let (first, last) = sequences.unwrap_or((0, 0));
        writeln!(
            self.out,
            "    {frames} frames ({first}..={last}), {batches} batches, {bytes} bytes of them"
        )
    }

    fn frame(&mut self, frame: &Frame<'_>, damaged: &[u32]) -> io::Result<()> {
        let is_wanted = frame.table().iter().any(|entry| self.is_wanted(entry.entry.partition()));
        if !self.is_deep() || !(is_wanted || self.scope.partition.is_none()) {
            return Ok(());
        }
        let header = frame.header();
        writeln!(
            self.out,
            "    frame {} at {}: {} bytes, {} entries, proven {}, K {}",
            header.sequence,
            header.place.position,
            header.frame_bytes(),
            header.entries,
            header.proven,
            header.in_flight
        )?;
        for (number, entry) in frame.table().iter().enumerate() {
            if !self.is_wanted(entry.entry.partition()) {
                continue;
            }
            self.entry(&entry.entry, entry.position)?;
            if damaged.contains(&(number as u32)) {
                writeln!(self.out, "        DAMAGED: the batch does not validate")?;
            } else if self.scope.records && entry.entry.batch().is_some() {
                records::print(frame.batch(number), self.out)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, position: u32) -> io::Result<()> {
        write!(self.out, "      ")?;
        match entry {
            Entry::Append(append) => self.append("append", append, position)?,
            Entry::Relocate { batch, from } => {
                self.append("relocate", batch, position)?;
                let (use_number, position) = (from.use_number, from.position);
                write!(self.out, ", from extent {} use {use_number} {position}", from.extent.0)?;
            }
            Entry::Truncate { partition, to } => {
                write!(self.out, "truncate partition {} to {to}", partition.0)?;
            }
            Entry::LogStart { partition, to } => {
                write!(self.out, "log start of partition {} is {to}", partition.0)?;
            }
            Entry::EpochStart { partition, epoch, at } => {
                write!(self.out, "epoch {epoch} of partition {} starts at {at}", partition.0)?;
            }
            Entry::Drop { partition } => write!(self.out, "drop partition {}", partition.0)?,
            Entry::Lost { partition, from, to } => {
                write!(self.out, "lost of partition {}: {from}..{to}", partition.0)?;
            }
            Entry::Seal { extent, use_number } => {
                write!(self.out, "seal: goes on in extent {} as use {use_number}", extent.0)?;
            }
        }
        writeln!(self.out)
    }

    fn append(&mut self, verb: &str, append: &Append, position: u32) -> io::Result<()> {
        write!(
            self.out,
            "{verb} partition {} offsets {}..{} epoch {}: {} records, {} bytes at {position}",
            append.partition.0,
            append.base_offset,
            append.end(),
            append.leader_epoch,
            append.count,
            append.bytes
        )?;
        if append.producer_id >= 0 {
            let (id, epoch) = (append.producer_id, append.producer_epoch);
            write!(self.out, ", producer {id} epoch {epoch} from {}", append.first_sequence)?;
        }
        let rolls = if append.rolls { ", begins a segment" } else { "" };
        write!(self.out, ", attributes {:#x}{rolls}", append.attributes)
    }

    fn footer(&mut self, header: &ExtentHeader, file: &[u8]) -> io::Result<()> {
        let place = FramePlace {
            strand: header.strand,
            extent: header.extent,
            use_number: header.use_number,
            position: 0,
        };
        let page = &file[file.len().saturating_sub(PAGE)..];
        let key = &self.store.identity.key;
        let Some(trailer) = Trailer::parse(page, key, &place.footer(file.len() as u32)) else {
            return writeln!(self.out, "    no footer");
        };
        let (start, bytes) = (trailer.start(), trailer.footer_bytes());
        let footer = &file[start as usize..];
        match (trailer.entries(footer), trailer.runs(key, footer)) {
            (Some(entries), Some(runs)) => {
                let (entries, count) = (entries.len(), runs.len());
                writeln!(
                    self.out,
                    "    footer at {start}: {bytes} bytes, {entries} entries, {count} runs"
                )?;
                for placed in &runs {
                    if self.is_deep() && self.is_wanted(Some(placed.run.partition)) {
                        self.run(&placed.run)?;
                    }
                }
                Ok(())
            }
            _ => writeln!(self.out, "    footer at {start}: {bytes} bytes, damaged"),
        }
    }

    fn run(&mut self, run: &Run) -> io::Result<()> {
        let (partition, from, to) = (run.partition.0, run.from, run.to);
        write!(self.out, "      run of partition {partition}: offsets {from}..{to}")?;
        if run.is_void() {
            return writeln!(self.out, ", void");
        }
        let (batches, bytes, position) = (run.batches, run.bytes, run.position);
        writeln!(self.out, ", {batches} batches, {bytes} bytes at {position}")
    }

    fn index(&mut self, file: File, bytes: u64) -> io::Result<()> {
        let File::Index(index) = file else { return Ok(()) };
        write!(self.out, "  index {} ({bytes} bytes): ", index.0)?;
        let content = match self.store.read(file) {
            Ok(content) => content,
            Err(error) => return writeln!(self.out, "unreadable: {error}"),
        };
        let identity = &self.store.identity;
        let head = IndexHead::parse(&content, &identity.key, identity.strand, index);
        let runs = head.as_ref().and_then(|head| head.runs(&identity.key, &content));
        let (Some(head), Some(runs)) = (head, runs) else {
            return writeln!(self.out, "damaged");
        };
        let uses: Vec<u64> = head.uses.iter().map(|of| of.number).collect();
        writeln!(self.out, "{} runs of uses {uses:?}", runs.len())?;
        if self.scope.partition.is_some() {
            for placed in &runs {
                if !self.is_wanted(Some(placed.run.partition)) {
                    continue;
                }
                write!(
                    self.out,
                    "    extent {} use {}:",
                    placed.place.extent.0, placed.place.number
                )?;
                self.run(&placed.run)?;
            }
        }
        Ok(())
    }
}
