//! The records of `__consumer_offsets`, key and value, byte for byte as Kafka 4.3 writes them and as
//! every Kafka since 0.9 reads and wrote them. Pure.
//!
//! A key is its type in two bytes and a body; a value is its version in two bytes and a body. No
//! value: the key's state is gone. One file per record states its facts, in the language of
//! [`crate::kafka::wire`]; `tests/codec` holds them against Kafka's own classes.
//!
//! Reading is tolerant where Kafka's is: records of a type that is not known here (share and streams
//! groups, later Kafkas) are passed over, unknown tagged fields are kept, bytes behind a body are
//! ignored. It never panics and allocates no more than the bytes at hand justify.

#[macro_use]
mod describe;
mod consumer_group_current_member_assignment;
mod consumer_group_member_metadata;
mod consumer_group_metadata;
mod consumer_group_partition_metadata;
mod consumer_group_regular_expression;
mod consumer_group_target_assignment_member;
mod consumer_group_target_assignment_metadata;
mod group_metadata;
mod legacy_offset_commit;
mod offset_commit;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::kafka::wire::DecodeError;
use crate::kafka::wire::EncodeError;
use crate::kafka::wire::Fault;
use crate::kafka::wire::Field;
use crate::kafka::wire::Form;
use crate::kafka::wire::Reader;
use crate::kafka::wire::Refusal;
use crate::kafka::wire::Writer;

pub use consumer_group_current_member_assignment::ConsumerGroupCurrentMemberAssignmentKey;
pub use consumer_group_current_member_assignment::ConsumerGroupCurrentMemberAssignmentValue;
pub use consumer_group_current_member_assignment::CurrentTopicPartitions;
pub use consumer_group_member_metadata::ClassicMemberMetadata;
pub use consumer_group_member_metadata::ClassicMemberProtocol;
pub use consumer_group_member_metadata::ConsumerGroupMemberMetadataKey;
pub use consumer_group_member_metadata::ConsumerGroupMemberMetadataValue;
pub use consumer_group_metadata::ConsumerGroupMetadataKey;
pub use consumer_group_metadata::ConsumerGroupMetadataValue;
pub use consumer_group_partition_metadata::ConsumerGroupPartitionMetadataKey;
pub use consumer_group_partition_metadata::ConsumerGroupPartitionMetadataRacks;
pub use consumer_group_partition_metadata::ConsumerGroupPartitionMetadataTopic;
pub use consumer_group_partition_metadata::ConsumerGroupPartitionMetadataValue;
pub use consumer_group_regular_expression::ConsumerGroupRegularExpressionKey;
pub use consumer_group_regular_expression::ConsumerGroupRegularExpressionValue;
pub use consumer_group_target_assignment_member::ConsumerGroupTargetAssignmentMemberKey;
pub use consumer_group_target_assignment_member::ConsumerGroupTargetAssignmentMemberValue;
pub use consumer_group_target_assignment_member::TargetTopicPartitions;
pub use consumer_group_target_assignment_metadata::ConsumerGroupTargetAssignmentMetadataKey;
pub use consumer_group_target_assignment_metadata::ConsumerGroupTargetAssignmentMetadataValue;
pub use group_metadata::GroupMetadataKey;
pub use group_metadata::GroupMetadataMember;
pub use group_metadata::GroupMetadataValue;
pub use legacy_offset_commit::LegacyOffsetCommitKey;
pub use legacy_offset_commit::LegacyOffsetCommitValue;
pub use offset_commit::OffsetCommitKey;
pub use offset_commit::OffsetCommitValue;

/// A key or a value, without the two bytes in front.
pub trait RecordPart: Field + Clone + PartialEq + Default + Debug {
    const NAME: &'static str;
    /// The versions that are understood.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields; `i16::MAX`: none.
    const FLEXIBLE_FROM: i16;

    /// Reads the body; bytes behind it are left.
    ///
    /// # Errors
    /// Bytes that are not this body, and a version that it does not have.
    fn decode(version: i16, reader: &mut Reader) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            let fault = Fault::Version(version);
            return Err(DecodeError { field: Self::NAME, at: reader.position(), fault });
        }
        Self::read(reader, Self::form(version)).map_err(|error| error.within(Self::NAME))
    }

    /// Appends the body to the writer.
    ///
    /// # Errors
    /// A value that the version cannot carry, and a version that it does not have.
    fn encode(&self, version: i16, writer: &mut Writer) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(&version) {
            let refusal = Refusal::Version(version);
            return Err(EncodeError { field: Self::NAME, refusal });
        }
        self.write(writer, Self::form(version)).map_err(|error| error.within(Self::NAME))
    }

    /// How fields look in `version`.
    fn form(version: i16) -> Form {
        let flexible = version >= Self::FLEXIBLE_FROM;
        Form { version, flexible, nullable: false, tagged: false }
    }
}

