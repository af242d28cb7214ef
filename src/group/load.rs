//! A coordinator learns from its log what it knew before, and writes it anew so that the log can
//! be cut.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::classic::Classic;
use super::context::Context;
use super::coordinator::Coordinator;
use crate::base::Now;
use crate::group::Answer;
use crate::group::Journal;
use crate::group::JournalError;
use crate::group::Record;
use crate::group::Ticket;
use crate::group::bounds;

/// How far the state was written anew.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Renewal {
    /// The group that is being written; `None`: none was.
    group: Option<Arc<str>>,
    /// Its last offset that was written; `None`: its members come first.
    offset: Option<(Arc<str>, i32)>,
    /// The group is written whole.
    whole: bool,
}

impl Coordinator {
    /// Takes one record of the log over, in the log's order, before [`Coordinator::begin`].
    pub fn load(&mut self, now: Now, record: Record) {
        let group = match &record {
            Record::Group { group, .. } | Record::Offset { group, .. } => group.clone(),
        };
        match record {
            Record::Group { value: None, .. } => {
                // Offsets have tombstones of their own; those that have none are still the group's.
                match self.groups.get_mut(&group) {
                    Some(found) if found.offsets.is_empty() => self.forget(&group),
                    Some(found) => found.classic = Classic::new(group.clone(), now),
                    None => {}
                }
            }
            Record::Group { value: Some(value), .. } => {
                self.ensure(&group, now).classic = Classic::loaded(group.clone(), value, now);
            }
            Record::Offset { topic, partition, value: Some(value), .. } => {
                self.ensure(&group, now).offsets.put(&topic, partition, value);
            }
            Record::Offset { topic, partition, value: None, .. } => {
                if let Some(found) = self.groups.get_mut(&group) {
                    found.offsets.remove(&topic, partition);
                    if found.offsets.is_empty() && found.classic.is_deserted() {
                        // A group that only kept offsets is no more than them.
                        let simple = found.classic.protocol_type().is_none();
                        if simple {
                            self.forget(&group);
                        }
                    }
                }
            }
        }
        self.settle(&group);
    }

    /// The log was read to its end: from here on members must be heard of.
    pub fn begin(
        &mut self,
        now: Now,
        journal: &mut dyn Journal,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        let config = self.config.clone();
        let mut cx = Context { now, config: &config, journal, answers };
        self.expiry.begin(now.mono_us, &config);
        let groups: Vec<_> = self.groups.keys().cloned().collect();
        for group in groups {
            if let Some(found) = self.groups.get_mut(&group) {
                found.classic.begin(&mut cx);
            }
            self.settle(&group);
        }
    }

    /// A topic was deleted.
    pub fn on_topic_deleted(
        &mut self,
        now: Now,
        topic: &str,
        journal: &mut dyn Journal,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        let config = self.config.clone();
        let mut cx = Context { now, config: &config, journal, answers };
        self.forget_topic(topic, &mut cx);
    }

    /// Topics that offsets are committed for.
    pub fn topics(&self) -> BTreeSet<Arc<str>> {
        let offsets = self.groups.values().flat_map(|found| found.offsets.iter());
        offsets.map(|(topic, _, _)| topic.clone()).collect()
    }

    /// Bytes of the state, about: what its log holds more than that is old.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the next piece of the state anew; true: all of it is written. Everything that the log
    /// held before the first piece is then either written again or over.
    ///
    /// # Errors
    /// Nothing was written, and the same piece is next.
    pub fn renew(
        &self,
        renewal: &mut Renewal,
        journal: &mut dyn Journal,
    ) -> Result<bool, JournalError> {
        let mut next = renewal.clone();
        let mut records = Vec::new();
        let mut room = bounds::BATCH_BYTES;
        while room > 0 {
            let from = match &next.group {
                None => Bound::Unbounded,
                Some(group) if next.whole => Bound::Excluded(group),
                Some(group) => Bound::Included(group),
            };
            let range = (from, Bound::Unbounded);
            let Some((group, found)) = self.groups.range::<Arc<str>, _>(range).next() else {
                break;
            };
            if next.group.as_ref() != Some(group) {
                if found.classic.protocol_type().is_some() || found.offsets.is_empty() {
                    let record = found.classic.lasting_record();
                    if record.bytes() > room && !records.is_empty() {
                        break;
                    }
                    room = room.saturating_sub(record.bytes());
                    records.push(record);
                }
                next = Renewal { group: Some(group.clone()), offset: None, whole: false };
            }
            let place = next.offset.clone();
            let mut offsets = found.offsets.after(place.as_ref());
            next.whole = loop {
                if room == 0 {
                    break false;
                }
                let Some((topic, partition, value)) = offsets.next() else { break true };
                let record = Record::Offset {
                    group: group.clone(),
                    topic: topic.clone(),
                    partition,
                    value: Some(value.clone()),
                };
                room = room.saturating_sub(record.bytes());
                records.push(record);
                next.offset = Some((topic.clone(), partition));
            };
        }
        let is_over = records.is_empty();
        if !is_over {
            journal.append(&records)?;
        }
        *renewal = next;
        Ok(is_over)
    }
}
