//! Stories over the pure machine, and what no story can say.

mod consumers;
mod over;
mod story;
mod world;

use std::sync::Arc;

use story::Paper;
use story::Story;

use crate::base::TopicId;
use crate::group::Command;
use crate::group::Config;
use crate::group::Coordinator;
use crate::group::FetchOffsets;
use crate::group::Migration;
use crate::group::Record;
use crate::group::Renewal;
use crate::group::TopicPartitions;
use crate::group::bounds;

const STORIES: &str = include_str!("tests/stories.txt");
const CONSUMER_STORIES: &str = include_str!("tests/consumer_stories.txt");

fn play_all(stories: &str, least: usize) {
    let stories: Vec<_> = stories.split("== ").filter(|story| !story.is_empty()).collect();
    assert!(stories.len() > least, "the stories are there");
    for text in stories {
        let (title, script) = text.split_once('\n').expect("a title and a script");
        let config = Config { offset_metadata_max: 8, ..Config::default() };
        Story::new(config).play(title, script);
    }
}

#[test]
fn groups_live_as_the_stories_tell() {
    play_all(STORIES, 25);
}

#[test]
fn groups_of_the_consumer_protocol_live_as_the_stories_tell() {
    play_all(CONSUMER_STORIES, 20);
}

#[test]
fn a_group_has_no_more_members_than_it_may() {
    let mut story = Story::new(Config { size_max: 2, ..Config::default() });
    story.play(
        "limit",
        "a join range/t v3
         b join range/t v3
         c join range/t v3
         > c join: GroupMaxSizeReached
         after 6s
         > a in 1 by range, a leads [a,b]
         > b in 1 by range, a leads []
         c join range/t v3
         > c join: GroupMaxSizeReached
         a sync 1 a:x b:y
         > a has x
         c join range/t
         > c join: GroupMaxSizeReached
         b leave
         > b left: ok
         c join range/t v3
         a join range/t
         > a in 2 by range, a leads [a,c]
         > c in 2 by range, a leads []",
    );
}

#[test]
fn a_group_that_is_too_large_after_a_restart_is_made_smaller() {
    let mut story = Story::new(Config::default());
    story.play(
        "before",
        "a join range/t v3
         b join range/t v3
         after 6s
         > a in 1 by range, a leads [a,b]
         > b in 1 by range, a leads []
         b sync 1
         a sync 1 a:x b:y
         > a has x
         > b has y",
    );
    story.set_config(Config { size_max: 1, ..Config::default() });
    story.play(
        "after",
        "restart
         a heartbeat 1
         > a RebalanceInProgress
         a join range/t
         b join range/t
         > b join: GroupMaxSizeReached
         > a in 2 by range, a leads [a]",
    );
}

const HOUR: &str = "after 3600s\n";

fn short_retention() -> Config {
    Config { retention_ms: 2 * 3_600_000, ..Config::default() }
}

#[test]
fn offsets_of_nobody_expire_by_their_commit() {
    let mut story = Story::new(short_retention());
    let script = format!(
        "simple commit t-0:1
         > simple ok
         {HOUR}simple commit t-1:2
         > simple ok
         after 3599s
         simple fetch
         > simple finds t-0:1 t-1:2
         after 602s
         simple fetch
         > simple finds t-1:2
         {HOUR}simple fetch
         > simple finds 
         describe
         > it is GroupIdNotFound
         restart
         describe
         > it is GroupIdNotFound"
    );
    story.play("standalone", &script);
}

#[test]
fn offsets_of_a_group_expire_when_it_was_empty_for_long() {
    let mut story = Story::new(short_retention());
    let script = format!(
        "a join range/t v3
         after 3s
         > a in 1 by range, a leads [a]
         a sync 1 a:x
         > a has x
         a commit 1 t-0:1
         > a ok
         a leave
         > a left: ok
         {HOUR}after 3590s
         a fetch
         > a finds t-0:1
         after 620s
         a fetch
         > a finds 
         describe
         > it is GroupIdNotFound"
    );
    story.play("emptied", &script);
}

#[test]
fn offsets_of_topics_that_members_read_do_not_expire_and_of_others_do() {
    let mut story = Story::new(short_retention());
    let script = format!(
        "a join range/t v3 session=1800s
         after 3s
         > a in 1 by range, a leads [a]
         a sync 1 a:x
         > a has x
         a commit 1 t-0:1 old-0:2
         > a ok ok
         {}a fetch
         > a finds t-0:1",
        "after 1200s\na heartbeat 1\n> a ok\n".repeat(7)
    );
    story.play("subscribed", &script);
}

