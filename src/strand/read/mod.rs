//! Reads: from memory while the data is young, from the disk by windows when it is old.
//!
//! A read is tried again from its beginning whenever what it waited for came: it finds its runs,
//! then their bytes, and asks for what is not in memory. What it was given it holds until it is
//! answered, so that every trial gets further whatever the caches evict meanwhile.
//!
//! Everything that comes from the disk is checked against the index (R21); a run that fails is
//! fenced and the rest goes on. What a replaying consumer brings in lies in a cache of its own and
//! never evicts the tail (R20).

mod assemble;
mod attempt;
mod cache;
mod fetch;
mod locate;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::Block;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::PartitionId;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::config::StrandIdentity;
use crate::strand::op::IndexId;
use crate::strand::op::Op;
use crate::strand::op::Outcome;
use crate::strand::op::Token;
use crate::strand::output::Notice;
use crate::strand::output::ReadError;
use crate::strand::output::ReadId;
use crate::strand::output::ReadOutcome;
use crate::strand::output::ReadRequest;
use crate::strand::output::SeekOutcome;
use crate::strand::read::attempt::Answer;
use crate::strand::read::attempt::Attempt;
use crate::strand::read::cache::BlockCache;
use crate::strand::read::cache::Eviction;
use crate::strand::read::fetch::Fetches;
use crate::strand::read::fetch::Held;
use crate::strand::read::fetch::Wanted;
use crate::strand::read::locate::Cursors;
use crate::strand::read::locate::PageKey;
use crate::strand::run::RunMap;
use crate::strand::run::Use;

/// Damaged runs that are remembered. Beyond it they are found out anew at each read.
const FENCES_MAX: usize = 4096;

/// What a read may know of the strand at the moment it is tried.
pub(super) struct ReadContext<'a> {
    /// Runs of uses that no index file covers. All of them are younger than those that one does.
    pub(super) runs: &'a RunMap,
    /// Index files: the higher the number, the younger.
    pub(super) indexes: &'a BTreeMap<IndexId, IndexRecord>,
    /// Whether the extent still is in that use.
    pub(super) is_current: &'a dyn Fn(Use) -> bool,
}

/// Where reads put what they want and say.
pub(super) trait ReadPort {
    fn issue(&mut self, op: Op) -> Token;
    fn notice(&mut self, notice: Notice);
}

/// How much memory reads may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReadLimits {
    /// Recent frames.
    pub(super) tail_bytes: usize,
    /// What came from the disk, and as much again for what is on its way or held by waiting reads.
    pub(super) ahead_bytes: usize,
    /// Pages of index files.
    pub(super) index_bytes: usize,
    /// Reads and seeks that may wait at once.
    pub(super) waiting_max: usize,
}

/// Where to look for the first batch that reaches a timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SeekRequest {
    pub(super) partition: PartitionId,
    /// Nothing below it is looked at.
    pub(super) from: Offset,
    /// Exclusive.
    pub(super) limit: Offset,
    /// Milliseconds.
    pub(super) timestamp: i64,
}

/// What was read from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadFigures {
    /// Runs served from recent frames.
    pub tail_runs: u64,
    /// Runs served from what came from the disk.
    pub disk_runs: u64,
    /// Windows and index pages read from the disk, and their bytes.
    pub fetches: u64,
    pub fetched_bytes: u64,
    /// Runs that did not validate.
    pub damaged_runs: u64,
    /// Bytes in the tail cache and in the cache of what was read.
    pub tail_bytes: usize,
    pub ahead_bytes: usize,
    /// Reads and seeks that wait.
    pub waiting: usize,
}

/// The reads of one strand.
pub(super) struct Reads {
    store: StrandIdentity,
    limits: ReadLimits,
    tail: BlockCache<(u64, u32)>,
    ahead: BlockCache<(u64, u32)>,
    pages: BlockCache<PageKey>,
    cursors: Cursors,
    fetches: Fetches,
    waiting: BTreeMap<ReadId, Waiting>,
    /// Reads that need something while too much is on its way, first come first served.
    parked: BTreeSet<ReadId>,
    next_id: u64,
    /// Damaged runs: use and position.
    fenced: BTreeSet<(u64, u32)>,
    figures: ReadFigures,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Read(ReadRequest),
    Seek(SeekRequest),
}

struct Waiting {
    wish: Wish,
    held: Held,
    pending: BTreeSet<Token>,
    failed: bool,
}

