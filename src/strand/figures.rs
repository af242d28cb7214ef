//! Counters of a strand, for metrics, logs and the simulator's accounting.

use crate::strand::ReadFigures;

/// What a strand has done since its start, and what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StrandFigures {
    /// Frames issued since the start, and their bytes with tables and padding.
    pub frames: u64,
    pub frame_bytes: u64,
    /// Checkpoints that counted since the start.
    pub checkpoints: u64,
    /// Batches and bytes that evacuation copied since the start.
    pub evacuated_batches: u64,
    pub evacuated_bytes: u64,
    /// Uses whose extent was given back since the start.
    pub recycled: u64,
    pub extents_max: u32,
    pub extents_preparing: u32,
    pub extents_ready: u32,
    pub extents_open: u32,
    pub extents_sealed: u32,
    pub extents_dead: u32,
    /// Nobody can read what they hold.
    pub extents_fenced: u32,
    /// Bytes of batches in all uses, and what of it is live as of the last sweep.
    pub stored_bytes: u64,
    pub live_bytes: u64,
    pub partitions: u64,
    /// Runs in memory: of uses that no index file holds yet.
    pub runs: u64,
    pub index_files: u64,
    /// Appends are refused (R16).
    pub is_full: bool,
    pub reads: ReadFigures,
}
