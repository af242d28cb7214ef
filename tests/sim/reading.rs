//! Reads, and whether what they give is what was written.

use strandlog::base::LeaderEpoch;
use strandlog::base::Offset;
use strandlog::base::PartitionId;
use strandlog::strand::Batches as Stored;
use strandlog::strand::Entry;
use strandlog::strand::ReadError;
use strandlog::strand::ReadOutcome;
use strandlog::strand::ReadRequest;

use crate::batch::BatchCrc;
use crate::batch::last_delta_of;
use crate::batch::stamp_of;
use crate::model::Partition;
use crate::model::partition_of;
use crate::world::World;

/// A batch that must be given.
#[derive(Clone, Copy, Debug)]
struct Expected {
    base: Offset,
    end: Offset,
    epoch: LeaderEpoch,
    crc: BatchCrc,
}

/// A read that was asked for, with what it must give.
pub struct Reading {
    request: ReadRequest,
    expected: Vec<Expected>,
    /// The verification after a recovery: nothing else goes on.
    alone: bool,
    /// Of [`World::changes`] when it was asked for.
    changes: u64,
}

impl World {
    /// Where consumers may read up to: nothing above is durable, or it is about to be cut off.
    pub fn visible_end(&self, partition: PartitionId) -> Offset {
        let Some(committed) = self.model.committed.partitions.get(&partition) else { return 0 };
        let Some(newest) = self.model.newest.partitions.get(&partition) else { return 0 };
        let mut end = committed.end.min(newest.end);
        for (_, entry) in &self.model.pending {
            if let Entry::Truncate { to, .. } = entry
                && partition_of(entry) == partition
            {
                end = end.min(*to);
            }
        }
        end
    }

    /// Asks for batches from `from` on. Gives where to go on if the answer came at once.
    pub fn read(
        &mut self,
        partition: PartitionId,
        from: Offset,
        bytes_max: u32,
        alone: bool,
    ) -> Option<Offset> {
        let limit = self.visible_end(partition);
        let request = ReadRequest { partition, from, limit, bytes_max, at_least_one: true };
        let expected = self.expected(&request);
        let changes = self.changes.get(&partition).copied().unwrap_or(0);
        let reading = Reading { request, expected, alone, changes };
        let now = self.time();
        let process = self.process();
        let outcome = process.strand.read(now, request, &mut process.out);
        let gives = match outcome {
            ReadOutcome::Ready(batches) => self.check_read(&reading, Ok(batches)),
            ReadOutcome::Failed(error) => self.check_read(&reading, Err(error)),
            ReadOutcome::Pending(id) => {
                process.reads.insert(id, reading);
                None
            }
        };
        self.carry_out();
        gives
    }

    fn expected(&self, request: &ReadRequest) -> Vec<Expected> {
        let Some(partition) = self.model.newest.partitions.get(&request.partition) else {
            return Vec::new();
        };
        let mut expected = Vec::new();
        let mut bytes = 0;
        let mut at = request.from;
        while let Some(batch) = partition.next_batch(at)
            && batch.base_offset < request.limit
            && (bytes <= request.bytes_max || expected.is_empty())
        {
            let (base, end) = (batch.base_offset, batch.end());
            expected.push(Expected { base, end, epoch: batch.leader_epoch, crc: batch.crc });
            bytes += batch.bytes;
            at = end;
        }
        expected
    }

    /// Gives where to go on.
    pub fn check_read(
        &mut self,
        reading: &Reading,
        result: Result<Stored, ReadError>,
    ) -> Option<Offset> {
        let next = match result {
            Ok(batches) => self.check_batches(reading, &batches),
            Err(error) => self.check_error(reading, error),
        };
        self.verified = next;
        self.digest.add(&[0x52, next as u64]);
        Some(next)
    }

