//! Events as bytes: what the values of the metadata log's records hold. Numbers are LEB128
//! varints, texts and lists have their length in front.
//!
//! An event begins with its kind and the version of that kind. A kind or version that this code
//! does not know is refused: applying a part of what a newer node wrote would be another history.

use std::fmt;

use crate::base::NodeId;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Event;
use crate::metadata::QuotaEntity;
use crate::metadata::QuotaName;
use crate::metadata::Resource;

/// Why bytes are no event, or no part of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodingError {
    /// The bytes end too early, or a length says more than there is.
    Short,
    /// Bytes follow the end.
    Rest,
    /// A number does not fit its field.
    Number,
    /// A text is not UTF-8.
    Text,
    /// A kind that a later version of this software knows, or nobody.
    Kind(u64),
    /// A version of a known kind that a later version of this software knows, or nobody.
    Version { kind: u64, version: u64 },
}

impl fmt::Display for EncodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("cut off"),
            Self::Rest => f.write_str("bytes follow its end"),
            Self::Number => f.write_str("a number does not fit its field"),
            Self::Text => f.write_str("a text is not UTF-8"),
            Self::Kind(kind) => {
                write!(f, "unknown kind {kind}: it was written by a later version of this software")
            }
            Self::Version { kind, version } => write!(
                f,
                "unknown version {version} of kind {kind}: it was written by a later version of \
                 this software"
            ),
        }
    }
}

/// The version in which events are written, of every kind so far.
const VERSION: u64 = 0;

/// Kinds of events. A number is never used again.
mod kind {
    pub(super) const CLUSTER_FORMED: u64 = 1;
    pub(super) const NODE_STARTED: u64 = 2;
    pub(super) const TOPIC_CREATED: u64 = 3;
    pub(super) const PARTITIONS_ADDED: u64 = 4;
    pub(super) const TOPIC_DELETED: u64 = 5;
    pub(super) const TOPIC_CONFIGURED: u64 = 6;
    pub(super) const NODE_CONFIGURED: u64 = 7;
    pub(super) const PRODUCER_IDS_ALLOCATED: u64 = 8;
    pub(super) const RESOURCE_CONFIGURED: u64 = 9;
}

/// Kinds of resources. A number is never used again.
mod resource {
    pub(super) const GROUP: u64 = 1;
    pub(super) const QUOTA: u64 = 2;
    pub(super) const LOGGERS: u64 = 3;
}

impl Event {
    /// The bytes of the event.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(self.kind());
        out.number(VERSION);
        match self {
            Self::ClusterFormed { cluster } => out.topic(*cluster),
            Self::NodeStarted { node } => out.int(*node),
            Self::TopicCreated { topic, name, first, strands, overrides } => {
                out.topic(*topic);
                out.text(name);
                out.number(first.0);
                out.list(strands, |out, strand| out.number(strand.0.into()));
                out.list(overrides, |out, (name, value)| {
                    out.text(name);
                    out.text(value);
                });
            }
            Self::PartitionsAdded { topic, first, strands } => {
                out.topic(*topic);
                out.number(first.0);
                out.list(strands, |out, strand| out.number(strand.0.into()));
            }
            Self::TopicDeleted { topic } => out.topic(*topic),
            Self::TopicConfigured { topic, changes } => {
                out.topic(*topic);
                out.list(changes, put_change);
            }
            Self::NodeConfigured { node, changes } => {
                out.option(node.as_ref(), |out, node| out.int(*node));
                out.list(changes, put_change);
            }
            Self::ResourceConfigured { resource, changes } => {
                out.resource(resource);
                out.list(changes, put_change);
            }
            Self::ProducerIdsAllocated { node, first, count } => {
                out.int(*node);
                out.long(*first);
                out.number((*count).into());
            }
        }
        out.bytes
    }

    fn kind(&self) -> u64 {
        match self {
            Self::ClusterFormed { .. } => kind::CLUSTER_FORMED,
            Self::NodeStarted { .. } => kind::NODE_STARTED,
            Self::TopicCreated { .. } => kind::TOPIC_CREATED,
            Self::PartitionsAdded { .. } => kind::PARTITIONS_ADDED,
            Self::TopicDeleted { .. } => kind::TOPIC_DELETED,
            Self::TopicConfigured { .. } => kind::TOPIC_CONFIGURED,
            Self::NodeConfigured { .. } => kind::NODE_CONFIGURED,
            Self::ResourceConfigured { .. } => kind::RESOURCE_CONFIGURED,
            Self::ProducerIdsAllocated { .. } => kind::PRODUCER_IDS_ALLOCATED,
        }
    }

    /// Reads an event back; `bytes` must hold it and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, EncodingError> {
        let mut from = Reader::new(bytes);
        let kind = from.number()?;
        let version = from.number()?;
        if (kind::CLUSTER_FORMED..=kind::RESOURCE_CONFIGURED).contains(&kind) && version != VERSION
        {
            return Err(EncodingError::Version { kind, version });
        }
        let event = match kind {
            kind::CLUSTER_FORMED => Self::ClusterFormed { cluster: from.topic()? },
            kind::NODE_STARTED => Self::NodeStarted { node: from.int()? },
            kind::TOPIC_CREATED => Self::TopicCreated {
                topic: from.topic()?,
                name: from.text()?,
                first: PartitionId(from.number()?),
                strands: from.list(Reader::strand)?,
                overrides: from.list(|from| Ok((from.text()?, from.text()?)))?,
            },
            kind::PARTITIONS_ADDED => Self::PartitionsAdded {
                topic: from.topic()?,
                first: PartitionId(from.number()?),
                strands: from.list(Reader::strand)?,
            },
            kind::TOPIC_DELETED => Self::TopicDeleted { topic: from.topic()? },
            kind::TOPIC_CONFIGURED => {
                Self::TopicConfigured { topic: from.topic()?, changes: from.list(take_change)? }
            }
            kind::NODE_CONFIGURED => Self::NodeConfigured {
                node: from.option(Reader::int)?,
                changes: from.list(take_change)?,
            },
            kind::RESOURCE_CONFIGURED => Self::ResourceConfigured {
                resource: from.resource()?,
                changes: from.list(take_change)?,
            },
            kind::PRODUCER_IDS_ALLOCATED => Self::ProducerIdsAllocated {
                node: from.int()?,
                first: from.long()?,
                count: u32::try_from(from.number()?).map_err(|_| EncodingError::Number)?,
            },
            kind => return Err(EncodingError::Kind(kind)),
        };
        from.end()?;
        Ok(event)
    }
}

