//! How long producers may be kept waiting by what the strand does in the background: by the zeroing
//! of extents (R15) and by evacuation (R17).

use strandlog::strand::StrandConfig;
use strandlog::strand::StrandFigures;

/// Nobody waits longer for an extent that could be made at once (R15).
pub const EXTENT_WAIT_MAX_US: u64 = 3_000_000;

/// What evacuation copied lately: a bucket that runs out at the rate at which it may copy.
#[derive(Default)]
pub struct Pace {
    /// Bytes, a millionth of one each.
    level: u64,
    copied: u64,
    at_us: u64,
    was_full: bool,
}

impl Pace {
    /// After each event of a process. While producers are served, a window is copied when what came
    /// before it has run out; no window is longer than an extent.
    pub fn check(&mut self, now_us: u64, config: &StrandConfig, figures: &StrandFigures) {
        let per_us = config.evacuation_bytes_per_second;
        let copied = figures.evacuated_bytes - self.copied;
        self.level = self.level.saturating_sub((now_us - self.at_us).saturating_mul(per_us));
        self.level = self.level.saturating_add(copied.saturating_mul(1_000_000));
        self.copied = figures.evacuated_bytes;
        self.at_us = now_us;
        // Whoever is refused waits for the copies: they are made at once.
        if std::mem::replace(&mut self.was_full, figures.is_full) || figures.is_full {
            self.level = 0;
        }
        let most = u64::from(config.extent_bytes) * 1_000_000;
        assert!(
            self.level <= most,
            "R17: {} bytes were copied ahead of the pace, {copied} of them at last",
            self.level / 1_000_000
        );
    }
}
