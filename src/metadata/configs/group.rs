//! Every group config of Kafka 4.3: type, default, bounds, and the broker configs that stand behind
//! it. Those of consumer groups are obeyed; of share and streams groups there are none here, so
//! theirs are kept and described.

use crate::metadata::Overrides;
use crate::metadata::configs::Bounds;
use crate::metadata::configs::ConfigType;
use crate::metadata::configs::Described;
use crate::metadata::configs::InForce;
use crate::metadata::configs::Layer;
use crate::metadata::configs::Source;
use crate::metadata::configs::Value;

/// A broker config that bounds a group config.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupBound {
    pub name: &'static str,
    /// Where the node has no such config.
    pub default: i64,
}

/// The facts of one group config.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GroupDef {
    pub name: &'static str,
    pub kind: ConfigType,
    pub default: &'static str,
    pub bounds: Bounds,
    /// The broker config that holds where the group does not say; its own name where there is none.
    pub synonym: &'static str,
    pub least: Option<GroupBound>,
    pub most: Option<GroupBound>,
    pub doc: &'static str,
}

impl GroupDef {
    /// The definition of `name`.
    pub fn of(name: &str) -> Option<&'static Self> {
        let found = GROUP_DEFS.binary_search_by(|def| def.name.cmp(name)).ok()?;
        GROUP_DEFS.get(found)
    }

    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = Value::parse(self.name, self.kind, self.bounds, text)?;
        if self.name == OFFSET_RESET && !is_reset_strategy(value.text()) {
            let text = value.text();
            let (name, formats) =
                (self.name, "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'");
            return Err(format!(
                "Invalid value {text} for configuration {name}: Invalid value `{text}` for \
                 configuration {name}. The value must be either {formats}."
            ));
        }
        Ok(value)
    }
}

impl InForce {
    /// Every group config as a group on which `overrides` are set has it, by name.
    pub fn describe_group(&self, overrides: Option<&Overrides>) -> Vec<Described> {
        let described = |def: &GroupDef| {
            let mut layers = self.layers(def.synonym, &[def.synonym]);
            if layers.is_empty() {
                let (name, value) = (def.synonym.to_owned(), def.default.to_owned());
                layers.push(Layer { name, value, source: Source::Default });
            }
            if let Some(own) = overrides.and_then(|overrides| overrides.get(def.name)) {
                let (name, value) = (def.name.to_owned(), own.to_string());
                layers.insert(0, Layer { name, value, source: Source::Group });
            }
            Described {
                name: def.name.to_owned(),
                value: Some(layers[0].value.clone()),
                source: layers[0].source,
                kind: Some(def.kind),
                read_only: false,
                layers,
                doc: def.doc,
            }
        };
        GROUP_DEFS.iter().map(described).collect()
    }

    /// What holds for a group on which `overrides` are set. `None`: there is no such config.
    pub fn group_value(&self, name: &str, overrides: Option<&Overrides>) -> Option<Value> {
        let def = GroupDef::of(name)?;
        let own = overrides.and_then(|overrides| overrides.get(def.name));
        let own = own.and_then(|text| def.parse(text).ok());
        own.or_else(|| Some(self.value(def.synonym)).filter(|value| *value != Value::Null))
            .or_else(|| def.parse(def.default).ok())
    }

    /// The value of a broker config that bounds a group config.
    pub fn bound(&self, bound: &GroupBound) -> i64 {
        match self.value(bound.name) {
            Value::Number(number) => number,
            _ => bound.default,
        }
    }
}

const OFFSET_RESET: &str = "share.auto.offset.reset";

