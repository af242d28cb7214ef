//! The product against Kafka's own message classes, through the vectors of `tests/oracle`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::versions::APIS;
use strandlog::kafka::wire::ResponseHeader;

use crate::apis::Api;
use crate::apis::Codec;
use crate::apis::DIRECTIONS;
use crate::apis::all;
use crate::facts::ApiFacts;
use crate::generator::Fields;
use crate::generator::Generator;
use crate::generator::MESSAGES;
use crate::generator::Value;
use crate::generator::initial;
use crate::generator::written;
use crate::tree::Tree;

/// The page that Kafka's classes wrote on one API.
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn of(name: &str) -> Self {
        let file = format!("{name}.txt");
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "tests", "oracle", "vectors", &file].iter().collect();
        let text = std::fs::read_to_string(&path);
        Self(text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// The rest of the lines that begin with `words`.
    pub(crate) fn lines<'a>(&'a self, words: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(words)?.strip_prefix(' '))
    }

    pub(crate) fn line<'a>(&'a self, words: &'a str) -> &'a str {
        self.lines(words).next().unwrap_or_else(|| panic!("no line {words}"))
    }
}

#[test]
fn every_api_of_the_table_has_an_oracle_in_its_versions() {
    let list = include_str!("../oracle/apis.txt");
    let listed: Vec<&str> = list.lines().collect();
    let table: Vec<String> =
        APIS.iter().map(|api| format!("{} {} {}", api.name, api.min, api.max)).collect();
    assert_eq!(listed, table);
    let read: Vec<&str> = all().iter().map(|api| api.facts.name).collect();
    assert_eq!(read, APIS.iter().map(|api| api.name).collect::<Vec<_>>());
}

#[test]
fn versions_and_headers_are_those_of_kafka() {
    for api in APIS {
        let page = Page::of(api.name);
        let versions = format!("{}-{}", api.min, api.max);
        let title = format!("{} {} versions {versions}", api.key.code(), api.name);
        assert_eq!(page.line("api"), title);
        assert_eq!(page.line("kafka"), versions, "{} in Kafka 4.3", api.name);
        let header = |version: i16| {
            let flexible = api.is_flexible(version);
            let answer = ResponseHeader::flexible(api.key, flexible);
            format!("{}/{}", 1 + i32::from(flexible), i32::from(answer))
        };
        let headers: Vec<String> = (api.min..=api.max).map(header).collect();
        assert_eq!(page.line("headers"), headers.join(" "), "{}", api.name);
    }
}

#[test]
fn error_codes_are_those_of_kafka() {
    let page = Page::of("errors").0;
    let line = |error: &ErrorCode| {
        let retry = if error.is_retriable() { "retriable" } else { "fatal" };
        // Kafka has no words for success.
        let message = if *error == ErrorCode::None { error.name() } else { error.message() };
        format!("{} {} {retry} {message}", error.code(), error.name())
    };
    let codes: Vec<String> = ErrorCode::ALL.iter().map(line).collect();
    assert_eq!(codes, page.lines().collect::<Vec<_>>());
}

#[test]
fn every_fact_of_a_description_is_kafkas() {
    for api in all() {
        let page = Page::of(api.facts.name);
        for direction in DIRECTIONS {
            facts_agree(&api.facts, direction, &page);
        }
    }
}

pub(crate) fn facts_agree(facts: &ApiFacts, direction: &str, page: &Page) {
    let start = format!("fact {direction}");
    let kafka: Vec<String> = page.lines(&start).map(|line| format!("{start} {line}")).collect();
    let described = facts.lines(direction);
    for (described, kafka) in described.iter().zip(&kafka) {
        assert_eq!(described, kafka, "{}", facts.name);
    }
    assert_eq!(described.len(), kafka.len(), "{} {direction}", facts.name);
}

#[test]
fn bytes_that_kafka_wrote_are_read_and_written_again() {
    for api in all() {
        let page = Page::of(api.facts.name);
        for direction in DIRECTIONS {
            bytes_survive(&api.facts, direction, api.codec(direction), &page);
        }
    }
}

pub(crate) fn bytes_survive(facts: &ApiFacts, direction: &str, codec: Codec, page: &Page) {
    for version in facts.versions() {
        let start = format!("bytes {direction} {version}");
        let lines: Vec<&str> = page.lines(&start).collect();
        assert_eq!(lines.len(), 8, "{start}");
        for line in lines {
            let (index, hex) = line.split_once(' ').expect("a number and bytes");
            let bytes = unhex(hex);
            let again = (codec.rewrite)(version, bytes.clone());
            assert_eq!(again, Ok(bytes), "{} {version} #{index}", codec.name);
        }
    }
}

