//! The descriptions of the product's `messages/`, expanded to data in place of code: what the
//! generator and the interpreter of this test walk over.

/// One API, as described.
pub(crate) struct ApiFacts {
    pub(crate) name: &'static str,
    pub(crate) key: i16,
    pub(crate) min: i16,
    pub(crate) max: i16,
    pub(crate) flexible_from: i16,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
    pub(crate) structs: Vec<StructFacts>,
}

pub(crate) struct StructFacts {
    pub(crate) name: &'static str,
    pub(crate) fields: Vec<FieldFacts>,
}

pub(crate) struct FieldFacts {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) versions: fn(i16) -> bool,
    pub(crate) null: fn(i16) -> bool,
    /// As written in the description; `None` where nothing is.
    pub(crate) default: Option<&'static str>,
    pub(crate) tag: Option<u32>,
    pub(crate) ignorable: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    Bool,
    Int(u32),
    Double,
    Text,
    Uuid,
    Bytes,
    Struct(String),
    Array(Box<Self>),
}

impl Kind {
    /// From the Rust type in a description. An `Option` says no more than the nullable versions do.
    pub(crate) fn parse(rust: &str, nullable: bool) -> Self {
        let rust: String = rust.split_whitespace().collect();
        match rust.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>')) {
            Some(inner) => {
                assert!(nullable, "{rust} is never null");
                Self::plain(inner)
            }
            None => {
                assert!(!nullable, "{rust} can be null");
                Self::plain(&rust)
            }
        }
    }

    fn plain(rust: &str) -> Self {
        match rust {
            "bool" => Self::Bool,
            "i8" => Self::Int(8),
            "i16" => Self::Int(16),
            "i32" => Self::Int(32),
            "i64" => Self::Int(64),
            "f64" => Self::Double,
            "String" => Self::Text,
            "TopicId" | "Uuid" => Self::Uuid,
            "Bytes" => Self::Bytes,
            _ => match rust.strip_prefix("Vec<").and_then(|inner| inner.strip_suffix('>')) {
                Some(inner) => Self::Array(Box::new(Self::plain(inner))),
                None => Self::Struct(rust.to_owned()),
            },
        }
    }

    /// Kafka's name for it. The two names of bytes differ in nothing but the field.
    fn kafka(&self, field: &str) -> String {
        match self {
            Self::Bool => "boolean".to_owned(),
            Self::Int(bits) => format!("int{bits}"),
            Self::Double => "float64".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Uuid => "uuid".to_owned(),
            Self::Bytes if field == "records" => "records".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Struct(_) => "struct".to_owned(),
            Self::Array(element) => format!("[]{}", element.kafka(field)),
        }
    }

    /// The struct that it is, or an array of.
    pub(crate) fn structure(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.structure(),
            _ => None,
        }
    }
}

impl ApiFacts {
    pub(crate) fn root(&self, direction: &str) -> &StructFacts {
        self.structure(if direction == "request" { self.request } else { self.response })
    }

    pub(crate) fn structure(&self, name: &str) -> &StructFacts {
        let found = self.structs.iter().find(|facts| facts.name == name);
        found.unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    pub(crate) fn versions(&self) -> std::ops::RangeInclusive<i16> {
        self.min..=self.max
    }

    /// The facts in the words of the Java oracle, sorted as it sorts them.
    pub(crate) fn lines(&self, direction: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let versions: Vec<i16> = self.versions().collect();
        self.gather(direction, self.root(direction), "", &versions, &mut lines);
        lines.sort();
        lines
    }

    /// `present`: the versions in which the struct is on the wire.
    fn gather(
        &self,
        direction: &str,
        structure: &StructFacts,
        parent: &str,
        present: &[i16],
        lines: &mut Vec<String>,
    ) {
        for field in &structure.fields {
            let path = format!("{parent}{}", field.name);
            let on: Vec<i16> = present.iter().copied().filter(|v| (field.versions)(*v)).collect();
            if on.is_empty() {
                continue;
            }
            let null: Vec<i16> = on.iter().copied().filter(|v| (field.null)(*v)).collect();
            let tag = field.tag.map_or_else(|| "-".to_owned(), |tag| tag.to_string());
            let ignorable = match (on.len() == present.len(), field.ignorable) {
                (true, _) => "unseen",
                (false, true) => "yes",
                (false, false) => "no",
            };
            lines.push(format!(
                "fact {direction} {path} {} versions {} null {} tag {tag} default {} ignorable {ignorable}",
                field.kind.kafka(field.name),
                range(&on),
                range(&null),
                field.initial(),
            ));
            if let Some(child) = field.kind.structure() {
                let parent = format!("{path}.");
                self.gather(direction, self.structure(child), &parent, &on, lines);
            }
        }
    }
}

impl FieldFacts {
    /// The default in the oracle's words.
    fn initial(&self) -> String {
        match (self.default, &self.kind) {
            (Some("None"), _) => "null".to_owned(),
            (Some("i32::MIN"), _) => i32::MIN.to_string(),
            (Some("i32::MAX"), _) => i32::MAX.to_string(),
            (Some("i64::MAX"), _) => i64::MAX.to_string(),
            (Some(written), _) => written.to_owned(),
            (None, Kind::Bool) => "false".to_owned(),
            (None, Kind::Double) => "0.0".to_owned(),
            (None, Kind::Int(_) | Kind::Uuid) => "0".to_owned(),
            (None, Kind::Text | Kind::Bytes) => "empty".to_owned(),
            (None, Kind::Struct(_)) => "{}".to_owned(),
            (None, Kind::Array(_)) => "[]".to_owned(),
        }
    }

