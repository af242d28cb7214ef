use std::collections::BTreeSet;

use crate::config::Bytes;
use crate::config::Config;
use crate::config::ConfigError;
use crate::config::FOREIGN;
use crate::config::ListenerAddress;
use crate::config::Loaded;
use crate::config::SETTINGS;
use crate::config::Sources;
use crate::config::load;

fn from_file(text: &str) -> Result<Loaded, ConfigError> {
    load(&Sources { file: Some(("s.toml".to_owned(), text.to_owned())), ..Sources::default() })
}

fn refusal(text: &str) -> String {
    from_file(text).expect_err("refused").to_string()
}

#[test]
fn nothing_set_is_a_broker_on_loopback() {
    let config = load(&Sources::default()).unwrap().config;
    assert_eq!(config.log_dirs, "./strandlog-data");
    assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(config.retention_ms(), 168 * 3_600_000);
    assert_eq!(config.shards, None);
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let mut sources = Sources {
        file: Some(("s.toml".to_owned(), "num.partitions = 3\nnode.id = 7\nshards = 4".to_owned())),
        ..Sources::default()
    };
    sources.variables.insert("num.partitions", "5".to_owned());
    sources.variables.insert("node.id", "8".to_owned());
    sources.flags.insert("num.partitions", "6".to_owned());
    let config = load(&sources).unwrap().config;
    assert_eq!((config.num_partitions, config.node_id, config.shards), (6, 8, Some(4)));
}

#[test]
fn dotted_nested_and_quoted_keys_are_the_same_setting() {
    for text in ["log.retention.ms = 5", "[log.retention]\nms = 5", "\"log.retention.ms\" = \"5\""]
    {
        assert_eq!(from_file(text).unwrap().config.retention_ms(), 5, "{text}");
    }
    assert!(refusal("log.retention.ms = 5\n\"log.retention.ms\" = 6").contains("set twice"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    assert!(refusal("num.partition = 1").contains("did you mean `num.partitions`?"));
    assert!(refusal("log.retentoin.ms = 1").contains("did you mean `log.retention.ms`?"));
    let far = refusal("zzz = 1");
    assert!(far.contains("no setting `zzz`") && !far.contains("did you mean"));
}

#[test]
fn a_setting_of_kafka_without_effect_is_accepted_with_a_warning() {
    let loaded = from_file("log.flush.interval.messages = 1\nnum.io.threads = 8").unwrap();
    assert_eq!(loaded.warnings.len(), 2);
    assert!(loaded.warnings.iter().any(|w| w.contains("log.flush.interval.messages")));
}

#[test]
fn values_are_checked_with_their_bounds_and_units() {
    assert_eq!(from_file("memory = \"512MiB\"").unwrap().config.memory, Some(Bytes(512 << 20)));
    assert!(refusal("memory = \"5 parsecs\"").contains("no unit"));
    assert!(refusal("memory = \"99999999999 TiB\"").contains("too large"));
    assert!(refusal("num.partitions = 0").contains("below its least value, 1"));
    assert!(refusal("advertise = \"all\"").contains("node|core"));
    assert!(refusal("delete.topic.enable = 1.5").contains("neither a text"));
    assert!(refusal("num.partitions = [1, 2]").contains("list of something else"));
    assert!(refusal("num.partitions = ").contains("s.toml"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    assert!(refusal("log.dirs = \"a,b\"").contains("one directory"));
    assert!(refusal("listeners = \"SSL://:9093\"").contains("SSL is not served"));
    assert!(refusal("listeners = \"PLAINTEXT://0.0.0.0:9092\"").contains("advertised.listeners"));
    assert!(refusal("advertised.listeners = \"OTHER://h:1\"").contains("no listener OTHER"));
    assert!(refusal("storage.extent.bytes = \"1MiB\"").contains("does not fit"));
    let session = refusal("group.consumer.session.timeout.ms = 10000");
    assert!(
        session.contains("group.consumer.min.session.timeout.ms (45000) is above"),
        "{session}"
    );
    let interval = "group.consumer.max.heartbeat.interval.ms = 4999";
    assert!(refusal(interval).contains("group.consumer.heartbeat.interval.ms (5000) is above"));
    assert!(refusal("group.min.session.timeout.ms = 1800001").contains("group.max.session"));
    let shown =
        "listeners = [\"PLAINTEXT://0.0.0.0:9092\"]\nadvertised.listeners = \"PLAINTEXT://h:1\"";
    assert_eq!(from_file(shown).unwrap().config.advertised()[0].host, "h");
}

#[test]
fn addresses_are_read_as_kafka_writes_them() {
    let read = |text: &str| text.parse::<ListenerAddress>();
    assert_eq!(read("plaintext://:9092").unwrap().host, "");
    assert_eq!(read("INNER://[::1]:0").unwrap().to_string(), "INNER://[::1]:0");
    for bad in [
        "127.0.0.1:9092",
        "PLAINTEXT://h",
        "PLAINTEXT://h:99999",
        "A://::1:9",
        "://h:1",
        "A://[h]:1",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_setting_has_one_name_a_meaning_and_a_default_that_its_bounds_allow() {
    let mut names = BTreeSet::new();
    for setting in SETTINGS {
        assert!(names.insert(setting.name), "{} is declared twice", setting.name);
        assert!(!setting.meaning.trim().is_empty(), "{} has no meaning", setting.name);
        (setting.set)(&mut Config::default(), setting.default)
            .unwrap_or_else(|e| panic!("{}: {e}", setting.name));
    }
    for foreign in FOREIGN {
        assert!(names.insert(foreign.name), "{} is declared twice", foreign.name);
    }
}
