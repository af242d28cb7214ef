//! What a strand is told when it is made. Values only; the settings behind them are `config`'s.

use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::StoreKey;

/// Who a strand is: in every header, so that files of another store or strand are not taken for
/// its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StrandIdentity {
    /// The store's identity and secret, from the manifest.
    pub key: StoreKey,
    pub strand: StrandId,
    /// Generation of the manifest that this process runs under.
    pub manifest: u64,
}

/// The largest K that any process ever ran with: what an earlier start left in flight, with a K that
/// was set higher then, lies at most so far above what is seen of it (R2, R10).
pub(super) const IN_FLIGHT_LIMIT: u8 = 16;

/// Sizes, limits and paces of one strand.
#[derive(Clone, PartialEq, Debug)]
pub struct StrandConfig {
    /// Length of every extent of the strand. Fixed when the store is formatted.
    pub extent_bytes: u32,
    /// A frame is closed at this many bytes; only a single batch longer than it makes a longer
    /// frame (R3).
    pub frame_bytes_max: u32,
    /// K: frames on their way to the disk at once (R2), at most [`IN_FLIGHT_LIMIT`].
    pub in_flight_max: u8,
    /// A second frame starts only when this much has gathered (R2).
    pub second_frame_bytes_min: u32,
    /// Appends are refused while more than this is gathered and not yet on its way to the disk:
    /// the bound of the gathering queue.
    pub gathering_bytes_max: u32,
    /// Written frames that stay in memory for tail reads.
    pub cache_bytes: usize,
    /// The most extents that the strand may have on disk. What other strands of the disk leave of
    /// it the disk says, by refusing (R16).
    pub extents_max: u32,
    /// A checkpoint is due after this many bytes of frames.
    pub checkpoint_bytes: u64,
    /// And at the latest this long after the first frame that it would save from replay.
    pub checkpoint_us: u64,
    /// An empty frame after this much quiet proves the last one (R6).
    pub quiet_us: u64,
    /// Sealed extents whose runs go into one index file.
    pub index_extents: u32,
    /// An index file is written early when the runs held in memory reach this many.
    pub index_runs_max: usize,
    /// Runs in memory that the search for what died looks at in one turn.
    pub sweep_runs: usize,
    /// Partitions and producers that one turn takes into a checkpoint.
    pub capture_rows: usize,
    /// Bytes per second that evacuation may copy while producers are served (R17).
    pub evacuation_bytes_per_second: u64,
    /// Memory that windows and read-ahead of cold reads may hold (R20).
    pub read_ahead_bytes: usize,
    /// Memory for parts of index files and footers that lookups read (section 1, Index).
    pub index_cache_bytes: usize,
    /// Reads that may wait for the disk at once; more are refused as overloaded.
    pub reads_max: usize,
}

impl Default for StrandConfig {
    fn default() -> Self {
        Self {
            extent_bytes: 64 << 20,
            frame_bytes_max: 1 << 20,
            in_flight_max: 2,
            second_frame_bytes_min: 64 << 10,
            gathering_bytes_max: 8 << 20,
            cache_bytes: 64 << 20,
            extents_max: 64,
            checkpoint_bytes: 64 << 20,
            checkpoint_us: 30_000_000,
            quiet_us: 1_000_000,
            index_extents: 16,
            index_runs_max: 64 << 10,
            sweep_runs: 512,
            capture_rows: 64,
            evacuation_bytes_per_second: 32 << 20,
            read_ahead_bytes: 16 << 20,
            index_cache_bytes: 8 << 20,
            reads_max: 1024,
        }
    }
}

impl StrandConfig {
    /// Extents with the smallest size that still holds header, frames and footer: what the
    /// simulator ages to death in seconds.
    pub fn tiny() -> Self {
        Self {
            extent_bytes: 64 << 10,
            frame_bytes_max: 16 << 10,
            second_frame_bytes_min: 8 << 10,
            gathering_bytes_max: 64 << 10,
            cache_bytes: 64 << 10,
            extents_max: 16,
            checkpoint_bytes: 128 << 10,
            index_extents: 4,
            index_runs_max: 256,
            sweep_runs: 64,
            capture_rows: 8,
            evacuation_bytes_per_second: 1 << 20,
            read_ahead_bytes: 64 << 10,
            index_cache_bytes: 64 << 10,
            reads_max: 64,
            ..Self::default()
        }
    }

    /// Asserts what holds between the values.
    pub(super) fn check(&self) {
        let page = PAGE as u32;
        assert!(self.extent_bytes.is_multiple_of(page), "extents are whole pages");
        assert!(self.extent_bytes >= 8 * page, "an extent holds header, frames and footer");
        assert!(self.frame_bytes_max.is_multiple_of(page), "frames are whole pages");
        assert!(self.frame_bytes_max <= self.extent_bytes / 2, "a frame fits an extent");
        let in_flight = 1..=IN_FLIGHT_LIMIT;
        assert!(in_flight.contains(&self.in_flight_max), "one frame can be in flight, 16 at most");
        assert!(self.sweep_runs > 0 && self.capture_rows > 0, "a slice gets on");
        assert!(self.extents_max >= 4, "R16 reserves two extents beside the one that is written");
    }
}
