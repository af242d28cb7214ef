//! Retention in rounds: every partition is looked at once per check interval, a few per round, so
//! that a hundred thousand of them cost nothing at once (rules 90 and 91, R23).

use crate::base::Now;
use crate::base::PartitionId;
use crate::log::Log;
use crate::partition::expired_start;
use crate::shard::Effects;
use crate::shard::Shard;
use crate::shard::limits;

/// Where the rounds stand.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The partition after which the next round begins.
    after: Option<PartitionId>,
    /// Partition-milliseconds that rounds have not used up: with few partitions, one is due only
    /// every so many rounds.
    credit_ms: u64,
    /// Wall less monotonic time at the start, milliseconds.
    clock_offset_ms: i64,
    /// It was compared with what the logs hold.
    clock_is_checked: bool,
    /// Retention waits because time cannot be trusted.
    paused: bool,
}

impl Sweep {
    pub(super) fn start(now: Now) -> Self {
        Self { clock_offset_ms: offset_ms(now), ..Self::default() }
    }

    /// The wall clock, but for jumps ahead: what expires by it had its time on the monotonic clock
    /// too (R23).
    pub(super) fn elapsed_ms(&self, now: Now) -> i64 {
        let elapsed = self.clock_offset_ms.saturating_add((now.mono_us / 1000) as i64);
        now.wall_ms.min(elapsed)
    }
}

fn offset_ms(now: Now) -> i64 {
    now.wall_ms.saturating_sub((now.mono_us / 1000) as i64)
}

impl Shard {
    pub(in crate::shard) fn start_clock(&mut self, now: Now) {
        self.owner.retention = Sweep::start(now);
    }

    pub(in crate::shard) fn sweep_partitions(&mut self, now: Now, _out: &mut Effects) {
        self.check_clock(now);
        let count = self.owner.partitions.len() as u64;
        let interval_ms = self.config.retention_check_ms.max(1);
        let credit_ms = self.owner.retention.credit_ms + count * (limits::SWEEP_US / 1000);
        self.owner.retention.credit_ms = credit_ms % interval_ms;
        let due = usize::try_from(credit_ms / interval_ms).unwrap_or(usize::MAX);
        for _ in 0..due.min(limits::SWEEP_PARTITIONS_MAX) {
            let next = match self.owner.retention.after {
                Some(after) => {
                    self.owner.partitions.range(after..).map(|(&id, _)| id).find(|&id| id > after)
                }
                None => self.owner.partitions.keys().next().copied(),
            };
            self.owner.retention.after = next;
            let Some(partition) = next else { return };
            self.retain(now, partition);
        }
    }

    /// R23: retention pauses while the wall clock went another way than monotonic time, or was
    /// implausible at the start against what the logs hold.
    fn check_clock(&mut self, now: Now) {
        if !self.owner.retention.clock_is_checked && self.strands_are_ready() {
            self.owner.retention.clock_is_checked = true;
            self.owner.retention.clock_offset_ms = self.plausible_offset(now);
        }
        let drift_ms = offset_ms(now).abs_diff(self.owner.retention.clock_offset_ms);
        let drifted = drift_ms > limits::CLOCK_DRIFT_MS.unsigned_abs();
        if drifted != self.owner.retention.paused {
            self.owner.retention.paused = drifted;
            tracing::warn!(
                paused = drifted,
                "retention: the wall clock disagrees with elapsed time"
            );
        }
    }

    /// The offset to hold the wall clock to. At an implausible start it is the one that the newest
    /// append speaks for, so that retention waits until the clock agrees with that again.
    fn plausible_offset(&self, now: Now) -> i64 {
        let at_start = self.owner.retention.clock_offset_ms;
        let wall_ms = at_start.saturating_add((now.mono_us / 1000) as i64);
        let newest = self.owner.strands.values().flat_map(|state| state.strand.logs());
        let Some(newest) = newest.map(|(_, log)| log.appended_ms()).max().filter(|&ms| ms > 0)
        else {
            return at_start;
        };
        let behind = newest.saturating_sub(wall_ms) > limits::CLOCK_BEHIND_MS;
        let ahead = wall_ms.saturating_sub(newest) > limits::CLOCK_AHEAD_MS;
        if behind || ahead {
            return newest.saturating_sub((now.mono_us / 1000) as i64);
        }
        at_start
    }

    fn retain(&mut self, now: Now, partition: PartitionId) {
        let expiration_ms = self.config.producer_expiration_ms;
        let paused = self.owner.retention.paused;
        let expired_ms = self.owner.retention.elapsed_ms(now).saturating_sub(expiration_ms);
        let Ok((led, state)) = self.owner.led(partition) else { return };
        let empty = Log::default();
        let start = expired_start(led, state.log(partition, &empty), now.wall_ms);
        if let Some(to) = start.filter(|_| !paused)
            && state.move_start(led, to).is_ok()
        {
            tracing::info!(?partition, to, "retention: log start moved");
        }
        let strand = led.strand;
        self.expire_producers(strand, partition, expired_ms);
    }
}
