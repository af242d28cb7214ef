//! What the controller does and refuses, and when it says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ShardId;
use crate::base::StrandId;
use crate::metadata::Advertise;
use crate::metadata::Alteration;
use crate::metadata::Change;
use crate::metadata::Command;
use crate::metadata::Compression;
use crate::metadata::Configured;
use crate::metadata::ControllerOutput;
use crate::metadata::Growth;
use crate::metadata::NewTopic;
use crate::metadata::Operation;
use crate::metadata::Outcome;
use crate::metadata::RefusalKind;
use crate::metadata::Source;
use crate::metadata::Ticket;
use crate::metadata::TopicRef;
use crate::metadata::controller::COMMANDS_MAX;
use crate::metadata::rig::Desk;
use crate::metadata::rig::NOBODY;
use crate::metadata::rig::layout;
use crate::metadata::rig::settings;

fn topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions: Some(partitions), ..NewTopic::default() }
}

fn create(topics: Vec<NewTopic>) -> Command {
    Command::CreateTopics { topics, validate_only: false }
}

fn refusals(outcome: Outcome) -> Vec<Option<(RefusalKind, String)>> {
    fn kinds<T>(
        results: Vec<Result<T, crate::metadata::Refusal>>,
    ) -> Vec<Option<(RefusalKind, String)>> {
        let refusal = |r: Result<T, crate::metadata::Refusal>| r.err();
        let kind = |r: crate::metadata::Refusal| (r.kind, r.message.unwrap_or_default());
        results.into_iter().map(|result| refusal(result).map(kind)).collect()
    }
    match outcome {
        Outcome::Created(results) => kinds(results),
        Outcome::Deleted(results) => kinds(results),
        Outcome::Grown(results) | Outcome::Altered(results) => kinds(results),
        other => panic!("{other:?}"),
    }
}

fn alter(desk: &mut Desk, resource: Configured, key: &str, operation: Operation) -> Option<String> {
    let alteration =
        Alteration { resource, replaces: false, changes: vec![(key.to_owned(), operation)] };
    let command = Command::Alter { alterations: vec![alteration], validate_only: false };
    refusals(desk.ask(command)).remove(0).map(|(_, message)| message)
}

fn set(value: &str) -> Operation {
    Operation::Set(value.to_owned())
}

#[test]
fn an_answer_waits_until_it_is_durable_and_every_shard_has_the_image() {
    let mut desk = Desk::new();
    let mut out = ControllerOutput::default();
    let ticket = Ticket { shard: ShardId(1), number: 9 };
    let command = create(vec![topic("a", 1)]);
    desk.controller.on_command(1, ticket, command, &mut desk.tape, &mut out);
    assert!(out.answers.is_empty() && out.publications.is_empty(), "nothing is durable");

    desk.controller.on_durable(1, desk.tape.newest(), &mut desk.tape, &mut out);
    assert!(out.answers.is_empty(), "no shard has it");
    let publication = out.publications.pop().unwrap();
    let id = publication.image.topic("a").unwrap().id;
    assert_eq!(&*publication.changes, [Change::Created { topic: id }]);

    let index = publication.image.index();
    desk.controller.on_confirmed(ShardId(0), index, &mut out);
    assert!(out.answers.is_empty(), "shard 1 has not got it");
    desk.controller.on_confirmed(ShardId(1), index, &mut out);
    assert_eq!(out.answers.pop().unwrap().0, ticket);
}

#[test]
fn a_refusal_that_rests_on_what_is_not_durable_waits_for_it() {
    let mut desk = Desk::new();
    let mut out = ControllerOutput::default();
    let ticket = Ticket { shard: ShardId(0), number: 1 };
    desk.controller.on_command(1, NOBODY, create(vec![topic("a", 1)]), &mut desk.tape, &mut out);
    let again = create(vec![topic("a", 1)]);
    desk.controller.on_command(1, ticket, again, &mut desk.tape, &mut out);
    assert!(out.answers.is_empty());
    let answers = desk.settle();
    assert!(
        matches!(&answers[..], [(first, _), (answered, _)] if (*first, *answered) == (NOBODY, ticket))
    );
}

