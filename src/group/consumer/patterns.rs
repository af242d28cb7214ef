//! Subscription by regular expressions (rule 60): they are bounded, must match a name whole, and are
//! matched against all topics off-core, a piece at a time. Names of topics are ASCII, and so is what
//! patterns know: with Unicode, classes of letters would cost seconds in a heartbeat.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::vec;

use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

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

/// Bytes that a pattern may grow by, compiled, when it is to match names whole.
const WHOLE_BYTES: usize = 4 << 10;

/// Patterns of a group on their way through the names of all topics. A pattern that is none matches
/// nothing.
#[derive(Debug)]
pub struct PatternSearch {
    left: vec::IntoIter<Arc<str>>,
    /// The last of `matches` is not done: the name that it goes on at.
    at: Option<(Regex, Arc<str>)>,
    matches: Vec<Match>,
}

impl PatternSearch {
    pub fn new(patterns: Vec<Arc<str>>) -> Self {
        Self { left: patterns.into_iter(), at: None, matches: Vec::new() }
    }

    /// Where the names begin that [`PatternSearch::go_on`] wants.
    pub fn begins_at(&self) -> Arc<str> {
        self.at.as_ref().map(|(_, from)| from.clone()).unwrap_or_default()
    }

    /// A piece: one pattern and [`bounds::MATCH_BYTES`] of `names`, which are in order.
    pub fn go_on<'a>(&mut self, names: impl Iterator<Item = &'a Arc<str>>) {
        let regex = match self.at.take() {
            Some((regex, _)) => regex,
            None => {
                let Some(pattern) = self.left.next() else { return };
                let compiled = compile(&pattern);
                self.matches.push((pattern, BTreeSet::new()));
                let Some(regex) = compiled else { return };
                regex
            }
        };
        let (_, found) = self.matches.last_mut().expect("it was begun");
        let mut bytes = 0;
        for name in names {
            if bytes >= bounds::MATCH_BYTES {
                self.at = Some((regex, name.clone()));
                return;
            }
            bytes += name.len();
            if regex.is_match(name.as_bytes()) {
                found.insert(name.clone());
            }
        }
    }

    pub fn is_over(&self) -> bool {
        self.at.is_none() && self.left.len() == 0
    }

    pub fn into_matches(self) -> Vec<Match> {
        self.matches
    }
}

/// Where the search for what the patterns of a group stand for stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::group) enum SearchState {
    Never,
    UnderWay,
    /// It is over, whatever came of it, and there is none until then, in `Now::mono_us`.
    PausedUntil(u64),
}

/// Refuses what is no regular expression, or too large a one.
pub(super) fn check(pattern: &str) -> Result<(), Refused> {
    if pattern.len() > bounds::PATTERN_BYTES_MAX {
        return Err(Refused::new(
            Error::InvalidRegularExpression,
            format!("SubscribedTopicRegex is longer than {} bytes.", bounds::PATTERN_BYTES_MAX),
        ));
    }
    let plain = unquoted(pattern);
    let built = match foreign_flag(&plain) {
        Some(flag) => Err(format!("unrecognized flag {flag}")),
        None => build(&plain, bounds::PATTERN_COMPILED_BYTES_MAX).map_err(|no| reason_of(&no)),
    };
    built.map(drop).map_err(|why| {
        let reason =
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}.");
        Refused::new(Error::InvalidRegularExpression, reason)
    })
}

