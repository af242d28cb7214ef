//! What happens to bytes at rest, while no process runs.

use strandlog::base::PAGE;
use strandlog::base::PartitionId;
use strandlog::base::Rng;
use strandlog::strand::Entry;
use strandlog::strand::ExtentId;
use strandlog::strand::File;
use strandlog::strand::StrandIdentity;
use strandlog::strand::rescue;

use crate::batch::BatchCrc;
use crate::batch::crc_of;
use crate::disk::SLOTS;
use crate::faults::Target;
use crate::world::KEY;
use crate::world::STRAND;
use crate::world::World;

/// Makes one slot unreadable if the other one is known to be whole.
pub fn spoil_one_slot(world: &mut World, rng: &mut Rng) {
    let victim = SLOTS[rng.below(2) as usize];
    let other = if victim == SLOTS[0] { SLOTS[1] } else { SLOTS[0] };
    let key = (STRAND, File::Slot(victim));
    let bytes = world.disk.file(key).map_or(0, |file| file.len());
    if bytes == 0 || !world.watch.sound_slots.contains(&other) || world.disk.late_writes() > 0 {
        return;
    }
    let Some(file) = world.disk.file_mut(key) else { return };
    file.flush();
    world.disk.rot(key, rng.below(64.min(bytes as u64)) as usize);
    world.watch.sound_slots.remove(&victim);
    world.faults.damaged.insert(File::Slot(victim));
    world.digest.say(world.now, || format!("{victim:?} rots"));
}

/// Both slots become unreadable: a start must stop, with everything as it was, and `rescue` must
/// find what was acknowledged (R14). In a fork of the world: for the store this is the end.
pub fn spoil_both_slots(world: &mut World, rng: &mut Rng) {
    let has_extents = world.disk.keys().iter().any(|key| matches!(key.1, File::Extent(_)));
    if world.disk.late_writes() > 0 || !has_extents {
        return;
    }
    let mut fork = world.fork();
    for slot in SLOTS {
        let key = (STRAND, File::Slot(slot));
        let Some(file) = fork.disk.file_mut(key).filter(|file| file.len() > 0) else { continue };
        file.flush();
        fork.disk.rot(key, rng.below(64) as usize);
    }
    fork.faults.no_slot = true;
    let before = fork.disk.contents();
    fork.faults.on_start();
    fork.start();
    fork.run_till("a stop for want of a slot", World::is_ready);
    assert!(fork.process.is_none(), "R14: a start without a slot gets ready");
    assert!(before == fork.disk.contents(), "R14: a start without a slot changes files");
    check_rescue(&fork);
    world.digest.add(&[fork.digest.value()]);
}

/// What was acknowledged and not hit is found without a slot, where it was never truncated: what
/// was may come back (R14).
fn check_rescue(world: &World) {
    let identity = StrandIdentity { key: KEY, strand: STRAND, manifest: 1 };
    let rescued = rescue(&identity, &world.disk);
    let facts = world.model.facts();
    let is_truncated = |partition: PartitionId| {
        let of = |entry: &Entry| matches!(entry, Entry::Truncate { partition: it, .. } if *it == partition);
        facts.iter().any(|(_, entry)| of(entry))
    };
    for (id, partition) in &world.model.committed.partitions {
        let found = rescued.partitions.get(id).map_or(&[][..], Vec::as_slice);
        for batch in partition.batches.values().filter(|_| !is_truncated(*id)) {
            let there = found.iter().find(|it| it.base_offset == batch.base_offset);
            // What never became durable may stand in the way with a higher epoch.
            let is_outranked = found.iter().any(|it| {
                let overlaps = it.base_offset < batch.end() && batch.base_offset < it.end;
                overlaps && it.leader_epoch > batch.leader_epoch
            });
            let is_it = there.is_some_and(|it| {
                let key = (STRAND, File::Extent(it.extent));
                let file = world.disk.file(key).expect("the extent that it was found in");
                let bytes = file.read(it.position as usize, it.bytes as usize);
                bytes.is_some_and(|bytes| crc_of(&bytes) == batch.crc)
            });
            assert!(
                is_it || is_outranked || world.faults.may_fence(batch.crc),
                "R14: {id:?} at {} is not rescued: {there:?}",
                batch.base_offset
            );
        }
    }
}

