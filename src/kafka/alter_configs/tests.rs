//! The codes and words are those that Kafka 4.3.1 answered to the same requests.

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::messages::AlterConfigsResource;
use crate::kafka::messages::AlterableConfig;
use crate::kafka::messages::IncrementalAlterConfigsResource;
use crate::kafka::wire::Message;
use crate::metadata::Advertise;
use crate::metadata::NewTopic;
use crate::metadata::rig::Desk;
use crate::metadata::rig::layout;

type Change<'a> = (&'a str, i8, Option<&'a str>);

fn resource(kind: i8, name: &str, changes: &[Change<'_>]) -> IncrementalAlterConfigsResource {
    let config = |(name, config_operation, value): &Change<'_>| IncrementalAlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
        ..IncrementalAlterableConfig::default()
    };
    IncrementalAlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: changes.iter().map(config).collect(),
        ..IncrementalAlterConfigsResource::default()
    }
}

fn desk_with(advertise: Advertise) -> Desk {
    let mut desk = Desk::with(layout(2, advertise), std::sync::Arc::default());
    let topics = vec![NewTopic { name: "a".to_owned(), ..NewTopic::default() }];
    desk.ask(Command::CreateTopics { topics, validate_only: false });
    desk
}

fn desk() -> Desk {
    desk_with(Advertise::Node)
}

fn send(
    desk: &mut Desk,
    version: i16,
    resources: Vec<IncrementalAlterConfigsResource>,
    validate_only: bool,
) -> Vec<(i16, Option<String>)> {
    let request = IncrementalAlterConfigsRequest {
        resources,
        validate_only,
        ..IncrementalAlterConfigsRequest::default()
    };
    let named: Vec<_> =
        request.resources.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    let context = AdminContext { image: &desk.image, listener: 0, version };
    let (command, asked) = ask(context, carried(version, &request));
    let outcome = desk.ask(command);
    let responses = carried(version, &asked.answer(outcome)).responses;
    let answered: Vec<_> =
        responses.iter().map(|r| (r.resource_type, r.resource_name.clone())).collect();
    assert_eq!(answered, named, "in the request's order");
    responses.into_iter().map(|r| (r.error_code, r.error_message)).collect()
}

