//! Puts a configuration together: flag over environment over file over default.

use std::collections::BTreeMap;
use std::fmt;

use toml::Value;

use crate::config::Config;
use crate::config::FOREIGN;
use crate::config::SETTINGS;
use crate::config::Setting;

/// A name is called near another when their similarity (Jaro-Winkler) reaches this.
const NEAR: f64 = 0.8;

/// Where a value came from; goes into refusals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    Flag,
    Variable,
    File(String),
}

impl Source {
    fn describe(&self, setting: &Setting) -> String {
        match self {
            Self::Flag => format!("--{}", setting.flag()),
            Self::Variable => setting.variable(),
            Self::File(path) => format!("`{}` in {path}", setting.name),
        }
    }
}

/// What was given, by the name of the setting.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub flags: BTreeMap<&'static str, String>,
    pub variables: BTreeMap<&'static str, String>,
    /// Path and text of the configuration file.
    pub file: Option<(String, String)>,
}

/// A configuration and what the operator should hear about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// The text of every setting that was given, by its name.
    pub given: BTreeMap<&'static str, String>,
    pub warnings: Vec<String>,
}

/// Why there is no configuration. Says all that an operator needs to mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// The file is no TOML, or a value in it has no text form.
    File { path: String, what: String },
    /// No setting has this name.
    Unknown { path: String, name: String, nearest: Option<&'static str> },
    /// A value that its setting does not take.
    Value { place: String, value: String, what: String, hint: &'static str },
    /// Values that do not go together.
    Contradiction(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, what } => write!(f, "{path}: {what}"),
            Self::Unknown { path, name, nearest: Some(nearest) } => {
                write!(f, "{path}: there is no setting `{name}`; did you mean `{nearest}`?")
            }
            Self::Unknown { path, name, nearest: None } => {
                write!(
                    f,
                    "{path}: there is no setting `{name}`; `strandlog serve --help` lists all"
                )
            }
            Self::Value { place, value, what, hint } => {
                write!(f, "{place} cannot be `{value}` ({hint}): {what}")
            }
            Self::Contradiction(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Puts the sources together and checks the whole.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut loaded =
        Loaded { config: Config::default(), given: BTreeMap::new(), warnings: Vec::new() };
    if let Some((path, text)) = &sources.file {
        for (name, value) in flatten(path, text)? {
            apply_file(&mut loaded, path, &name, &value)?;
        }
    }
    for (given, source) in [(&sources.variables, Source::Variable), (&sources.flags, Source::Flag)]
    {
        for (name, value) in given {
            let setting = find(name).expect("flags and variables are made from the declarations");
            apply(&mut loaded, setting, &source, value)?;
        }
    }
    check(&loaded.config)?;
    Ok(loaded)
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn apply_file(loaded: &mut Loaded, path: &str, name: &str, value: &str) -> Result<(), ConfigError> {
    if let Some(setting) = find(name) {
        return apply(loaded, setting, &Source::File(path.to_owned()), value);
    }
    if let Some(foreign) = FOREIGN.iter().find(|foreign| foreign.name == name) {
        loaded.warnings.push(format!("{path}: `{name}` has no effect: {}", foreign.instead));
        return Ok(());
    }
    let (path, name) = (path.to_owned(), name.to_owned());
    let nearest = nearest(&name);
    Err(ConfigError::Unknown { path, name, nearest })
}

fn apply(
    loaded: &mut Loaded,
    setting: &'static Setting,
    source: &Source,
    value: &str,
) -> Result<(), ConfigError> {
    loaded.given.insert(setting.name, value.to_owned());
    (setting.set)(&mut loaded.config, value).map_err(|what| ConfigError::Value {
        place: source.describe(setting),
        value: value.to_owned(),
        what,
        hint: setting.hint,
    })
}

/// The setting whose name is most like `name`, if one is like it at all.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let close = |setting: &Setting| strsim::jaro_winkler(setting.name, name);
    let best = SETTINGS.iter().max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(best) >= NEAR).then_some(best.name)
}

/// `[log.retention] ms = 1`, `log.retention.ms = 1` and `"log.retention.ms" = 1` are the same.
fn flatten(path: &str, text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| ConfigError::File {
        path: path.to_owned(),
        what: e.to_string(),
    })?;
    let mut flat = BTreeMap::new();
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        let text = match value {
            Value::Table(table) => {
                open.extend(table.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
                continue;
            }
            Value::String(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Array(parts) => join(path, &name, &parts)?,
            Value::Float(_) | Value::Datetime(_) => {
                let what = format!("`{name}` is neither a text, a whole number, nor true or false");
                return Err(ConfigError::File { path: path.to_owned(), what });
            }
        };
        if flat.insert(name.clone(), text).is_some() {
            let what = format!("`{name}` is set twice");
            return Err(ConfigError::File { path: path.to_owned(), what });
        }
    }
    Ok(flat)
}

/// A TOML list of texts is Kafka's list with commas.
fn join(path: &str, name: &str, parts: &[Value]) -> Result<String, ConfigError> {
    let texts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
    texts.map(|texts| texts.join(",")).ok_or_else(|| ConfigError::File {
        path: path.to_owned(),
        what: format!("`{name}` is a list of something else than texts"),
    })
}

/// What no single setting can know.
fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |what: String| Err(ConfigError::Contradiction(what));
    if config.log_dirs.is_empty() || config.log_dirs.contains(',') {
        return refuse(format!(
            "log.dirs names one directory, not `{}`: a strand lies in one place; several drives \
             are joined below the file system (RAID 0, LVM)",
            config.log_dirs
        ));
    }
    check_listeners(config)?;
    if config.shards == Some(0) {
        return refuse("shards: there is at least one".to_owned());
    }
    let batch = u64::try_from(config.message_max_bytes).unwrap_or(0);
    if batch + BATCH_ROOM > config.storage_extent_bytes.0 {
        return refuse(format!(
            "message.max.bytes ({batch}) does not fit into an extent of storage.extent.bytes ({})",
            config.storage_extent_bytes.0
        ));
    }
    if !config.storage_extent_bytes.0.is_multiple_of(1 << 20) {
        return refuse("storage.extent.bytes is a whole number of MiB".to_owned());
    }
    check_groups(config)
}

