//! Members that are over, and what becomes of the others.

use super::story::Story;
use crate::group::Config;
use crate::group::Migration;
use crate::group::bounds;

#[test]
fn members_of_the_old_protocol_alone_make_a_target_that_is_overdue() {
    let upwards = Config { migration: Migration::Upgrade, ..Config::default() };
    Story::new(upwards).play(
        "no way down",
        "topic t 2
         c beat 0 reads=t has=
         > c at 2: t-0 t-1
         after 1s
         a join range/t v3
         > a in 3 by range, nobody leads []
         a sync 3
         > a has
         c beat 2
         > c at 2: t-0
         c beat 2 has=t-0
         > c at 3
         a heartbeat 3
         > a RebalanceInProgress
         a join range/t has=
         > a in 3 by range, nobody leads []
         a sync 3
         > a has t-1
         c leaves
         > c at -1
         # a target is not made yet
         a heartbeat 3
         > a ok
         after 1s
         a heartbeat 3
         > a RebalanceInProgress
         a sync 3
         > a sync: RebalanceInProgress
         a join range/t has=t-1
         > a in 4 by range, nobody leads []
         a sync 4
         > a has t-0 t-1
         b join range/t v3
         > b in 4 by range, nobody leads []
         b sync 4
         > b has
         b heartbeat 4
         > b ok
         after 1s
         b heartbeat 4
         > b RebalanceInProgress
         b join range/t has=
         > b in 5 by range, nobody leads []
         show
         > it is Reconciling 5/5 by uniform [a*@4:t-0,t-1->t-0 b*@5:->t-1]",
    );
}

#[test]
fn however_many_members_are_over_at_once_they_are_written_off() {
    let mut story = Story::new(Config::default());
    story.line("topic t 1");
    let (long, pattern) = ("x".repeat(4_000), "x".repeat(1_000));
    for number in 0..40 {
        let line = format!("{number}{long} beat 0 pattern={number}{pattern} has=");
        assert!(story.line(&line)[0].contains(" at "));
    }
    story.restart();
    // A batch ends with the first member for which it is full.
    story.paper.bytes_max = Some(bounds::BATCH_BYTES + 20_000);
    story.line("after 45s");
    let shown = story.line("show");
    assert!(shown[0].starts_with("it is Empty"), "{shown:?}");
}

#[test]
fn who_is_to_give_up_partitions_is_over_in_time_though_the_log_was_full() {
    Story::new(Config::default()).play(
        "time to give up",
        "topic t 2
         a beat 0 reads=t has= timeout=10s
         > a at 2: t-0 t-1
         after 1s
         b beat 0 reads=t has=
         > b at 3:
         a beat 2
         > a at 2: t-0
         full
         after 10s
         a beat 2
         > a at 2
         free
         after 499ms
         a beat 2
         > a at 2
         after 1ms
         a beat 2
         > a UnknownMemberId
         b beat 3
         > b at 4: t-0 t-1",
    );
}

#[test]
fn who_is_heard_of_lives_though_the_log_was_full() {
    Story::new(Config::default()).play(
        "steps that wait for the log",
        "topic t 2
         a beat 0 reads=t has=
         > a at 2: t-0 t-1
         after 1s
         b join range/t v3 session=10s
         > b in 3 by range, nobody leads []
         b sync 3
         > b has
         after 1s
         c beat 0 reads=t has=
         > c at 4:
         b heartbeat 3
         > b RebalanceInProgress
         full
         after 9s
         b join range/t has=
         > b join: CoordinatorNotAvailable
         after 9s
         b join range/t has=
         > b join: CoordinatorNotAvailable
         after 9s
         a beat 2
         > a CoordinatorNotAvailable
         b join range/t has=
         > b join: CoordinatorNotAvailable
         c beat 4
         > c at 4
         after 9s
         b join range/t has=
         > b join: CoordinatorNotAvailable
         after 9s
         b join range/t has=
         > b join: CoordinatorNotAvailable
         after 8s
         free
         after 1s
         a beat 2
         > a at 2: t-0
         b join range/t has=
         > b in 4 by range, nobody leads []
         c beat 4
         > c at 4",
    );
}

