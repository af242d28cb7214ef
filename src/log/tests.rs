use super::*;
use crate::base::LeaderEpoch;
use crate::base::PartitionId;

const DAY: i64 = 86_400_000;

fn append(base: Offset, count: i32) -> Append {
    Append {
        partition: PartitionId(1),
        base_offset: base,
        leader_epoch: 0,
        last_offset_delta: count - 1,
        count,
        bytes: 100,
        crc: 0,
        max_timestamp: base,
        attributes: 0,
        producer_id: -1,
        producer_epoch: -1,
        first_sequence: -1,
        rolls: false,
        appended_ms: 1000,
    }
}

fn idempotent(base: Offset, count: i32, epoch: i16, sequence: i32) -> Append {
    Append {
        producer_id: 7,
        producer_epoch: epoch,
        first_sequence: sequence,
        ..append(base, count)
    }
}

/// A log to which entries are applied one frame each.
#[derive(Default)]
struct Feed {
    log: Log,
    sequence: u64,
}

impl Feed {
    fn apply(&mut self, entry: Entry) -> EntryId {
        self.sequence += 1;
        let id = EntryId { sequence: self.sequence, number: 0 };
        self.log.apply(id, &entry);
        id
    }

    fn append(&mut self, append: Append) {
        self.apply(Entry::Append(append));
    }

    fn truncate(&mut self, to: Offset) {
        self.apply(Entry::Truncate { partition: PartitionId(1), to });
    }

    fn move_start(&mut self, to: Offset) {
        self.apply(Entry::LogStart { partition: PartitionId(1), to });
    }

    fn check(&self, epoch: i16, first: i32, last: i32) -> Verdict {
        self.check_at(1000, epoch, first, last)
    }

    fn check_at(&self, now_ms: i64, epoch: i16, first: i32, last: i32) -> Verdict {
        let attempt = Attempt {
            producer_id: 7,
            producer_epoch: epoch,
            first_sequence: first,
            last_sequence: last,
        };
        self.log.producers().check(&attempt, now_ms, DAY)
    }
}

#[test]
fn an_entry_is_applied_once() {
    let mut feed = Feed::default();
    feed.append(append(0, 3));
    let id = feed.apply(Entry::Append(append(3, 2)));
    let before = feed.log.clone();
    feed.log.apply(id, &Entry::Truncate { partition: PartitionId(1), to: 0 });
    assert_eq!(feed.log, before);
    assert_eq!((feed.log.start(), feed.log.end(), feed.log.bytes()), (0, 5, 200));
}

#[test]
fn a_truncation_replayed_from_an_older_checkpoint_happens_once() {
    let mut feed = Feed::default();
    feed.append(append(0, 3));
    let cut = feed.apply(Entry::Truncate { partition: PartitionId(1), to: 1 });
    feed.append(append(1, 9));
    let image = feed.log.image();
    let mut replayed = Log::from_image(image);
    replayed.apply(cut, &Entry::Truncate { partition: PartitionId(1), to: 1 });
    assert_eq!(replayed.end(), 10);
}

#[test]
fn an_image_holds_everything() {
    let mut feed = Feed::default();
    for sequence in 0..8 {
        feed.append(Append {
            rolls: sequence == 4,
            ..idempotent(i64::from(sequence), 1, 0, sequence)
        });
    }
    feed.apply(Entry::EpochStart { partition: PartitionId(1), epoch: 3, at: 8 });
    feed.move_start(5);
    assert_eq!(Log::from_image(feed.log.image()), feed.log);
    assert_eq!(feed.log.segments().len(), 1);
}

#[test]
fn rule_17_a_retry_of_one_of_the_last_five_batches_is_a_duplicate() {
    let mut feed = Feed::default();
    for batch in 0..6 {
        feed.append(idempotent(i64::from(batch) * 2, 2, 0, batch * 2));
    }
    for batch in 1..6 {
        let Verdict::Duplicate(original) = feed.check(0, batch * 2, batch * 2 + 1) else {
            panic!("batch {batch} is remembered");
        };
        assert_eq!(original.base_offset, i64::from(batch) * 2);
        assert_eq!(original.timestamp, i64::from(batch) * 2);
    }
    // Rule 18: older than five batches.
    assert_eq!(feed.check(0, 0, 1), Verdict::OutOfOrder { last_sequence: 11 });
    // The same first sequence with another length is no duplicate.
    assert_eq!(feed.check(0, 10, 10), Verdict::OutOfOrder { last_sequence: 11 });
}