/// Least, value and most, each not above the next, as Kafka wants them.
fn check_groups(config: &Config) -> Result<(), ConfigError> {
    let session = [
        ("group.consumer.min.session.timeout.ms", config.group_consumer_min_session_timeout_ms),
        ("group.consumer.session.timeout.ms", config.group_consumer_session_timeout_ms),
        ("group.consumer.max.session.timeout.ms", config.group_consumer_max_session_timeout_ms),
    ];
    let heartbeat = [
        (
            "group.consumer.min.heartbeat.interval.ms",
            config.group_consumer_min_heartbeat_interval_ms,
        ),
        ("group.consumer.heartbeat.interval.ms", config.group_consumer_heartbeat_interval_ms),
        (
            "group.consumer.max.heartbeat.interval.ms",
            config.group_consumer_max_heartbeat_interval_ms,
        ),
    ];
    let assignment = [
        (
            "group.consumer.min.assignment.interval.ms",
            config.group_consumer_min_assignment_interval_ms,
        ),
        ("group.consumer.assignment.interval.ms", config.group_consumer_assignment_interval_ms),
        (
            "group.consumer.max.assignment.interval.ms",
            config.group_consumer_max_assignment_interval_ms,
        ),
    ];
    let classic = [
        ("group.min.session.timeout.ms", config.group_min_session_timeout_ms),
        ("group.max.session.timeout.ms", config.group_max_session_timeout_ms),
    ];
    for row in [&session[..], &heartbeat, &assignment, &classic] {
        for pair in row.windows(2) {
            let ((lower, less), (upper, more)) = (pair[0], pair[1]);
            if less > more {
                let what = format!("{lower} ({less}) is above {upper} ({more}): set both");
                return Err(ConfigError::Contradiction(what));
            }
        }
    }
    Ok(())
}

/// What an extent needs beside its largest batch: header, frame header, table, seal and footer.
const BATCH_ROOM: u64 = 512 * 1024;

fn check_listeners(config: &Config) -> Result<(), ConfigError> {
    let refuse = |what: String| Err(ConfigError::Contradiction(what));
    if config.listeners.is_empty() {
        return refuse("listeners: at least one is needed".to_owned());
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        if config.listeners[..index].iter().any(|other| other.name == listener.name) {
            return refuse(format!("listeners: two are named {}", listener.name));
        }
        if listener.name != "PLAINTEXT" && PROTOCOLS.contains(&listener.name.as_str()) {
            return refuse(format!("listeners: {} is not served; use PLAINTEXT", listener.name));
        }
    }
    for shown in &config.advertised_listeners {
        if !config.listeners.iter().any(|own| own.name == shown.name) {
            return refuse(format!("advertised.listeners: there is no listener {}", shown.name));
        }
    }
    for shown in config.advertised() {
        if shown.host == "0.0.0.0" || shown.host == "::" {
            return refuse(format!(
                "clients cannot connect to {shown}: set advertised.listeners to what they can reach, \
                 or name no host (`{}://:{}`), and they are told this machine's name",
                shown.name, shown.port
            ));
        }
    }
    Ok(())
}

/// Kafka's security protocols; a listener of such a name would promise what it does not do.
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
