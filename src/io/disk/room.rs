//! The space of one disk, shared by all strands of the process (R16). It is counted here, so that
//! no strand need know of another: an extent is refused like by a full device once it would take
//! what other strands have reserved.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::io::clock::Clock;

/// A strand that was refused asks again after a second. Until well after that the disk counts as
/// short, so that strands which wait for each other's extents do not miss one another.
const SHORT_US: u64 = 3_000_000;

/// What the strands of a disk may still take, and whether one of them was refused lately.
#[derive(Debug)]
pub struct Room {
    clock: Clock,
    /// Bytes of extents beyond what is reserved.
    left: AtomicU64,
    /// The disk is short of space until then: `Clock::mono_us`.
    short_until_us: AtomicU64,
}

impl Room {
    /// `bytes`: for the extents of all strands, those that they have already included.
    pub fn new(bytes: u64, clock: Clock) -> Arc<Self> {
        let (left, short_until_us) = (AtomicU64::new(bytes), AtomicU64::new(0));
        Arc::new(Self { clock, left, short_until_us })
    }

    /// The part of a strand that has `owned` extents; `reserved` are its own whatever others take.
    /// All parts are made before the first strand asks for anything.
    pub fn share(self: &Arc<Self>, extent_bytes: u32, reserved: u64, owned: u64) -> Share {
        let extent_bytes = u64::from(extent_bytes);
        let share =
            Share { room: Arc::clone(self), extent_bytes, reserved, owned: Cell::new(owned) };
        let less = |left: u64| Some(left.saturating_sub(share.bytes()));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        share
    }

    /// Whether some strand wants an extent and was refused it: the others keep none to spare.
    pub fn is_short(&self) -> bool {
        self.clock.mono_us() < self.short_until_us.load(Ordering::Relaxed)
    }

    /// A strand was refused, by the count or by the device.
    pub(crate) fn refused(&self) {
        let until = self.clock.mono_us().saturating_add(SHORT_US);
        self.short_until_us.fetch_max(until, Ordering::Relaxed);
    }

    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One strand's part in the room.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    extent_bytes: u64,
    /// Extents that are this strand's, whatever others take.
    reserved: u64,
    /// Extents that it has.
    owned: Cell<u64>,
}

impl Share {
    /// What is reserved for the strand, or taken by it, in bytes.
    pub fn bytes(&self) -> u64 {
        self.owned.get().max(self.reserved).saturating_mul(self.extent_bytes)
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Takes an extent, if there is one for this strand.
    pub(crate) fn take(&self) -> bool {
        let may = self.owned.get() < self.reserved || self.room.take(self.extent_bytes);
        if may {
            self.owned.set(self.owned.get() + 1);
        } else {
            self.room.refused();
        }
        may
    }

    /// An extent was removed, or could not be made.
    pub(crate) fn give(&self) {
        let owned = self.owned.get().saturating_sub(1);
        self.owned.set(owned);
        if owned >= self.reserved {
            self.room.give(self.extent_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: u32 = 1 << 20;

    fn shares(extents: u64) -> (Arc<Room>, Share, Share) {
        let room = Room::new((extents + 8) * u64::from(EXTENT), Clock::start());
        let (first, second) = (room.share(EXTENT, 4, 0), room.share(EXTENT, 4, 0));
        (room, first, second)
    }

    fn taken(share: &Share) -> usize {
        (0..1_000).take_while(|_| share.take()).count()
    }

    #[test]
    fn whoever_comes_first_leaves_the_others_their_reserve() {
        let (room, greedy, late) = shares(10);
        assert!(!room.is_short());
        assert_eq!(taken(&greedy), 14, "what is left, and its own reserve");
        assert!(room.is_short(), "it was refused");
        assert_eq!(taken(&late), 4, "R16: its reserve");
    }

    #[test]
    fn what_one_strand_gives_back_another_takes() {
        let (_, first, second) = shares(10);
        assert_eq!((taken(&first), taken(&second)), (14, 4));
        (0..3).for_each(|_| first.give());
        assert_eq!(taken(&second), 3);
        assert_eq!(taken(&first), 0);
    }

    #[test]
    fn the_reserve_is_not_given_away() {
        let (_, first, second) = shares(10);
        assert_eq!((taken(&first), taken(&second)), (14, 4));
        (0..14).for_each(|_| first.give());
        assert_eq!(taken(&second), 10);
        assert_eq!(taken(&first), 4, "R16: its reserve is its own");
    }

    #[test]
    fn what_a_strand_had_at_the_start_is_its_own() {
        let room = Room::new(10 * u64::from(EXTENT), Clock::start());
        let old = room.share(EXTENT, 4, 9);
        assert_eq!(old.bytes(), 9 * u64::from(EXTENT));
        assert_eq!(taken(&old), 1);
        (0..7).for_each(|_| old.give());
        let other = room.share(EXTENT, 0, 0);
        assert_eq!(taken(&other), 6, "four of the ten stay reserved");
    }
}