#[test]
fn rule_18_sequences_follow_each_other_and_wrap() {
    let mut feed = Feed::default();
    feed.append(idempotent(0, 1, 0, i32::MAX - 1));
    assert_eq!(feed.check(0, i32::MAX, 1), Verdict::Accept);
    assert_eq!(feed.check(0, 0, 1), Verdict::OutOfOrder { last_sequence: i32::MAX - 1 });
    // Three records: i32::MAX, 0, 1.
    feed.append(idempotent(1, 3, 0, i32::MAX));
    assert!(matches!(feed.check(0, i32::MAX, 1), Verdict::Duplicate(_)));
    assert_eq!(feed.check(0, 2, 2), Verdict::Accept);
    assert_eq!(feed.check(0, 3, 3), Verdict::OutOfOrder { last_sequence: 1 });
    feed.append(idempotent(4, 1, 1, i32::MAX));
    assert_eq!(feed.check(1, 0, 0), Verdict::Accept);
}

#[test]
fn rules_19_20_and_21_epochs_of_a_producer() {
    let mut feed = Feed::default();
    assert_eq!(feed.check(4, 77, 80), Verdict::Accept, "no state: any sequence");
    feed.append(idempotent(0, 4, 4, 77));
    assert_eq!(feed.check(5, 1, 1), Verdict::OutOfOrder { last_sequence: 80 });
    assert_eq!(feed.check(5, 0, 0), Verdict::Accept);
    assert_eq!(feed.check(3, 77, 80), Verdict::OldEpoch { current: 4 });
    feed.append(idempotent(4, 1, 5, 0));
    assert_eq!(feed.check(5, 1, 1), Verdict::Accept);
    assert_eq!(feed.log.producers().get(7).map(|state| state.batches().len()), Some(1));
}

#[test]
fn rule_22_replay_takes_what_it_is_given() {
    let mut feed = Feed::default();
    feed.append(idempotent(0, 1, 0, 0));
    feed.append(idempotent(1, 1, 0, 9));
    assert_eq!(feed.check(0, 10, 10), Verdict::Accept);
}

#[test]
fn rule_23_expired_state_is_no_state() {
    let mut feed = Feed::default();
    feed.append(idempotent(0, 1, 0, 0));
    assert_eq!(feed.check_at(1000 + DAY - 1, 0, 5, 5), Verdict::OutOfOrder { last_sequence: 0 });
    assert_eq!(feed.check_at(1000 + DAY, 0, 5, 5), Verdict::Accept);
    feed.log.forget_producers(1000);
    assert_eq!(feed.log.producers().len(), 1);
    feed.log.forget_producers(1001);
    assert!(feed.log.producers().is_empty());
}

#[test]
fn a_truncation_takes_producers_back_to_what_they_had_appended() {
    let mut feed = Feed::default();
    for batch in 0..7 {
        feed.append(idempotent(i64::from(batch), 1, 0, batch));
    }
    feed.truncate(5);
    assert_eq!(feed.check(0, 5, 5), Verdict::Accept);
    assert!(matches!(feed.check(0, 4, 4), Verdict::Duplicate(_)));
    feed.truncate(2);
    assert_eq!(feed.check(0, 2, 2), Verdict::Accept, "also where no batch is remembered");
    assert_eq!(feed.check(0, 5, 5), Verdict::OutOfOrder { last_sequence: 1 });
    feed.truncate(0);
    assert_eq!(feed.log.end(), 0);
    assert!(feed.log.segments().is_empty());
    assert_eq!(feed.log.bytes(), 0);
}

#[test]
fn producers_are_bounded_and_the_most_silent_go_first() {
    let mut feed = Feed::default();
    for id in 0..=PRODUCERS_MAX as i64 {
        let appended_ms = if id == 0 { i64::MAX } else { id };
        feed.append(Append { producer_id: id, appended_ms, ..idempotent(id, 1, 0, 0) });
    }
    let producers = feed.log.producers();
    assert_eq!(producers.len(), PRODUCERS_MAX + 1 - PRODUCERS_MAX / 8);
    assert!(producers.get(0).is_some());
    assert!(producers.get(PRODUCERS_MAX as i64 / 8).is_none());
    assert!(producers.get(PRODUCERS_MAX as i64 / 8 + 1).is_some());
}

