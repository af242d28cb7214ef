//! What is read from an extent at once (R20).

use std::ops::Range;

use crate::base::PAGE;
use crate::strand::run::PlacedRun;
use crate::strand::run::Use;

/// Longest window over several runs.
pub(super) const WINDOW_MAX: u32 = 1 << 20;

/// A page-aligned part of an extent in one of its uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Window {
    pub(super) place: Use,
    pub(super) position: u32,
    pub(super) bytes: u32,
}

impl Window {
    /// The pages that one run touches.
    pub(super) fn of(placed: &PlacedRun) -> Self {
        let page = PAGE as u32;
        let position = placed.run.position - placed.run.position % page;
        let end = placed.run.position.saturating_add(placed.run.bytes);
        let end = end.checked_next_multiple_of(page).unwrap_or(u32::MAX - (page - 1));
        Self { place: placed.place, position, bytes: end.saturating_sub(position) }
    }

    pub(super) fn end(&self) -> u32 {
        self.position + self.bytes
    }

    /// Where the bytes of `placed` lie in this window, if all of them do.
    pub(super) fn range_of(&self, placed: &PlacedRun) -> Option<Range<usize>> {
        let start = placed.run.position.checked_sub(self.position)?;
        let end = start.checked_add(placed.run.bytes)?;
        let is_inside = placed.place == self.place && end <= self.bytes;
        is_inside.then_some(start as usize..end as usize)
    }
}

/// Windows over `runs` in order: near ones share a window of at most four times the mean run, so
/// that a scattered partition does not read the whole extent; far ones are read as they are.
pub(super) fn windows(runs: &[PlacedRun]) -> Vec<Window> {
    let bytes: u64 = runs.iter().map(|placed| u64::from(placed.run.bytes)).sum();
    let mean = bytes / (runs.len() as u64).max(1);
    let limit = (4 * mean).clamp(PAGE as u64, u64::from(WINDOW_MAX)) as u32;
    let mut windows: Vec<Window> = Vec::new();
    for next in runs.iter().map(Window::of) {
        let Some(last) = windows.last_mut() else {
            windows.push(next);
            continue;
        };
        let shares = last.place == next.place
            && last.position <= next.position
            && next.end().max(last.end()) - last.position <= limit.next_multiple_of(PAGE as u32);
        let is_inside = shares || (last.place == next.place && last.covers(&next));
        if is_inside {
            last.bytes = next.end().max(last.end()) - last.position;
        } else {
            windows.push(next);
        }
    }
    windows
}

impl Window {
    fn covers(&self, other: &Self) -> bool {
        self.position <= other.position && other.end() <= self.end()
    }
}
