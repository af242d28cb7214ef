//! Subscription by regular expressions (rule 60): they are bounded, must match a name whole, and are
//! matched against all topics off-core.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;
use regex::RegexBuilder;

use super::Draft;
use super::heartbeat::PatternChange;
use crate::group::Error;
use crate::group::MemberAbout;
use crate::group::PatternValue;
use crate::group::Refused;
use crate::group::bounds;
use crate::group::context::Context;

/// What a pattern stands for.
pub type Match = (Arc<str>, BTreeSet<Arc<str>>);

/// The names among `topics` that each pattern matches whole. One that is none matches nothing.
pub fn match_patterns<'a>(
    patterns: &[Arc<str>],
    topics: impl Iterator<Item = &'a Arc<str>> + Clone,
) -> Vec<Match> {
    let matched = |pattern: &Arc<str>| {
        let names = match compile(pattern) {
            Ok(regex) => topics.clone().filter(|name| regex.is_match(name)).cloned().collect(),
            Err(_) => BTreeSet::new(),
        };
        (pattern.clone(), names)
    };
    patterns.iter().map(matched).collect()
}

/// Refuses what is no regular expression, or too large a one.
pub(super) fn check(pattern: &str) -> Result<(), Refused> {
    let refused = |why: String| {
        let reason =
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}.");
        Refused::new(Error::InvalidRegularExpression, reason)
    };
    if pattern.len() > bounds::PATTERN_BYTES_MAX {
        return Err(Refused::new(
            Error::InvalidRegularExpression,
            format!("SubscribedTopicRegex is longer than {} bytes.", bounds::PATTERN_BYTES_MAX),
        ));
    }
    compile(pattern).map(|_| ()).map_err(|error| refused(reason_of(&error)))
}

/// The last line of what the parser shows says what is wrong; the ones above it draw it.
fn reason_of(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let plain = unquoted(pattern);
    // By itself first: what is wrapped must not be able to close the wrapping.
    build(&plain)?;
    build(&format!("^(?:{plain})$"))
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(bounds::PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(bounds::PATTERN_COMPILED_BYTES_MAX)
        .build()
}

/// RE2 knows `\Q…\E` for text that stands for itself.
fn unquoted(pattern: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(pattern.len()), pattern);
    while let Some(at) = quotation(rest) {
        plain.push_str(&rest[..at]);
        let quoted = &rest[at + 2..];
        let (text, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        plain.push_str(&regex::escape(text));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Where the first `\Q` stands that is not itself escaped.
fn quotation(pattern: &str) -> Option<usize> {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'\\', b'Q') => return Some(at),
            (b'\\', _) => at += 2,
            _ => at += 1,
        }
    }
    None
}

impl Draft {
    /// The patterns of the group, where it is time to find out what they stand for.
    pub(super) fn patterns_to_match(
        &mut self,
        change: PatternChange,
        about: &MemberAbout,
        cx: &Context<'_>,
    ) -> Option<Vec<Arc<str>>> {
        let facts = &self.facts;
        if facts.patterns_read().len() == 0 || self.is_matching {
            return None;
        }
        let last = facts.patterns.values().next();
        let age_ms = last.map(|last| cx.now.wall_ms.saturating_sub(last.matched_ms));
        if age_ms.is_some_and(|age_ms| (0..=bounds::MATCH_PAUSE_MS).contains(&age_ms)) {
            return None;
        }
        let is_new = change == PatternChange::Open && about.pattern().is_some();
        let is_due = is_new
            || facts.patterns_read().len() != facts.patterns.len()
            || last.map_or(0, |last| last.version) < self.topics_version
            || age_ms.is_some_and(|age_ms| age_ms > cx.config.pattern_refresh_ms || age_ms < 0);
        if !is_due {
            return None;
        }
        self.is_matching = true;
        Some(self.facts.patterns_read().cloned().collect())
    }

    /// It was found out what patterns stood for when the metadata had `version`.
    pub(in crate::group) fn matched(&mut self, matches: &[Match], version: i64, cx: &Context<'_>) {
        let mut has_changed = false;
        for (pattern, topics) in matches {
            if self.facts.readers(pattern) == 0 {
                continue;
            }
            let before = self.facts.patterns.get(pattern).map(|before| &before.topics);
            has_changed |= before.map_or(!topics.is_empty(), |before| before != topics);
            let (topics, matched_ms) = (topics.clone(), cx.now.wall_ms);
            self.write_pattern(pattern, Some(PatternValue { topics, version, matched_ms }));
        }
        self.bump(has_changed, cx.cluster);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, names: &[&str]) -> Vec<String> {
        let names: Vec<Arc<str>> = names.iter().map(|name| (*name).into()).collect();
        let found = match_patterns(&[pattern.into()], names.iter());
        found[0].1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_matched_whole() {
        let names = ["orders", "orders.eu", "my-orders", "refunds"];
        assert_eq!(matches("orders", &names), ["orders"]);
        assert_eq!(matches("orders.*", &names), ["orders", "orders.eu"]);
        assert_eq!(matches("^orders$|refunds", &names), ["orders", "refunds"]);
        assert_eq!(matches("ord|orders", &names), ["orders"]);
    }

    #[test]
    fn quoted_text_stands_for_itself() {
        let names = ["a.b", "axb", "a.b.c", "Q"];
        assert_eq!(matches(r"\Qa.b\E", &names), ["a.b"]);
        assert_eq!(matches(r"\Qa.b\E.*", &names), ["a.b", "a.b.c"]);
        assert_eq!(matches(r"\Qa.b", &names), ["a.b"]);
        assert!(check(r"\\Q").is_ok() && matches(r"\\Q", &names).is_empty());
    }

    #[test]
    fn what_is_no_expression_or_explodes_is_refused() {
        for pattern in ["(", "a)(?:b", "[", "*", "(?x)a#", r"(?=a)", "((a{100}){100}){100}"] {
            let refused = check(pattern).expect_err(pattern);
            assert_eq!(refused.error, Error::InvalidRegularExpression, "{pattern}");
        }
        check(&"a".repeat(bounds::PATTERN_BYTES_MAX + 1)).expect_err("too long");
        assert!(matches("(", &["("]).is_empty());
    }
}