#[test]
fn a_log_that_takes_nothing_changes_nothing() {
    let mut desk = Desk::new();
    desk.tape.full = true;
    assert_eq!(desk.ask(create(vec![topic("a", 1)])), Outcome::Unavailable);
    assert!(desk.controller.head().topic("a").is_none());
    desk.tape.full = false;
    assert_eq!(refusals(desk.ask(create(vec![topic("a", 1)]))), [None]);
}

#[test]
fn too_many_commands_are_told_to_come_again() {
    let mut desk = Desk::new();
    let mut out = ControllerOutput::default();
    for number in 0..COMMANDS_MAX as u64 {
        let ticket = Ticket { shard: ShardId(0), number };
        let command = create(vec![topic(&format!("t{number}"), 1)]);
        desk.controller.on_command(1, ticket, command, &mut desk.tape, &mut out);
    }
    assert!(out.answers.is_empty());
    let ticket = Ticket { shard: ShardId(0), number: 5_000 };
    let command = create(vec![topic("more", 1)]);
    desk.controller.on_command(1, ticket, command, &mut desk.tape, &mut out);
    assert_eq!(out.answers, [(ticket, Outcome::Unavailable)]);
    assert_eq!(desk.settle().len(), COMMANDS_MAX);
    assert!(desk.image.topic("more").is_none());
}

#[test]
fn validate_only_decides_and_changes_nothing() {
    let mut desk = Desk::new();
    let end = desk.tape.newest();
    let topics = vec![topic("a", 3), topic("a", 3)];
    let outcome = desk.ask(Command::CreateTopics { topics, validate_only: true });
    let Outcome::Created(results) = outcome else { panic!("{outcome:?}") };
    assert_eq!(results[0].as_ref().unwrap().partitions, 3);
    assert_eq!(results[1].as_ref().unwrap_err().kind, RefusalKind::TopicExists);
    assert_eq!(desk.tape.newest(), end);
    assert!(desk.controller.head().topic("a").is_none());
}

#[test]
fn partitions_are_spread_over_cores() {
    let mut desk = Desk::with(layout(3, Advertise::Node), Arc::default());
    desk.ask(create(vec![topic("wide", 7), topic("a", 1), topic("b", 1)]));
    let mut of_core: BTreeMap<ShardId, u32> = BTreeMap::new();
    for partition in desk.image.partitions(desk.image.topic("wide").unwrap()) {
        *of_core.entry(partition.owner).or_default() += 1;
    }
    let mut loads: Vec<u32> = of_core.into_values().collect();
    loads.sort_unstable();
    assert_eq!(loads, [2, 2, 3]);
    let load = |strand| desk.image.state().load(StrandId(strand));
    assert_eq!((load(0), load(1), load(2)), (3, 3, 3), "the small ones went where room was");
}

#[test]
fn what_lives_equally_long_shares_a_strand() {
    let cases: [(&[(&str, &str)], u16); 7] = [
        (&[], 0),
        (&[("retention.ms", "86400000")], 100),
        (&[("retention.ms", "86400001")], 0),
        (&[("retention.ms", "-1")], 200),
        (&[("retention.ms", "-1"), ("retention.bytes", "1000000")], 0),
        (&[("retention.ms", "5"), ("cleanup.policy", "compact,delete")], 200),
        (&[("cleanup.policy", "")], 200),
    ];
    for (set, strand) in cases {
        let mut desk = Desk::with(layout(1, Advertise::Node), Arc::default());
        let pairs = set.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        let configs = pairs.collect();
        let found = refusals(desk.ask(create(vec![NewTopic { configs, ..topic("a", 1) }])));
        assert_eq!(found, [None], "{set:?}");
        assert_eq!(desk.image.state().load(StrandId(strand)), 1, "{set:?}");
    }
}

#[test]
fn a_chosen_core_gets_the_partition() {
    let mut desk = Desk::with(layout(3, Advertise::Core), Arc::default());
    let assignment = vec![(1, vec![1002]), (0, vec![1001])];
    let chosen = NewTopic { name: "a".to_owned(), assignment, ..NewTopic::default() };
    let both = NewTopic {
        name: "b".to_owned(),
        assignment: vec![(0, vec![1000, 1001])],
        ..NewTopic::default()
    };
    let found = refusals(desk.ask(create(vec![chosen, both])));
    assert_eq!(found[0], None);
    assert_eq!(found[1].as_ref().unwrap().0, RefusalKind::InvalidAssignment);
    let owners: Vec<ShardId> =
        desk.image.partitions(desk.image.topic("a").unwrap()).map(|p| p.owner).collect();
    assert_eq!(owners, [ShardId(1), ShardId(2)]);
}