#[test]
fn a_commit_can_say_itself_how_long_it_is_kept() {
    let mut story = Story::new(Config::default());
    story.play(
        "kept",
        "simple commit t-0:1 keep=600s
         > simple ok
         simple commit t-1:2
         > simple ok
         after 599s
         simple fetch
         > simple finds t-0:1 t-1:2
         after 602s
         simple fetch
         > simple finds t-1:2",
    );
}

#[test]
fn offsets_of_a_deleted_topic_are_gone_and_stay_so() {
    let mut story = Story::new(Config::default());
    story.play("before", "simple commit t-0:1 t-1:2 u-0:3\n> simple ok ok ok");
    story.with(|coordinator, cx| coordinator.on_topic_deleted("t", cx));
    let after = "simple fetch\n> simple finds u-0:3\nrestart\nsimple fetch\n> simple finds u-0:3";
    story.play("after", after);
}

#[test]
fn rule_55_an_offset_of_another_topic_of_that_name_is_none() {
    let mut story = Story::new(Config::default());
    story.play("before", "simple commit t-0:5\n> simple ok");
    let mut ask = |id| {
        let topics = vec![TopicPartitions { topic: "t".into(), id, partitions: vec![0] }];
        story.ask("it", Command::FetchOffsets(FetchOffsets { who: None, topics: Some(topics) }))
    };
    assert_eq!(ask(TopicId([1; 16])), ["it finds t-0:5"]);
    assert_eq!(ask(TopicId([2; 16])), ["it finds t-0:-1"]);
    assert_eq!(ask(TopicId::NONE), ["it finds t-0:5"]);
}

#[test]
fn names_that_no_group_can_have_are_refused() {
    let mut story = Story::new(Config::default());
    let long: Arc<str> = "n".repeat(bounds::NAME_BYTES_MAX + 1).into();
    for (name, command, answer) in [
        (long.clone(), Command::Describe, "it is InvalidGroupId"),
        (long, Command::Delete, "it delete: InvalidGroupId"),
        (Arc::default(), Command::Describe, "it is GroupIdNotFound"),
        (Arc::default(), Command::Delete, "it delete: GroupIdNotFound"),
    ] {
        assert_eq!(story.ask_of(&name, "it", command), [answer]);
    }
}

#[test]
fn what_a_coordinator_keeps_is_bounded() {
    let mut story = Story::new(Config { state_bytes_max: 4_000, ..Config::default() });
    let mut refused = 0;
    for partition in 0..100 {
        let line = format!("simple commit t-{partition}:1");
        refused += usize::from(story.line(&line) == ["simple InvalidCommitOffsetSize"]);
    }
    assert!((50..80).contains(&refused), "{refused} refused");
    assert!(story.coordinator.bytes() <= 4_000);
    // What is there can still be moved on.
    assert_eq!(story.line("simple commit t-0:2"), ["simple ok"]);
    let offered = "x".repeat(4_000);
    let join = format!("a join range/{offered} v3");
    assert_eq!(story.line(&join), ["a join: GroupMaxSizeReached"]);
}

#[test]
fn a_full_coordinator_keeps_its_members() {
    let mut story = Story::new(Config { state_bytes_max: 2_500, ..Config::default() });
    let offered = "x".repeat(1_000);
    story.play(
        "a member that may not say more may join again",
        &format!(
            "a join range/{offered} v3
             after 3s
             > a in 1 by range, a leads [a]
             b join range/{offered} v3
             > b join: GroupMaxSizeReached
             a join range/{offered}{offered} v3
             > a join: CoordinatorNotAvailable
             a join range/{offered}
             > a in 1 by range, a leads [a]
             a sync 1 a:x
             > a has x"
        ),
    );
}

/// The state that records tell of.
fn told(records: &[Record]) -> Vec<Record> {
    let story = Story::new(Config::default());
    let mut coordinator = Coordinator::new(1);
    for record in records {
        coordinator.load(story.now, record.clone());
    }
    let mut paper = Paper::default();
    let mut renewal = Renewal::default();
    while !coordinator.renew(&mut renewal, &mut paper).expect("room") {}
    paper.records
}

