//! A group of either protocol, with what belongs to both.

use std::sync::Arc;

use super::classic::CONSUMER;
use super::classic::Classic;
use super::consumer::ConsumerGroup;
use super::offsets::Offsets;
use crate::group::Record;
use crate::group::State;

/// The protocol that the group lives by. A group without members changes it unseen.
#[derive(Debug)]
pub(super) enum Kind {
    Classic(Classic),
    Consumer(ConsumerGroup),
}

/// A group, and what belongs to it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) offsets: Offsets,
    /// Its entry among the timers.
    pub(super) wake_us: Option<u64>,
    /// What it was counted with.
    pub(super) bytes: usize,
}

impl Group {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, offsets: Offsets::default(), wake_us: None, bytes: 0 }
    }
}

impl Kind {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Classic(classic) => classic.bytes(),
            Self::Consumer(consumer) => consumer.bytes(),
        }
    }

    /// Nothing is due before, in `Now::mono_us`.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        match self {
            Self::Classic(classic) => classic.deadline_us(),
            Self::Consumer(consumer) => consumer.deadline_us(),
        }
    }

    /// As Kafka's tools show it.
    pub(super) fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(classic) => classic.state().name(),
            Self::Consumer(consumer) => consumer.state_name(),
        }
    }

    pub(super) fn protocol_type(&self) -> Arc<str> {
        match self {
            Self::Classic(classic) => classic.protocol_type().cloned().unwrap_or_default(),
            Self::Consumer(_) => CONSUMER.into(),
        }
    }

    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(classic) => classic.is_subscribed_to(topic),
            Self::Consumer(consumer) => consumer.is_subscribed_to(topic),
        }
    }

    /// It has no members.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(classic) => classic.state() == State::Empty,
            Self::Consumer(consumer) => consumer.is_empty(),
        }
    }

    /// Nobody is in it, nor on the way to it.
    pub(super) fn is_deserted(&self) -> bool {
        match self {
            Self::Classic(classic) => classic.is_deserted(),
            Self::Consumer(consumer) => consumer.is_empty(),
        }
    }

    /// What ends it in the log.
    pub(super) fn tombstones(&self, group: &Arc<str>) -> Vec<Record> {
        match self {
            Self::Classic(_) => vec![Record::Group { group: group.clone(), value: None }],
            Self::Consumer(consumer) => consumer.facts().tombstones(),
        }
    }
}