    /// The default of a number.
    pub(crate) fn initial_number(&self) -> i64 {
        self.initial().parse().unwrap_or_else(|_| panic!("{} has no number", self.name))
    }

    pub(crate) fn initial_flag(&self) -> bool {
        self.default == Some("true")
    }

    pub(crate) fn is_null_initially(&self) -> bool {
        self.default == Some("None")
    }
}

fn range(versions: &[i16]) -> String {
    match versions {
        [] => "-".to_owned(),
        [only] => only.to_string(),
        [first, .., last] => {
            assert_eq!(usize::from((last - first + 1) as u16), versions.len(), "{versions:?}");
            format!("{first}-{last}")
        }
    }
}

/// The product's macro of the same name makes codecs of a description; this one makes data of it.
macro_rules! api {
    (
        $(#[$about:meta])*
        $api:ident = $key:literal, versions $min:literal ..= $max:literal, flexible $flexible:expr;

        request $request:ident { $($request_fields:tt)* }
        $( $(#[$asked_about:meta])* struct $asked:ident { $($asked_fields:tt)* } )*
        response $response:ident { $($response_fields:tt)* }
        $( $(#[$told_about:meta])* struct $told:ident { $($told_fields:tt)* } )*
    ) => {
        pub(crate) fn facts() -> $crate::facts::ApiFacts {
            $crate::facts::ApiFacts {
                name: stringify!($api),
                key: $key,
                min: $min,
                max: $max,
                flexible_from: $flexible,
                request: stringify!($request),
                response: stringify!($response),
                structs: vec![
                    struct_facts!($request { $($request_fields)* }),
                    $( struct_facts!($asked { $($asked_fields)* }), )*
                    struct_facts!($response { $($response_fields)* }),
                    $( struct_facts!($told { $($told_fields)* }), )*
                ],
            }
        }
    };
}

/// The same for a record of the group coordinator: the facts of its key and of its value.
macro_rules! record {
    (
        $(#[$about:meta])*
        $record:ident = $id:literal, values $min:literal ..= $max:literal, flexible $flexible:expr;

        key $key:ident { $($key_fields:tt)* }
        value $value:ident { $($value_fields:tt)* }
        $( $(#[$part_about:meta])* struct $part:ident { $($part_fields:tt)* } )*
    ) => {
        pub(crate) fn facts() -> [$crate::facts::ApiFacts; 2] {
            [
                $crate::facts::ApiFacts {
                    name: stringify!($record),
                    key: $crate::records::SEEDS + 2 * $id,
                    min: 0,
                    max: 0,
                    flexible_from: i16::MAX,
                    request: stringify!($key),
                    response: stringify!($key),
                    structs: vec![struct_facts!($key { $($key_fields)* })],
                },
                $crate::facts::ApiFacts {
                    name: stringify!($record),
                    key: $crate::records::SEEDS + 2 * $id + 1,
                    min: $min,
                    max: $max,
                    flexible_from: $flexible,
                    request: stringify!($value),
                    response: stringify!($value),
                    structs: vec![
                        struct_facts!($value { $($value_fields)* }),
                        $( struct_facts!($part { $($part_fields)* }), )*
                    ],
                },
            ]
        }
    };
}

macro_rules! struct_facts {
    ($name:ident { $(
        $(#[$note:meta])*
        $field:ident : $ty:ty, $versions:expr
        $(, null $null:expr)?
        $(, default $default:expr)?
        $(, tag $tag:literal)?
        $(, ignorable $($never:literal)?)?
        ;
    )* }) => {
        $crate::facts::StructFacts {
            name: stringify!($name),
            fields: vec![ $( $crate::facts::FieldFacts {
                // `match` is a word of Rust's own.
                name: stringify!($field).trim_start_matches("r#"),
                kind: {
                    let written: &[&'static str] = &[$( stringify!($null) )?];
                    $crate::facts::Kind::parse(stringify!($ty), !written.is_empty())
                },
                versions: |version| ($versions).contains(&version),
                null: |version| {
                    let _ = version;
                    let written: &[bool] = &[$( ($null).contains(&version) )?];
                    written.contains(&true)
                },
                default: {
                    let written: &[&'static str] = &[$( stringify!($default) )?];
                    written.first().copied()
                },
                tag: {
                    let written: &[u32] = &[$( $tag )?];
                    written.first().copied()
                },
                ignorable: {
                    let written: &[&[i32]] = &[$( &[$($never)?] )?];
                    !written.is_empty()
                },
            }, )* ],
        }
    };
}