/// A key; it knows the value that belongs to it.
pub trait RecordKey: RecordPart {
    /// The two bytes in front.
    const TYPE: i16;
    type Value: RecordPart;
}

/// Declares [`Record`] and what is done with all of its kinds from one list.
macro_rules! records {
    ($( $(#[$about:meta])* $kind:ident, $key:ident, $value:ident, written as $written:expr; )*) => {
        /// A record of `__consumer_offsets`. A value of `None` is a tombstone.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Record {
            $( $(#[$about])* $kind($key, Option<$value>), )*
        }

        impl Record {
            /// The key and the value, in the versions that Kafka 4.3 writes.
            ///
            /// # Errors
            /// A string or an array that is longer than its length can say.
            pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
                match self {
                    $( Self::$kind(key, value) => {
                        let written: fn(&$value) -> i16 = $written;
                        let value = value.as_ref().map(|value| written_value(value, written(value)));
                        Ok((written_key(key)?, value.transpose()?))
                    } )*
                }
            }

            /// `None`: a record of a type that is not known here, which is passed over.
            ///
            /// # Errors
            /// Bytes that are no record.
            pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Option<Self>, DecodeError> {
                let mut reader = Reader::new(key);
                match reader.i16().map_err(|error| error.within("Record"))? {
                    $( <$key as RecordKey>::TYPE => {
                        let key = $key::decode(0, &mut reader)?;
                        let value = value.map(read_value).transpose()?;
                        Ok(Some(Self::$kind(key, value)))
                    } )*
                    _ => Ok(None),
                }
            }
        }

        $( impl From<($key, Option<$value>)> for Record {
            fn from((key, value): ($key, Option<$value>)) -> Self {
                Self::$kind(key, value)
            }
        } )*
    };
}

records! {
    /// Read, never written.
    LegacyOffsetCommit, LegacyOffsetCommitKey, LegacyOffsetCommitValue, written as |_| 0;
    // Of the versions only 1 has a time at which the offset expires.
    OffsetCommit, OffsetCommitKey, OffsetCommitValue,
        written as |value| if value.expire_timestamp == -1 { 4 } else { 1 };
    GroupMetadata, GroupMetadataKey, GroupMetadataValue, written as |_| 3;
    ConsumerGroupMetadata, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue, written as |_| 0;
    /// Only its tombstone is written.
    ConsumerGroupPartitionMetadata, ConsumerGroupPartitionMetadataKey,
        ConsumerGroupPartitionMetadataValue, written as |_| 0;
    ConsumerGroupMemberMetadata, ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue,
        written as |_| 0;
    ConsumerGroupTargetAssignmentMetadata, ConsumerGroupTargetAssignmentMetadataKey,
        ConsumerGroupTargetAssignmentMetadataValue, written as |_| 0;
    ConsumerGroupTargetAssignmentMember, ConsumerGroupTargetAssignmentMemberKey,
        ConsumerGroupTargetAssignmentMemberValue, written as |_| 0;
    ConsumerGroupCurrentMemberAssignment, ConsumerGroupCurrentMemberAssignmentKey,
        ConsumerGroupCurrentMemberAssignmentValue, written as |_| 0;
    ConsumerGroupRegularExpression, ConsumerGroupRegularExpressionKey,
        ConsumerGroupRegularExpressionValue, written as |_| 0;
}

fn written_key<K: RecordKey>(key: &K) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(K::TYPE);
    key.encode(0, &mut writer)?;
    Ok(writer.into_bytes())
}

fn written_value<V: RecordPart>(value: &V, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(version);
    value.encode(version, &mut writer)?;
    Ok(writer.into_bytes())
}

fn read_value<V: RecordPart>(value: Bytes) -> Result<V, DecodeError> {
    let mut reader = Reader::new(value);
    let version = reader.i16().map_err(|error| error.within(V::NAME))?;
    V::decode(version, &mut reader)
}
