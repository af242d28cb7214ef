use std::collections::BTreeMap;

use super::*;
use crate::base::HeapPool;
use crate::strand::batch::BatchHead;
use crate::strand::entry::Entry;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::KEY;
use crate::strand::fixture::STRAND;
use crate::strand::fixture::batch;
use crate::strand::index::encode_index;
use crate::strand::index::index_bytes;
use crate::strand::op::File;
use crate::strand::op::IoFailure;
use crate::strand::output::Batches;
use crate::strand::output::Damage;
use crate::strand::run::PlacedRun;
use crate::strand::run::Run;

const LIMITS: ReadLimits =
    ReadLimits { tail_bytes: 1 << 20, ahead_bytes: 4 << 20, index_bytes: 1 << 20, waiting_max: 64 };

/// Files in memory, ops that wait to be answered, and what was said.
struct World {
    reads: Reads,
    runs: RunMap,
    indexes: BTreeMap<IndexId, IndexRecord>,
    files: BTreeMap<File, Vec<u8>>,
    uses: Vec<Use>,
    port: Port,
}

#[derive(Default)]
struct Port {
    next: u64,
    ops: Vec<(Token, Op)>,
    notices: Vec<Notice>,
}

impl ReadPort for Port {
    fn issue(&mut self, op: Op) -> Token {
        self.next += 1;
        self.ops.push((Token(self.next), op));
        Token(self.next)
    }

    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

impl World {
    fn new(limits: ReadLimits) -> Self {
        Self {
            reads: Reads::new(fixture::identity(), limits),
            runs: RunMap::default(),
            indexes: BTreeMap::new(),
            files: BTreeMap::new(),
            uses: Vec::new(),
            port: Port::default(),
        }
    }

    /// The extent is on disk; its runs are in memory.
    fn young(&mut self, extent: &Extent) {
        self.runs_of(extent);
        self.store(extent);
    }

    fn runs_of(&mut self, extent: &Extent) {
        extent.runs.iter().for_each(|placed| self.runs.insert(*placed));
    }

    fn store(&mut self, extent: &Extent) {
        self.files.insert(File::Extent(extent.place.extent), extent.bytes.clone());
        self.uses.retain(|place| place.extent != extent.place.extent);
        self.uses.push(extent.place);
    }

    /// The extents are on disk; an index file holds their runs.
    fn old(&mut self, index: u64, extents: &[&Extent]) {
        let mut runs = RunMap::default();
        let uses: Vec<Use> = extents.iter().map(|extent| extent.place).collect();
        for extent in extents {
            extent.runs.iter().for_each(|placed| runs.insert(*placed));
            self.store(extent);
        }
        let mut file = vec![0xa5; index_bytes(&uses, &runs)];
        let index = IndexId(index);
        encode_index(&KEY, STRAND, index, &uses, &runs, &mut file);
        let record = IndexRecord { index, uses, bytes: file.len() as u64 };
        self.indexes.insert(index, record);
        self.files.insert(File::Index(index), file);
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Reads, &ReadContext<'_>, &mut Port) -> T) -> T {
        let uses = &self.uses;
        let is_current = |place: Use| uses.contains(&place);
        let context =
            ReadContext { runs: &self.runs, indexes: &self.indexes, is_current: &is_current };
        act(&mut self.reads, &context, &mut self.port)
    }

    fn begin(&mut self, request: ReadRequest) -> ReadOutcome {
        self.with(|reads, context, port| reads.read(context, request, port))
    }

    /// Answers the oldest op; false: there is none.
    fn answer_one(&mut self) -> bool {
        if self.port.ops.is_empty() {
            return false;
        }
        let (token, op) = self.port.ops.remove(0);
        let Op::Read { file, position, bytes } = op else { panic!("reads only read: {op:?}") };
        assert!(position.is_multiple_of(PAGE as u64) && bytes.is_multiple_of(PAGE as u32));
        let content = &self.files[&file];
        let start = position as usize;
        let outcome = match content.get(start..start + bytes as usize) {
            Some(found) => Outcome::Read(HeapPool::block(found)),
            None => Outcome::Failed(IoFailure::Missing),
        };
        self.with(|reads, context, port| reads.on_outcome(context, token, outcome, port));
        true
    }

    fn settle(&mut self) {
        while self.answer_one() {}
    }