fn put_change(out: &mut Writer, (name, value): &(String, Option<String>)) {
    out.text(name);
    out.option(value.as_ref(), |out, value| out.text(value));
}

fn take_change(from: &mut Reader<'_>) -> Result<(String, Option<String>), EncodingError> {
    Ok((from.text()?, from.option(Reader::text)?))
}

/// Writes fields one after the other.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// A signed number: small ones of either sign are short.
    pub(super) fn long(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(super) fn int(&mut self, number: i32) {
        self.long(number.into());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn topic(&mut self, topic: TopicId) {
        self.bytes.extend_from_slice(&topic.0);
    }

    pub(super) fn resource(&mut self, resource: &Resource) {
        match resource {
            Resource::Group(group) => {
                self.number(resource::GROUP);
                self.text(group);
            }
            Resource::Quota(entity) => {
                self.number(resource::QUOTA);
                for name in [&entity.user, &entity.client, &entity.address] {
                    self.option(name.as_ref(), Self::quota_name);
                }
            }
            Resource::Loggers(node) => {
                self.number(resource::LOGGERS);
                self.int(*node);
            }
        }
    }

    fn quota_name(&mut self, name: &QuotaName) {
        let named = match name {
            QuotaName::Default => None,
            QuotaName::Named(name) => Some(name),
        };
        self.option(named, |out, name| out.text(name));
    }

    pub(super) fn option<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.bytes.push(value.is_some().into());
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(super) fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            put(self, item);
        }
    }
}

/// Reads fields one after the other. Nothing is allocated that the bytes at hand do not back.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), EncodingError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(EncodingError::Rest) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], EncodingError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(EncodingError::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, EncodingError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(EncodingError::Number);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(EncodingError::Number)
    }

    pub(super) fn long(&mut self) -> Result<i64, EncodingError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn int(&mut self) -> Result<i32, EncodingError> {
        i32::try_from(self.long()?).map_err(|_| EncodingError::Number)
    }

    pub(super) fn text(&mut self) -> Result<String, EncodingError> {
        let bytes = usize::try_from(self.number()?).map_err(|_| EncodingError::Short)?;
        let text = std::str::from_utf8(self.take(bytes)?).map_err(|_| EncodingError::Text)?;
        Ok(text.to_owned())
    }

    pub(super) fn topic(&mut self) -> Result<TopicId, EncodingError> {
        let bytes = self.take(16)?.first_chunk().ok_or(EncodingError::Short)?;
        Ok(TopicId(*bytes))
    }

    pub(super) fn strand(&mut self) -> Result<StrandId, EncodingError> {
        u16::try_from(self.number()?).map(StrandId).map_err(|_| EncodingError::Number)
    }

    pub(super) fn node(&mut self) -> Result<NodeId, EncodingError> {
        self.int()
    }

    pub(super) fn resource(&mut self) -> Result<Resource, EncodingError> {
        match self.number()? {
            resource::GROUP => Ok(Resource::Group(self.text()?)),
            resource::QUOTA => Ok(Resource::Quota(QuotaEntity {
                user: self.option(Self::quota_name)?,
                client: self.option(Self::quota_name)?,
                address: self.option(Self::quota_name)?,
            })),
            resource::LOGGERS => Ok(Resource::Loggers(self.node()?)),
            kind => Err(EncodingError::Kind(kind)),
        }
    }

    fn quota_name(&mut self) -> Result<QuotaName, EncodingError> {
        Ok(self.option(Self::text)?.map_or(QuotaName::Default, QuotaName::Named))
    }

    pub(super) fn option<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, EncodingError>,
    ) -> Result<Option<T>, EncodingError> {
        match self.take(1)?[0] {
            0 => Ok(None),
            1 => take(self).map(Some),
            _ => Err(EncodingError::Number),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        take: impl Fn(&mut Self) -> Result<T, EncodingError>,
    ) -> Result<Vec<T>, EncodingError> {
        let count = usize::try_from(self.number()?).map_err(|_| EncodingError::Short)?;
        // Every item has at least one byte, and the items grow as they are read.
        if count > self.bytes.len() {
            return Err(EncodingError::Short);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(take(self)?);
        }
        Ok(items)
    }
}
