//! One trial of a read or a seek with what is in memory.

use crate::base::Block;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::op::File;
use crate::strand::output::Batches;
use crate::strand::output::Damage;
use crate::strand::output::DamageReport;
use crate::strand::output::Notice;
use crate::strand::output::ReadError;
use crate::strand::output::ReadRequest;
use crate::strand::read::ReadContext;
use crate::strand::read::ReadPort;
use crate::strand::read::Reads;
use crate::strand::read::SeekRequest;
use crate::strand::read::Wish;
use crate::strand::read::assemble::Assembly;
use crate::strand::read::assemble::RunBytes;
use crate::strand::read::assemble::check_run;
use crate::strand::read::cache::BlockCache;
use crate::strand::read::fetch::Held;
use crate::strand::read::fetch::Wanted;
use crate::strand::read::locate::Located;
use crate::strand::read::locate::PageKey;
use crate::strand::read::locate::Pages;
use crate::strand::read::locate::Unlocated;
use crate::strand::read::locate::locate;
use crate::strand::read::window::Window;
use crate::strand::read::window::windows;
use crate::strand::run::PlacedRun;

/// Windows that one read asks for at once.
const WINDOWS_PER_READ: usize = 32;

/// Bytes asked for ahead of a reader that comes from the disk.
const AHEAD_BYTES: u64 = 1 << 20;

/// What was asked for.
pub(super) enum Answer {
    Batches(Batches),
    Offset(Option<Offset>),
}

/// How a trial ended.
pub(super) enum Attempt {
    Answered(Answer),
    /// This must come from the disk first.
    Needs(Vec<Wanted>),
    Failed(ReadError),
}

/// Pages that a read holds, then those of the cache.
struct HeldPages<'a> {
    held: &'a Held,
    cache: &'a mut BlockCache<PageKey>,
}

impl Pages for HeldPages<'_> {
    fn page(&mut self, key: PageKey) -> Option<Block> {
        self.held.page(key).or_else(|| self.cache.get(key))
    }
}

impl Reads {
    pub(super) fn attempt(
        &mut self,
        context: &ReadContext<'_>,
        wish: Wish,
        held: &mut Held,
        port: &mut dyn ReadPort,
    ) -> Attempt {
        let attempt = match wish {
            Wish::Read(request) => self.attempt_read(context, &request, held, port),
            Wish::Seek(request) => self.attempt_seek(context, &request, held, port),
        };
        attempt.unwrap_or_else(|unanswered| unanswered)
    }

    fn attempt_read(
        &mut self,
        context: &ReadContext<'_>,
        request: &ReadRequest,
        held: &Held,
        port: &mut dyn ReadPort,
    ) -> Result<Attempt, Attempt> {
        let mut assembly = Assembly::new(*request);
        while assembly.next() < request.limit {
            let next = assembly.next();
            let located = self.located(context, request.partition, next, held, port)?;
            let is_full = self.gather(request, &located, &mut assembly, held, port)?;
            if is_full || !assembly.is_empty() {
                break;
            }
            assembly.skip(located.to);
        }
        Ok(Attempt::Answered(Answer::Batches(assembly.finish())))
    }

    fn attempt_seek(
        &mut self,
        context: &ReadContext<'_>,
        request: &SeekRequest,
        held: &Held,
        port: &mut dyn ReadPort,
    ) -> Result<Attempt, Attempt> {
        let mut next = request.from;
        while next < request.limit {
            let located = self.located(context, request.partition, next, held, port)?;
            let reaches = |placed: &&PlacedRun| {
                !placed.run.is_void() && request.timestamp <= placed.run.max_timestamp
            };
            let found = located.runs.iter().find(reaches).map(|placed| placed.run.from.max(next));
            if let Some(offset) = found.filter(|offset| *offset < request.limit) {
                return Ok(Attempt::Answered(Answer::Offset(Some(offset))));
            }
            next = located.to;
        }
        Ok(Attempt::Answered(Answer::Offset(None)))
    }

    fn located(
        &mut self,
        context: &ReadContext<'_>,
        partition: PartitionId,
        from: Offset,
        held: &Held,
        port: &mut dyn ReadPort,
    ) -> Result<Located, Attempt> {
        if let Some(located) = self.cursors.get(context, partition, from) {
            return Ok(located);
        }
        let mut pages = HeldPages { held, cache: &mut self.pages };
        match locate(&self.store, context, &mut pages, partition, from) {
            Ok(located) => {
                assert!(from < located.to, "what was located is beyond where it was looked for");
                if located.is_from_index {
                    self.cursors.put(context, partition, located.clone());
                }
                Ok(located)
            }
            Err(Unlocated::Needs(pages)) => {
                Err(Attempt::Needs(pages.into_iter().map(Wanted::Page).collect()))
            }
            Err(Unlocated::Damaged(key)) => {
                port.notice(Notice::Damage(DamageReport {
                    file: File::Index(key.index),
                    position: key.position(),
                    partition: None,
                    damage: Damage::Index,
                }));
                Err(Attempt::Failed(ReadError::Damaged))
            }
        }
    }