#[test]
fn more_partitions_than_a_command_may_make_are_refused_as_kafka_does() {
    let mut desk = Desk::new();
    let found =
        refusals(desk.ask(create(vec![topic("a", 6_000), topic("b", 6_000), topic("c", 1)])));
    assert_eq!(found[0], None);
    let message = "Excessively large number of partitions per request.";
    assert_eq!(found[1], Some((RefusalKind::TooMuch, message.to_owned())));
    assert_eq!(found[2], None);
    let growth = Growth { topic: "c".to_owned(), partitions: i32::MAX, assignment: None };
    let grow = Command::GrowTopics { topics: vec![growth], validate_only: false };
    assert_eq!(refusals(desk.ask(grow))[0].as_ref().unwrap().0, RefusalKind::TooMuch);
}

#[test]
fn events_beyond_one_batch_are_refused() {
    let mut desk = Desk::new();
    let topics: Vec<NewTopic> =
        (0..5_000).map(|number| topic(&format!("{}{number}", "x".repeat(240)), 1)).collect();
    let found = refusals(desk.ask(create(topics)));
    assert_eq!(found[0], None);
    assert_eq!(found.last().unwrap().as_ref().unwrap().0, RefusalKind::TooMuch);
    assert_eq!(desk.image.state().topic_count(), found.iter().filter(|r| r.is_none()).count());
}

#[test]
fn topics_go_by_name_and_by_id() {
    let mut desk = Desk::new();
    desk.ask(create(vec![topic("a", 2), topic("b", 1)]));
    let id = desk.image.topic("b").unwrap().id;
    let topics = vec![
        TopicRef::Name("a".to_owned()),
        TopicRef::Id(id),
        TopicRef::Id(id),
        TopicRef::Name("a".to_owned()),
    ];
    let found = refusals(desk.ask(Command::DeleteTopics { topics }));
    let kinds: Vec<_> = found.into_iter().map(|found| found.map(|(kind, _)| kind)).collect();
    let gone = [None, None, Some(RefusalKind::UnknownTopicId), Some(RefusalKind::UnknownTopic)];
    assert_eq!(kinds, gone);
    assert_eq!(desk.image.state().partition_count(), 0);
}

#[test]
fn a_topics_config_changes_live() {
    let mut desk = Desk::new();
    desk.ask(create(vec![topic("a", 1), topic("b", 1)]));
    let id = desk.image.topic("a").unwrap().id;
    let named = || Configured::Topic("a".to_owned());
    assert_eq!(alter(&mut desk, named(), "retention.ms", set("60000")), None);
    assert_eq!(desk.image.config(id).retention_ms, Some(60_000));
    assert_eq!(alter(&mut desk, named(), "compression.type", set("zstd")), None);
    assert_eq!(desk.image.config(id).compression, Compression::Zstd { level: 3 });
    let append = Operation::Append("compact".to_owned());
    assert_eq!(alter(&mut desk, named(), "cleanup.policy", append), None);
    let cleanup = desk.image.config(id).cleanup;
    assert!(cleanup.delete && cleanup.compact);
    assert_eq!(alter(&mut desk, named(), "retention.ms", Operation::Delete), None);
    assert_eq!(desk.image.config(id).retention_ms, Some(604_800_000));
    let other = desk.image.topic("b").unwrap().id;
    assert!(!desk.image.config(other).cleanup.compact);
    assert!(Arc::ptr_eq(desk.image.config(other), desk.image.defaults()), "nothing of its own");
}

#[test]
fn what_changes_nothing_is_no_event() {
    let mut desk = Desk::new();
    desk.ask(create(vec![topic("a", 1)]));
    alter(&mut desk, Configured::Topic("a".to_owned()), "retention.ms", set("1"));
    let end = desk.tape.newest();
    alter(&mut desk, Configured::Topic("a".to_owned()), "retention.ms", set("1"));
    alter(&mut desk, Configured::Topic("a".to_owned()), "segment.ms", Operation::Delete);
    assert_eq!(desk.tape.newest(), end);
}