impl Reads {
    pub(super) fn new(store: StrandIdentity, limits: ReadLimits) -> Self {
        Self {
            store,
            limits,
            tail: BlockCache::new(Eviction::Oldest, limits.tail_bytes),
            ahead: BlockCache::new(Eviction::LeastUsed, limits.ahead_bytes),
            pages: BlockCache::new(Eviction::LeastUsed, limits.index_bytes),
            cursors: Cursors::default(),
            fetches: Fetches::default(),
            waiting: BTreeMap::new(),
            parked: BTreeSet::new(),
            next_id: 0,
            fenced: BTreeSet::new(),
            figures: ReadFigures::default(),
        }
    }

    /// A frame is durable: its memory is the cache of the tail.
    pub(super) fn framed(&mut self, place: Use, position: u32, block: &Block) {
        self.tail.insert((place.number, position), block.clone());
    }

    /// The extent leaves the use: nothing of it is read any more.
    pub(super) fn freed(&mut self, place: Use) {
        self.tail.remove_range((place.number, 0), (place.number, u32::MAX));
        self.ahead.remove_range((place.number, 0), (place.number, u32::MAX));
        let of_use = (place.number, 0)..=(place.number, u32::MAX);
        let fences: Vec<(u64, u32)> = self.fenced.range(of_use).copied().collect();
        fences.iter().for_each(|fence| {
            self.fenced.remove(fence);
        });
    }

    /// The index file is about to be removed.
    pub(super) fn index_removed(&mut self, index: IndexId) {
        let last = PageKey { index, page: u32::MAX };
        self.pages.remove_range(PageKey { index, page: 0 }, last);
    }

    /// Whether something of the use is on its way from the disk: it must not be recycled (R13).
    pub(super) fn holds(&self, place: Use) -> bool {
        self.fetches.holds(place)
    }

    /// Whether something of the index file is on its way from the disk.
    pub(super) fn holds_index(&self, index: IndexId) -> bool {
        self.fetches.holds_index(index)
    }

