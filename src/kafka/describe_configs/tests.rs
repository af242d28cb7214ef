use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::wire::Message;
use crate::metadata::Advertise;
use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::NewTopic;
use crate::metadata::Operation;
use crate::metadata::rig::Desk;
use crate::metadata::rig::layout;
use crate::metadata::rig::settings;

fn desk() -> Desk {
    let set =
        [("log.filter", "strandlog::io=debug,warn"), ("num.partitions", "3"), ("memory", "1GiB")];
    let mut desk = Desk::with(layout(2, Advertise::Node), settings(&set));
    let topics = vec![NewTopic { name: "a".to_owned(), ..NewTopic::default() }];
    desk.ask(Command::CreateTopics { topics, validate_only: false });
    let set = |resource, name: &str, value: &str| Alteration {
        resource,
        replaces: false,
        changes: vec![(name.to_owned(), Operation::Set(value.to_owned()))],
    };
    let alterations = vec![
        set(Configured::Topic("a".to_owned()), "max.message.bytes", "5000"),
        set(Configured::Cluster, "message.max.bytes", "6000"),
    ];
    desk.ask(Command::Alter { alterations, validate_only: false });
    desk
}

fn send(
    desk: &Desk,
    version: i16,
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
            ..DescribeConfigsResource::default()
        }],
        include_synonyms: true,
        include_documentation: version >= 3,
        ..DescribeConfigsRequest::default()
    };
    let context = AdminContext { image: &desk.image, listener: 0, version };
    let mut response = carried(version, &answer(context, &carried(version, &request)));
    let result = response.results.remove(0);
    assert_eq!((result.resource_type, result.resource_name.as_str()), (kind, name));
    result
}

fn refusal(desk: &Desk, kind: i8, name: &str) -> (i16, String) {
    let result = send(desk, 4, kind, name, None);
    assert!(result.configs.is_empty());
    (result.error_code, result.error_message.unwrap())
}

#[test]
fn a_topics_value_comes_with_where_it_comes_from() {
    let desk = desk();
    for version in DescribeConfigsRequest::VERSIONS {
        let result = send(&desk, version, TOPIC, "a", Some(&["max.message.bytes", "nope"]));
        assert_eq!((result.error_code, result.error_message.as_deref()), (0, Some("")));
        let [config] = &result.configs[..] else { panic!("{:?}", result.configs) };
        assert_eq!(config.value.as_deref(), Some("5000"));
        assert_eq!(
            (config.config_source, config.read_only, config.is_sensitive),
            (1, false, false)
        );
        let synonym = |s: &DescribeConfigsSynonym| (s.name.clone(), s.value.clone(), s.source);
        let synonyms: Vec<_> = config.synonyms.iter().map(synonym).collect();
        let layer =
            |name: &str, value: &str, source| (name.to_owned(), Some(value.to_owned()), source);
        let expected = [
            layer("max.message.bytes", "5000", 1),
            layer("message.max.bytes", "6000", 3),
            layer("message.max.bytes", "1048588", 5),
        ];
        assert_eq!(synonyms, expected);
        assert_eq!(config.config_type, if version >= 3 { 3 } else { 0 });
        let documented = config.documentation.as_deref().is_some_and(|text| !text.is_empty());
        assert_eq!(documented, version >= 3);
    }
}

#[test]
fn no_keys_mean_all_of_them_and_the_internal_one_hides() {
    let desk = desk();
    for keys in [None, Some(&[][..])] {
        let result = send(&desk, 4, TOPIC, "a", keys);
        assert_eq!(result.configs.len(), 33);
        assert!(result.configs.iter().all(|config| config.name != "internal.segment.bytes"));
    }
}

#[test]
fn what_was_not_asked_for_is_left_out() {
    let desk = desk();
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: "a".to_owned(),
            configuration_keys: None,
            ..DescribeConfigsResource::default()
        }],
        ..DescribeConfigsRequest::default()
    };
    let context = AdminContext { image: &desk.image, listener: 0, version: 4 };
    let response = answer(context, &request);
    let bare =
        |c: &DescribeConfigsResourceResult| c.synonyms.is_empty() && c.documentation.is_none();
    assert!(response.results[0].configs.iter().all(bare));
}

