//! Bytes that mean harm: valid messages of every API, version and direction, cut, stretched, and
//! overwritten where it hurts. Nothing may panic, and memory must stay in proportion.

use bytes::Bytes;
use strandlog::base::Rng;
use strandlog::kafka::messages::ProduceView;
use strandlog::kafka::wire::Fault;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::RequestHeader;

use crate::allocation::peak;
use crate::apis::Codec;
use crate::apis::DIRECTIONS;
use crate::apis::all;
use crate::facts::ApiFacts;
use crate::facts::Kind;
use crate::facts::StructFacts;
use crate::generator::Fields;
use crate::generator::Generator;
use crate::generator::Value;
use crate::generator::initial;
use crate::generator::nothing;
use crate::generator::written;

/// Mutations of messages per API, version and direction.
const MUTATIONS: usize = 1000;

/// Numbers that lengths lie with: as bytes of varints and of integers.
const LIES: [&[u8]; 8] = [
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0x00, 0x00, 0x7f, 0xff],
    &[0x00],
];

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        let lie = LIES[rng.below(LIES.len() as u64) as usize];
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(lie),
            2 => drop(bytes.splice(at..at, lie.iter().copied())),
            3 => {
                let end = (at + 1 + rng.below(4) as usize).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            4 => {
                for (byte, lie) in bytes[at..].iter_mut().zip(lie) {
                    *byte = *lie;
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
}

/// Valid messages to begin with.
fn valid(api: &ApiFacts, direction: &'static str, version: i16) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(api, direction, version);
    (0..8).map(|_| written(api, version, &generator.message())).collect()
}

/// What a decoder may hold at once for a message of `bytes` bytes.
fn allowance(bytes: usize) -> usize {
    48 * bytes + 1024
}

/// Whether the bytes were a message. Checks that reading them is harmless, and that a message that
/// was read is written as something that reads the same.
fn is_harmless(codec: Codec, version: i16, bytes: &Bytes) -> bool {
    let input = bytes.clone();
    let (_, held) = peak(|| (codec.fault)(version, input));
    let allowed = allowance(bytes.len());
    assert!(held <= allowed, "{} {version} held {held} for {bytes:?}", codec.name);
    let Ok(once) = (codec.rewrite)(version, bytes.clone()) else {
        return false;
    };
    let twice = (codec.rewrite)(version, once.clone());
    assert_eq!(twice, Ok(once), "{} {version} for {bytes:?}", codec.name);
    true
}

#[test]
fn mutated_messages_are_refused_or_read_without_harm() {
    let mut rng = Rng::new(3);
    let (mut read, mut refused) = (0, 0);
    for api in all() {
        for direction in DIRECTIONS {
            for version in api.facts.versions() {
                let valid = valid(&api.facts, direction, version);
                for index in 0..MUTATIONS {
                    let mut bytes = valid[index % valid.len()].clone();
                    mutate(&mut rng, &mut bytes);
                    if is_harmless(api.codec(direction), version, &Bytes::from(bytes)) {
                        read += 1;
                    } else {
                        refused += 1;
                    }
                }
            }
        }
    }
    // Mutations that always hit the first byte, or never anything, would prove nothing.
    assert!(read > refused / 20 && refused > read / 20, "{read} read, {refused} refused");
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    for api in all() {
        for direction in DIRECTIONS {
            let codec = api.codec(direction);
            for version in api.facts.versions() {
                for whole in valid(&api.facts, direction, version).into_iter().take(3) {
                    let whole = Bytes::from(whole);
                    for end in 0..whole.len() {
                        let cut = (codec.fault)(version, whole.slice(..end));
                        assert!(cut.is_some(), "{} {version}: {end} of {whole:?}", codec.name);
                    }
                }
            }
        }
    }
}

#[test]
fn random_bytes_are_harmless_to_every_decoder() {
    let mut rng = Rng::new(4);
    for api in all() {
        for direction in DIRECTIONS {
            for version in api.facts.versions() {
                for _ in 0..100 {
                    let length = rng.below(200);
                    // Small bytes make plausible counts, and so get deep.
                    let bound = if rng.one_in(2) { 5 } else { 256 };
                    let bytes: Bytes = (0..length).map(|_| rng.below(bound) as u8).collect();
                    is_harmless(api.codec(direction), version, &bytes);
                }
            }
        }
    }
}

#[test]
fn a_count_that_the_bytes_could_hold_does_not_multiply_memory() {
    // Eight million topics with an empty name, of two bytes each: the smallest elements there are.
    let mut bytes = vec![1; 16 << 20];
    bytes.splice(0..0, [0x80, 0x80, 0x80, 0x04]);
    let apis = all();
    let api = apis.iter().find(|api| api.facts.name == "DescribeTopicPartitions");
    let codec = api.expect("described").codec("request");
    let input = Bytes::from(bytes);
    let (fault, held) = peak(|| (codec.fault)(0, input));
    assert_eq!(fault, Some(Fault::Budget));
    assert!(held < 1024, "held {held}");
}

/// For every array of `structure` and of the structs below it: a message with nothing in it but a
/// thousand of the array's elements, in their shortest form.
fn crowds(api: &ApiFacts, structure: &StructFacts, version: i16) -> Vec<Fields> {
    let mut made = Vec::new();
    let present = || structure.fields.iter().filter(|field| (field.versions)(version));
    let values: Vec<(&str, Value)> =
        present().map(|field| (field.name, initial(api, field, version))).collect();
    let empty = Fields { structure: structure.name, values, unknown: Vec::new() };
    for (index, field) in present().enumerate() {
        let Kind::Array(element) = &field.kind else { continue };
        let with = |elements: Vec<Value>| {
            let mut message = empty.clone();
            message.values[index].1 = Value::Array(elements);
            message
        };
        let Kind::Struct(name) = &**element else {
            made.push(with(vec![nothing(element); 1000]));
            continue;
        };
        let child = api.structure(name);
        let fields = child.fields.iter().filter(|field| (field.versions)(version));
        let shortest = Fields {
            structure: child.name,
            values: fields.map(|field| (field.name, initial(api, field, version))).collect(),
            unknown: Vec::new(),
        };
        made.push(with(vec![Value::Struct(shortest); 1000]));
        let below = crowds(api, child, version);
        made.extend(below.into_iter().map(|fields| with(vec![Value::Struct(fields)])));
    }
    made
}

#[test]
fn no_valid_message_is_too_small_for_the_memory_that_it_takes() {
    let mut read = 0;
    for api in all() {
        for direction in DIRECTIONS {
            let codec = api.codec(direction);
            for version in api.facts.versions() {
                for crowd in crowds(&api.facts, api.facts.root(direction), version) {
                    let bytes = Bytes::from(written(&api.facts, version, &crowd));
                    let fault = (codec.fault)(version, bytes);
                    assert_eq!(fault, None, "{} {version} {}", codec.name, crowd.structure);
                    read += 1;
                }
            }
        }
    }
    assert!(read > 500, "only {read} messages");
}

#[test]
fn the_produce_view_and_the_header_hold_no_more_than_they_may() {
    let mut rng = Rng::new(5);
    let apis = all();
    let api = apis.iter().find(|api| api.facts.name == "Produce").expect("described");
    for version in api.facts.versions() {
        let valid = valid(&api.facts, "request", version);
        for index in 0..MUTATIONS {
            let mut bytes = valid[index % valid.len()].clone();
            mutate(&mut rng, &mut bytes);
            let bytes = Bytes::from(bytes);
            let mut view = ProduceView::default();
            let (_, held) = peak(|| view.decode(version, bytes.clone()));
            assert!(held <= allowance(bytes.len()), "held {held} for {bytes:?}");
            // The first clone of bytes that came from a vector allocates its count.
            let shared = bytes.clone();
            let (_, held) = peak(|| RequestHeader::decode(&mut Reader::new(shared)));
            assert_eq!(held, 0, "a header allocates nothing");
        }
    }
}