    fn read(&mut self, request: ReadRequest) -> Result<Batches, ReadError> {
        match self.begin(request) {
            ReadOutcome::Ready(batches) => Ok(batches),
            ReadOutcome::Failed(error) => Err(error),
            ReadOutcome::Pending(id) => {
                self.settle();
                self.answer_of(id)
            }
        }
    }

    fn answer_of(&mut self, sought: ReadId) -> Result<Batches, ReadError> {
        let is_it = |notice: &Notice| matches!(notice, Notice::Read { id, .. } if *id == sought);
        let at = self.port.notices.iter().position(is_it).expect("the read was answered");
        match self.port.notices.remove(at) {
            Notice::Read { result, .. } => result,
            other => panic!("{other:?}"),
        }
    }

    /// Reads from `from` to `limit` in as many reads as it takes.
    fn read_all(&mut self, partition: u64, from: Offset, limit: Offset, max: u32) -> Vec<Offset> {
        let (mut next, mut bases) = (from, Vec::new());
        while next < limit {
            let batches = self.read(request(partition, next, limit, max)).expect("sound data");
            bases.extend(bases_of(&batches));
            assert!(next < batches.next, "a read gets on");
            next = batches.next;
        }
        bases
    }

    fn damages(&self) -> Vec<(File, u64, Damage)> {
        let damage = |notice: &Notice| match notice {
            Notice::Damage(report) => Some((report.file, report.position, report.damage)),
            _ => None,
        };
        self.port.notices.iter().filter_map(damage).collect()
    }
}

fn request(partition: u64, from: Offset, limit: Offset, bytes_max: u32) -> ReadRequest {
    let partition = PartitionId(partition);
    ReadRequest { partition, from, limit, bytes_max, at_least_one: true }
}

fn bases_of(batches: &Batches) -> Vec<Offset> {
    let mut bases = Vec::new();
    for slice in &batches.slices {
        let mut rest = slice.bytes();
        while !rest.is_empty() {
            let head = BatchHead::parse(rest).expect("whole batches");
            bases.push(head.base_offset);
            rest = &rest[head.bytes as usize..];
        }
    }
    bases
}

/// Frames of one batch for each of `partitions`, from offset 0, three records a batch.
fn filled(extent: u32, number: u64, frames: usize, partitions: &[u64], value: usize) -> Extent {
    let mut made = Extent::new(extent, number, number * 1000, 1 << 20);
    for frame in 0..frames {
        let base = (frame * 3) as Offset;
        let batches: Vec<(u64, Offset, Vec<u8>)> =
            partitions.iter().map(|of| (*of, base, batch(3, value, frame as u8))).collect();
        made.append(&batches);
    }
    made
}

#[test]
fn the_tail_is_read_without_the_disk() {
    let mut world = World::new(LIMITS);
    let mut extent = Extent::new(1, 5, 50, 1 << 20);
    for base in 0..4 {
        let (position, frame) = extent.append(&[(9, base * 3, batch(3, 100, base as u8))]);
        world.reads.framed(extent.place, position, &HeapPool::block(&frame));
    }
    world.runs_of(&extent);
    let batches = match world.begin(request(9, 4, 12, 1 << 20)) {
        ReadOutcome::Ready(batches) => batches,
        other => panic!("{other:?}"),
    };
    assert_eq!(bases_of(&batches), [3, 6, 9], "from the batch that holds the offset");
    assert_eq!(batches.next, 12);
    assert!(world.port.ops.is_empty());
}

#[test]
fn a_read_ends_at_its_limit_and_at_its_bytes() {
    let mut world = World::new(LIMITS);
    world.young(&filled(1, 5, 4, &[9], 100));
    let one = batch(3, 100, 0).len() as u32;
    let bases =
        |world: &mut World, limit, max| bases_of(&world.read(request(9, 0, limit, max)).unwrap());
    assert_eq!(bases(&mut world, 6, 1 << 20), [0, 3]);
    assert_eq!(bases(&mut world, 12, 2 * one), [0, 3]);
    assert_eq!(bases(&mut world, 12, 2 * one + one / 2), [0, 3]);
    assert_eq!(bases(&mut world, 12, 1), [0], "at least one");
    let strict = ReadRequest { at_least_one: false, ..request(9, 0, 12, 1) };
    let batches = world.read(strict).unwrap();
    assert_eq!((bases_of(&batches).len(), batches.next), (0, 0));
}

#[test]
fn old_data_is_found_through_an_index_file() {
    let mut world = World::new(LIMITS);
    let partitions: Vec<u64> = (1..=40).collect();
    let old = filled(1, 5, 30, &partitions, 100);
    world.old(1, &[&old]);
    for partition in [1, 17, 40] {
        let bases = world.read_all(partition, 0, 90, 10_000);
        assert_eq!(bases, (0..30).map(|base| base * 3).collect::<Vec<Offset>>());
    }
    assert_eq!(world.reads.figures().tail_runs, 0);
    assert!(world.read(request(41, 0, 10, 1000)).unwrap().slices.is_empty(), "nobody's");
    assert!(world.reads.is_idle());
}

#[test]
fn short_slices_are_copied_and_long_ones_are_not() {
    let mut world = World::new(LIMITS);
    let mut extent = Extent::new(1, 5, 50, 1 << 20);
    let items = [(9, 0, batch(1, 100, 1)), (8, 0, batch(1, 100, 2)), (9, 1, batch(1, 100, 3))];
    extent.append(&items);
    extent.append(&[(9, 2, batch(1, 9000, 4))]);
    world.young(&extent);
    let batches = world.read(request(9, 0, 3, 1 << 20)).unwrap();
    let pinned: Vec<usize> = batches.slices.iter().map(|slice| slice.block().len()).collect();
    let short = batch(1, 100, 1).len();
    assert_eq!(pinned[0], 2 * short, "two short ones copied together pin only themselves");
    assert!(pinned[1] >= 9000 && pinned[1].is_multiple_of(PAGE));
    assert_eq!(bases_of(&batches), [0, 1, 2]);
    assert_eq!(batches.bytes, batches.slices.iter().map(|slice| slice.len()).sum::<usize>());
}

#[test]
fn a_damaged_run_fences_itself_and_nothing_else() {
    let mut world = World::new(LIMITS);
    let mut old = filled(1, 5, 6, &[7, 9], 100);
    let hit = *old.runs.from(PartitionId(9), 6).next().unwrap();
    old.bytes[hit.run.position as usize + 80] ^= 1;
    world.old(1, &[&old]);
    let batches = world.read(request(9, 0, 18, 1 << 20)).unwrap();
    assert_eq!(bases_of(&batches), [0, 3], "what lies before the damage is given");
    assert_eq!(world.read(request(9, 6, 18, 1 << 20)).unwrap_err(), ReadError::Damaged);
    assert_eq!(world.read(request(9, 6, 18, 1 << 20)).unwrap_err(), ReadError::Damaged);
    let file = File::Extent(hit.place.extent);
    assert_eq!(world.damages(), [(file, u64::from(hit.run.position), Damage::Batch)], "said once");
    assert_eq!(world.read_all(9, 9, 18, 1 << 20), [9, 12, 15]);
    assert_eq!(world.read_all(7, 0, 18, 1 << 20).len(), 6);
}

#[test]
fn a_batch_of_another_partition_is_not_taken_for_ones_own() {
    let mut world = World::new(LIMITS);
    let mut old = Extent::new(1, 5, 50, 1 << 20);
    old.append(&[(7, 0, batch(3, 100, 1)), (9, 0, batch(3, 100, 1))]);
    // The same bytes for both: only the seed of the header's CRC knows whose they are.
    let crossed = old.runs.iter().map(|placed| {
        let other = if placed.run.partition.0 == 7 { 9 } else { 7 };
        let run = Run { partition: PartitionId(other), ..placed.run };
        PlacedRun { run, ..*placed }
    });
    old.runs = crossed.fold(RunMap::default(), |mut runs, placed| {
        runs.insert(placed);
        runs
    });
    world.old(1, &[&old]);
    assert_eq!(world.read(request(9, 0, 3, 1 << 20)).unwrap_err(), ReadError::Damaged);
}

#[test]
fn an_unreadable_window_fails_the_read_and_is_said() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 6, &[9], 100);
    world.old(1, &[&old]);
    world.files.insert(File::Extent(old.place.extent), Vec::new());
    assert_eq!(world.read(request(9, 0, 18, 1 << 20)).unwrap_err(), ReadError::Damaged);
    assert!(world.damages().iter().all(|(_, _, damage)| *damage == Damage::Unreadable));
    world.store(&old);
    assert_eq!(world.read_all(9, 0, 18, 1 << 20).len(), 6, "and it is tried again");
}

