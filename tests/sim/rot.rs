//! What happens to bytes at rest, while no process runs.

use strandlog::base::Rng;
use strandlog::strand::ExtentId;
use strandlog::strand::File;

use crate::batch::BatchCrc;
use crate::disk::SLOTS;
use crate::faults::Target;
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

/// Flips a bit, or breaks a sector, somewhere in the store.
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
    if rng.one_in(3) {
        world.disk.break_sector(key, byte);
    } else {
        world.disk.rot(key, byte);
    }
    world.faults.damaged.insert(file);
    world.faults.hit.push(target);
    world.digest.add(&[byte as u64]);
    world.digest.say(world.now, || format!("{file:?} rots at {byte}: {target:?}"));
}

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
    let at = rng.below(world.watch.frames.len() as u64) as usize;
    let (&(extent, position), _) = world.watch.frames.iter().nth(at)?;
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
    frames.into_iter().for_each(|frame| fence_frame(world, extent, frame));
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

/// Reads of everything in this frame may fail from here on.
fn fence_frame(world: &mut World, extent: ExtentId, frame: usize) {
    let hit: Vec<BatchCrc> = world
        .watch
        .copies()
        .filter(|(at, copy)| at.0 == extent && copy.frame == frame)
        .map(|(_, copy)| copy.crc)
        .collect();
    world.faults.fenced.extend(hit);
}