pub(crate) fn unhex(hex: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Calls `check` with every generated message and its bytes.
fn for_each_message(
    facts: &ApiFacts,
    direction: &'static str,
    version: i16,
    mut check: impl FnMut(usize, &Fields, &[u8]),
) {
    let mut generator = Generator::new(facts, direction, version);
    for index in 0..MESSAGES {
        let message = generator.message();
        check(index, &message, &written(facts, version, &message));
    }
}

#[test]
fn generated_messages_are_kafkas_byte_for_byte_and_survive_the_codec() {
    for api in all() {
        let page = Page::of(api.facts.name);
        for direction in DIRECTIONS {
            digests_agree(&api.facts, direction, api.codec(direction), &page);
        }
    }
}

pub(crate) fn digests_agree(facts: &ApiFacts, direction: &'static str, codec: Codec, page: &Page) {
    for version in facts.versions() {
        let mut digest = 0;
        for_each_message(facts, direction, version, |index, message, bytes| {
            digest = crc32c::crc32c_append(digest, &(bytes.len() as u32).to_be_bytes());
            digest = crc32c::crc32c_append(digest, bytes);
            let bytes = Bytes::copy_from_slice(bytes);
            let again = (codec.rewrite)(version, bytes.clone());
            assert_eq!(again, Ok(bytes), "{} {version} #{index}: {message:?}", codec.name);
        });
        let digest = format!("{MESSAGES} {digest:08x}");
        let kafka = format!("digest {direction} {version}");
        assert_eq!(digest, page.line(&kafka), "{} {version}", codec.name);
    }
}

#[test]
fn a_decoded_message_has_every_value_in_its_field() {
    for api in all() {
        for direction in DIRECTIONS {
            values_stand_in_their_fields(&api.facts, direction, api.codec(direction));
        }
    }
}

pub(crate) fn values_stand_in_their_fields(
    facts: &ApiFacts,
    direction: &'static str,
    codec: Codec,
) {
    for version in facts.versions() {
        let mut generator = Generator::new(facts, direction, version);
        for _ in 0..32 {
            let message = generator.message();
            let bytes = Bytes::from(written(facts, version, &message));
            let shown = (codec.show)(version, bytes).expect("a message");
            let differs = Tree::made(&message).differs(&Tree::shown(&shown), codec.name);
            assert_eq!(differs, None, "version {version}");
        }
    }
}

/// What was seen of one field, or of the unknown tagged fields of one struct.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Debug)]
enum Seen {
    Null,
    Default,
    Other,
    UnknownTags,
}

/// By the path of the field or struct.
type Sights = BTreeMap<String, BTreeSet<Seen>>;

#[test]
fn every_field_is_seen_null_default_and_otherwise_and_every_struct_with_unknown_tags() {
    let mut fields = 0;
    for api in all() {
        for direction in DIRECTIONS {
            for version in api.facts.versions() {
                let mut seen = Sights::new();
                for_each_message(&api.facts, direction, version, |_, message, _| {
                    see(&api, version, message, "", &mut seen);
                });
                for (path, due) in due(&api, direction, version) {
                    fields += 1;
                    let seen = seen.get(&path).cloned().unwrap_or_default();
                    let missed: Vec<&Seen> = due.difference(&seen).collect();
                    let name = api.facts.name;
                    assert!(missed.is_empty(), "{name} {direction} {version} {path}: {missed:?}");
                }
            }
        }
    }
    assert!(fields > 1000, "only {fields} fields in all versions");
}

fn see(api: &Api, version: i16, message: &Fields, parent: &str, seen: &mut Sights) {
    let structure = api.facts.structure(message.structure);
    if !message.unknown.is_empty() {
        seen.entry(parent.to_owned()).or_default().insert(Seen::UnknownTags);
    }
    for (name, value) in &message.values {
        let path = format!("{parent}.{name}");
        let field = structure.fields.iter().find(|field| field.name == *name).expect("a field");
        let sights = seen.entry(path.clone()).or_default();
        if *value == Value::Null {
            sights.insert(Seen::Null);
        }
        if *value == initial(&api.facts, field, version) {
            sights.insert(Seen::Default);
        } else if *value != Value::Null {
            sights.insert(Seen::Other);
        }
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            other => std::slice::from_ref(other),
        };
        for element in elements {
            if let Value::Struct(fields) = element {
                see(api, version, fields, &path, seen);
            }
        }
    }
}

/// What must be seen, by the facts.
fn due(api: &Api, direction: &str, version: i16) -> Sights {
    let flexible = version >= api.facts.flexible_from;
    let mut due = Sights::new();
    let mut structs = vec![(String::new(), api.facts.root(direction))];
    while let Some((parent, structure)) = structs.pop() {
        if flexible {
            due.entry(parent.clone()).or_default().insert(Seen::UnknownTags);
        }
        for field in structure.fields.iter().filter(|field| (field.versions)(version)) {
            let path = format!("{parent}.{}", field.name);
            let sights = due.entry(path.clone()).or_default();
            sights.extend([Seen::Default, Seen::Other]);
            if (field.null)(version) {
                sights.insert(Seen::Null);
            }
            if let Some(child) = field.kind.structure() {
                structs.push((path, api.facts.structure(child)));
            }
        }
    }
    due
}
