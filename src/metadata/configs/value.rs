//! Config values: types, bounds, and Kafka's words for what is wrong with them (`ConfigDef`).

use std::fmt;

/// The type of a config, as clients are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigType {
    Boolean,
    Text,
    Int,
    Short,
    Long,
    Double,
    List,
}

impl ConfigType {
    /// Kafka's name of the type, as its messages have it.
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Text => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
        }
    }
}

/// What a parsed value must satisfy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Bounds {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// In the range, or equal to the last number.
    BetweenOr(i64, i64, i64),
    OneOf(&'static [&'static str]),
    /// Each item is one of these; no item is empty.
    ItemsOf(&'static [&'static str]),
    /// `*`, or `partition:broker` pairs.
    ThrottledReplicas,
}

/// A parsed value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Neither set nor with a default.
    Null,
    Boolean(bool),
    Number(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// Parses `text` and holds it against the bounds. The error is Kafka's message.
    pub(in crate::metadata) fn parse(
        name: &str,
        kind: ConfigType,
        bounds: Bounds,
        text: &str,
    ) -> Result<Self, String> {
        let value = Self::parse_type(kind, text)
            .map_err(|reason| format!("Invalid value {text} for configuration {name}: {reason}"))?;
        let value = match (value, bounds) {
            // Kafka takes an item given twice for one; not so in lists that it does not know.
            (Self::List(items), Bounds::ItemsOf(_)) => Self::List(deduplicated(items)),
            (value, _) => value,
        };
        value.check(name, bounds)?;
        Ok(value)
    }

    fn parse_type(kind: ConfigType, text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let number = |min: i64, max: i64| {
            let parsed = trimmed.parse::<i64>().ok().filter(|number| (min..=max).contains(number));
            parsed.map(Self::Number).ok_or_else(|| format!("Not a number of type {}", kind.name()))
        };
        match kind {
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Self::Boolean(true)),
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => {
                Ok(Self::Boolean(false))
            }
            ConfigType::Boolean => Err("Expected value to be either true or false".to_owned()),
            ConfigType::Text => Ok(Self::Text(trimmed.to_owned())),
            ConfigType::Short => number(i16::MIN.into(), i16::MAX.into()),
            ConfigType::Int => number(i32::MIN.into(), i32::MAX.into()),
            ConfigType::Long => number(i64::MIN, i64::MAX),
            ConfigType::Double => parse_double(trimmed)
                .map(Self::Double)
                .ok_or_else(|| format!("Not a number of type {}", kind.name())),
            ConfigType::List if trimmed.is_empty() => Ok(Self::List(Vec::new())),
            ConfigType::List => {
                Ok(Self::List(trimmed.split(',').map(|item| item.trim().to_owned()).collect()))
            }
        }
    }

    fn check(&self, name: &str, bounds: Bounds) -> Result<(), String> {
        let wrong = |reason: String| {
            Err(format!("Invalid value {} for configuration {name}: {reason}", Shown(self)))
        };
        match bounds {
            Bounds::Any => Ok(()),
            Bounds::AtLeast(min) if self.below(min) => {
                wrong(format!("Value must be at least {min}"))
            }
            Bounds::Between(min, _) if self.below(min) => {
                wrong(format!("Value must be at least {min}"))
            }
            Bounds::Between(_, max) if self.above(max) => {
                wrong(format!("Value must be no more than {max}"))
            }
            Bounds::BetweenOr(min, max, other) => {
                if (self.below(min) || self.above(max)) && *self != Self::Number(other) {
                    return wrong(format!(
                        "Value must be between {min} and {max} or equal to {other}"
                    ));
                }
                Ok(())
            }
            Bounds::OneOf(known) if !known.contains(&self.text()) => {
                wrong(format!("String must be one of: {}", known.join(", ")))
            }
            Bounds::ItemsOf(known) => self.check_items(name, known),
            Bounds::ThrottledReplicas if !self.names_replicas() => wrong(format!(
                "{name} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            )),
            Bounds::AtLeast(_)
            | Bounds::Between(..)
            | Bounds::OneOf(_)
            | Bounds::ThrottledReplicas => Ok(()),
        }
    }

    fn check_items(&self, name: &str, known: &[&str]) -> Result<(), String> {
        if self.items().any(str::is_empty) {
            return Err(format!("Configuration '{name}' values must not be empty."));
        }
        match self.items().find(|item| !known.contains(item)) {
            None => Ok(()),
            Some(item) => Err(format!(
                "Invalid value {item} for configuration {name}: String must be one of: {}",
                known.join(", ")
            )),
        }
    }

    fn below(&self, min: i64) -> bool {
        match self {
            Self::Number(number) => *number < min,
            Self::Double(number) => *number < min as f64,
            _ => false,
        }
    }

    fn above(&self, max: i64) -> bool {
        match self {
            Self::Number(number) => *number > max,
            Self::Double(number) => *number > max as f64,
            _ => false,
        }
    }

    fn names_replicas(&self) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let pair = |item: &str| {
            item.split_once(':')
                .is_some_and(|(partition, broker)| number(partition) && number(broker))
        };
        let Self::List(items) = self else { return false };
        items.iter().all(|item| pair(item)) || matches!(&items[..], [only] if only == "*")
    }

    /// The items of a list; none if it is no list.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        let items: &[String] = if let Self::List(items) = self { items } else { &[] };
        items.iter().map(String::as_str)
    }

    /// A text; empty if it is none.
    pub fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// A number of any width; 0 if it is none.
    pub fn number(&self) -> i64 {
        if let Self::Number(number) = self { *number } else { 0 }
    }

    /// A number of the type INT.
    pub fn int(&self) -> i32 {
        self.number().clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }

    /// A number of the type INT whose bounds exclude negative ones.
    pub fn unsigned(&self) -> u32 {
        u32::try_from(self.int()).unwrap_or(0)
    }

    pub fn is_true(&self) -> bool {
        *self == Self::Boolean(true)
    }

    /// As Kafka describes it: `None` for what is neither set nor has a default.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::List(items) => Some(items.join(",")),
            value => Some(Shown(value).to_string()),
        }
    }
}

/// Java's spelling of numbers: of the words that Rust reads, only two, and in this case only.
fn parse_double(text: &str) -> Option<f64> {
    let word = text.trim_start_matches(['+', '-']);
    let spelled = word.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (spelled || word == "NaN" || word == "Infinity").then(|| text.parse().ok()).flatten()
}

fn deduplicated(items: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for item in items {
        if item.is_empty() || !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// A value in a message, as Java's `toString` has it.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => value.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Double(number) => write_double(*number, f),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => write!(f, "[{}]", items.join(", ")),
        }
    }
}

/// Java's `Double.toString`: plain from 10⁻³ to 10⁷, scientific outside, always with a fraction.
fn write_double(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = number.abs();
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if number == 0.0 || number.is_nan() || (1e-3..1e7).contains(&size) {
        return write!(f, "{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => write!(f, "{digits}.0E{exponent}"),
        _ => f.write_str(&text),
    }
}
