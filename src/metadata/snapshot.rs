//! Snapshots of the state: pieces in partition 1 of the metadata strand, an end marker last. The
//! newest complete one counts; one without its end never was.

use std::sync::Arc;

use crate::base::LeaderEpoch;
use crate::base::NodeId;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::TopicId;
use crate::metadata::EncodingError;
use crate::metadata::JournalError;
use crate::metadata::JournalRecord;
use crate::metadata::Overrides;
use crate::metadata::Placement;
use crate::metadata::Resource;
use crate::metadata::State;
use crate::metadata::Topic;
use crate::metadata::encoding::Reader;
use crate::metadata::encoding::Writer;

/// A piece is closed when it holds this much.
const PIECE_BYTES: usize = 32 << 10;

/// Partitions of one topic in one piece at most.
const PIECE_PARTITIONS: usize = 4096;

/// The version in which every piece is written.
const VERSION: u64 = 0;

/// Kinds of pieces. A number is never used again.
mod kind {
    pub(super) const BEGIN: u64 = 1;
    /// Topics, each with its first partitions.
    pub(super) const TOPICS: u64 = 2;
    /// Further partitions of a topic.
    pub(super) const PARTITIONS: u64 = 3;
    pub(super) const NODES: u64 = 4;
    pub(super) const END: u64 = 5;
    /// Configs of what is neither topic nor node.
    pub(super) const RESOURCES: u64 = 6;
}

/// Where a snapshot that is being written stands.
#[derive(Clone, Debug)]
enum Next {
    Begin,
    Nodes,
    /// Resources after this one.
    Resources(Option<Resource>),
    /// Topics after this one.
    Topics(Option<TopicId>),
    /// Partitions of this topic, from this number on.
    Partitions(TopicId, usize),
    End,
    Done,
}

/// Writes a state piece by piece, so that nobody waits for the whole of it.
#[derive(Clone, Debug)]
pub struct SnapshotWriter {
    state: State,
    term: LeaderEpoch,
    next: Next,
}

impl SnapshotWriter {
    /// `term`: of the newest event in the state.
    pub fn new(state: State, term: LeaderEpoch) -> Self {
        Self { state, term, next: Next::Begin }
    }

    /// The index that the snapshot reaches.
    pub fn index(&self) -> Offset {
        self.state.applied
    }

    /// The end marker was given.
    pub fn is_done(&self) -> bool {
        matches!(self.next, Next::Done)
    }

    /// The value of the next record; `None` after the end marker.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        self.next = match self.next.clone() {
            Next::Begin => self.put_begin(&mut out),
            Next::Nodes => self.put_nodes(&mut out),
            Next::Resources(after) => self.put_resources(after, &mut out),
            Next::Topics(after) => self.put_topics(after, &mut out),
            Next::Partitions(topic, from) => self.put_partitions(topic, from, &mut out),
            Next::End => {
                out.number(kind::END);
                out.number(VERSION);
                out.long(self.state.applied);
                out.number(self.state.topics.len() as u64);
                out.number(self.state.partitions.len() as u64);
                if !self.state.resources.is_empty() {
                    out.number(self.state.resources.len() as u64);
                }
                Next::Done
            }
            Next::Done => return None,
        };
        Some(out.bytes)
    }

    fn put_begin(&self, out: &mut Writer) -> Next {
        let state = &self.state;
        out.number(kind::BEGIN);
        out.number(VERSION);
        out.long(state.applied);
        out.int(self.term);
        out.topic(state.cluster);
        out.option(state.node.as_ref(), |out, node| out.int(*node));
        out.int(state.starts);
        out.number(state.next_partition);
        out.long(state.next_producer_id);
        Next::Nodes
    }

    fn put_nodes(&self, out: &mut Writer) -> Next {
        out.number(kind::NODES);
        out.number(VERSION);
        out.number(self.state.node_overrides.len() as u64);
        for (node, overrides) in &self.state.node_overrides {
            out.option(node.as_ref(), |out, node| out.int(*node));
            put_overrides(Some(overrides), out);
        }
        if self.state.resources.is_empty() { Next::Topics(None) } else { Next::Resources(None) }
    }

    /// Resources are in a piece without a count: they end where it ends.
    fn put_resources(&self, after: Option<Resource>, out: &mut Writer) -> Next {
        out.number(kind::RESOURCES);
        out.number(VERSION);
        let resources = &self.state.resources;
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        for (resource, overrides) in resources.range((from, std::ops::Bound::Unbounded)) {
            out.resource(resource);
            put_overrides(Some(overrides), out);
            if out.bytes.len() >= PIECE_BYTES {
                return Next::Resources(Some(resource.clone()));
            }
        }
        Next::Topics(None)
    }

    /// Topics are in a piece without a count: they end where it ends.
    fn put_topics(&self, after: Option<TopicId>, out: &mut Writer) -> Next {
        out.number(kind::TOPICS);
        out.number(VERSION);
        let topics = &self.state.topics;
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        for (id, topic) in topics.range((from, std::ops::Bound::Unbounded)) {
            out.topic(*id);
            out.text(&topic.name);
            put_overrides(topic.overrides.as_ref(), out);
            let first = topic.partitions.iter().take(PIECE_PARTITIONS);
            let first: Vec<Placement> = first.copied().collect();
            out.list(&first, put_placement);
            if topic.partitions.len() > PIECE_PARTITIONS {
                return Next::Partitions(*id, PIECE_PARTITIONS);
            }
            if out.bytes.len() >= PIECE_BYTES {
                return Next::Topics(Some(*id));
            }
        }
        Next::End
    }

    fn put_partitions(&self, topic: TopicId, from: usize, out: &mut Writer) -> Next {
        out.number(kind::PARTITIONS);
        out.number(VERSION);
        out.topic(topic);
        let known = self.state.topics.get(&topic);
        let partitions = known.map_or(&[][..], |topic| &topic.partitions);
        let piece: Vec<Placement> =
            partitions.iter().skip(from).take(PIECE_PARTITIONS).copied().collect();
        out.list(&piece, put_placement);
        let next = from + piece.len();
        if next < partitions.len() {
            Next::Partitions(topic, next)
        } else {
            Next::Topics(Some(topic))
        }
    }
}