/// Flips a bit, breaks a sector, or zeroes a page, somewhere in the store.
pub fn strike(world: &mut World, rng: &mut Rng) {
    if world.disk.late_writes() > 0 || world.watch.frames.is_empty() {
        return;
    }
    let struck = match rng.below(6) {
        0 | 1 => strike_batch(world, rng),
        2 => strike_frame(world, rng),
        3 => strike_header(world, rng),
        4 => strike_footer(world, rng),
        _ => strike_index(world, rng),
    };
    let Some((file, byte, target)) = struck else { return };
    let key = (STRAND, file);
    world.disk.file_mut(key).expect("the file that was struck").flush();
    let is_unreadable = rng.one_in(3);
    if is_unreadable {
        world.disk.break_sector(key, byte);
    } else if byte < PAGE && rng.one_in(3) {
        world.disk.zero_page(key, byte);
    } else {
        world.disk.rot(key, byte);
    }
    world.faults.on_rot(file, target, is_unreadable);
    world.digest.add(&[byte as u64]);
    world.digest.say(world.now, || format!("{file:?} rots at {byte}: {target:?}"));
}

/// The newest frames of a store.
const YOUNG: usize = 8;

type Struck = Option<(File, usize, Target)>;

fn strike_batch(world: &mut World, rng: &mut Rng) -> Struck {
    let copies: Vec<_> = world.watch.copies().filter(|(_, copy)| copy.complete).collect();
    let at = rng.below((copies.len() as u64).max(1)) as usize;
    let (&(extent, position), &copy) = *copies.get(at)?;
    let byte = position + rng.below(copy.bytes as u64) as usize;
    // A run is fenced whole, and a broken sector takes its neighbours along.
    fence_frame(world, extent, copy.frame);
    Some((File::Extent(extent), byte, Target::Batch { crc: copy.crc, extent }))
}

fn strike_frame(world: &mut World, rng: &mut Rng) -> Struck {
    let mut frames: Vec<_> =
        world.watch.frames.iter().map(|(at, (_, sequence))| (*sequence, *at)).collect();
    frames.sort_unstable();
    // What is young is replayed; of older frames the checkpoint knows all.
    let from = if rng.one_in(3) { 0 } else { frames.len().saturating_sub(YOUNG) };
    let at = from + rng.below((frames.len() - from) as u64) as usize;
    let (_, (extent, position)) = *frames.get(at)?;
    let first = world.watch.copies().find(|(at, copy)| at.0 == extent && copy.frame == position);
    let head = first.map_or(64, |(at, _)| at.1 - position);
    fence_frame(world, extent, position);
    let byte = position + rng.below(head as u64) as usize;
    Some((File::Extent(extent), byte, Target::Frame { extent, position }))
}

fn strike_header(world: &mut World, rng: &mut Rng) -> Struck {
    let extents = world.watch.extents();
    let extent = *extents.iter().nth(rng.below(extents.len() as u64) as usize)?;
    // Frames behind a header that nobody else vouches for cannot be told from an older use's.
    let frames: Vec<usize> = world.watch.frames_of(extent).collect();
    frames.into_iter().for_each(|frame| fence_batches(world, extent, frame));
    Some((File::Extent(extent), rng.below(128) as usize, Target::Extent { extent }))
}

fn strike_footer(world: &mut World, rng: &mut Rng) -> Struck {
    let extents = world.watch.extents();
    let extent = *extents.iter().nth(rng.below(extents.len() as u64) as usize)?;
    let bytes = world.options.strand.extent_bytes as usize;
    let byte = bytes - 1 - rng.below(2 * 4096) as usize;
    // What lies there may be frames that reach to the end.
    let frame = world.watch.frames.range((extent, 0)..=(extent, byte)).next_back();
    if let Some((&(_, position), &(length, _))) = frame
        && position + length > byte - byte % 512
    {
        fence_frame(world, extent, position);
    }
    Some((File::Extent(extent), byte, Target::Extent { extent }))
}

fn strike_index(world: &mut World, rng: &mut Rng) -> Struck {
    let files = world.disk.keys().into_iter().filter(|key| matches!(key.1, File::Index(_)));
    let files: Vec<_> = files.collect();
    let key = *files.get(rng.below((files.len() as u64).max(1)) as usize)?;
    let byte = rng.below(world.disk.file(key)?.len() as u64) as usize;
    Some((key.1, byte, Target::Index))
}

/// The frame was hit: it may be lost with its table, or unreadable.
fn fence_frame(world: &mut World, extent: ExtentId, frame: usize) {
    if let Some((_, sequence)) = world.watch.frames.get(&(extent, frame)) {
        world.faults.frames.push(*sequence);
    }
    fence_batches(world, extent, frame);
}

/// Reads of everything in this frame may fail from here on.
fn fence_batches(world: &mut World, extent: ExtentId, frame: usize) {
    let hit: Vec<BatchCrc> = world
        .watch
        .copies()
        .filter(|(at, copy)| at.0 == extent && copy.frame == frame)
        .map(|(_, copy)| copy.crc)
        .collect();
    world.faults.fenced.extend(hit);
}