#[test]
fn a_nodes_dynamic_config_stands_between_topic_and_file() {
    let settings = settings(&[("log.retention.hours", "2"), ("log.roll.hours", "3")]);
    let mut desk = Desk::with(layout(2, Advertise::Node), settings);
    desk.ask(create(vec![topic("a", 1)]));
    let id = desk.image.topic("a").unwrap().id;
    let retention = |desk: &Desk| desk.image.config(id).retention_ms;
    assert_eq!(retention(&desk), Some(7_200_000));
    assert_eq!(desk.image.config(id).segment_ms, 10_800_000);
    assert_eq!(alter(&mut desk, Configured::Cluster, "log.retention.ms", set("5000")), None);
    assert_eq!(retention(&desk), Some(5000));
    assert_eq!(alter(&mut desk, Configured::Node(1), "log.retention.ms", set("6000")), None);
    assert_eq!(retention(&desk), Some(6000));
    let named = Configured::Topic("a".to_owned());
    assert_eq!(alter(&mut desk, named, "retention.ms", set("7000")), None);
    assert_eq!(retention(&desk), Some(7000));
    let overrides = desk.image.topic("a").unwrap().overrides.clone();
    let described = desk.image.in_force().describe_topic(overrides.as_deref());
    let described = described.iter().find(|config| config.name == "retention.ms").unwrap();
    let layers: Vec<(&str, &str, Source)> = described
        .layers
        .iter()
        .map(|layer| (layer.name.as_str(), layer.value.as_str(), layer.source))
        .collect();
    assert_eq!(
        layers,
        [
            ("retention.ms", "7000", Source::Topic),
            ("log.retention.ms", "6000", Source::Node),
            ("log.retention.ms", "5000", Source::Cluster),
            ("log.retention.hours", "2", Source::Static),
            ("log.retention.hours", "168", Source::Default),
        ]
    );
}

#[test]
fn what_cannot_change_on_a_node_is_refused_in_kafkas_words() {
    let mut desk = Desk::new();
    let cases = [
        ("num.partitions", set("3"), "Cannot update these configs dynamically: [num.partitions]"),
        ("foo", set("3"), "Cannot update these configs dynamically: [foo]"),
        (
            "log.retention.ms",
            set("x"),
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
        ),
        (
            "log.segment.bytes",
            set("5"),
            "Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576",
        ),
        (
            "log.retention.ms",
            set("0"),
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            "log.roll.ms",
            set("0"),
            "requirement failed: log.roll.ms must be greater than or equal to 1",
        ),
        (
            "log.retention.ms",
            Operation::Append("3".to_owned()),
            "Config value append is not allowed for config key: log.retention.ms",
        ),
        (
            "log.cleanup.policy",
            set("foo"),
            "Invalid value foo for configuration log.cleanup.policy: String must be one of: compact, delete",
        ),
    ];
    for (key, operation, message) in cases {
        let found = alter(&mut desk, Configured::Node(1), key, operation);
        assert_eq!(found.as_deref(), Some(message), "{key}");
    }
    assert_eq!(alter(&mut desk, Configured::Node(1), "log.retention.ms", set("-5")), None);
    assert_eq!(desk.image.defaults().retention_ms, None);
    assert_eq!(alter(&mut desk, Configured::Cluster, "foo", Operation::Delete), None);
}

#[test]
fn producer_ids_come_in_blocks_that_never_meet() {
    let mut desk = Desk::new();
    let ids = |first| Outcome::ProducerIds { first, count: 1000 };
    assert_eq!(desk.ask(Command::AllocateProducerIds), ids(0));
    assert_eq!(desk.ask(Command::AllocateProducerIds), ids(1000));
    let mut desk = Desk::take_over(desk.tape.recover(desk.tape.newest()).unwrap(), desk.tape);
    assert_eq!(desk.ask(Command::AllocateProducerIds), ids(2000));
}

#[test]
fn topic_ids_are_uuids_that_command_lines_can_carry() {
    let mut desk = Desk::new();
    let topics = (0..200).map(|number| topic(&format!("t{number}"), 1)).collect();
    let Outcome::Created(created) = desk.ask(create(topics)) else { panic!("created") };
    for topic in created {
        let id = uuid::Uuid::from_bytes(topic.unwrap().id.0);
        assert_eq!(id.get_version_num(), 4);
        assert!(id.as_bytes()[0] < 0xf8, "{id}");
    }
}
