//! A coordinator writes its state anew, so that the log before it can be cut.

use std::ops::Bound;
use std::sync::Arc;

use super::coordinator::Coordinator;
use super::kind::Group;
use super::kind::Kind;
use crate::group::Journal;
use crate::group::JournalError;
use crate::group::Record;
use crate::group::bounds;

/// How far the state was written anew.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Renewal {
    /// The group that is being written; `None`: none was.
    group: Option<Arc<str>>,
    stage: Stage,
}

/// What was written of the group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Stage {
    #[default]
    Nothing,
    /// Itself, and its members up to this one.
    Members(Option<Arc<str>>),
    /// All of it but offsets, and of its patterns those up to this one.
    Patterns(Option<Arc<str>>),
    /// All of it but offsets, and of these those up to this one.
    Offsets(Option<(Arc<str>, i32)>),
    Whole,
}

impl Coordinator {
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
        'groups: while room > 0 {
            let from = match &next.group {
                None => Bound::Unbounded,
                Some(group) if next.stage == Stage::Whole => Bound::Excluded(group),
                Some(group) => Bound::Included(group),
            };
            let range = (from, Bound::Unbounded);
            let Some((group, found)) = self.groups.range::<Arc<str>, _>(range).next() else {
                break;
            };
            if next.group.as_ref() != Some(group) {
                next = Renewal { group: Some(group.clone()), stage: Stage::Nothing };
            }
            while next.stage != Stage::Whole {
                let (piece, stage) = following(group, found, &next.stage);
                let bytes: usize = piece.iter().map(Record::bytes).sum();
                if bytes > room && !records.is_empty() {
                    break 'groups;
                }
                room = room.saturating_sub(bytes);
                records.extend(piece);
                next.stage = stage;
            }
        }
        let is_over = records.is_empty();
        if !is_over {
            journal.append(&records)?;
        }
        *renewal = next;
        Ok(is_over)
    }
}

/// What is written of the group after `stage`, and how far that comes.
fn following(group: &Arc<str>, found: &Group, stage: &Stage) -> (Vec<Record>, Stage) {
    match (stage, &found.kind) {
        (Stage::Nothing, Kind::Classic(classic)) => {
            // A group that only keeps offsets is no more than them.
            let is_written = classic.protocol_type().is_some() || found.offsets.is_empty();
            let record = is_written.then(|| classic.lasting_record());
            (record.into_iter().collect(), Stage::Offsets(None))
        }
        (Stage::Nothing, Kind::Consumer(consumer)) => {
            (consumer.facts().epochs().into(), Stage::Members(None))
        }
        (Stage::Members(last), Kind::Consumer(consumer)) => {
            match consumer.facts().member_after(last.as_ref()) {
                Some((member, records)) => (records, Stage::Members(Some(member))),
                None => (Vec::new(), Stage::Patterns(None)),
            }
        }
        (Stage::Patterns(last), Kind::Consumer(consumer)) => {
            match consumer.facts().pattern_after(last.as_ref()) {
                Some((pattern, record)) => (vec![record], Stage::Patterns(Some(pattern))),
                None => (Vec::new(), Stage::Offsets(None)),
            }
        }
        // It became a classic group meanwhile, which wrote what it is.
        (Stage::Members(_) | Stage::Patterns(_), Kind::Classic(_)) => {
            (Vec::new(), Stage::Offsets(None))
        }
        (Stage::Offsets(last), _) => match found.offsets.after(last.as_ref()).next() {
            Some((topic, partition, value)) => {
                let (place, value) = ((topic.clone(), partition), Some(value.clone()));
                let (group, topic) = (group.clone(), topic.clone());
                let record = Record::Offset { group, topic, partition, value };
                (vec![record], Stage::Offsets(Some(place)))
            }
            None => (Vec::new(), Stage::Whole),
        },
        (Stage::Whole, _) => (Vec::new(), Stage::Whole),
    }
}
