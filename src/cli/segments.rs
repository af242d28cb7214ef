//! A partition's batches as Kafka lays them out on disk: a log, an offset index and a time index per
//! segment (`LogSegment`, `OffsetIndex`, `TimeIndex`), and the leader epochs beside them.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::record::BatchHeader;

/// Bytes of log between two entries of an index (Kafka's default of `index.interval.bytes`).
const INDEX_INTERVAL: u64 = 4096;

/// One segment that is being written.
pub(super) struct SegmentWriter {
    base: Offset,
    stem: PathBuf,
    log: BufWriter<File>,
    /// Bytes of the log so far, and since the last entry of the index.
    bytes: u64,
    unindexed: u64,
    offsets: Vec<u8>,
    times: Vec<u8>,
    /// Largest timestamp so far, and the last offset of the batch that has it.
    newest: (i64, Offset),
    /// Timestamp of the last entry of the time index.
    indexed_time: i64,
}

impl SegmentWriter {
    /// A segment in `dir` whose first offset is `base`.
    pub(super) fn create(dir: &Path, base: Offset) -> io::Result<Self> {
        let stem = dir.join(format!("{base:020}"));
        let log = BufWriter::new(File::create_new(stem.with_extension("log"))?);
        Ok(Self {
            base,
            stem,
            log,
            bytes: 0,
            unindexed: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            newest: (-1, base),
            indexed_time: -1,
        })
    }

    /// Whether positions and offsets of the batch still fit the indexes' 32 bits.
    pub(super) fn has_room_for(&self, header: &BatchHeader) -> bool {
        let end = self.bytes + header.total_bytes() as u64;
        let delta = header.end_offset().saturating_sub(self.base);
        end <= i32::MAX as u64 && delta <= i64::from(i32::MAX)
    }

    /// Adds a batch behind those before it.
    pub(super) fn append(&mut self, header: &BatchHeader, batch: &[u8]) -> io::Result<()> {
        let last = header.end_offset() - 1;
        if header.max_timestamp > self.newest.0 {
            self.newest = (header.max_timestamp, last);
        }
        if self.unindexed > INDEX_INTERVAL {
            self.offsets.extend(self.relative(last).to_be_bytes());
            self.offsets.extend((self.bytes as i32).to_be_bytes());
            self.index_time();
            self.unindexed = 0;
        }
        self.log.write_all(batch)?;
        self.bytes += batch.len() as u64;
        self.unindexed += batch.len() as u64;
        Ok(())
    }

    fn relative(&self, offset: Offset) -> i32 {
        i32::try_from(offset - self.base).unwrap_or(i32::MAX)
    }

    fn index_time(&mut self) {
        let (timestamp, offset) = self.newest;
        if timestamp > self.indexed_time {
            self.times.extend(timestamp.to_be_bytes());
            self.times.extend(self.relative(offset).to_be_bytes());
            self.indexed_time = timestamp;
        }
    }

    /// Writes the indexes; everything is on disk afterwards.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.index_time();
        self.log.into_inner().map_err(io::Error::from)?.sync_all()?;
        for (extension, bytes) in [("index", &self.offsets), ("timeindex", &self.times)] {
            let mut file = File::create_new(self.stem.with_extension(extension))?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        Ok(())
    }
}

/// Where each leader epoch begins, as Kafka's `LeaderEpochCheckpointFile` has it.
pub(super) fn write_epochs(dir: &Path, epochs: &[(LeaderEpoch, Offset)]) -> io::Result<()> {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        text.push_str(&format!("{epoch} {start}\n"));
    }
    fs::write(dir.join("leader-epoch-checkpoint"), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attributes;

    /// A batch of which only the header means anything.
    fn batch(base_offset: Offset, count: i32, max_timestamp: i64, bytes: usize) -> Vec<u8> {
        let header = BatchHeader {
            base_offset,
            length: (bytes - 12) as i32,
            leader_epoch: 0,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: count - 1,
            base_timestamp: max_timestamp,
            max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count,
        };
        let mut batch = header.encode().to_vec();
        batch.resize(bytes, 0);
        batch
    }

    #[test]
    fn indexes_point_at_the_batch_behind_every_four_kilobytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut segment = SegmentWriter::create(dir.path(), 100).unwrap();
        for (number, time) in (0..).zip([50, 40, 70, 60]) {
            let batch = batch(100 + 10 * number, 10, time, 3000);
            let header = BatchHeader::parse(&batch).unwrap();
            assert!(segment.has_room_for(&header));
            segment.append(&header, &batch).unwrap();
        }
        segment.finish().unwrap();
        let read = |ending: &str| {
            fs::read(dir.path().join(format!("00000000000000000100.{ending}"))).unwrap()
        };
        assert_eq!(read("log").len(), 12_000);
        // The third batch begins at 6000 and ends with offset 129.
        assert_eq!(read("index"), [0, 0, 0, 29, 0, 0, 0x17, 0x70]);
        assert_eq!(read("timeindex"), [0, 0, 0, 0, 0, 0, 0, 70, 0, 0, 0, 29]);
    }

    #[test]
    fn a_segment_takes_no_offset_that_its_indexes_cannot_say() {
        let dir = tempfile::tempdir().unwrap();
        let segment = SegmentWriter::create(dir.path(), 0).unwrap();
        let of = |base| BatchHeader::parse(&batch(base, 1, -1, 61)).unwrap();
        assert!(segment.has_room_for(&of(i64::from(i32::MAX) - 1)));
        assert!(!segment.has_room_for(&of(i64::from(i32::MAX))));
    }

    #[test]
    fn epochs_are_written_as_kafka_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        write_epochs(dir.path(), &[(0, 0), (3, 17)]).unwrap();
        let text = fs::read_to_string(dir.path().join("leader-epoch-checkpoint")).unwrap();
        assert_eq!(text, "0\n2\n0 0\n3 17\n");
    }
}