#[test]
fn a_damaged_index_page_is_named() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 6, &[9], 100);
    world.old(1, &[&old]);
    let file = File::Index(IndexId(1));
    world.files.get_mut(&file).unwrap()[PAGE + 100] ^= 4;
    assert_eq!(world.read(request(9, 0, 18, 1 << 20)).unwrap_err(), ReadError::Damaged);
    assert_eq!(world.damages(), [(file, PAGE as u64, Damage::Index)]);
}

#[test]
fn the_newest_run_wins_wherever_it_lies() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 6, &[9], 100);
    let mut moved = Extent::new(2, 6, 6000, 1 << 20);
    let copy = batch(3, 100, 77);
    moved.append(&[(9, 6, copy.clone())]);
    world.old(1, &[&old]);
    world.old(2, &[&moved]);
    let read = world.read(request(9, 0, 18, 1 << 20)).unwrap();
    assert_eq!(bases_of(&read), [0, 3, 6, 9, 12, 15]);
    let bytes: Vec<u8> = read.slices.iter().flat_map(|slice| slice.bytes().to_vec()).collect();
    let at = 2 * copy.len();
    assert_eq!(bytes[at + 61..at + copy.len()], copy[61..], "from the newer use");
    world.uses.retain(|place| place.number == 6);
    let read = world.read(request(9, 0, 18, 1 << 20)).unwrap();
    assert_eq!(bases_of(&read), [6], "runs of a recycled use are dead");
}