fn put_placement(out: &mut Writer, placement: &Placement) {
    out.number(placement.id.0);
    out.number(placement.strand.0.into());
    out.int(placement.epoch_zero);
}

fn take_placement(from: &mut Reader<'_>) -> Result<Placement, EncodingError> {
    let id = PartitionId(from.number()?);
    Ok(Placement { id, strand: from.strand()?, epoch_zero: from.int()? })
}

fn put_overrides(overrides: Option<&Arc<Overrides>>, out: &mut Writer) {
    out.number(overrides.map_or(0, |overrides| overrides.len() as u64));
    for (name, value) in overrides.iter().flat_map(|overrides| overrides.iter()) {
        out.text(name);
        out.text(value);
    }
}

fn take_overrides(from: &mut Reader<'_>) -> Result<Option<Arc<Overrides>>, EncodingError> {
    let pairs = from.list(|from| Ok((from.text()?.into(), from.text()?.into())))?;
    Ok((!pairs.is_empty()).then(|| Arc::new(pairs.into_iter().collect())))
}

/// A snapshot with its end.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    pub state: State,
    /// Of the newest event in the state.
    pub term: LeaderEpoch,
    /// Where it begins in its partition: what lies below is not needed any more.
    pub from: Offset,
}

/// Reads the records of the snapshot partition, oldest first.
#[derive(Debug, Default)]
pub struct SnapshotReader {
    newest: Option<Snapshot>,
    /// Begun and not ended, with the index that it says it reaches.
    open: Option<(Snapshot, Offset)>,
}

impl SnapshotReader {
    /// Takes the next record. After an error nothing that was read may be used.
    pub fn on_record(&mut self, record: JournalRecord<'_>) -> Result<(), JournalError> {
        let wrong = |error| JournalError::Encoding { at: record.offset, error };
        let mut from = Reader::new(record.value);
        self.take_piece(record.offset, &mut from).map_err(wrong)?;
        from.end().map_err(wrong)
    }

    /// The newest complete snapshot.
    pub fn finish(self) -> Option<Snapshot> {
        self.newest
    }

    fn take_piece(&mut self, at: Offset, from: &mut Reader<'_>) -> Result<(), EncodingError> {
        let kind = from.number()?;
        let version = from.number()?;
        if (kind::BEGIN..=kind::RESOURCES).contains(&kind) && version != VERSION {
            return Err(EncodingError::Version { kind, version });
        }
        if kind == kind::BEGIN {
            self.open = Some(take_begin(at, from)?);
            return Ok(());
        }
        // Pieces without a beginning: their snapshot was given up, and its beginning is gone.
        let mut lost = (Snapshot { state: State::default(), term: 0, from: at }, -1);
        let (snapshot, index) = self.open.as_mut().unwrap_or(&mut lost);
        match kind {
            kind::TOPICS => {
                while !from.is_at_end() {
                    snapshot.state.restore_topic(take_topic(from)?);
                }
            }
            kind::PARTITIONS => {
                let topic = from.topic()?;
                snapshot.state.restore_partitions(topic, from.list(take_placement)?);
            }
            kind::NODES => {
                let nodes = from.list(|from| {
                    let node: Option<NodeId> = from.option(Reader::node)?;
                    Ok((node, take_overrides(from)?))
                })?;
                let set = nodes.into_iter().filter_map(|(node, set)| Some((node, set?)));
                snapshot.state.node_overrides = set.collect();
            }
            kind::RESOURCES => {
                while !from.is_at_end() {
                    let resource = from.resource()?;
                    if let Some(overrides) = take_overrides(from)? {
                        snapshot.state.resources.insert(resource, overrides);
                    }
                }
            }
            kind::END => {
                let ends = (from.long()?, from.number()?, from.number()?);
                let resources = if from.is_at_end() { 0 } else { from.number()? };
                let state = &snapshot.state;
                let counts = (state.topics.len() as u64, state.partitions.len() as u64);
                let whole = resources == state.resources.len() as u64;
                if whole && ends == (*index, counts.0, counts.1) {
                    snapshot.state.applied = *index;
                    self.newest = self.open.take().map(|(snapshot, _)| snapshot);
                }
            }
            kind => return Err(EncodingError::Kind(kind)),
        }
        Ok(())
    }
}

fn take_begin(at: Offset, from: &mut Reader<'_>) -> Result<(Snapshot, Offset), EncodingError> {
    let index = from.long()?;
    let term = from.int()?;
    let state = State {
        cluster: from.topic()?,
        node: from.option(Reader::node)?,
        starts: from.int()?,
        next_partition: from.number()?,
        next_producer_id: from.long()?,
        ..State::default()
    };
    Ok((Snapshot { state, term, from: at }, index))
}

fn take_topic(from: &mut Reader<'_>) -> Result<Topic, EncodingError> {
    Ok(Topic {
        id: from.topic()?,
        name: from.text()?.into(),
        overrides: take_overrides(from)?,
        partitions: from.list(take_placement)?.into_boxed_slice(),
    })
}