#[test]
fn a_brokers_configs_show_what_is_in_force() {
    let desk = desk();
    let result = send(&desk, 4, BROKER, "1", None);
    let config = |name: &str| {
        let found = result.configs.iter().find(|config| config.name == name);
        let found = found.unwrap_or_else(|| panic!("{name} is described"));
        (found.value.as_deref(), found.config_source, found.read_only)
    };
    assert_eq!(config("num.partitions"), (Some("3"), 4, true));
    assert_eq!(config("message.max.bytes"), (Some("6000"), 3, false));
    assert_eq!(config("auto.create.topics.enable"), (Some("true"), 5, true));
    assert_eq!(config("log.retention.ms"), (None, 5, false));
    assert_eq!(config("log.retention.hours"), (Some("168"), 5, true));
    assert_eq!(config("memory"), (Some("1GiB"), 4, true), "a setting of its own");
    assert!(
        result.configs.iter().filter(|c| c.name != "memory").all(|c| c.documentation.is_some())
    );
    let cluster = send(&desk, 4, BROKER, "", None);
    let names: Vec<&str> = cluster.configs.iter().map(|config| config.name.as_str()).collect();
    assert_eq!(names, ["message.max.bytes"]);
    assert_eq!(cluster.configs[0].value.as_deref(), Some("6000"));
}

#[test]
fn what_kafka_refuses_is_refused_with_its_code_and_its_words() {
    let desk = desk();
    let cases = [
        (TOPIC, "nope", 3, ""),
        (TOPIC, "", 17, "Topic name is invalid: the empty string is not allowed"),
        (BROKER, "2", 42, "Unexpected broker id, expected 1 or empty string, but received 2"),
        (BROKER, "abc", 42, "Broker id must be an integer, but it is: abc"),
        (BROKER_LOGGER, "", 42, "Broker id must not be empty"),
        (BROKER_LOGGER, "2", 42, "Unexpected broker id, expected 1 but received 2"),
        (GROUP, "", 42, "Group name must not be empty"),
        (CLIENT_METRICS, "", 42, "Client metrics subscription name must not be empty"),
        (
            77,
            "x",
            42,
            "This most likely occurs because of a request being malformed by the client library or \
             the message was sent to an incompatible broker. See the broker logs for more details.",
        ),
    ];
    for (kind, name, code, message) in cases {
        assert_eq!(refusal(&desk, kind, name), (code, message.to_owned()), "{kind} {name}");
    }
}

#[test]
fn a_group_has_the_configs_of_the_node_and_its_own() {
    let mut desk = desk();
    let kept = send(&desk, 4, GROUP, "g", None).configs;
    assert_eq!(kept.len(), 17);
    assert!(kept.iter().all(|config| config.config_source == 5 && config.synonyms.len() == 1));
    let changes =
        [("consumer.session.timeout.ms", "50000"), ("share.isolation.level", "read_committed")];
    let changes = changes.map(|(key, value)| (key.to_owned(), Operation::Set(value.to_owned())));
    let resource = Configured::Resource(Resource::Group("g".to_owned()));
    let alteration = Alteration { resource, replaces: false, changes: changes.to_vec() };
    desk.ask(Command::Alter { alterations: vec![alteration], validate_only: false });
    let own = send(&desk, 4, GROUP, "g", Some(&["consumer.session.timeout.ms"])).configs;
    let [timeout] = &own[..] else { panic!("{own:?}") };
    assert_eq!((timeout.value.as_deref(), timeout.config_source), (Some("50000"), 8));
    let layers: Vec<_> = timeout
        .synonyms
        .iter()
        .map(|layer| (layer.name.as_str(), layer.value.as_deref(), layer.source))
        .collect();
    let expected = [
        ("consumer.session.timeout.ms", Some("50000"), 8),
        ("group.consumer.session.timeout.ms", Some("45000"), 5),
    ];
    assert_eq!(layers, expected);
    assert_eq!(send(&desk, 4, GROUP, "h", None).configs, kept, "another group has none of it");
}

#[test]
fn loggers_have_the_level_of_the_nearest_directive() {
    let mut desk = desk();
    let level = |desk: &Desk, name: &str| {
        let configs = send(desk, 4, BROKER_LOGGER, "1", Some(&[name])).configs;
        let [logger] = &configs[..] else { panic!("{configs:?}") };
        assert_eq!((logger.config_source, logger.read_only), (6, false));
        logger.value.clone().unwrap()
    };
    assert_eq!(level(&desk, "root"), "WARN");
    assert_eq!(level(&desk, "strandlog::io"), "DEBUG");
    assert_eq!(level(&desk, "strandlog::shard"), "WARN");
    let changes = [("strandlog", "TRACE"), ("root", "ERROR")];
    let changes = changes.map(|(key, value)| (key.to_owned(), Operation::Set(value.to_owned())));
    let resource = Configured::Resource(Resource::Loggers(1));
    let alteration = Alteration { resource, replaces: false, changes: changes.to_vec() };
    desk.ask(Command::Alter { alterations: vec![alteration], validate_only: false });
    assert_eq!(level(&desk, "root"), "ERROR");
    assert_eq!(level(&desk, "strandlog::io"), "DEBUG", "what is nearer holds");
    assert_eq!(level(&desk, "strandlog::shard"), "TRACE");
    assert_eq!(level(&desk, "glommio"), "ERROR");
}
