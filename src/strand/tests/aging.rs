//! Space over time: retention, index files, evacuation, full disks, and starts in between.

use std::collections::BTreeMap;

use super::batch;
use super::disk::Bench;
use super::disk::Disk;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::Rng;
use crate::strand::Batches;
use crate::strand::Notice;
use crate::strand::ReadError;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;
use crate::strand::Refusal;
use crate::strand::StrandConfig;

/// What was acknowledged: the length of each batch, one record each, by offset.
#[derive(Clone, Default)]
struct Model {
    start: Offset,
    batches: Vec<(Offset, usize, u8)>,
    end: Offset,
}

struct Aging {
    bench: Bench,
    config: StrandConfig,
    model: BTreeMap<u64, Model>,
    rng: Rng,
}

impl Aging {
    fn new(config: StrandConfig, seed: u64) -> Self {
        let bench = Bench::start(config.clone(), Disk::default());
        Self { bench, config, model: BTreeMap::new(), rng: Rng::new(seed) }
    }

    fn produce(&mut self, partition: u64, bytes: usize) -> Result<u64, Refusal> {
        let log = self.bench.strand.log(PartitionId(partition));
        let end = log.map_or(0, |log| log.end());
        let fill = self.rng.below(256) as u8;
        let (append, raw) = batch(partition, end, bytes, fill);
        let sequence = self.bench.strand.append(append, raw)?;
        let model = self.model.entry(partition).or_default();
        model.batches.push((end, bytes, fill));
        model.end = end + 1;
        Ok(sequence)
    }

    fn move_start(&mut self, partition: u64, to: Offset) {
        if self.bench.strand.move_start(PartitionId(partition), to).is_ok() {
            let model = self.model.get_mut(&partition).unwrap();
            model.start = model.start.max(to);
        }
    }

    fn truncate(&mut self, partition: u64, to: Offset) {
        if self.bench.strand.truncate(PartitionId(partition), to).is_ok() {
            let model = self.model.get_mut(&partition).unwrap();
            model.batches.retain(|(offset, _, _)| *offset < to);
            model.end = model.end.min(to);
            model.start = model.start.min(model.end);
        }
    }

    fn drop_partition(&mut self, partition: u64) {
        if self.bench.strand.drop_partition(PartitionId(partition)).is_ok() {
            self.model.remove(&partition);
        }
    }

    /// Time goes by, everything that wants to happen happens.
    fn rest(&mut self) {
        for _ in 0..4 {
            self.bench.run();
            self.bench.pass(1_100_000);
        }
        self.bench.run();
    }

    fn restart(self) -> Self {
        let Self { bench, config, model, rng } = self;
        let bench = bench.restart(config.clone());
        assert!(bench.is_ready(), "{:?}", bench.notices);
        Self { bench, config, model, rng }
    }

    fn read(&mut self, partition: u64, from: Offset) -> Result<Batches, ReadError> {
        let limit = Offset::MAX;
        let partition = PartitionId(partition);
        let request = ReadRequest { partition, from, limit, bytes_max: 20_000, at_least_one: true };
        match self.bench.strand.read(self.bench.now, request, &mut self.bench.out) {
            ReadOutcome::Ready(batches) => Ok(batches),
            ReadOutcome::Failed(error) => Err(error),
            ReadOutcome::Pending(wanted) => {
                self.bench.notices.clear();
                self.bench.run();
                let notices = std::mem::take(&mut self.bench.notices);
                let answer = notices.into_iter().find_map(|notice| match notice {
                    Notice::Read { id, result } if id == wanted => Some(result),
                    _ => None,
                });
                answer.expect("a pending read is answered")
            }
        }
    }

