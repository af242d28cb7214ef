//! Makes messages from the descriptions, draw for draw as the Java oracle makes them from Kafka's
//! classes (the order is stated in `tests/oracle/README.md`), and writes them by interpreting the
//! descriptions: a second codec, as plain as can be.

use strandlog::base::Rng;

use crate::facts::ApiFacts;
use crate::facts::FieldFacts;
use crate::facts::Kind;
use crate::facts::StructFacts;

/// Messages per API, version and direction.
pub(crate) const MESSAGES: usize = 256;

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(u32, i64),
    Double(f64),
    Text(String),
    Uuid([u8; 16]),
    Bytes(Vec<u8>),
    Array(Vec<Self>),
    Struct(Fields),
}

/// The fields of a struct that its version has, in the order of the description.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fields {
    pub(crate) structure: &'static str,
    pub(crate) values: Vec<(&'static str, Value)>,
    pub(crate) unknown: Vec<(u32, Vec<u8>)>,
}

/// What the fields of a message are to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Default,
    Full,
    Null,
    Mixed,
}

pub(crate) struct Generator<'a> {
    api: &'a ApiFacts,
    direction: &'static str,
    version: i16,
    rng: Rng,
    made: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(api: &'a ApiFacts, direction: &'static str, version: i16) -> Self {
        let answers = u64::from(direction == "response");
        let seed = api.key as u64 * 1000 + version as u64 * 2 + answers;
        Self { api, direction, version, rng: Rng::new(seed), made: 0 }
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Fields {
        let mode = match self.made {
            0 => Mode::Default,
            1 => Mode::Full,
            2 => Mode::Null,
            _ => Mode::Mixed,
        };
        self.made += 1;
        self.structure(self.api.root(self.direction), mode)
    }

    fn is_flexible(&self) -> bool {
        self.version >= self.api.flexible_from
    }

    fn structure(&mut self, structure: &'a StructFacts, mode: Mode) -> Fields {
        let version = self.version;
        let fields: Vec<&FieldFacts> =
            structure.fields.iter().filter(|field| (field.versions)(version)).collect();
        // Tagged fields are drawn last, by their tag; the sort is stable.
        let mut drawn = fields.clone();
        drawn.sort_by_key(|field| field.tag.map_or(0, |tag| 1 + tag));
        let mut values: Vec<(&'static str, Value)> =
            drawn.into_iter().map(|field| (field.name, self.pick(field, mode))).collect();
        values.sort_by_key(|(name, _)| fields.iter().position(|field| field.name == *name));
        let unknown = if self.is_flexible() { self.unknown(mode) } else { Vec::new() };
        Fields { structure: structure.name, values, unknown }
    }

    fn pick(&mut self, field: &'a FieldFacts, mode: Mode) -> Value {
        // Fields of one type would else be alike, and their order would not show in the bytes.
        let name = u64::from(crc32c::crc32c(field.name.as_bytes()));
        self.rng = Rng::new(self.rng.next_u64() ^ name);
        let roll = match mode {
            Mode::Default => 0,
            Mode::Full => 3,
            Mode::Null => 2,
            Mode::Mixed => self.rng.below(8),
        };
        if roll < 2 {
            return initial(self.api, field, self.version);
        }
        if roll == 2 && (field.null)(self.version) {
            return Value::Null;
        }
        match &field.kind {
            Kind::Array(element) => self.array(element, mode),
            Kind::Struct(name) => Value::Struct(self.structure(self.api.structure(name), mode)),
            Kind::Bool => Value::Bool(!field.initial_flag()),
            Kind::Int(bits) => self.integer(*bits, field.initial_number()),
            scalar => self.scalar(scalar),
        }
    }

    fn array(&mut self, element: &'a Kind, mode: Mode) -> Value {
        if let Kind::Struct(name) = element {
            let count = 1 + self.rng.below(2);
            let structure = self.api.structure(name);
            return Value::Array(
                (0..count).map(|_| Value::Struct(self.structure(structure, mode))).collect(),
            );
        }
        let count = if self.rng.below(16) == 0 { 130 } else { 1 + self.rng.below(3) };
        let mut elements = Vec::new();
        for _ in 0..count {
            let zero = self.rng.below(4) == 0;
            elements.push(if zero { nothing(element) } else { self.scalar(element) });
        }
        Value::Array(elements)
    }

    /// A value that is not zero or empty.
    fn scalar(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Bool => Value::Bool(true),
            Kind::Int(bits) => self.integer(*bits, 0),
            // Of halves every one has exact bits, and none is a number that is none.
            Kind::Double => match self.integer(32, 0) {
                Value::Int(_, halves) => Value::Double(halves as f64 / 2.0),
                other => unreachable!("no integer: {other:?}"),
            },
            Kind::Text => self.text(),
            Kind::Uuid => {
                let mut uuid = [0; 16];
                uuid[..8].copy_from_slice(&self.rng.next_u64().to_be_bytes());
                uuid[8..].copy_from_slice(&self.rng.next_u64().to_be_bytes());
                Value::Uuid(uuid)
            }
            Kind::Bytes => {
                let count = if self.rng.below(16) == 0 { 130 } else { 1 + self.rng.below(8) };
                Value::Bytes(self.bytes(count))
            }
            Kind::Struct(_) | Kind::Array(_) => unreachable!("not a scalar: {kind:?}"),
        }
    }

    fn integer(&mut self, bits: u32, initial: i64) -> Value {
        let value = match self.rng.below(4) {
            0 => 1,
            1 => i64::MAX >> (64 - bits),
            2 => -1 << (bits - 1),
            _ => (self.rng.next_u64() as i64) << (64 - bits) >> (64 - bits),
        };
        Value::Int(bits, if value == initial { value ^ 1 } else { value })
    }

    fn text(&mut self) -> Value {
        let length = if self.rng.below(16) == 0 { 130 } else { 1 + self.rng.below(6) };
        let letter = |rng: &mut Rng| match rng.below(27) {
            26 => 'é',
            letter => char::from(b'a' + letter as u8),
        };
        Value::Text((0..length).map(|_| letter(&mut self.rng)).collect())
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.rng.below(256) as u8).collect()
    }

    fn unknown(&mut self, mode: Mode) -> Vec<(u32, Vec<u8>)> {
        let count = match mode {
            Mode::Default | Mode::Null => 0,
            Mode::Full => 1,
            Mode::Mixed if self.rng.below(4) == 0 => 1 + self.rng.below(2),
            Mode::Mixed => 0,
        };
        let mut unknown = Vec::new();
        for index in 0..count {
            let tag = if index == 0 { 1_000 } else { 100_000 } + self.rng.below(100) as u32;
            let length = self.rng.below(12);
            unknown.push((tag, self.bytes(length)));
        }
        unknown
    }
}

