use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::api::FetchPart;
use crate::api::Rejection;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::log::Log;
use crate::metadata::Cleanup;
use crate::metadata::TopicConfig;
use crate::record::Accepted;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::TimeStamp;
use crate::record::TimestampType;
use crate::strand::Append;
use crate::strand::Entry;
use crate::strand::EntryId;

const TERMS: AppendTerms =
    AppendTerms { now_ms: 1_000_000, elapsed_ms: 1_000_000, producer_expiration_ms: 60_000 };

/// A partition whose appends are durable when they are told to be.
struct Rig {
    led: Led,
    log: Log,
    sequence: u64,
}

impl Rig {
    fn new() -> Self {
        let led = Led {
            id: PartitionId(1),
            topic: TopicId([1; 16]),
            strand: StrandId(0),
            config: Arc::new(TopicConfig::default()),
            epoch: 3,
            epoch_started: false,
            high_watermark: 0,
            log_start: 0,
            last_sequence: 0,
        };
        Self { led, log: Log::default(), sequence: 0 }
    }

    fn config(&mut self, change: impl FnOnce(&mut TopicConfig)) {
        change(Arc::make_mut(&mut self.led.config));
    }

    fn apply(&mut self, entry: &Entry) {
        self.sequence += 1;
        self.log.apply(EntryId { sequence: self.sequence, number: 0 }, entry);
    }

    /// A stored batch of these facts, durable.
    fn stored(&mut self, count: i32, bytes: u32, max_timestamp: i64, rolls: bool) {
        let append = Append {
            partition: self.led.id,
            base_offset: self.log.end(),
            leader_epoch: self.led.epoch,
            last_offset_delta: count - 1,
            count,
            bytes,
            crc: 0,
            max_timestamp,
            attributes: 0,
            producer_id: -1,
            producer_epoch: -1,
            first_sequence: -1,
            rolls,
            appended_ms: TERMS.now_ms,
        };
        self.apply(&Entry::Append(append));
        self.led.raise_high_watermark(self.log.end());
    }

    fn decide(&self, batch: &[u8], time: TimeStamp) -> Decision {
        let header = Batch::parse(batch).expect("a batch").header;
        let accepted = Accepted { header, bytes: batch.len(), time };
        decide(&self.led, &self.log, &accepted, &Bytes::copy_from_slice(batch), TERMS)
    }
}

fn batch(timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.push(*timestamp, None, Some(b"value"), &[]);
    }
    builder.finish()
}

#[test]
fn rule_8_an_append_gets_the_next_offsets_in_the_partitions_epoch() {
    let mut rig = Rig::new();
    rig.stored(4, 100, 5, true);
    let records = batch(&[7, 9]);
    let Decision::Append { append, batch, appended } = rig.decide(&records, TimeStamp::Keep) else {
        panic!("an ordinary batch");
    };
    assert_eq!((append.base_offset, append.end(), append.leader_epoch), (4, 6, 3));
    assert_eq!((append.bytes as usize, append.max_timestamp), (records.len(), 9));
    assert_eq!((appended.base_offset, appended.append_time_ms), (4, -1));
    assert_eq!(batch, records, "the strand stamps offset and epoch on the way");
    assert!(!append.rolls);
}