#[test]
fn a_state_that_is_written_anew_is_the_same() {
    let mut story = Story::new(Config::default());
    story.play(
        "life",
        "a join range/t v3
         b join range/t v3
         after 6s
         > a in 1 by range, a leads [a,b]
         > b in 1 by range, a leads []
         b sync 1
         a sync 1 a:x b:y
         > a has x
         > b has y",
    );
    for partition in 0..3_000 {
        let line = format!("a commit 1 t-{partition}:1 u-{partition}:2/note");
        assert_eq!(story.line(&line), ["a ok ok"]);
        assert_eq!(story.line(&line), ["a ok ok"]);
    }
    let (mut renewal, mut pieces) = (Renewal::default(), 0);
    let mut paper = Paper::default();
    while !story.coordinator.renew(&mut renewal, &mut paper).expect("room") {
        pieces += 1;
        let bytes: usize = paper.records.iter().map(Record::bytes).sum();
        assert!(bytes <= pieces * (bounds::BATCH_BYTES + 1_000), "pieces are small");
    }
    assert!(pieces > 3);
    assert_eq!(paper.records.len(), 6_001);
    assert_eq!(told(&paper.records), told(&story.paper.records));
    // A piece that cannot be written is written later.
    let mut again = Renewal::default();
    let mut full = Paper { is_full: true, ..Paper::default() };
    story.coordinator.renew(&mut again, &mut full).expect_err("a full log");
    assert_eq!(again, Renewal::default());
}

#[test]
fn a_group_in_a_rebalance_is_written_anew_without_members() {
    let mut story = Story::new(Config::default());
    story.play(
        "life",
        "a join range/t v3
         after 3s
         > a in 1 by range, a leads [a]
         a sync 1 a:x
         > a has x
         a commit 1 t-0:9
         > a ok
         a join range/t+u
         > a in 2 by range, a leads [a]",
    );
    let mut paper = Paper::default();
    let mut renewal = Renewal::default();
    while !story.coordinator.renew(&mut renewal, &mut paper).expect("room") {}
    story.paper = paper;
    story.play(
        "after a restart",
        "restart
         describe
         > it is Empty []
         a heartbeat 2
         > a UnknownMemberId
         a fetch t-0
         > a finds t-0:9
         a join range/t id=none v3
         after 3s
         > a in 3 by range, a leads [a]",
    );
}

#[test]
fn a_consumer_group_that_is_written_anew_is_the_same() {
    let mut story = Story::new(Config::default());
    let mut script = "topic t 400\ntopic orders 1\n".to_owned();
    for number in 0..300 {
        let joins = format!("m{number} beat 0 reads=t has= static=i{number}\nafter 10ms\n");
        script.push_str(&joins);
    }
    let joined: Vec<_> = script.lines().map(|line| story.line(line)).collect();
    assert_eq!(joined.concat().len(), 300);
    assert_eq!(story.line("p beat 0 pattern=o.* has="), ["p at 301:"]);
    story.match_wanted();
    assert_eq!(story.line("m0 commit 2 t-0:1 v9"), ["m0 ok"]);
    let (mut renewal, mut pieces, mut paper) = (Renewal::default(), 0, Paper::default());
    while !story.coordinator.renew(&mut renewal, &mut paper).expect("room") {
        pieces += 1;
    }
    assert!(pieces > 1, "it is more than one batch");
    // The members with what they have and are to have, two epochs, one pattern, one offset.
    assert_eq!(told(&paper.records), told(&story.paper.records));
    let before = story.line("show");
    story.paper = paper;
    story.restart();
    assert_eq!(story.line("show"), before);
}

#[test]
fn what_a_consumer_group_keeps_is_bounded() {
    let mut story = Story::new(Config { state_bytes_max: 6_000, ..Config::default() });
    story.line("topic t 1");
    let mut refused = 0;
    for number in 0..40 {
        let line = format!("m{number} beat 0 reads=t has=");
        refused += usize::from(story.line(&line) == [format!("m{number} GroupMaxSizeReached")]);
    }
    assert!((25..40).contains(&refused), "{refused} refused");
    assert!(story.coordinator.bytes() <= 6_000);
    assert_eq!(story.line("m0 beat 2"), ["m0 at 2"]);
    let long = "x".repeat(6_000);
    let racked = format!("m0 beat 2 rack={long}");
    assert_eq!(story.line(&racked), ["m0 CoordinatorNotAvailable"]);
    assert_eq!(story.line("m0 beat 2"), ["m0 at 2"]);
    assert_eq!(story.line("m0 leaves"), ["m0 at -1"]);
}