#[test]
fn what_was_truncated_stays_away_even_if_the_log_jumps() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 6, &[9], 100);
    let mut young = Extent::new(2, 6, 6000, 1 << 20);
    let partition = PartitionId(9);
    young.frame(&[
        (Entry::Truncate { partition, to: 9 }, Vec::new()),
        (Entry::Lost { partition, from: 9, to: 1000 }, Vec::new()),
    ]);
    young.append(&[(9, 1000, batch(3, 100, 1))]);
    world.old(1, &[&old]);
    world.young(&young);
    assert_eq!(world.read_all(9, 0, 1003, 1 << 20), [0, 3, 6, 1000]);
}

#[test]
fn scattered_runs_are_read_exactly_and_at_once() {
    let mut world = World::new(LIMITS);
    let mut old = Extent::new(1, 5, 50, 4 << 20);
    for base in 0..10 {
        let noise = batch(1, 300_000, 1);
        old.append(&[(9, base, batch(1, 50, base as u8)), (1, base, noise)]);
    }
    world.young(&old);
    let ReadOutcome::Pending(id) = world.begin(request(9, 0, 10, 1 << 20)) else { panic!("cold") };
    assert_eq!(world.port.ops.len(), 10, "many in flight");
    assert!(world.port.ops.iter().all(|(_, op)| matches!(op, Op::Read { bytes: 4096, .. })));
    assert!(world.reads.holds(old.place));
    world.settle();
    assert!(!world.reads.holds(old.place));
    assert_eq!(bases_of(&world.answer_of(id).unwrap()).len(), 10);
}

#[test]
fn neighbouring_runs_share_a_window_and_partitions_share_what_was_read() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 40, &[7, 9], 100);
    world.young(&old);
    assert_eq!(world.read_all(9, 0, 120, 1 << 20).len(), 40);
    let fetched = world.reads.figures().fetched_bytes;
    assert!(fetched <= u64::from(old.position), "each page once: {fetched}");
    assert_eq!(world.read_all(7, 0, 120, 1 << 20).len(), 40);
    assert_eq!(world.reads.figures().fetched_bytes, fetched, "the other one's pages are here");
}