    /// Adds what is in memory of the located runs, up to the first that is not. True: the answer
    /// is full or nothing more can be added to it.
    fn gather(
        &mut self,
        request: &ReadRequest,
        located: &Located,
        assembly: &mut Assembly,
        held: &Held,
        port: &mut dyn ReadPort,
    ) -> Result<bool, Attempt> {
        let data = located.runs.iter().filter(|placed| !placed.run.is_void());
        let wanted: Vec<PlacedRun> =
            data.take_while(|placed| placed.run.from < request.limit).copied().collect();
        let mut from_disk = false;
        for (number, placed) in wanted.iter().enumerate() {
            let found = self.find(placed, held);
            let is_fenced = self.fenced.contains(&(placed.place.number, placed.run.position));
            let Some(found) = found.filter(|_| !is_fenced) else {
                if !assembly.is_empty() {
                    self.read_ahead(&wanted[number..], from_disk, port);
                    return Ok(true);
                }
                return Err(match is_fenced {
                    true => Attempt::Failed(ReadError::Damaged),
                    false => Attempt::Needs(self.missing(request, &wanted[number..], held)),
                });
            };
            if !found.is_own && !check_run(&placed.run, found.bytes()) {
                self.report(placed, port);
                let is_first = assembly.is_empty();
                return if is_first { Err(Attempt::Failed(ReadError::Damaged)) } else { Ok(true) };
            }
            from_disk |= !found.is_own;
            if !assembly.add(placed, &found) {
                self.read_ahead(&wanted[number..], from_disk, port);
                return Ok(true);
            }
        }
        Ok(!assembly.is_empty())
    }

    /// The bytes of a run, if they are in memory.
    fn find(&mut self, placed: &PlacedRun, held: &Held) -> Option<RunBytes> {
        if let Some(found) = find_in(&mut self.tail, placed, true) {
            self.figures.tail_runs += 1;
            return Some(found);
        }
        let found = held.run(placed).or_else(|| find_in(&mut self.ahead, placed, false))?;
        self.figures.disk_runs += 1;
        Some(found)
    }

    /// Windows over those of `runs` that a read of this size gets to and that are not in memory.
    fn missing(&mut self, request: &ReadRequest, runs: &[PlacedRun], held: &Held) -> Vec<Wanted> {
        let mut missing = Vec::new();
        let mut bytes: u64 = 0;
        for placed in runs {
            if bytes >= u64::from(request.bytes_max) && !missing.is_empty() {
                break;
            }
            bytes += u64::from(placed.run.bytes);
            if self.find(placed, held).is_none() {
                missing.push(*placed);
            }
        }
        windows(&missing).into_iter().take(WINDOWS_PER_READ).map(Wanted::Window).collect()
    }

    /// Brings in what a reader that comes from the disk will want next, as far as there is room.
    fn read_ahead(&mut self, runs: &[PlacedRun], from_disk: bool, port: &mut dyn ReadPort) {
        if !from_disk {
            return;
        }
        let mut bytes = 0;
        let ahead = runs.iter().take_while(|placed| {
            bytes += u64::from(placed.run.bytes);
            bytes <= AHEAD_BYTES
        });
        let mut missing = Vec::new();
        for placed in ahead {
            let key = (placed.place.number, placed.run.position);
            let is_fenced = self.fenced.contains(&key);
            if !is_fenced && find_in(&mut self.ahead, placed, false).is_none() {
                missing.push(*placed);
            }
        }
        for window in windows(&missing).into_iter().map(Wanted::Window) {
            if !self.fetches.admits(&[window], self.limits.ahead_bytes / 2) {
                return;
            }
            self.fetches.fetch(window, None, port, &mut self.figures);
        }
    }

    fn report(&mut self, placed: &PlacedRun, port: &mut dyn ReadPort) {
        self.figures.damaged_runs += 1;
        self.fence(placed.place, placed.run.position);
        port.notice(Notice::Damage(DamageReport {
            file: File::Extent(placed.place.extent),
            position: u64::from(placed.run.position),
            partition: Some(placed.run.partition),
            damage: Damage::Batch,
        }));
    }
}

fn find_in(
    cache: &mut BlockCache<(u64, u32)>,
    placed: &PlacedRun,
    is_own: bool,
) -> Option<RunBytes> {
    let ((number, position), block) =
        cache.at_or_below((placed.place.number, placed.run.position))?;
    if number != placed.place.number {
        return None;
    }
    let bytes = u32::try_from(block.len()).ok()?;
    let range = Window { place: placed.place, position, bytes }.range_of(placed)?;
    Some(RunBytes { block, range, is_own })
}