    /// Whether no op is under way.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.fetches.is_empty()
    }

    pub(super) fn figures(&self) -> ReadFigures {
        ReadFigures {
            tail_bytes: self.tail.bytes(),
            ahead_bytes: self.ahead.bytes(),
            waiting: self.waiting.len(),
            ..self.figures
        }
    }

    /// Reads whole batches from the one that holds `request.from` on. The caller knows that it
    /// lies between the log's start and its end, and that `limit` is durable.
    pub(super) fn read(
        &mut self,
        context: &ReadContext<'_>,
        request: ReadRequest,
        port: &mut dyn ReadPort,
    ) -> ReadOutcome {
        match self.begin(context, Wish::Read(request), port) {
            Begun::Answered(Answer::Batches(batches)) => ReadOutcome::Ready(batches),
            Begun::Answered(Answer::Offset(_)) => unreachable!("a read answers with batches"),
            Begun::Waits(id) => ReadOutcome::Pending(id),
            Begun::Failed(error) => ReadOutcome::Failed(error),
        }
    }

    /// Finds the first run whose greatest timestamp reaches the one asked for.
    pub(super) fn seek(
        &mut self,
        context: &ReadContext<'_>,
        request: SeekRequest,
        port: &mut dyn ReadPort,
    ) -> SeekOutcome {
        match self.begin(context, Wish::Seek(request), port) {
            Begun::Answered(Answer::Offset(offset)) => SeekOutcome::Ready(offset),
            Begun::Answered(Answer::Batches(_)) => unreachable!("a seek answers with an offset"),
            Begun::Waits(id) => SeekOutcome::Pending(id),
            Begun::Failed(error) => SeekOutcome::Failed(error),
        }
    }

    /// Nobody waits for it any more. What is on its way still fills the caches.
    pub(super) fn cancel(&mut self, id: ReadId) {
        self.finish(id);
    }

    /// The end of an op that reads issued.
    pub(super) fn on_outcome(
        &mut self,
        context: &ReadContext<'_>,
        token: Token,
        outcome: Outcome,
        port: &mut dyn ReadPort,
    ) {
        let fetch = self.fetches.ended(token);
        let block = match outcome {
            Outcome::Read(block) if block.len() == fetch.wanted.bytes() as usize => Some(block),
            _ => None,
        };
        match (&block, fetch.wanted) {
            (Some(block), Wanted::Page(key)) => self.pages.insert(key, block.clone()),
            (Some(block), Wanted::Window(window)) => {
                self.ahead.insert((window.place.number, window.position), block.clone());
            }
            (None, wanted) => port.notice(Notice::Damage(wanted.unreadable())),
        }
        for id in fetch.waiters {
            let Some(waiting) = self.waiting.get_mut(&id) else { continue };
            waiting.pending.remove(&token);
            match &block {
                Some(block) => self.fetches.hold(&mut waiting.held, fetch.wanted, block.clone()),
                None => waiting.failed = true,
            }
            if waiting.pending.is_empty() {
                self.retry(context, id, port);
            }
        }
        while let Some(id) = self.parked.first().copied().filter(|_| self.fetches.has_room()) {
            self.parked.remove(&id);
            self.retry(context, id, port);
            if self.parked.contains(&id) {
                break;
            }
        }
    }

    fn begin(&mut self, context: &ReadContext<'_>, wish: Wish, port: &mut dyn ReadPort) -> Begun {
        let mut held = Held::default();
        match self.attempt(context, wish, &mut held, port) {
            Attempt::Answered(answer) => Begun::Answered(answer),
            Attempt::Failed(error) => Begun::Failed(error),
            Attempt::Needs(_) if self.waiting.len() >= self.limits.waiting_max => {
                Begun::Failed(ReadError::Overloaded)
            }
            Attempt::Needs(needs) => {
                self.next_id += 1;
                let id = ReadId(self.next_id);
                let pending = BTreeSet::new();
                self.waiting.insert(id, Waiting { wish, held, pending, failed: false });
                self.wait_for(id, &needs, port);
                Begun::Waits(id)
            }
        }
    }

    fn retry(&mut self, context: &ReadContext<'_>, id: ReadId, port: &mut dyn ReadPort) {
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        let wish = waiting.wish;
        if waiting.failed {
            self.finish(id);
            port.notice(notice_of(id, wish, Err(ReadError::Damaged)));
            return;
        }
        let mut held = std::mem::take(&mut waiting.held);
        let attempt = self.attempt(context, wish, &mut held, port);
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.held = held;
        }
        match attempt {
            Attempt::Needs(needs) => self.wait_for(id, &needs, port),
            Attempt::Answered(answer) => {
                self.finish(id);
                port.notice(notice_of(id, wish, Ok(answer)));
            }
            Attempt::Failed(error) => {
                self.finish(id);
                port.notice(notice_of(id, wish, Err(error)));
            }
        }
    }

    /// Issues what a read needs, or parks it while too much is on its way.
    fn wait_for(&mut self, id: ReadId, needs: &[Wanted], port: &mut dyn ReadPort) {
        assert!(!needs.is_empty(), "a read waits for something");
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        if !self.fetches.admits(needs, self.limits.ahead_bytes) {
            self.parked.insert(id);
            return;
        }
        for wanted in needs {
            let token = self.fetches.fetch(*wanted, Some(id), port, &mut self.figures);
            waiting.pending.insert(token);
        }
    }

    fn finish(&mut self, id: ReadId) {
        self.parked.remove(&id);
        if let Some(waiting) = self.waiting.remove(&id) {
            self.fetches.release(waiting.held);
        }
    }

    fn fence(&mut self, place: Use, position: u32) -> bool {
        if self.fenced.len() >= FENCES_MAX {
            self.fenced.pop_first();
        }
        self.fenced.insert((place.number, position))
    }
}

enum Begun {
    Answered(Answer),
    Waits(ReadId),
    Failed(ReadError),
}

fn notice_of(id: ReadId, wish: Wish, result: Result<Answer, ReadError>) -> Notice {
    match (wish, result) {
        (Wish::Read(_), Ok(Answer::Batches(batches))) => Notice::Read { id, result: Ok(batches) },
        (Wish::Seek(_), Ok(Answer::Offset(offset))) => Notice::Sought { id, result: Ok(offset) },
        (Wish::Read(_), Err(error)) => Notice::Read { id, result: Err(error) },
        (Wish::Seek(_), Err(error)) => Notice::Sought { id, result: Err(error) },
        (_, Ok(_)) => unreachable!("an answer of another kind"),
    }
}

/// Bytes of a page as an op counts them.
const PAGE_BYTES: u32 = PAGE as u32;