#[test]
fn replaying_never_evicts_the_tail() {
    let mut world =
        World::new(ReadLimits { tail_bytes: 64 << 10, ahead_bytes: 64 << 10, ..LIMITS });
    let old = filled(1, 5, 100, &[9], 2000);
    world.old(1, &[&old]);
    let mut young = Extent::new(2, 6, 6000, 1 << 20);
    let (position, frame) = young.append(&[(9, 300, batch(3, 100, 1))]);
    world.reads.framed(young.place, position, &HeapPool::block(&frame));
    world.young(&young);
    assert_eq!(world.read_all(9, 0, 300, 20_000).len(), 100);
    let before = world.reads.figures();
    assert!(before.ahead_bytes <= 64 << 10, "{before:?}");
    let tail = world.begin(request(9, 300, 303, 1 << 20));
    assert!(matches!(tail, ReadOutcome::Ready(_)), "{tail:?}");
}

#[test]
fn a_replay_is_read_ahead_of() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 100, &[9], 1000);
    world.old(1, &[&old]);
    assert!(!world.read(request(9, 0, 300, 20_000)).unwrap().slices.is_empty());
    world.settle();
    let next = world.begin(request(9, 30, 300, 20_000));
    assert!(matches!(next, ReadOutcome::Ready(_)), "it is here before it is asked for: {next:?}");
}

#[test]
fn many_readers_wait_within_bounds_and_all_get_on() {
    let limits = ReadLimits { ahead_bytes: 16 << 10, waiting_max: 100, ..LIMITS };
    let mut world = World::new(limits);
    let partitions: Vec<u64> = (0..150).collect();
    let old = filled(1, 5, 4, &partitions, 300);
    world.young(&old);
    let mut waiting = Vec::new();
    let mut refused = 0;
    for partition in &partitions {
        match world.begin(request(*partition, 0, 12, 1 << 20)) {
            ReadOutcome::Pending(id) => waiting.push(id),
            ReadOutcome::Failed(ReadError::Overloaded) => refused += 1,
            other => panic!("{other:?}"),
        }
        let asked: u32 = world.port.ops.iter().map(|(_, op)| read_bytes(op)).sum();
        assert!(asked <= 32 << 10, "memory on its way: {asked}");
    }
    assert_eq!((waiting.len(), refused), (100, 50));
    world.settle();
    for id in waiting {
        assert!(world.answer_of(id).unwrap().next >= 3, "at least what comes first");
    }
    assert_eq!(world.reads.figures().waiting, 0);
    assert!(world.reads.is_idle());
}

fn read_bytes(op: &Op) -> u32 {
    match op {
        Op::Read { bytes, .. } => *bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cancelled_read_says_nothing_and_holds_nothing() {
    let mut world = World::new(LIMITS);
    let old = filled(1, 5, 4, &[9], 300);
    world.young(&old);
    let ReadOutcome::Pending(id) = world.begin(request(9, 0, 12, 1 << 20)) else { panic!("cold") };
    world.reads.cancel(id);
    world.settle();
    assert!(world.port.notices.is_empty());
    let again = world.begin(request(9, 0, 12, 1 << 20));
    assert!(matches!(again, ReadOutcome::Ready(_)), "what came is in the cache: {again:?}");
}

#[test]
fn a_batch_larger_than_a_window_is_read_whole() {
    let mut world = World::new(LIMITS);
    let mut old = Extent::new(1, 5, 50, 4 << 20);
    old.append(&[(9, 0, batch(1, 2 << 20, 1))]);
    world.young(&old);
    let batches = world.read(request(9, 0, 1, 1000)).unwrap();
    assert_eq!(bases_of(&batches), [0]);
    assert!(batches.bytes > 2 << 20);
}

#[test]
fn a_seek_finds_the_first_run_that_reaches_a_timestamp() {
    let mut world = World::new(LIMITS);
    // Timestamps are 1000 + the number of the frame.
    let old = filled(1, 5, 100, &[7, 9], 50);
    world.old(1, &[&old]);
    let mut seek = |timestamp| {
        let sought = SeekRequest { partition: PartitionId(9), from: 0, limit: 300, timestamp };
        match world.with(|reads, context, port| reads.seek(context, sought, port)) {
            SeekOutcome::Ready(offset) => offset,
            SeekOutcome::Pending(_) => {
                world.settle();
                match world.port.notices.pop() {
                    Some(Notice::Sought { result: Ok(offset), .. }) => offset,
                    other => panic!("{other:?}"),
                }
            }
            SeekOutcome::Failed(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(seek(0), Some(0));
    assert_eq!(seek(1050), Some(150));
    assert_eq!(seek(1099), Some(297));
    assert_eq!(seek(1100), None);
}
