//! What one setting is, and how its text becomes a value.

use std::fmt;
use std::ops::RangeInclusive;

use crate::config::Config;
use crate::config::GroupAssignor;
use crate::config::ListenerAddress;

/// A setting's declaration: all that help, file, flag and variable need to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Kafka's name wherever Kafka has one.
    pub name: &'static str,
    /// The heading that help puts it under.
    pub group: &'static str,
    /// What it does, in sentences.
    pub meaning: &'static str,
    /// The default as an operator would write it. Empty: none, or found out at start.
    pub default: &'static str,
    /// What a value looks like, for help and refusals.
    pub hint: &'static str,
    /// Parses `text` and puts it into the field of this setting.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Setting {
    /// `log.dirs` → `log-dirs`.
    pub fn flag(&self) -> String {
        self.name.replace('.', "-")
    }

    /// `log.dirs` → `STRANDLOG_LOG_DIRS`.
    pub fn variable(&self) -> String {
        format!("STRANDLOG_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    const HINT: &'static str;

    fn parse(text: &str) -> Result<Self, String>;
}

/// A choice between words.
pub trait Choice: Sized + Copy + 'static {
    const HINT: &'static str;
    const WORDS: &'static [(&'static str, Self)];

    fn word(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
    }
}

/// A size; written as bytes or with a unit of 1024 (`512MiB`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let unit = UNITS.iter().find(|(_, size)| self.0 >= 4 * size);
        match unit {
            Some((name, size)) => write!(f, "{} {name}", self.0 / size),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

impl Value for Bytes {
    const HINT: &'static str = "BYTES";

    fn parse(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kib" => 10,
            "m" | "mib" => 20,
            "g" | "gib" => 30,
            "t" | "tib" => 40,
            _ => return Err(format!("`{unit}` is no unit; use KiB, MiB, GiB or TiB")),
        };
        let number: u64 = digits.parse().map_err(|_| "not a size".to_owned())?;
        let bytes = number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())?;
        Ok(Self(bytes))
    }
}

impl Value for String {
    const HINT: &'static str = "TEXT";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for bool {
    const HINT: &'static str = "true|false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("neither `true` nor `false`".to_owned()),
        }
    }
}

impl<T: Value> Value for Option<T> {
    const HINT: &'static str = T::HINT;

    /// Nothing is what an unset setting is written as.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(None);
        }
        T::parse(text).map(Some)
    }
}

impl Value for Vec<ListenerAddress> {
    const HINT: &'static str = "NAME://HOST:PORT[,…]";

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().map_err(|e| format!("`{part}`: {e}"))).collect()
    }
}

/// At least one, and none twice.
impl Value for Vec<GroupAssignor> {
    const HINT: &'static str = "uniform|range[,…]";

    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split(',').map(str::trim).collect();
        let assignors: Self =
            words.iter().map(|word| Value::parse(word)).collect::<Result<_, _>>()?;
        let is_twice = |(at, word)| words[..at].contains(word);
        if words.iter().enumerate().any(is_twice) {
            return Err("an assignor is there twice".to_owned());
        }
        Ok(assignors)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const HINT: &'static str = "NUMBER";

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|e| format!("{e}"))
            }
        }
    )*};
}

integers!(u16, u32, i32, i64, u64);

/// Refuses what lies outside the bounds of a declaration.
pub(crate) fn check_bounds<T: PartialOrd + fmt::Display>(
    value: T,
    bounds: &RangeInclusive<T>,
) -> Result<T, String> {
    if value < *bounds.start() {
        return Err(format!("below its least value, {}", bounds.start()));
    }
    if value > *bounds.end() {
        return Err(format!("above its greatest value, {}", bounds.end()));
    }
    Ok(value)
}
