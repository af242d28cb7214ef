//! The tables against what a Kafka 4.3.1 broker said of itself (`tests/oracle/configs`), and
//! against the documentation.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::NewTopic;
use crate::metadata::Operation;
use crate::metadata::Outcome;
use crate::metadata::RefusalKind;
use crate::metadata::configs::BrokerDef;
use crate::metadata::configs::Compression;
use crate::metadata::configs::ConfigType;
use crate::metadata::configs::Described;
use crate::metadata::configs::Effect;
use crate::metadata::configs::InForce;
use crate::metadata::configs::Setting;
use crate::metadata::configs::Settings;
use crate::metadata::configs::Source;
use crate::metadata::configs::TOPIC_DEFS;
use crate::metadata::configs::TimestampType;
use crate::metadata::configs::TopicConfig;
use crate::metadata::configs::TopicDef;
use crate::metadata::configs::TopicKey;
use crate::metadata::rig::Desk;

const TOPIC: &str = include_str!("../../../tests/oracle/configs/topic.tsv");
const BROKER: &str = include_str!("../../../tests/oracle/configs/broker.tsv");
const VALUES: &str = include_str!("../../../tests/oracle/configs/values.tsv");
const DOCUMENT: &str = include_str!("../../../deploy/topic-configs.md");

/// The columns of every row.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

fn kind(kind: Option<ConfigType>) -> &'static str {
    match kind {
        Some(ConfigType::Boolean) => "BOOLEAN",
        Some(ConfigType::Text) => "STRING",
        Some(ConfigType::Int) => "INT",
        Some(ConfigType::Short) => "SHORT",
        Some(ConfigType::Long) => "LONG",
        Some(ConfigType::Double) => "DOUBLE",
        Some(ConfigType::List) => "LIST",
        None => "UNKNOWN",
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Group => "DYNAMIC_GROUP_CONFIG",
        Source::Topic => "DYNAMIC_TOPIC_CONFIG",
        Source::Node => "DYNAMIC_BROKER_CONFIG",
        Source::Cluster => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        Source::Static => "STATIC_BROKER_CONFIG",
        Source::Default => "DEFAULT_CONFIG",
    }
}

/// A row as the oracle writes it.
fn row(config: &Described) -> [String; 7] {
    let synonyms: Vec<String> = config
        .layers
        .iter()
        .map(|layer| format!("{}={}@{}", layer.name, layer.value, source(layer.source)))
        .collect();
    [
        config.name.clone(),
        kind(config.kind).to_owned(),
        config.value.clone().unwrap_or_else(|| "null".to_owned()),
        source(config.source).to_owned(),
        (!config.read_only).to_string(),
        "false".to_owned(),
        synonyms.join(" "),
    ]
}

#[test]
fn topics_are_described_as_kafka_describes_them() {
    let ours: Vec<[String; 7]> = InForce::default().describe_topic(None).iter().map(row).collect();
    let kafkas: Vec<Vec<&str>> = rows(TOPIC).collect();
    assert_eq!(kafkas.len(), 33, "34 configs, one of them internal");
    for (own, kafkas) in ours.iter().zip(&kafkas) {
        assert_eq!(own[..], kafkas[..]);
    }
    assert_eq!(ours.len(), kafkas.len());
}

#[test]
fn brokers_are_described_as_kafka_describes_them_where_both_know_a_config() {
    // Changeable in Kafka; `deploy/topic-configs.md` says so.
    let read_only = ["listeners", "max.connections", "producer.id.expiration.ms"];
    let ours: BTreeMap<String, [String; 7]> = InForce::default()
        .describe_node(|_| true)
        .iter()
        .map(|config| (config.name.clone(), row(config)))
        .collect();
    let mut compared = 0;
    for kafkas in rows(BROKER) {
        let [name, kind, value, from, writable, sensitive, synonyms] = kafkas[..] else {
            panic!("{kafkas:?}")
        };
        let Some(own) = ours.get(name) else { continue };
        let writable = if read_only.contains(&name) { "false" } else { writable };
        assert_eq!(
            (own[1].as_str(), own[4].as_str(), own[5].as_str()),
            (kind, writable, sensitive),
            "{name}"
        );
        // What the recorded broker was started with is no default.
        if from == "DEFAULT_CONFIG" {
            assert_eq!((own[2].as_str(), own[3].as_str()), (value, from), "{name}");
            assert_eq!(own[6], synonyms, "{name}");
        }
        compared += 1;
    }
    assert_eq!(
        compared,
        ours.len(),
        "every config that is no setting of our own is one of Kafka's"
    );
}

fn operation(text: &str) -> (String, Operation) {
    let (verb, pair) = text.split_once(' ').unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    let value = value.to_owned();
    let operation = match verb {
        "SET" => Operation::Set(value),
        "DELETE" => Operation::Delete,
        "APPEND" => Operation::Append(value),
        "SUBTRACT" => Operation::Subtract(value),
        other => panic!("{other}"),
    };
    (name.to_owned(), operation)
}

