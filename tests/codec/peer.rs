//! The product against `kafka-protocol`, in the versions that it knows.

use std::fmt::Debug;

use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::Encodable;
use kafka_protocol::protocol::Message;

use crate::apis::DIRECTIONS;
use crate::apis::all;
use crate::generator::Generator;
use crate::generator::MESSAGES;
use crate::generator::written;
use crate::tree::Tree;

/// What the other codec makes of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    min: i16,
    max: i16,
    /// What the decoded message shows of itself, and what it is written as.
    read: fn(i16, Bytes) -> (String, Bytes),
}

impl Peer {
    pub(crate) fn of<M: Message + Decodable + Encodable + Debug>() -> Self {
        Self {
            min: M::VERSIONS.min,
            max: M::VERSIONS.max,
            read: |version, mut bytes| {
                let message = M::decode(&mut bytes, version).expect("a message");
                assert!(bytes.is_empty(), "bytes were left");
                let mut out = BytesMut::new();
                message.encode(&mut out, version).expect("what was decoded can be encoded");
                (format!("{message:?}"), out.freeze())
            },
        }
    }
}

#[test]
fn both_codecs_read_the_same_values_and_write_the_same_bytes() {
    let mut unknown = Vec::new();
    for api in all() {
        for direction in DIRECTIONS {
            let codec = api.codec(direction);
            let peer = api.peer(direction);
            for version in api.facts.versions() {
                if !(peer.min..=peer.max).contains(&version) {
                    unknown.push(format!("{} {version}", codec.name));
                    continue;
                }
                let mut generator = Generator::new(&api.facts, direction, version);
                for index in 0..MESSAGES {
                    let message = generator.message();
                    let bytes = Bytes::from(written(&api.facts, version, &message));
                    let ours = (codec.rewrite)(version, bytes.clone()).expect("a message");
                    let shown = (codec.show)(version, bytes.clone()).expect("a message");
                    let (theirs_shown, theirs) = (peer.read)(version, bytes);
                    assert_eq!(ours, theirs, "{} {version} #{index}", codec.name);
                    // Each lacks fields that only other versions have: what counts is what was sent.
                    let made = Tree::made(&message);
                    for shown in [shown, theirs_shown] {
                        let differs = made.differs(&Tree::shown(&shown), codec.name);
                        assert_eq!(differs, None, "version {version} #{index}");
                    }
                }
            }
        }
    }
    // The rest was compared.
    let expected = [
        "ListOffsetsRequest 11",
        "ListOffsetsResponse 11",
        "OffsetCommitRequest 10",
        "OffsetFetchRequest 10",
        "DescribeLogDirsRequest 5",
        "DescribeLogDirsResponse 5",
    ];
    assert_eq!(unknown, expected);
}