/// Zero or empty.
pub(crate) fn nothing(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int(bits) => Value::Int(*bits, 0),
        Kind::Double => Value::Double(0.0),
        Kind::Text => Value::Text(String::new()),
        Kind::Uuid => Value::Uuid([0; 16]),
        Kind::Bytes => Value::Bytes(Vec::new()),
        Kind::Array(_) => Value::Array(Vec::new()),
        Kind::Struct(_) => unreachable!("a struct has fields"),
    }
}

/// The default of a field in a version that has it.
pub(crate) fn initial(api: &ApiFacts, field: &FieldFacts, version: i16) -> Value {
    if field.is_null_initially() {
        return Value::Null;
    }
    match &field.kind {
        Kind::Bool => Value::Bool(field.initial_flag()),
        Kind::Int(bits) => Value::Int(*bits, field.initial_number()),
        Kind::Struct(name) => {
            let structure = api.structure(name);
            let fields = structure.fields.iter().filter(|field| (field.versions)(version));
            Value::Struct(Fields {
                structure: structure.name,
                values: fields.map(|field| (field.name, initial(api, field, version))).collect(),
                unknown: Vec::new(),
            })
        }
        other => nothing(other),
    }
}

/// The bytes of a message.
pub(crate) fn written(api: &ApiFacts, version: i16, message: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    Interpreter { api, version, flexible: version >= api.flexible_from }.fields(message, &mut out);
    out
}

struct Interpreter<'a> {
    api: &'a ApiFacts,
    version: i16,
    flexible: bool,
}

impl Interpreter<'_> {
    fn fields(&self, message: &Fields, out: &mut Vec<u8>) {
        let structure = self.api.structure(message.structure);
        let mut tagged = message.unknown.clone();
        for (name, value) in &message.values {
            let field = structure.fields.iter().find(|field| field.name == *name);
            let field = field.unwrap_or_else(|| panic!("{} has no {name}", structure.name));
            let nullable = (field.null)(self.version);
            match field.tag {
                None => self.value(&field.kind, nullable, value, out),
                Some(_) if *value == initial(self.api, field, self.version) => {}
                Some(tag) => {
                    let mut bytes = Vec::new();
                    match (&field.kind, value) {
                        // Elsewhere the mark of a struct that is null is -1.
                        (Kind::Struct(_), Value::Null) => bytes.push(0),
                        _ => self.value(&field.kind, nullable, value, &mut bytes),
                    }
                    tagged.push((tag, bytes));
                }
            }
        }
        if self.flexible {
            tagged.sort();
            uvarint(out, tagged.len());
            for (tag, bytes) in tagged {
                uvarint(out, tag as usize);
                uvarint(out, bytes.len());
                out.extend(bytes);
            }
        }
    }

    fn value(&self, kind: &Kind, nullable: bool, value: &Value, out: &mut Vec<u8>) {
        match (kind, value) {
            (Kind::Struct(_), Value::Null) => out.push(0xff),
            (_, Value::Null) => self.length(kind, None, out),
            (_, Value::Bool(value)) => out.push(u8::from(*value)),
            (_, Value::Int(bits, value)) => {
                out.extend(&value.to_be_bytes()[8 - (*bits / 8) as usize..]);
            }
            (_, Value::Double(value)) => out.extend(value.to_be_bytes()),
            (_, Value::Uuid(uuid)) => out.extend(uuid),
            (_, Value::Text(text)) => {
                self.length(kind, Some(text.len()), out);
                out.extend(text.as_bytes());
            }
            (_, Value::Bytes(bytes)) => {
                self.length(kind, Some(bytes.len()), out);
                out.extend(bytes);
            }
            (Kind::Array(element), Value::Array(elements)) => {
                self.length(kind, Some(elements.len()), out);
                elements.iter().for_each(|value| self.value(element, false, value, out));
            }
            (_, Value::Array(_)) => unreachable!("an array in a {kind:?}"),
            (_, Value::Struct(fields)) => {
                if nullable {
                    out.push(1);
                }
                self.fields(fields, out);
            }
        }
    }

    fn length(&self, kind: &Kind, length: Option<usize>, out: &mut Vec<u8>) {
        match (self.flexible, kind) {
            (true, _) => uvarint(out, length.map_or(0, |length| length + 1)),
            (false, Kind::Text) => {
                out.extend(length.map_or(-1, |length| length as i16).to_be_bytes());
            }
            (false, _) => out.extend(length.map_or(-1, |length| length as i32).to_be_bytes()),
        }
    }
}

fn uvarint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