#[test]
fn rule_73_ends_of_epochs() {
    let mut epochs = Epochs::default();
    assert_eq!(epochs.end_offset_for(0, 10), None);
    epochs.assign(2, 5);
    epochs.assign(4, 8);
    epochs.assign(7, 20);
    let end = |epoch: LeaderEpoch| epochs.end_offset_for(epoch, 30).map(|end| (end.epoch, end.end));
    assert_eq!(end(7), Some((7, 30)));
    assert_eq!(end(4), Some((4, 20)));
    assert_eq!(end(5), Some((4, 20)), "the highest below");
    assert_eq!(end(1), Some((1, 5)), "below all: where the log begins");
    assert_eq!(end(8), None);
    assert_eq!(end(-1), None);
}

#[test]
fn rule_77_epochs_follow_the_log() {
    let mut feed = Feed::default();
    feed.append(append(0, 10));
    feed.apply(Entry::EpochStart { partition: PartitionId(1), epoch: 3, at: 10 });
    feed.append(Append { leader_epoch: 3, ..append(10, 10) });
    feed.append(Append { leader_epoch: 5, ..append(20, 10) });
    assert_eq!(feed.log.epochs().entries(), [(0, 0), (3, 10), (5, 20)]);
    assert_eq!(feed.log.epochs().epoch_of(19), Some(3));
    feed.move_start(15);
    assert_eq!(feed.log.epochs().entries(), [(3, 15), (5, 20)]);
    assert_eq!(feed.log.epochs().epoch_of(14), None);
    feed.truncate(20);
    assert_eq!(feed.log.epochs().entries(), [(3, 15)]);
    // An epoch that wrote nothing leaves no trace once the next begins at the same offset.
    feed.apply(Entry::EpochStart { partition: PartitionId(1), epoch: 6, at: 20 });
    feed.apply(Entry::EpochStart { partition: PartitionId(1), epoch: 8, at: 20 });
    assert_eq!(feed.log.epochs().entries(), [(3, 15), (8, 20)]);
}

#[test]
fn rule_88_when_a_segment_rolls() {
    let limits = RollLimits { bytes: 250, ms: 1000 };
    let mut feed = Feed::default();
    assert!(feed.log.segments().rolls(100, 0, 0, 0, limits), "the first batch begins a segment");
    feed.append(Append { rolls: true, max_timestamp: 5000, ..append(0, 1) });
    let rolls = |feed: &Feed, bytes, timestamp, last, now| {
        feed.log.segments().rolls(bytes, timestamp, last, now, limits)
    };
    assert!(!rolls(&feed, 150, 5000, 1, 0));
    assert!(rolls(&feed, 151, 5000, 1, 0), "by bytes");
    assert!(!rolls(&feed, 1, 6000, 1, i64::MAX), "by the records' time, not by the clock");
    assert!(rolls(&feed, 1, 6001, 1, 0), "by time");
    assert!(!rolls(&feed, 1, 5000, i64::from(i32::MAX), 0));
    assert!(rolls(&feed, 1, 5000, i64::from(i32::MAX) + 1, 0), "by relative offset");
    feed.append(Append { rolls: true, max_timestamp: -1, ..append(1, 1) });
    assert!(!rolls(&feed, 1, -1, 2, 2000));
    assert!(rolls(&feed, 1, -1, 2, 2001), "without timestamps the clock counts");
    assert_eq!(feed.log.segments().len(), 2);
}

#[test]
fn a_log_start_drops_whole_segments_only() {
    let mut feed = Feed::default();
    for base in [0, 10, 20] {
        feed.append(Append { rolls: true, ..append(base, 10) });
    }
    feed.move_start(15);
    assert_eq!((feed.log.segments().len(), feed.log.bytes()), (2, 200));
    feed.move_start(30);
    assert_eq!((feed.log.segments().len(), feed.log.bytes()), (0, 0));
    assert_eq!((feed.log.start(), feed.log.end()), (30, 30));
}

#[test]
fn r11_offsets_that_may_have_existed_are_never_used_again() {
    let mut feed = Feed::default();
    feed.append(append(0, 3));
    feed.apply(Entry::Lost { partition: PartitionId(1), from: 3, to: 3 + (1 << 32) });
    assert_eq!(feed.log.end(), 3 + (1 << 32));
}

#[test]
fn a_dropped_partition_keeps_nothing_but_its_place() {
    let mut feed = Feed::default();
    feed.append(idempotent(0, 3, 0, 0));
    let id = feed.apply(Entry::Drop { partition: PartitionId(1) });
    assert_eq!(feed.log, Log { applied: id, ..Log::default() });
}

#[test]
fn an_idle_log_is_small() {
    assert!(size_of::<Log>() <= 192, "{} bytes", size_of::<Log>());
    assert!(size_of::<Segment>() <= 48);
    assert!(size_of::<Producer>() <= 192, "{} bytes", size_of::<Producer>());
}
