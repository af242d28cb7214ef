//! The records of `__consumer_offsets` against Kafka's own classes, as `java` does with the APIs.

use bytes::Bytes;
use strandlog::kafka::group_records;
use strandlog::kafka::group_records::Record;
use strandlog::kafka::group_records::RecordPart;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Writer;

use crate::apis::Codec;
use crate::facts::ApiFacts;
use crate::generator::Generator;
use crate::generator::written;
use crate::java::Page;
use crate::java::bytes_survive;
use crate::java::digests_agree;
use crate::java::facts_agree;
use crate::java::unhex;
use crate::java::values_stand_in_their_fields;

#[path = "../../src/kafka/group_records/legacy_offset_commit.rs"]
mod legacy_offset_commit;
#[path = "../../src/kafka/group_records/offset_commit.rs"]
mod offset_commit;
#[path = "../../src/kafka/group_records/group_metadata.rs"]
mod group_metadata;
#[path = "../../src/kafka/group_records/consumer_group_metadata.rs"]
mod consumer_group_metadata;
#[path = "../../src/kafka/group_records/consumer_group_partition_metadata.rs"]
mod consumer_group_partition_metadata;
#[path = "../../src/kafka/group_records/consumer_group_member_metadata.rs"]
mod consumer_group_member_metadata;
#[path = "../../src/kafka/group_records/consumer_group_target_assignment_metadata.rs"]
mod consumer_group_target_assignment_metadata;
#[path = "../../src/kafka/group_records/consumer_group_target_assignment_member.rs"]
mod consumer_group_target_assignment_member;
#[path = "../../src/kafka/group_records/consumer_group_current_member_assignment.rs"]
mod consumer_group_current_member_assignment;
#[path = "../../src/kafka/group_records/consumer_group_regular_expression.rs"]
mod consumer_group_regular_expression;

/// Added to a record's type for the seeds of the generator, so that they are no API's.
pub(crate) const SEEDS: i16 = 10_000;

/// A key or a value in both readings.
struct Part {
    part: &'static str,
    facts: ApiFacts,
    codec: Codec,
}

fn codec<P: RecordPart>() -> Codec {
    Codec {
        name: P::NAME,
        rewrite: |version, bytes| {
            let mut writer = Writer::new();
            let part = decode_whole::<P>(version, bytes)?;
            part.encode(version, &mut writer).expect("what was decoded can be encoded");
            Ok(writer.into_bytes())
        },
        show: |version, bytes| Ok(format!("{:?}", decode_whole::<P>(version, bytes)?)),
        fault: |version, bytes| decode_whole::<P>(version, bytes).err().map(|error| error.fault),
    }
}

fn decode_whole<P: RecordPart>(
    version: i16,
    bytes: Bytes,
) -> Result<P, strandlog::kafka::wire::DecodeError> {
    let mut reader = Reader::new(bytes);
    let part = P::decode(version, &mut reader)?;
    reader.finish()?;
    Ok(part)
}

macro_rules! parts {
    ($( $module:ident: $key:ident, $value:ident; )*) => {{
        let mut parts = Vec::new();
        $(
            let [key, value] = $module::facts();
            parts.push(Part { part: "key", facts: key, codec: codec::<group_records::$key>() });
            parts.push(Part { part: "value", facts: value, codec: codec::<group_records::$value>() });
        )*
        parts
    }};
}

fn parts() -> Vec<Part> {
    parts! {
        legacy_offset_commit: LegacyOffsetCommitKey, LegacyOffsetCommitValue;
        offset_commit: OffsetCommitKey, OffsetCommitValue;
        group_metadata: GroupMetadataKey, GroupMetadataValue;
        consumer_group_metadata: ConsumerGroupMetadataKey, ConsumerGroupMetadataValue;
        consumer_group_partition_metadata: ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue;
        consumer_group_member_metadata: ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue;
        consumer_group_target_assignment_metadata: ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue;
        consumer_group_target_assignment_member: ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue;
        consumer_group_current_member_assignment: ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue;
        consumer_group_regular_expression: ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue;
    }
}

fn page(facts: &ApiFacts) -> Page {
    Page::of(&format!("records/{}", facts.name))
}

#[test]
fn every_record_of_the_list_has_a_description() {
    let listed: Vec<&str> = include_str!("../oracle/records.txt").lines().collect();
    let parts = parts();
    let described: Vec<&str> = parts.iter().step_by(2).map(|part| part.facts.name).collect();
    assert_eq!(listed, described);
    for pair in parts.chunks(2) {
        let (key, value) = (&pair[0].facts, &pair[1].facts);
        let id = (key.key - SEEDS) / 2;
        let title = format!("{id} {} key 0-0 value {}-{}", key.name, value.min, value.max);
        assert_eq!(page(key).line("record"), title);
    }
}

#[test]
fn every_fact_of_a_record_is_kafkas() {
    for part in parts() {
        facts_agree(&part.facts, part.part, &page(&part.facts));
    }
}

#[test]
fn records_that_kafka_wrote_are_read_and_written_again() {
    for part in parts() {
        bytes_survive(&part.facts, part.part, part.codec, &page(&part.facts));
    }
}

#[test]
fn generated_records_are_kafkas_byte_for_byte_and_survive_the_codec() {
    for part in parts() {
        digests_agree(&part.facts, part.part, part.codec, &page(&part.facts));
    }
}

#[test]
fn a_decoded_record_has_every_value_in_its_field() {
    for part in parts() {
        values_stand_in_their_fields(&part.facts, part.part, part.codec);
    }
}

#[test]
fn what_the_coordinator_of_kafka_writes_is_read_and_written_in_the_same_version() {
    let page = include_str!("../oracle/vectors/records/written.txt");
    let mut tombstones = 0;
    for line in page.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a name, a key, a value");
        let (name, key, value) = (word(), unhex(word()), word());
        let value = (value != "-").then(|| unhex(value));
        tombstones += usize::from(value.is_none());
        let record = Record::decode(key.clone(), value.clone());
        let record = record.expect(name).unwrap_or_else(|| panic!("{name} is not known"));
        assert_eq!(record.encode(), Ok((key, value)), "{name}: {record:?}");
    }
    assert!(page.lines().count() > 20 && tombstones > 8, "a page of {}", page.len());
}

#[test]
fn cut_and_flipped_records_are_refused_or_read_and_nothing_else() {
    let mut refused = 0;
    for part in parts() {
        for version in part.facts.versions() {
            let mut generator = Generator::new(&part.facts, part.part, version);
            for _ in 0..16 {
                let whole = written(&part.facts, version, &generator.message());
                for at in 0..whole.len() {
                    let cut = Bytes::copy_from_slice(&whole[..at]);
                    refused += usize::from((part.codec.fault)(version, cut).is_some());
                    let mut flipped = whole.clone();
                    flipped[at] ^= 0x80;
                    (part.codec.fault)(version, Bytes::from(flipped));
                }
            }
        }
    }
    assert!(refused > 10_000, "only {refused} cut records were refused");
}