#[test]
fn rule_12_a_batch_with_the_brokers_time_has_a_crc_that_holds() {
    let rig = Rig::new();
    let records = batch(&[7]);
    let decision = rig.decide(&records, TimeStamp::LogAppend);
    let Decision::Append { append, batch, appended } = decision else { panic!("an append") };
    let stored = Batch::parse(&batch).expect("a batch");
    assert!(stored.crc_holds());
    assert_eq!(stored.header.crc, append.crc);
    assert_eq!(stored.header.max_timestamp, TERMS.now_ms);
    assert_eq!(stored.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(appended.append_time_ms, TERMS.now_ms);
}

#[test]
fn rule_88_a_segment_rolls_earlier_by_its_jitter_and_always_by_the_same() {
    let mut rig = Rig::new();
    rig.config(|config| {
        config.segment_ms = 1000;
        config.segment_jitter_ms = 1000;
    });
    rig.stored(1, 100, 0, true);
    let rolls = |at| match rig.decide(&batch(&[at]), TimeStamp::Keep) {
        Decision::Append { append, .. } => append.rolls,
        other => panic!("{other:?}"),
    };
    let first = (0..=1001).find(|&at| rolls(at)).expect("it rolls in the end");
    assert!((1..1001).contains(&first), "after {first} ms");
    assert!((first..=1001).all(rolls));
}

fn part(from: Offset, last_epoch: i32) -> FetchPart {
    let partition = PartitionId(1);
    FetchPart { partition, from, max_bytes: 1, current_epoch: -1, last_epoch }
}

#[test]
fn rules_67_and_68_what_a_reader_may_see() {
    let mut rig = Rig::new();
    rig.stored(10, 100, 5, true);
    rig.led.high_watermark = 7;
    let start = |rig: &Rig, from| read_start(&rig.led, &rig.log, &part(from, -1));
    assert_eq!(start(&rig, 3), Ok(ReadStart::At { from: 3, limit: 7 }));
    assert_eq!(start(&rig, 7), Ok(ReadStart::Nothing));
    assert_eq!(start(&rig, 9), Ok(ReadStart::Nothing), "not visible, and no error");
    assert_eq!(start(&rig, 11), Err(Rejection::OffsetOutOfRange));
    rig.apply(&Entry::LogStart { partition: PartitionId(1), to: 4 });
    assert_eq!(start(&rig, 3), Err(Rejection::OffsetOutOfRange));
    assert_eq!(start(&rig, 4), Ok(ReadStart::At { from: 4, limit: 7 }));
}

#[test]
fn rule_72_a_reader_whose_log_parted_is_told_where() {
    let mut rig = Rig::new();
    rig.led.epoch = 1;
    rig.stored(10, 100, 5, true);
    rig.led.epoch = 4;
    rig.stored(10, 100, 5, false);
    let start = |from, epoch| read_start(&rig.led, &rig.log, &part(from, epoch));
    assert_eq!(start(10, 1), Ok(ReadStart::At { from: 10, limit: 20 }));
    let diverged = |epoch, end| Ok(ReadStart::Diverged(crate::log::EpochEnd { epoch, end }));
    assert_eq!(start(11, 1), diverged(1, 10), "it has more of epoch 1 than there was");
    assert_eq!(start(10, 3), diverged(1, 10), "an epoch that this log never had");
    assert_eq!(start(20, 4), Ok(ReadStart::Nothing));
    assert_eq!(start(5, 5), Err(Rejection::OffsetOutOfRange), "an epoch from the future");
}

#[test]
fn rule_73_an_epoch_that_wrote_nothing_ends_where_the_log_does() {
    let mut rig = Rig::new();
    let end =
        |rig: &Rig, epoch| epoch_end(&rig.led, &rig.log, epoch).map(|end| (end.epoch, end.end));
    assert_eq!(end(&rig, 3), Some((3, 0)));
    assert_eq!(end(&rig, 2), Some((2, 0)), "before the first record");
    rig.led.epoch = 1;
    rig.stored(10, 100, 5, true);
    rig.led.epoch = 3;
    assert_eq!(end(&rig, 3), Some((3, 10)), "the current one, before its first append");
    assert_eq!(end(&rig, 2), Some((1, 10)));
    assert_eq!(end(&rig, 1), Some((1, 10)));
    assert_eq!(end(&rig, 4), None);
    assert_eq!(end(&rig, -1), None);
}

#[test]
fn rule_71_epochs_of_askers() {
    let rig = Rig::new();
    assert_eq!(rig.led.check_epoch(-1), Ok(()));
    assert_eq!(rig.led.check_epoch(3), Ok(()));
    assert_eq!(rig.led.check_epoch(2), Err(Rejection::FencedEpoch));
    assert_eq!(rig.led.check_epoch(4), Err(Rejection::UnknownEpoch));
}

#[test]
fn rule_90_time_deletes_whole_segments_from_the_front() {
    let mut rig = Rig::new();
    rig.config(|config| config.retention_ms = Some(1000));
    for timestamp in [100, 200, 300] {
        rig.stored(10, 100, timestamp, true);
    }
    let start = |rig: &Rig, now_ms| expired_start(&rig.led, &rig.log, now_ms);
    assert_eq!(start(&rig, 1100), None);
    assert_eq!(start(&rig, 1101), Some(10));
    assert_eq!(start(&rig, 1250), Some(20));
    assert_eq!(start(&rig, 9999), Some(30), "the active segment too");
    rig.led.high_watermark = 19;
    assert_eq!(start(&rig, 9999), Some(10), "nothing at or above the high watermark");
    rig.config(|config| config.cleanup = Cleanup { delete: false, compact: false });
    assert_eq!(start(&rig, 9999), None, "rule 91: no policy keeps everything");
}

#[test]
fn rule_90_without_timestamps_the_time_of_the_append_counts() {
    let mut rig = Rig::new();
    rig.config(|config| config.retention_ms = Some(1000));
    rig.stored(10, 100, -1, true);
    assert_eq!(expired_start(&rig.led, &rig.log, TERMS.now_ms + 1000), None);
    assert_eq!(expired_start(&rig.led, &rig.log, TERMS.now_ms + 1001), Some(10));
}

#[test]
fn rule_90_size_deletes_segments_while_enough_is_left() {
    let mut rig = Rig::new();
    rig.config(|config| {
        config.retention_ms = None;
        config.retention_bytes = Some(250);
    });
    for _ in 0..4 {
        rig.stored(10, 100, 5, true);
    }
    assert_eq!(expired_start(&rig.led, &rig.log, 0), Some(10));
    rig.config(|config| config.retention_bytes = Some(400));
    assert_eq!(expired_start(&rig.led, &rig.log, 0), None);
    rig.config(|config| config.retention_bytes = Some(0));
    assert_eq!(expired_start(&rig.led, &rig.log, 0), Some(40));
}

#[test]
fn rule_87_how_far_records_may_be_deleted() {
    let mut rig = Rig::new();
    rig.stored(10, 100, 5, true);
    rig.led.high_watermark = 8;
    assert_eq!(delete_to(&rig.led, &rig.log, None), Ok(8));
    assert_eq!(delete_to(&rig.led, &rig.log, Some(8)), Ok(8));
    assert_eq!(delete_to(&rig.led, &rig.log, Some(9)), Err(Rejection::OffsetOutOfRange));
    assert_eq!(delete_to(&rig.led, &rig.log, Some(-5)), Err(Rejection::OffsetOutOfRange));
    rig.apply(&Entry::LogStart { partition: PartitionId(1), to: 4 });
    assert_eq!(delete_to(&rig.led, &rig.log, Some(2)), Ok(4), "it never moves back");
    rig.config(|config| config.cleanup = Cleanup { delete: false, compact: true });
    assert_eq!(delete_to(&rig.led, &rig.log, Some(5)), Err(Rejection::Policy));
    rig.config(|config| config.cleanup = Cleanup { delete: true, compact: true });
    assert_eq!(delete_to(&rig.led, &rig.log, Some(5)), Ok(5));
}

#[test]
fn an_idle_partition_is_small() {
    assert!(size_of::<Led>() + size_of::<Log>() <= 320, "{}", size_of::<Led>());
}
