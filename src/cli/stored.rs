//! Topics and batches of a stopped store.

use std::sync::Arc;

use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::cli::log::Stopped;
use crate::cli::store::OpenError;
use crate::cli::store::Store;
use crate::cli::store::StrandStore;
use crate::metadata::EVENTS;
use crate::metadata::Image;
use crate::metadata::Layout;
use crate::metadata::Recovery;
use crate::metadata::SNAPSHOTS;
use crate::record::Batches;
use crate::strand::Contents;
use crate::strand::StrandPlace;
use crate::strand::contents;

impl Store {
    /// The place of a strand.
    pub(super) fn place(&self, strand: StrandId) -> Result<StrandPlace, Stopped> {
        let found = self.manifest.strands.iter().find(|place| place.strand == strand);
        found
            .copied()
            .ok_or_else(|| Stopped::Missing(format!("the manifest has no strand {}", strand.0)))
    }

    /// What the metadata log says.
    pub(super) fn metadata(&self) -> Result<Image, Stopped> {
        let strand = self.strand(&self.place(StrandId::METADATA)?)?;
        let contents = sound_contents(&strand)?;
        let mut recovery = Recovery::default();
        let wrong = |error: &dyn std::fmt::Display| unreadable(error.to_string());
        let mut refused = Ok(());
        for_each_batch(&strand, &contents, SNAPSHOTS, |batch| {
            if refused.is_ok() {
                refused = recovery.on_snapshots(batch);
            }
            Ok(())
        })?;
        let from = recovery.events_from();
        for_each_batch(&strand, &contents, EVENTS, |batch| {
            if refused.is_ok() {
                refused = recovery.on_events(batch);
            }
            Ok(())
        })?;
        refused.map_err(|error| wrong(&error))?;
        let recovered = recovery.finish(self.layout(), Arc::default());
        let image = recovered.map_err(|error| wrong(&error))?.image;
        if image.index() + 1 < from {
            return Err(unreadable("the metadata log ends before its snapshot".to_owned()));
        }
        Ok(image)
    }

    fn layout(&self) -> Arc<Layout> {
        let places = self.manifest.strands.iter();
        let data = places.filter(|place| place.strand != StrandId::METADATA);
        let strands = data.map(|place| (place.strand, (place.shard, place.lifetime))).collect();
        let last = self.manifest.strands.iter().map(|place| place.shard).max();
        let shards = last.unwrap_or(ShardId(0)).0.saturating_add(1);
        Arc::new(Layout { node: self.manifest.node, shards, strands, ..Layout::default() })
    }
}

pub(super) fn unreadable(what: String) -> Stopped {
    Stopped::Open(OpenError::Unreadable(what))
}

/// What is in a strand, refused if any of it is damaged.
pub(super) fn sound_contents(strand: &StrandStore) -> Result<Contents, Stopped> {
    let contents = contents(&strand.identity, strand);
    let damage = contents.verification.findings.iter().find(|finding| finding.is_damage);
    match damage {
        None => Ok(contents),
        Some(finding) => Err(unreadable(format!(
            "{} is damaged at {}: {} (see `strandlog log dump --verify`)",
            strand.path(finding.file).display(),
            finding.position,
            finding.what
        ))),
    }
}

/// Calls `each` with every batch of the partition that holds offsets between its log's ends, in order.
pub(super) fn for_each_batch(
    strand: &StrandStore,
    contents: &Contents,
    partition: PartitionId,
    mut each: impl FnMut(&[u8]) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let Some(log) = contents.logs.get(&partition) else { return Ok(()) };
    let (start, end): (Offset, Offset) = (log.start(), log.end());
    for placed in contents.runs.from(partition, start) {
        let run = placed.run;
        if run.from >= end {
            break;
        }
        if run.is_void() {
            continue;
        }
        let bytes = strand.read_at(placed.place.extent, run.position, run.bytes);
        let bytes = bytes.map_err(unreadable)?;
        for batch in Batches::new(&bytes) {
            let batch = batch.map_err(|error| unreadable(error.to_string()))?;
            let (base, behind) = (batch.header.base_offset, batch.header.end_offset());
            let visible = base >= run.from && base < run.to;
            if visible && behind > start && base < end {
                each(batch.bytes)?;
            }
        }
    }
    Ok(())
}