    fn check_batches(&mut self, reading: &Reading, given: &Stored) -> Offset {
        let request = &reading.request;
        if self.changes.get(&request.partition).copied().unwrap_or(0) != reading.changes {
            self.check_overtaken(request, given);
            return reading.first_end();
        }
        let lengths: usize = given.slices.iter().map(|slice| slice.len()).sum();
        assert_eq!(lengths, given.bytes, "the bytes of all slices, for {request:?}");
        let mut expected = reading.expected.iter();
        let mut next = request.from;
        let mut batches = 0;
        for slice in &given.slices {
            let mut bytes = slice.bytes();
            while !bytes.is_empty() {
                batches += 1;
                let (crc, base, epoch, _) = stamp_of(bytes);
                if self.is_left_over(request, base, crc)
                    && !reading.expected.iter().any(|it| it.crc == crc)
                {
                    let end = base + 1 + last_delta_of(bytes);
                    let length =
                        self.check_batch(request, &Expected { base, end, epoch, crc }, bytes);
                    bytes = &bytes[length..];
                    next = end;
                    continue;
                }
                let other = expected.find(|it| it.crc == crc || !self.may_be_lost(it));
                let wanted = match other {
                    Some(wanted) if wanted.crc == crc => *wanted,
                    Some(other) => *other,
                    None => panic!("more than there is, for {request:?}"),
                };
                let length = self.check_batch(request, &wanted, bytes);
                bytes = &bytes[length..];
                next = wanted.end;
            }
        }
        // Whichever batch comes first is given: the one that was asked for may be lost.
        let within = given.bytes <= request.bytes_max as usize || batches == 1;
        assert!(within, "{} bytes were given for {request:?}", given.bytes);
        if given.bytes == 0 {
            let first = reading.expected.first();
            let missing = first.filter(|it| !self.may_be_lost(it));
            assert!(missing.is_none(), "nothing was given for {request:?}");
            return reading.first_end();
        }
        assert_eq!(given.next, next, "where to go on, for {request:?}");
        next
    }

    /// Whether the batch was appended in a frame that was lost, and is left in another one to
    /// which it was copied.
    fn is_left_over(&self, request: &ReadRequest, base: Offset, crc: BatchCrc) -> bool {
        let home = self.homes.get(&crc).copied();
        self.faults.may_lose && home == Some((request.partition, base))
    }

    /// Whether a frame with this batch was damaged, so that it may have been declared lost (R11).
    fn may_be_lost(&self, batch: &Expected) -> bool {
        self.faults.may_lose && self.faults.may_fence(batch.crc)
    }

    /// What was removed or replaced while the read was on its way need not be given as it was:
    /// whatever is given is something that was once written there.
    fn check_overtaken(&self, request: &ReadRequest, given: &Stored) {
        for slice in &given.slices {
            let mut bytes = slice.bytes();
            while !bytes.is_empty() {
                let (crc, base, epoch, _) = stamp_of(bytes);
                let wanted = Expected { base, end: base, epoch, crc };
                assert!(base < request.limit, "above the limit of {request:?}: {base}");
                bytes = &bytes[self.check_batch(request, &wanted, bytes)..];
            }
        }
    }

    /// One batch at the front of `bytes`, byte for byte. Gives its length.
    fn check_batch(&self, request: &ReadRequest, wanted: &Expected, bytes: &[u8]) -> usize {
        let (crc, base, epoch, length) = stamp_of(bytes);
        let found = (crc, base, epoch);
        assert_eq!(
            found,
            (wanted.crc, wanted.base, wanted.epoch),
            "another batch, for {request:?}"
        );
        let written = self.batches.get(crc).unwrap_or_else(|| panic!("never written: {request:?}"));
        let same = bytes[8..12] == written[8..12] && bytes[16..length] == written[16..];
        assert!(same, "the batch at {base} is not what was written, for {request:?}");
        length
    }

    fn check_error(&mut self, reading: &Reading, error: ReadError) -> Offset {
        let request = &reading.request;
        let newest = self.model.newest.partitions.get(&request.partition);
        let holds = |it: &Partition| it.start <= request.from && request.limit <= it.end;
        match error {
            ReadError::UnknownPartition => assert!(newest.is_none(), "unknown: {request:?}"),
            ReadError::OutOfRange => {
                assert!(!newest.is_some_and(holds), "out of range: {request:?}");
            }
            ReadError::Overloaded => assert!(!reading.alone, "overloaded by one read: {request:?}"),
            ReadError::Damaged => {
                let first = reading.expected.first();
                let fenced = first.is_none_or(|batch| self.faults.may_fence(batch.crc));
                assert!(fenced, "fenced, and nothing was done to it: {request:?} {first:?}");
                self.fenced_reads += 1;
            }
        }
        reading.first_end()
    }

    /// Reads a partition from start to end and compares every byte.
    pub fn read_all(&mut self, partition: PartitionId) {
        let model = &self.model.newest.partitions[&partition];
        let (mut from, end) = (model.start, self.visible_end(partition));
        while from < end && self.process.is_some() {
            self.verified = -1;
            let next = self.read(partition, from, 32 << 10, true);
            if next.is_none() {
                self.run_till("an answer to a read", |world| world.verified >= 0);
            }
            if self.process.is_none() {
                return;
            }
            assert!(self.verified > from, "a read of {partition:?} from {from} goes nowhere");
            from = self.verified;
        }
    }
}

impl Reading {
    fn first_end(&self) -> Offset {
        self.expected.first().map_or(self.request.limit, |batch| batch.end)
    }
}