    /// Every partition holds what it should, byte for byte, and nothing else.
    fn check(&mut self) {
        for (partition, model) in self.model.clone() {
            let log = self.bench.strand.log(PartitionId(partition)).expect("it is known");
            assert_eq!((log.start(), log.end()), (model.start, model.end), "of {partition}");
            let mut next = model.start;
            let kept = model.batches.iter().filter(|(offset, _, _)| *offset >= model.start);
            let mut kept = kept.peekable();
            while next < model.end {
                let batches = self
                    .read(partition, next)
                    .unwrap_or_else(|error| panic!("partition {partition} at {next}: {error:?}"));
                assert!(batches.next > next, "partition {partition} is stuck at {next}");
                next = batches.next;
                for slice in &batches.slices {
                    let mut rest = slice.bytes();
                    while !rest.is_empty() {
                        let (offset, bytes, fill) = *kept.next().expect("no more than was written");
                        assert_eq!(rest[..8], offset.to_be_bytes(), "of {partition}");
                        let is_its = rest[61..bytes].iter().all(|byte| *byte == fill);
                        assert!(is_its, "partition {partition} at {offset} is another batch");
                        rest = &rest[bytes..];
                    }
                }
            }
            assert!(kept.peek().is_none(), "partition {partition} lost its end");
        }
        assert_eq!(self.bench.strand.logs().count(), self.model.len());
    }
}

fn small() -> StrandConfig {
    StrandConfig { extents_max: 12, ..StrandConfig::tiny() }
}

#[test]
fn extents_that_retention_empties_are_used_again() {
    let mut aging = Aging::new(small(), 1);
    for round in 0..400 {
        aging.produce(1, 3000).unwrap_or_else(|refusal| {
            panic!("round {round}: {refusal:?} {:?}", aging.bench.strand.figures())
        });
        aging.bench.run();
        if round % 10 == 9 {
            let end = aging.model[&1].end;
            aging.move_start(1, end - 20);
            aging.rest();
        }
    }
    aging.check();
    assert!(aging.bench.strand.figures().recycled > 10);
}

#[test]
fn runs_leave_memory_for_index_files_and_are_found_there() {
    let config = StrandConfig { extents_max: 60, ..StrandConfig::tiny() };
    let mut aging = Aging::new(config, 2);
    for round in 0..600 {
        aging.produce(round % 7, 2500).unwrap();
        aging.bench.run();
    }
    let figures = aging.bench.strand.figures();
    assert!(figures.index_files >= 5, "{figures:?}");
    assert!(figures.runs < 200, "{figures:?}");
    aging.check();
    let mut aging = aging.restart();
    aging.check();
}

#[test]
fn one_live_batch_in_each_extent_does_not_pin_the_store() {
    let mut aging = Aging::new(small(), 3);
    for round in 0..500 {
        aging.produce(1, 3000).unwrap_or_else(|refusal| {
            panic!("round {round}: {refusal:?} {:?}", aging.bench.strand.figures())
        });
        if round % 40 == 0 {
            aging.produce(2, 300).unwrap();
        }
        aging.bench.run();
        let end = aging.model[&1].end;
        aging.move_start(1, end - 5);
        aging.rest();
    }
    let figures = aging.bench.strand.figures();
    assert!(figures.evacuated_batches > 0, "R17: {figures:?}");
    aging.check();
    let mut aging = aging.restart();
    aging.check();
}

#[test]
fn what_died_is_looked_for_at_a_deadline_that_does_not_stay_due() {
    let mut aging = Aging::new(StrandConfig::tiny(), 5);
    aging.produce(1, 3000).unwrap();
    aging.produce(1, 3000).unwrap();
    aging.move_start(1, 1);
    aging.bench.run();
    let swept_us = aging.bench.now.mono_us;
    aging.bench.pass(500_000);
    aging.move_start(1, 2);
    aging.bench.run();
    assert_eq!(aging.bench.strand.next_deadline(), Some(swept_us + 1_000_000));
    aging.bench.pass(500_000);
    aging.bench.run();
    let next = aging.bench.strand.next_deadline();
    assert!(next.is_some_and(|next| next > swept_us + 1_000_000), "{next:?}");
}