#[test]
fn groups_are_no_larger_and_move_no_further_than_they_may() {
    let mut story = Story::new(Config { consumer_size_max: 1, ..Config::default() });
    story.play(
        "size",
        "topic t 1
         a beat 0 reads=t has=
         > a at 2: t-0
         b beat 0 reads=t has=
         > b GroupMaxSizeReached
         b join range/t v3
         > b join: GroupMaxSizeReached
         a beat 2
         > a at 2",
    );
    let fixed = Config { migration: Migration::Disabled, ..Config::default() };
    let upwards = Config { migration: Migration::Upgrade, ..Config::default() };
    for (config, joins, state) in [
        (fixed, "b join: InconsistentGroupProtocol", "Empty"),
        (upwards, "b in 2 by range, nobody leads []", "Assigning"),
    ] {
        let mut story = Story::new(config);
        story.play("before", "topic t 1\na beat 0 reads=t has=\n> a at 2: t-0");
        assert_eq!(story.line("b join range/t v3"), [joins]);
        assert_eq!(story.line("a leaves"), ["a at -1"]);
        // A group of members of the classic protocol that may not become a classic one stays.
        assert_eq!(story.line("describe"), ["it is GroupOfOtherKind"]);
        assert!(story.line("show")[0].contains(state));
    }
    let downwards = Config { migration: Migration::Downgrade, ..Config::default() };
    let mut story = Story::new(downwards);
    story.play(
        "no way up",
        "topic t 1
         a join range/t v3
         after 3s
         > a in 1 by range, a leads [a]
         b beat 0 reads=t has=
         > b GroupIdNotFound
         a sync 1 a=t-0
         > a has t-0",
    );
}

#[test]
fn timeouts_of_nothing_hang_nobody() {
    let mut story = Story::new(Config { initial_rebalance_delay_ms: 0, ..Config::default() });
    story.play(
        "no time",
        "a join range/t v3 static=i rebalance=1ms
         after 0s
         > a in 1 by range, a leads [a]
         a sync 1 static=i a:x
         > a has x
         a join range/t static=i rebalance=0s
         > a in 2 by range, a leads [a]
         a sync 2 static=i a:x
         > a has x
         b join range/t
         > b join: MemberIdRequired
         b join range/t rebalance=0s
         b leave
         > b join: UnknownMemberId
         > b left: ok
         after 5s
         a heartbeat 2 static=i
         > a RebalanceInProgress
         describe
         > it is PreparingRebalance [a]",
    );
}

#[test]
fn ids_differ_and_begin_with_what_the_member_calls_itself() {
    let mut story = Story::new(Config::default());
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..100 {
        let who = format!("m{number}");
        assert_eq!(
            story.line(&format!("{who} join range/t")),
            [format!("{who} join: MemberIdRequired")]
        );
        let id = story.id(&who);
        assert!(id.starts_with(&format!("{who}-")) && id.len() == who.len() + 37, "{id}");
        assert!(seen.insert(id));
    }
}

#[test]
fn topics_are_hashed_when_they_or_the_subscriptions_change_and_not_for_each_member() {
    let mut story = Story::new(Config::default());
    let mut hashes = |script: &str| {
        let before = story.world.hashes.get();
        story.play("hashes", script);
        story.world.hashes.get() - before
    };
    let first = "topic t 2
                 a beat 0 reads=t has=
                 > a at 2: t-0 t-1";
    assert_eq!(hashes(first), 1);
    let others = "b beat 0 reads=t has=
                  > b at 2:
                  c beat 0 reads=t has=
                  > c at 2:
                  b leaves
                  > b at -1";
    assert_eq!(hashes(others), 0);
    assert_eq!(hashes("c beat 2 reads=t+uu\n > c at 2"), 1);
    assert_eq!(hashes("d beat 0 reads=t has=\n > d at 2:\n c leaves\n > c at -1"), 1);
    let grown = "topic t 3
                 after 1s
                 a beat 2
                 > a at 9";
    assert_eq!(hashes(grown), 1);
    let story = story.paper.records.iter().rev().find_map(|record| match record {
        Record::Epoch { value, .. } => *value,
        _ => None,
    });
    assert_ne!(story.expect("it was written").topics_hash, 0);
}