#[test]
fn what_kafka_refuses_is_refused_with_its_code_and_its_words() {
    let odd = "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
               alphanumerics, '.', '_' and '-'";
    let cases: &[(i8, &str, Change<'_>, i16, &str)] = &[
        (TOPIC, "nope", ("retention.ms", 0, Some("5")), 3, "The topic 'nope' does not exist."),
        (TOPIC, "nope", ("foo", 0, Some("5")), 40, "Unknown topic config name: foo"),
        (TOPIC, "", ("retention.ms", 0, Some("5")), 42, "Default topic resources are not allowed."),
        (TOPIC, "a b", ("retention.ms", 0, Some("5")), 17, odd),
        (TOPIC, "a", ("retention.ms", 0, None), 42, "Null value not supported for : retention.ms"),
        (
            TOPIC,
            "a",
            ("cleanup.policy", 2, None),
            42,
            "Null value not supported for : cleanup.policy",
        ),
        (TOPIC, "a", ("retention.ms", 9, Some("5")), 42, "Unknown operations type 9"),
        (
            TOPIC,
            "a",
            ("retention.ms", 2, Some("5")),
            40,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (
            TOPIC,
            "a",
            ("foo", 3, Some("5")),
            40,
            "Can't SUBTRACT to key foo because its type is not LIST.",
        ),
        (
            BROKER,
            "2",
            ("log.retention.ms", 0, Some("1")),
            42,
            "Unexpected broker id, expected 1, but received 2",
        ),
        (
            BROKER,
            "abc",
            ("log.retention.ms", 0, Some("1")),
            42,
            "Node id must be an integer, but it is: abc",
        ),
        (
            BROKER,
            "1",
            ("num.partitions", 0, Some("3")),
            42,
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (BROKER_LOGGER, "1", ("nope", 0, Some("DEBUG")), 40, "Logger nope does not exist!"),
        (
            BROKER_LOGGER,
            "2",
            ("root", 0, Some("DEBUG")),
            42,
            "Unexpected node id. Expected 1, but received 2",
        ),
        (
            BROKER_LOGGER,
            "",
            ("root", 0, Some("DEBUG")),
            42,
            "Node id must be an integer, but it is: ",
        ),
        (
            GROUP,
            "",
            ("consumer.session.timeout.ms", 0, Some("1")),
            42,
            "Default group resources are not allowed.",
        ),
        (GROUP, "g", ("foo", 0, Some("1")), 40, "Unknown group config name: foo"),
        (77, "z", ("a", 0, Some("b")), 42, "Unknown resource type 77"),
        (0, "z", ("a", 0, Some("b")), 42, "Unknown resource type 0"),
    ];
    for version in IncrementalAlterConfigsRequest::VERSIONS {
        let mut desk = desk();
        for (kind, name, change, code, message) in cases {
            let answers = send(&mut desk, version, vec![resource(*kind, name, &[*change])], false);
            assert_eq!(answers, [(*code, Some((*message).to_owned()))], "{change:?}");
        }
        let id = desk.image.topic("a").unwrap().id;
        assert!(std::sync::Arc::ptr_eq(desk.image.config(id), desk.image.defaults()));
    }
}

#[test]
fn each_resource_is_changed_or_refused_alone() {
    let mut desk = desk();
    let resources = vec![
        resource(
            TOPIC,
            "a",
            &[("retention.ms", 0, Some("7")), ("cleanup.policy", 2, Some("compact"))],
        ),
        resource(TOPIC, "b", &[("retention.ms", 0, Some("7"))]),
        resource(BROKER, "", &[("log.segment.bytes", 0, Some("2000000"))]),
    ];
    let codes: Vec<i16> =
        send(&mut desk, 1, resources, false).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [0, 3, 0]);
    let config = desk.image.config(desk.image.topic("a").unwrap().id);
    assert_eq!((config.retention_ms, config.segment_bytes), (Some(7), 2_000_000));
    assert!(config.cleanup.compact && config.cleanup.delete);
}

#[test]
fn validate_only_changes_nothing() {
    let mut desk = desk();
    let good = resource(TOPIC, "a", &[("retention.ms", 0, Some("7"))]);
    let bad = resource(BROKER, "1", &[("log.retention.ms", 0, Some("x"))]);
    let answers = send(&mut desk, 1, vec![good, bad], true);
    assert_eq!((answers[0].0, answers[1].0), (0, 42));
    assert_eq!(
        desk.image.config(desk.image.topic("a").unwrap().id).retention_ms,
        Some(604_800_000)
    );
}

#[test]
fn duplicates_are_refused() {
    let mut desk = desk();
    let one = || resource(TOPIC, "a", &[("retention.ms", 0, Some("7"))]);
    let words = || Some("Each resource must appear at most once.".to_owned());
    assert_eq!(send(&mut desk, 1, vec![one(), one()], false), [(42, words()), (42, words())]);
    let keys =
        resource(TOPIC, "a", &[("retention.ms", 0, Some("1")), ("retention.ms", 0, Some("2"))]);
    let words = Some("Error due to duplicate config keys".to_owned());
    assert_eq!(send(&mut desk, 1, vec![keys], false), [(42, words)]);
}

#[test]
fn a_core_stands_for_its_node() {
    let mut desk = desk_with(Advertise::Core);
    let change = [("log.retention.ms", 0, Some("9"))];
    assert_eq!(send(&mut desk, 1, vec![resource(BROKER, "1001", &change)], false), [(0, None)]);
    assert_eq!(desk.image.defaults().retention_ms, Some(9));
    assert_eq!(send(&mut desk, 1, vec![resource(BROKER, "1002", &change)], false)[0].0, 42);
}

fn replace(
    desk: &mut Desk,
    kind: i8,
    name: &str,
    configs: &[(&str, &str)],
) -> (i16, Option<String>) {
    let config = |(name, value): &(&str, &str)| AlterableConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        ..AlterableConfig::default()
    };
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: configs.iter().map(config).collect(),
        ..AlterConfigsResource::default()
    };
    let request = AlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let context = AdminContext { image: &desk.image, listener: 0, version: 2 };
    let (command, asked) = ask_to_replace(context, carried(2, &request));
    let outcome = desk.ask(command);
    let mut responses = carried(2, &asked.answer_replaced(outcome)).responses;
    let response = responses.pop().expect("one answer");
    (response.error_code, response.error_message)
}