const CANNOT_BE_CLASSIC: &str = "topic t 2
    c beat 0 reads=t has= static=i
    > c at 2: t-0 t-1
    after 1s
    a join range/t roundrobin/? v3
    > a in 3 by range, nobody leads []
    b join roundrobin/t v3
    > b in 3 by roundrobin, nobody leads []
    after 1s
";

#[test]
fn a_group_that_cannot_become_a_classic_one_goes_on() {
    let mut story = Story::new(Config::default());
    story.play("unreadable", CANNOT_BE_CLASSIC);
    story.play(
        "the last member leaves that speaks the consumer protocol",
        "c leaves static=i
         > c at -1
         a heartbeat 3
         > a RebalanceInProgress
         a join range/t roundrobin/? has=
         > a in 5 by range, nobody leads []
         a sync 5
         > a has t-1",
    );
    let mut story = Story::new(Config::default());
    story.play("unreadable", CANNOT_BE_CLASSIC);
    story.play(
        "a static member comes back with the old protocol",
        "c away static=i
         > c at -2
         d join roundrobin/t static=i
         > d in 0 by roundrobin, nobody leads []
         d sync 0 static=i
         > d sync: RebalanceInProgress
         d join roundrobin/t static=i has=t-0
         > d in 4 by roundrobin, nobody leads []",
    );
}

#[test]
fn a_group_too_large_for_a_classic_one_goes_on() {
    let mut story = Story::new(Config::default());
    let topics = format!("t+{}", "x".repeat(4_000));
    story.play(
        "large",
        &format!(
            "topic t 2
             c beat 0 reads=t has=
             > c at 2: t-0 t-1
             after 1s
             a join range/{topics} v3
             > a in 3 by range, nobody leads []
             after 1s"
        ),
    );
    story.paper.bytes_max = Some(4_000);
    assert_eq!(story.line("c leaves"), ["c at -1"]);
    assert_eq!(story.line("a heartbeat 3"), ["a RebalanceInProgress"]);
}

#[test]
fn what_a_member_does_looks_at_no_other_member() {
    let consumers = "topic t 2
         a beat 0 reads=t has=
         > a at 2: t-0 t-1
         after 10s
         b beat 0 reads=t has=
         > b at 3:
         after 10s";
    let consumers_then = "a beat 2
         > a at 2: t-0
         a commit 2 t-0:1 v9
         > a ok
         c join range/t v3 session=60s
         > c in 4 by range, nobody leads []
         c sync 4
         > c has
         a beat 2 has=t-0
         > a at 4";
    let classic = "a join range/t v3 session=45s
         after 3s
         > a in 1 by range, a leads [a]
         a sync 1 a:x
         > a has x
         after 10s";
    let classic_then = "a heartbeat 1
         > a ok
         a commit 1 t-0:1
         > a ok
         b join range/t session=60s
         > b join: MemberIdRequired
         a sync 1
         > a has x";
    for (before, then) in [(consumers, consumers_then), (classic, classic_then)] {
        let mut story = Story::new(Config::default());
        story.play("before", before);
        // When `a` is over unless it is heard of. To know who is to be over first takes a look at them
        // all, when that has come.
        let early = story.coordinator.next_deadline();
        story.play("steps of one member each", then);
        assert_eq!(story.coordinator.next_deadline(), early);
    }
}

#[test]
fn who_was_excused_for_waiting_is_expected_to_live_again() {
    Story::new(Config::default()).play(
        "a short session beside a long one",
        "a join range/t v3 session=60s
         b join range/t v3 session=10s
         after 6s
         > a in 1 by range, a leads [a,b]
         > b in 1 by range, a leads []
         # it waits for the leader
         b sync 1
         after 20s
         a sync 1 a:x b:y
         > a has x
         > b has y
         # it waits for the others
         b join range/t+u
         after 20s
         b heartbeat 1
         > b RebalanceInProgress
         after 20s
         a join range/t session=60s
         > a in 2 by range, a leads [a,b]
         > b in 2 by range, a leads []
         b sync 2
         after 20s
         a join range/t+u session=60s
         > b sync: RebalanceInProgress
         b join range/t
         > a in 3 by range, a leads [a,b]
         > b in 3 by range, a leads []
         after 10s
         b heartbeat 3
         > b UnknownMemberId",
    );
}