/// `earliest`, `latest`, or a duration of ISO 8601 in days, hours, minutes and seconds.
fn is_reset_strategy(text: &str) -> bool {
    let Some(duration) = text.strip_prefix("by_duration:") else {
        return text == "earliest" || text == "latest";
    };
    let Some(rest) = duration.strip_prefix('P') else { return false };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let days_fit = days.is_empty() || days.strip_suffix('D').is_some_and(is_number);
    let time_fits = time.is_none_or(|time| {
        let mut left = time;
        let mut parts = 0;
        for unit in ['H', 'M', 'S'] {
            if let Some((number, after)) = left.split_once(unit) {
                let whole = number.split_once('.').filter(|_| unit == 'S').map_or(number, |p| p.0);
                if !is_number(whole) {
                    return false;
                }
                left = after;
                parts += 1;
            }
        }
        parts > 0 && left.is_empty()
    });
    days_fit && time_fits && !rest.is_empty() && rest != "T"
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

const fn bound(name: &'static str, default: i64) -> Option<GroupBound> {
    Some(GroupBound { name, default })
}

macro_rules! group_defs {
    ($($name:literal, $kind:ident, $default:literal, $bounds:expr, $synonym:literal, $least:expr,
       $most:expr, $doc:literal;)*) => {
        /// All of them, by name.
        pub static GROUP_DEFS: &[GroupDef] = &[$(GroupDef {
            name: $name,
            kind: ConfigType::$kind,
            default: $default,
            bounds: $bounds,
            synonym: $synonym,
            least: $least,
            most: $most,
            doc: $doc,
        },)*];
    };
}

group_defs! {
    "consumer.assignment.interval.ms", Int, "1000", Bounds::AtLeast(0),
        "group.consumer.assignment.interval.ms",
        bound("group.consumer.min.assignment.interval.ms", 0),
        bound("group.consumer.max.assignment.interval.ms", 15_000),
        "Time between two computations of the group's target assignment at least.";
    "consumer.heartbeat.interval.ms", Int, "5000", Bounds::AtLeast(1),
        "group.consumer.heartbeat.interval.ms",
        bound("group.consumer.min.heartbeat.interval.ms", 5_000),
        bound("group.consumer.max.heartbeat.interval.ms", 15_000),
        "How often members of the consumer group say that they live.";
    "consumer.session.timeout.ms", Int, "45000", Bounds::AtLeast(1),
        "group.consumer.session.timeout.ms",
        bound("group.consumer.min.session.timeout.ms", 45_000),
        bound("group.consumer.max.session.timeout.ms", 60_000),
        "A member of the consumer group that is silent for longer is removed.";
    "share.assignment.interval.ms", Int, "1000", Bounds::AtLeast(0),
        "group.share.assignment.interval.ms",
        bound("group.share.min.assignment.interval.ms", 0),
        bound("group.share.max.assignment.interval.ms", 15_000),
        "As consumer.assignment.interval.ms, of a share group.";
    "share.auto.offset.reset", Text, "latest", Bounds::Any, "share.auto.offset.reset", None, None,
        "Where a share group begins: earliest, latest, or by_duration and an ISO 8601 duration.";
    "share.delivery.count.limit", Int, "5", Bounds::AtLeast(2), "group.share.delivery.count.limit",
        bound("group.share.min.delivery.count.limit", 2),
        bound("group.share.max.delivery.count.limit", 10),
        "How often a record is delivered to a share group at most.";
    "share.heartbeat.interval.ms", Int, "5000", Bounds::AtLeast(1),
        "group.share.heartbeat.interval.ms",
        bound("group.share.min.heartbeat.interval.ms", 5_000),
        bound("group.share.max.heartbeat.interval.ms", 15_000),
        "How often members of the share group say that they live.";
    "share.isolation.level", Text, "read_uncommitted",
        Bounds::OneOf(&["read_committed", "read_uncommitted"]), "share.isolation.level", None, None,
        "Which records a share group reads.";
    "share.partition.max.record.locks", Int, "2000", Bounds::AtLeast(100),
        "group.share.partition.max.record.locks",
        bound("group.share.min.partition.max.record.locks", 100),
        bound("group.share.max.partition.max.record.locks", 4_000),
        "Records of a partition that a share group has locked at most.";
    "share.record.lock.duration.ms", Int, "30000", Bounds::AtLeast(1_000),
        "group.share.record.lock.duration.ms",
        bound("group.share.min.record.lock.duration.ms", 15_000),
        bound("group.share.max.record.lock.duration.ms", 60_000),
        "How long a record stays locked for a member of a share group.";
    "share.renew.acknowledge.enable", Boolean, "true", Bounds::Any,
        "share.renew.acknowledge.enable", None, None,
        "Whether members of a share group may renew the locks of records.";
    "share.session.timeout.ms", Int, "45000", Bounds::AtLeast(1), "group.share.session.timeout.ms",
        bound("group.share.min.session.timeout.ms", 45_000),
        bound("group.share.max.session.timeout.ms", 60_000),
        "A member of the share group that is silent for longer is removed.";
    "streams.assignment.interval.ms", Int, "1000", Bounds::AtLeast(0),
        "group.streams.assignment.interval.ms",
        bound("group.streams.min.assignment.interval.ms", 0),
        bound("group.streams.max.assignment.interval.ms", 15_000),
        "As consumer.assignment.interval.ms, of a streams group.";
    "streams.heartbeat.interval.ms", Int, "5000", Bounds::AtLeast(1),
        "group.streams.heartbeat.interval.ms",
        bound("group.streams.min.heartbeat.interval.ms", 5_000),
        bound("group.streams.max.heartbeat.interval.ms", 15_000),
        "How often members of the streams group say that they live.";
    "streams.initial.rebalance.delay.ms", Int, "3000", Bounds::AtLeast(0),
        "group.streams.initial.rebalance.delay.ms", None, None,
        "How long a streams group waits for more members before its first assignment.";
    "streams.num.standby.replicas", Int, "0", Bounds::AtLeast(0),
        "group.streams.num.standby.replicas", None,
        bound("group.streams.max.standby.replicas", 2),
        "Standby copies of each task of a streams group.";
    "streams.session.timeout.ms", Int, "45000", Bounds::AtLeast(1),
        "group.streams.session.timeout.ms",
        bound("group.streams.min.session.timeout.ms", 45_000),
        bound("group.streams.max.session.timeout.ms", 60_000),
        "A member of the streams group that is silent for longer is removed.";
}