/// The last line of what the parser shows says what is wrong; the ones above it draw it.
fn reason_of(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// To match names whole. What a log holds was not checked here.
fn compile(pattern: &str) -> Option<Regex> {
    // By itself first: what is wrapped must not be able to close the wrapping.
    check(pattern).ok()?;
    let whole = format!("^(?:{})$", unquoted(pattern));
    build(&whole, bounds::PATTERN_COMPILED_BYTES_MAX + WHOLE_BYTES).ok()
}

fn build(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(bytes_max)
        .dfa_size_limit(bounds::PATTERN_COMPILED_BYTES_MAX)
        .build()
}

/// A flag that RE2 does not know, as it stands behind `(?`, be it in a class: `u` would bring back
/// Unicode, and with it its price.
fn foreign_flag(pattern: &str) -> Option<char> {
    let is_flag = |letter: &char| letter.is_ascii_alphabetic() || *letter == '-';
    // The `P` is that of `(?P<name>`.
    let is_foreign = |letter: &char| !"imsUP-".contains(*letter);
    let mut rest = pattern;
    while let Some(at) = unescaped(rest, *b"(?") {
        rest = &rest[at + 2..];
        if let Some(flag) = rest.chars().take_while(is_flag).find(is_foreign) {
            return Some(flag);
        }
    }
    None
}

/// RE2 knows `\Q…\E` for text that stands for itself.
fn unquoted(pattern: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(pattern.len()), pattern);
    while let Some(at) = unescaped(rest, *b"\\Q") {
        plain.push_str(&rest[..at]);
        let quoted = &rest[at + 2..];
        let (text, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        plain.push_str(&regex::escape(text));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Where `wanted` first stands and is not escaped.
fn unescaped(pattern: &str, wanted: [u8; 2]) -> Option<usize> {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while let Some(pair) = bytes[at..].first_chunk() {
        if *pair == wanted {
            return Some(at);
        }
        at += if pair[0] == b'\\' { 2 } else { 1 };
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
        let may_begin = match self.search {
            SearchState::Never => true,
            SearchState::UnderWay => false,
            SearchState::PausedUntil(at_us) => at_us <= cx.now.mono_us,
        };
        if facts.patterns_read().len() == 0 || !may_begin {
            return None;
        }
        let last = facts.patterns.values().next();
        let age_ms = last.map(|last| cx.now.wall_ms.saturating_sub(last.matched_ms));
        let is_new = change == PatternChange::Open && about.pattern().is_some();
        let is_due = is_new
            || facts.patterns_read().len() != facts.patterns.len()
            || last.map_or(0, |last| last.version) < self.topics_version
            || age_ms.is_some_and(|age_ms| age_ms > cx.config.pattern_refresh_ms || age_ms < 0);
        if !is_due {
            return None;
        }
        self.search = SearchState::UnderWay;
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
            // The first time also where it stands for nothing: its members may have read something
            // else, which others wait for.
            has_changed |= before.is_none_or(|before| before != topics);
            let (topics, matched_ms) = (topics.clone(), cx.now.wall_ms);
            self.write_pattern(pattern, Some(PatternValue { topics, version, matched_ms }));
        }
        self.bump(has_changed, cx.cluster);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What patterns match among `names`, which are in order, and in how many pieces.
    fn search(patterns: &[&str], names: &[Arc<str>]) -> (Vec<Match>, usize) {
        let mut search = PatternSearch::new(patterns.iter().map(|one| (*one).into()).collect());
        let mut pieces = 0;
        while !search.is_over() {
            let from = search.begins_at();
            search.go_on(names.iter().filter(|name| **name >= from));
            pieces += 1;
        }
        (search.into_matches(), pieces)
    }

    fn matches(pattern: &str, names: &[&str]) -> Vec<String> {
        let mut names: Vec<Arc<str>> = names.iter().map(|name| (*name).into()).collect();
        names.sort();
        let (found, _) = search(&[pattern], &names);
        found[0].1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_matched_whole() {
        let names = ["orders", "orders.eu", "my-orders", "refunds"];
        assert_eq!(matches("orders", &names), ["orders"]);
        assert_eq!(matches("orders.*", &names), ["orders", "orders.eu"]);
        assert_eq!(matches("^orders$|refunds", &names), ["orders", "refunds"]);
        assert_eq!(matches("ord|orders", &names), ["orders"]);
        assert_eq!(matches(r"(?i)ORDERS(?:\.\w{2})?", &names), ["orders", "orders.eu"]);
        let found = ["my-orders", "orders", "refunds"];
        assert_eq!(matches(r"(?P<what>[^-]+)s|\x{6d}y[[:^alpha:]].*", &names), found);
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
            assert!(matches(pattern, &["(", "a", "ab"]).is_empty(), "{pattern}");
        }
        check(&"a".repeat(bounds::PATTERN_BYTES_MAX)).expect("not too long");
        check(&"a".repeat(bounds::PATTERN_BYTES_MAX + 1)).expect_err("too long");
    }

    #[test]
    fn unicode_is_refused_where_it_costs_and_matches_nothing_elsewhere() {
        for pattern in [r"\pL", r"[\p{Greek}]", "[é]", r"(?u)\pL", r"(?i-u:a)", r"\\(?u)a"] {
            check(pattern).expect_err(pattern);
        }
        let refused = check("(?sRi)a").expect_err("RE2 does not know it");
        assert!(refused.reason.ends_with("unrecognized flag R."), "{}", refused.reason);
        check(r"\(?u|\Q(?u)\E").expect("no flags");
        assert_eq!(matches("é|t|(?i)ß", &["s", "ss", "t"]), ["t"]);
    }

    #[test]
    fn the_largest_expression_that_is_taken_also_matches() {
        let pattern = |count, more| format!("^(?:[ab]?){{{count}}}{}$", "a".repeat(more));
        let is_taken = |count, more| check(&pattern(count, more)).is_ok();
        let most = (1..5_000).take_while(|&count| is_taken(count, 0)).count();
        assert!((249..4_999).contains(&most), "{most}");
        let more = (1..100).take_while(|&more| is_taken(most, more)).count();
        let name = "a".repeat(249);
        for more in 0..=more {
            assert_eq!(matches(&pattern(most, more), &[&name]), [&*name], "{more}");
        }
    }

    #[test]
    fn names_are_matched_in_bounded_pieces_each_by_each_pattern() {
        let names: Vec<Arc<str>> = (0..100).map(|n| format!("{n:0100}").into()).collect();
        let (found, pieces) = search(&["0+[0-9]", "(", "0*[1-9]0"], &names);
        let a_pattern = 100_usize.div_ceil(bounds::MATCH_BYTES.div_ceil(100));
        assert_eq!(pieces, 2 * a_pattern + 1);
        assert!(a_pattern > 2, "{a_pattern}");
        let counts: Vec<_> = found.iter().map(|(_, names)| names.len()).collect();
        assert_eq!(counts, [10, 0, 9]);
    }
}