#[test]
fn values_are_taken_and_refused_as_kafka_takes_and_refuses_them() {
    let mut cases = 0;
    for columns in rows(VALUES) {
        let [asked, error, said] = columns[..] else { panic!("{columns:?}") };
        let mut desk = Desk::new();
        let topics = vec![NewTopic { name: "oracle".to_owned(), ..NewTopic::default() }];
        desk.ask(Command::CreateTopics { topics, validate_only: false });
        let changes: Vec<_> = asked.split('|').map(operation).collect();
        let name = changes[0].0.clone();
        let resource = Configured::Topic("oracle".to_owned());
        let alterations = vec![Alteration { resource, replaces: false, changes }];
        let outcome = desk.ask(Command::Alter { alterations, validate_only: false });
        let Outcome::Altered(mut results) = outcome else { panic!("{outcome:?}") };
        let found = match results.remove(0) {
            Ok(()) => {
                let overrides = desk.image.topic("oracle").unwrap().overrides.clone();
                let described = desk.image.in_force().describe_topic(overrides.as_deref());
                let value = described.iter().find(|config| config.name == name).map(|config| {
                    let value = config.value.clone().unwrap_or_else(|| "null".to_owned());
                    format!("{value}@{}", source(config.source))
                });
                ("NONE", value.unwrap_or_else(|| "absent".to_owned()))
            }
            Err(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::InvalidConfig, "{asked}");
                ("INVALID_CONFIG", refusal.message.unwrap())
            }
        };
        assert_eq!(found, (error, said.to_owned()), "{asked}");
        cases += 1;
    }
    assert!(cases > 100, "{cases} cases");
}

#[test]
fn the_table_is_sorted_and_its_keys_are_in_its_order() {
    assert_eq!(TOPIC_DEFS.len(), 34);
    assert!(TOPIC_DEFS.is_sorted_by(|a, b| a.name < b.name));
    for def in TOPIC_DEFS {
        assert_eq!(def.key.def().name, def.name);
        assert_eq!(TopicDef::of(def.name).unwrap().key, def.key);
        assert!(!def.doc.is_empty());
    }
}

#[test]
fn the_documentation_lists_exactly_the_configs_without_an_effect() {
    let section = DOCUMENT.split("## Topic configs without an effect").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let listed: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let without: Vec<&str> =
        TOPIC_DEFS.iter().filter(|def| def.effect == Effect::None).map(|def| def.name).collect();
    assert_eq!(listed, without);
    let obeyed = DOCUMENT.split("## Topic configs without an effect").next().unwrap();
    for def in TOPIC_DEFS.iter().filter(|def| def.effect == Effect::Obeyed) {
        assert!(obeyed.contains(&format!("`{}`", def.name)), "{} is not documented", def.name);
    }
}

#[test]
fn the_defaults_are_kafkas() {
    let config = TopicConfig::default();
    assert!(config.cleanup.delete && !config.cleanup.compact);
    assert_eq!(config.compression, Compression::Producer);
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.timestamp_type, TimestampType::CreateTime);
    assert_eq!(config.timestamp_before_max_ms, i64::MAX);
    assert_eq!(config.timestamp_after_max_ms, 3_600_000);
    assert_eq!(config.min_insync_replicas, 1);
    assert_eq!((config.retention_ms, config.retention_bytes), (Some(604_800_000), None));
    assert_eq!((config.segment_bytes, config.segment_ms), (1 << 30, 604_800_000));
    assert_eq!(config.segment_jitter_ms, 0);
}

#[test]
fn the_first_configured_synonym_counts() {
    let with = |set: &[(&'static str, &str)]| {
        let setting = |(name, value): &(&'static str, &str)| {
            (*name, Setting { value: Some((*value).to_owned()), explicit: true, doc: "" })
        };
        let settings = Settings::new(set.iter().map(setting)).unwrap();
        InForce::new(settings.into(), None, None).topic_config(None)
    };
    assert_eq!(with(&[("log.retention.hours", "1")]).retention_ms, Some(3_600_000));
    let minutes = [("log.retention.hours", "1"), ("log.retention.minutes", "2")];
    assert_eq!(with(&minutes).retention_ms, Some(120_000));
    let all = [minutes[0], minutes[1], ("log.retention.ms", "3")];
    assert_eq!(with(&all).retention_ms, Some(3));
    assert_eq!(with(&[("log.retention.hours", "-1")]).retention_ms, None);
    assert_eq!(with(&[("log.roll.hours", "2")]).segment_ms, 7_200_000);
    assert_eq!(with(&[("compression.type", "gzip")]).compression, Compression::Gzip { level: -1 });
}

#[test]
fn a_setting_that_kafka_would_refuse_is_refused() {
    let setting = Setting { value: Some("5".to_owned()), explicit: true, doc: "" };
    let refusal = Settings::new([("log.segment.bytes", setting)]).unwrap_err();
    assert_eq!(
        refusal,
        "Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576"
    );
}

#[test]
fn every_default_and_synonym_is_sound() {
    for def in TOPIC_DEFS {
        if let Some(default) = def.default {
            assert!(def.parse(default).is_ok(), "{}", def.name);
        }
        for synonym in def.synonyms {
            assert!(BrokerDef::of(synonym.name).is_some(), "{}", synonym.name);
        }
    }
    let names: Vec<&str> = BrokerDef::all().map(|def| def.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len(), "no broker config is defined twice");
    for def in BrokerDef::all() {
        assert!(def.default.is_none_or(|default| def.parse(default).is_ok()), "{}", def.name);
    }
    assert_eq!(TopicKey::SegmentBytes.def().name, "segment.bytes");
}