#[test]
fn what_a_replacement_leaves_out_is_removed() {
    let mut desk = desk();
    let own = |desk: &Desk| {
        let set = desk.image.topic("a").unwrap().overrides.clone().unwrap_or_default();
        set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    let both = [("retention.ms", "7"), ("max.message.bytes", "5000")];
    assert_eq!(replace(&mut desk, TOPIC, "a", &both), (0, None));
    assert_eq!(own(&desk), ["max.message.bytes=5000", "retention.ms=7"]);
    assert_eq!(replace(&mut desk, TOPIC, "a", &[("retention.ms", "8")]), (0, None));
    assert_eq!(own(&desk), ["retention.ms=8"]);
    assert_eq!(replace(&mut desk, TOPIC, "a", &[("retention.ms", "x")]).0, 40);
    assert_eq!(own(&desk), ["retention.ms=8"], "a refusal changes nothing");
    assert_eq!(replace(&mut desk, TOPIC, "a", &[]), (0, None));
    assert!(own(&desk).is_empty());
    assert_eq!(replace(&mut desk, BROKER, "", &[("log.segment.bytes", "2000000")]), (0, None));
    assert_eq!(replace(&mut desk, BROKER, "", &[]), (0, None));
    assert!(desk.image.state().node_overrides(None).is_none());
}

#[test]
fn loggers_are_not_replaced() {
    let message = Some("Unknown resource type 8".to_owned());
    assert_eq!(replace(&mut desk(), BROKER_LOGGER, "1", &[("root", "INFO")]), (42, message));
}

#[test]
fn groups_take_what_the_node_allows() {
    let name = "consumer.session.timeout.ms";
    let cases = [
        ((name, 0, Some("50000")), (0, None)),
        (
            (name, 0, Some("1")),
            (
                40,
                Some(format!(
                    "{name} must be greater than or equal to group.consumer.min.session.timeout.ms"
                )),
            ),
        ),
        (
            (name, 0, Some("70000")),
            (
                40,
                Some(format!(
                    "{name} must be less than or equal to group.consumer.max.session.timeout.ms"
                )),
            ),
        ),
        (
            (name, 0, Some("x")),
            (
                40,
                Some(format!("Invalid value x for configuration {name}: Not a number of type INT")),
            ),
        ),
        (
            (name, 2, Some("1")),
            (40, Some(format!("Can't APPEND to key {name} because its type is not LIST."))),
        ),
        (("share.auto.offset.reset", 0, Some("by_duration:P1DT2H3M4.5S")), (0, None)),
        (("nope", 1, None), (0, None)),
    ];
    for (change, expected) in cases {
        let answers = send(&mut desk(), 1, vec![resource(GROUP, "g", &[change])], false);
        assert_eq!(answers, [expected], "{change:?}");
    }
    for wrong in [
        "by_duration:",
        "by_duration:P",
        "by_duration:PT",
        "by_duration:PT1",
        "sometime",
        "by_duration:PTH",
    ] {
        let change = ("share.auto.offset.reset", 0, Some(wrong));
        let answers = send(&mut desk(), 1, vec![resource(GROUP, "g", &[change])], false);
        assert_eq!(answers[0].0, 40, "{wrong}");
    }
}

#[test]
fn loggers_take_levels_and_nothing_else() {
    let levels = "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN";
    let cases = [
        (("root", 0, Some("WARN")), 0, None),
        (("strandlog::io", 0, Some("FATAL")), 0, None),
        (("strandlog::io", 1, None), 0, None),
        (
            ("root", 1, None),
            42,
            Some("Removing the log level of the root logger is not allowed".to_owned()),
        ),
        (
            ("root", 2, Some("WARN")),
            42,
            Some("APPEND operation is not allowed for the BROKER_LOGGER resource".to_owned()),
        ),
        (
            ("root", 0, Some("LOUD")),
            40,
            Some(format!(
                "Cannot set the log level of root to LOUD as it is not a supported log level. {levels}"
            )),
        ),
    ];
    for (change, code, message) in cases {
        let mut desk = desk();
        let answers = send(&mut desk, 1, vec![resource(BROKER_LOGGER, "1", &[change])], false);
        assert_eq!(answers, [(code, message)], "{change:?}");
        let set = desk.image.state().resource(&Resource::Loggers(1)).is_some();
        assert_eq!(set, code == 0 && change.1 == 0, "{change:?}");
    }
}
