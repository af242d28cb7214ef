//! How long one turn of a strand takes when it has much to remember: nothing else of the shard runs
//! meanwhile. Real strands over a disk in memory; the longest turns are told with what they asked of
//! the disk.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use strandlog::base::HeapPool;
use strandlog::base::Now;
use strandlog::base::PartitionId;
use strandlog::base::StrandId;
use strandlog::record::Batch;
use strandlog::record::BatchHeader;
use strandlog::strand::Append;
use strandlog::strand::File;
use strandlog::strand::Listing;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Output;
use strandlog::strand::StoreKey;
use strandlog::strand::Strand;
use strandlog::strand::StrandConfig;
use strandlog::strand::StrandIdentity;
use strandlog::strand::Token;

/// What is due so soon is the next slice of something long.
const SOON_US: u64 = 200;

/// Turns that are told.
const LONGEST: usize = 5;

/// A batch for each partition, over and over; retention follows.
pub(crate) fn print(partitions: u64, rounds: u64, batch: &Bytes) {
    let mut bench = Bench::start();
    for round in 0..rounds {
        for partition in 1..=partitions {
            bench.append(PartitionId(partition), batch);
            if partition % 100 == 0 {
                bench.turn();
            }
        }
        if round >= 2 {
            for partition in 1..=partitions {
                let log = bench.strand.log(PartitionId(partition)).expect("it was appended to");
                let to = log.end() - 2;
                bench.strand.move_start(PartitionId(partition), to).expect("room for a command");
            }
        }
        // Checkpoints, index files and sweeps have their time, slice by slice.
        for _ in 0..200 {
            bench.pass(10_000);
            while bench.strand.next_deadline().is_some_and(|at| at <= bench.now.mono_us + SOON_US) {
                bench.pass(SOON_US);
            }
        }
    }
    let turns = bench.turns.len();
    bench.turns.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
    println!("{partitions} partitions, {turns} turns of a strand; the longest:");
    for (took, asked) in bench.turns.iter().take(LONGEST) {
        println!("{:>10.0} µs  {asked}", took.as_secs_f64() * 1e6);
    }
}

struct Bench {
    strand: Strand,
    out: Output,
    files: BTreeMap<File, Vec<u8>>,
    waiting: VecDeque<(Token, Op)>,
    now: Now,
    turns: Vec<(Duration, String)>,
}

impl Bench {
    fn start() -> Self {
        let key = StoreKey { store: [7; 16], secret: [9; 16] };
        let identity = StrandIdentity { key, strand: StrandId(0), manifest: 1 };
        let config = StrandConfig { extent_bytes: 4 << 20, extents_max: 512, ..Default::default() };
        let mut bench = Self {
            strand: Strand::new(config, identity),
            out: Output::default(),
            files: BTreeMap::new(),
            waiting: VecDeque::new(),
            now: Now { mono_us: 1_000_000, wall_ms: super::NOW_MS },
            turns: Vec::new(),
        };
        bench.strand.start(bench.now, &mut bench.out);
        bench.turn();
        bench.turns.clear();
        bench
    }

    fn append(&mut self, partition: PartitionId, batch: &Bytes) {
        let header = Batch::parse(batch).expect("it was just built").header;
        let base_offset = self.strand.log(partition).map_or(0, |log| log.end());
        let stored = BatchHeader { base_offset, leader_epoch: 0, ..header };
        let append = Append::of(partition, &stored, self.now.wall_ms);
        self.strand.append(append, batch.clone()).expect("room for a batch");
    }

    fn pass(&mut self, us: u64) {
        self.now.mono_us += us;
        self.now.wall_ms = super::NOW_MS + (self.now.mono_us / 1_000) as i64;
        self.strand.on_tick(self.now, &mut self.out);
        self.turn();
    }

    /// Turns until nothing is wanted of the disk.
    fn turn(&mut self) {
        loop {
            let began = Instant::now();
            self.strand.commit(self.now, &mut HeapPool, &mut self.out);
            let took = began.elapsed();
            let asked: Vec<String> = self.out.ops.iter().map(|(_, op)| name(op)).collect();
            self.turns.push((took, asked.join(", ")));
            self.out.notices.clear();
            self.waiting.extend(self.out.ops.drain(..));
            let Some((token, op)) = self.waiting.pop_front() else { return };
            let outcome = self.carry_out(op);
            self.strand.on_outcome(self.now, token, outcome, &mut self.out);
        }
    }

    fn carry_out(&mut self, op: Op) -> Outcome {
        match op {
            Op::List => Outcome::Listed(Listing::default()),
            Op::Lock { .. } => Outcome::Locked,
            Op::Flush => Outcome::Flushed,
            Op::Read { file, position, bytes } => {
                let held = &self.files[&file];
                let end = held.len().min(position as usize + bytes as usize);
                Outcome::Read(HeapPool::block(&held[position as usize..end]))
            }
            Op::Write { file, position, data } => {
                let held = self.files.get_mut(&file).expect("a file that was made");
                held[position as usize..][..data.len()].copy_from_slice(data.bytes());
                Outcome::Written
            }
            Op::Allocate { extent, bytes, .. } => {
                self.files.insert(File::Extent(extent), vec![0; bytes as usize]);
                Outcome::Allocated
            }
            Op::StoreIndex { index, data } => {
                self.files.insert(File::Index(index), data.bytes().to_vec());
                Outcome::Stored
            }
            Op::GrowSlot { slot, bytes } => {
                self.files.entry(File::Slot(slot)).or_default().resize(bytes as usize, 0);
                Outcome::Grown
            }
            Op::Remove { file } => {
                self.files.remove(&file);
                Outcome::Removed
            }
        }
    }
}

fn name(op: &Op) -> String {
    match op {
        Op::Write { file, data, .. } => format!("write {} KiB of {file:?}", data.len() >> 10),
        Op::Read { file, bytes, .. } => format!("read {} KiB of {file:?}", bytes >> 10),
        Op::StoreIndex { data, .. } => format!("store an index of {} KiB", data.len() >> 10),
        Op::Allocate { .. } => "make an extent".to_owned(),
        Op::GrowSlot { bytes, .. } => format!("grow a slot to {} KiB", bytes >> 10),
        Op::Remove { .. } => "remove a file".to_owned(),
        Op::List | Op::Lock { .. } | Op::Flush => "recover".to_owned(),
    }
}