#[test]
fn a_paced_evacuation_goes_on_at_its_own_deadline() {
    // What lives in an extent is further apart than a window reaches.
    let config = StrandConfig {
        evacuation_bytes_per_second: 1_000,
        extent_bytes: 1 << 20,
        frame_bytes_max: 64 << 10,
        ..small()
    };
    let mut aging = Aging::new(config, 6);
    for round in 0..2_000 {
        if aging.bench.strand.figures().evacuated_batches > 0 {
            break;
        }
        aging.produce(1, 30_000).unwrap();
        if round % 12 == 0 {
            aging.produce(2, 300).unwrap();
        }
        aging.bench.run();
        let end = aging.model[&1].end;
        aging.move_start(1, end - 5);
        aging.bench.run();
    }
    let copied = aging.bench.strand.figures().evacuated_bytes;
    assert!(copied > 0, "{:?}", aging.bench.strand.figures());
    let now = aging.bench.now.mono_us;
    assert_eq!(aging.bench.strand.next_deadline(), Some(now + copied * 1_000), "R17: the pace");
    let freed = aging.bench.strand.figures().recycled;
    aging.bench.pass(copied * 1_000);
    aging.bench.run();
    let next = aging.bench.strand.next_deadline();
    assert!(next.is_none_or(|next| next > now + copied * 1_000), "{next:?}");
    (0..5).for_each(|_| aging.rest());
    assert!(aging.bench.strand.figures().recycled > freed, "what was evacuated is given back");
    aging.check();
}

/// A frame of one small batch is a page: what its copy takes is the batch.
#[test]
fn small_batches_in_frames_of_their_own_do_not_fill_the_store() {
    let mut aging = Aging::new(small(), 5);
    for round in 0..250 {
        aging.produce(1, 100).unwrap_or_else(|refusal| {
            panic!("round {round}: {refusal:?} {:?}", aging.bench.strand.figures())
        });
        aging.rest();
    }
    let figures = aging.bench.strand.figures();
    assert!(figures.evacuated_batches > 0, "R17: {figures:?}");
    aging.check();
    let mut aging = aging.restart();
    aging.check();
}

#[test]
fn a_full_disk_refuses_produce_and_takes_it_again_when_retention_made_room() {
    let mut aging = Aging::new(small(), 4);
    while aging.produce(1, 3000).is_ok() {
        aging.rest();
    }
    assert!(aging.bench.strand.figures().is_full || aging.produce(1, 3000).is_err());
    aging.check();
    let end = aging.model[&1].end;
    aging.move_start(1, end / 2);
    aging.rest();
    aging.rest();
    assert!(aging.produce(1, 3000).is_ok(), "{:?}", aging.bench.strand.figures());
    aging.rest();
    aging.check();
}

#[test]
fn a_store_ages_with_starts_in_between_and_loses_nothing() {
    for seed in 0..30 {
        let mut aging = Aging::new(small(), 100 + seed);
        let mut refused = 0;
        // A partition's identity is never used again.
        let mut names: Vec<u64> = (0..6).collect();
        for _ in 0..400 {
            let slot = aging.rng.below(6) as usize;
            let partition = names[slot];
            match aging.rng.below(24) {
                0..=15 => {
                    let bytes = 100 + aging.rng.below(4000) as usize;
                    refused += usize::from(aging.produce(partition, bytes).is_err());
                }
                16..=18 => {
                    let ends = aging.model.get(&partition).map(|of| (of.start, of.end));
                    if let Some((start, end)) = ends {
                        let to = start + aging.rng.below((end - start + 1) as u64) as Offset;
                        aging.move_start(partition, to);
                    }
                }
                19 => {
                    let ends = aging.model.get(&partition).map(|of| (of.start, of.end));
                    if let Some((start, end)) = ends {
                        let to = (end - aging.rng.below(4) as Offset).max(start);
                        aging.truncate(partition, to);
                    }
                }
                20 if aging.rng.one_in(4) => {
                    aging.drop_partition(partition);
                    names[slot] += 6;
                }
                21 => aging.rest(),
                22 if aging.rng.one_in(4) => {
                    aging.bench.run();
                    aging = aging.restart();
                    aging.check();
                }
                _ => aging.bench.run(),
            }
        }
        aging.bench.run();
        aging.check();
        assert!(refused < 300, "seed {seed}: {refused}");
    }
}
