//! Values as trees, however they were come by: from what a message shows of itself (`Debug`), or
//! from what the generator made. Names of types and newtypes fall away, so that messages of two
//! codecs can be compared field by field.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;

use crate::generator::Fields;
use crate::generator::Value;

/// The name under which the unknown tagged fields of a struct are kept.
const UNKNOWN: &str = "unknown";

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Tree {
    Atom(String),
    List(Vec<Self>),
    Struct(BTreeMap<String, Self>),
}

impl Tree {
    /// Of what `Debug` shows.
    pub(crate) fn shown(text: &str) -> Self {
        let mut parser = Parser { left: text };
        let tree = parser.tree();
        assert!(parser.left.is_empty(), "not read: {}", parser.left);
        tree
    }

    pub(crate) fn made(fields: &Fields) -> Self {
        let mut tree: BTreeMap<String, Self> = fields
            .values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Self::value(value)))
            .collect();
        let pair = |(tag, bytes): &(u32, Vec<u8>)| {
            let shown = format!("{:?}", Bytes::copy_from_slice(bytes));
            Self::List(vec![Self::Atom(tag.to_string()), Self::Atom(shown)])
        };
        // Structs of an API that never is flexible have no place for them.
        if !fields.unknown.is_empty() {
            tree.insert(UNKNOWN.to_owned(), Self::List(fields.unknown.iter().map(pair).collect()));
        }
        Self::Struct(tree)
    }

    fn value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Atom("None".to_owned()),
            Value::Bool(value) => Self::Atom(value.to_string()),
            Value::Int(_, value) => Self::Atom(value.to_string()),
            Value::Double(value) => Self::Atom(format!("{value:?}")),
            Value::Text(text) => Self::Atom(format!("{text:?}")),
            Value::Uuid(uuid) => Self::Atom(Uuid::from_bytes(*uuid).to_string()),
            Value::Bytes(bytes) => Self::Atom(format!("{:?}", Bytes::copy_from_slice(bytes))),
            Value::Array(elements) => Self::List(elements.iter().map(Self::value).collect()),
            Value::Struct(fields) => Self::made(fields),
        }
    }

    /// The first place where `self` has a field that `other` lacks or has another value for. Fields
    /// that only `other` has are none of its business.
    pub(crate) fn differs(&self, other: &Self, path: &str) -> Option<String> {
        match (self, other) {
            (Self::Struct(fields), Self::Struct(others)) => {
                fields.iter().find_map(|(name, value)| {
                    let path = format!("{path}.{name}");
                    match others.get(name) {
                        Some(other) => value.differs(other, &path),
                        None => Some(format!("{path} is missing")),
                    }
                })
            }
            (Self::List(elements), Self::List(others)) if elements.len() == others.len() => {
                let mut pairs = elements.iter().zip(others);
                pairs.find_map(|(element, other)| element.differs(other, &format!("{path}[]")))
            }
            (Self::Atom(atom), Self::Atom(other)) if atom == other => None,
            _ => Some(format!("{path}: {self:?}, {other:?}")),
        }
    }
}

struct Parser<'a> {
    left: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, token: &str) -> bool {
        match self.left.strip_prefix(token) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn tree(&mut self) -> Tree {
        if self.take("[") {
            return Tree::List(self.list("]", Self::tree));
        }
        if self.take("{") {
            // A map: only unknown tagged fields come as one.
            return Tree::List(self.list("}", |parser| {
                let key = parser.tree();
                assert!(parser.take(": "), "a map: {}", parser.left);
                Tree::List(vec![key, parser.tree()])
            }));
        }
        if self.left.starts_with('"') || self.left.starts_with("b\"") {
            return Tree::Atom(self.quoted().to_owned());
        }
        let end =
            self.left.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_' && c != '.');
        let (word, left) = self.left.split_at(end.unwrap_or(self.left.len()));
        self.left = left;
        if self.take(" { ") {
            return Self::structure(word, self.list(" }", Self::field));
        }
        if self.take("(") {
            // `Some` and newtypes.
            let inner = self.tree();
            assert!(self.take(")"), "a newtype: {}", self.left);
            return inner;
        }
        Tree::Atom(word.to_owned())
    }

    fn list<T>(&mut self, end: &str, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(item(self));
            self.take(", ");
        }
        items
    }

    fn field(&mut self) -> (String, Tree) {
        let (name, left) = self.left.split_once(": ").expect("a field");
        self.left = left;
        // The peer's name for `match`, a word of Rust's own.
        (name.trim_start_matches('_').to_owned(), self.tree())
    }

    fn structure(word: &str, fields: Vec<(String, Tree)>) -> Tree {
        let mut fields: BTreeMap<String, Tree> = fields.into_iter().collect();
        if word == "UnknownTag" {
            let part = |name: &str| fields.get(name).cloned().expect("a tag and its bytes");
            return Tree::List(vec![part("tag"), part("bytes")]);
        }
        for name in ["unknown_tags", "unknown_tagged_fields"] {
            if let Some(tags) = fields.remove(name) {
                fields.insert(UNKNOWN.to_owned(), tags);
            }
        }
        Tree::Struct(fields)
    }

    fn quoted(&mut self) -> &'a str {
        let start = self.left.find('"').expect("checked") + 1;
        let mut escaped = false;
        let mut letters = self.left[start..].char_indices();
        let (end, _) = letters
            .find(|(_, letter)| {
                let closes = *letter == '"' && !escaped;
                escaped = *letter == '\\' && !escaped;
                closes
            })
            .expect("a closing quote");
        let (quoted, left) = self.left.split_at(start + end + 1);
        self.left = left;
        quoted
    }
}
