//! The only writer of the metadata log. Lives on shard 0; commands come from every shard.
//!
//! A command is decided on the newest state, appended ones included. Its events go to the log as
//! one batch; once that is durable, every shard gets the image that holds them; when every shard
//! has said that it has it, the command is answered. A refusal that rests on what is not yet durable
//! waits in the same line.

mod alter;
mod delete;
mod place;
mod plan;
mod resources;
mod topics;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::LeaderEpoch;
use crate::base::Mutant;
use crate::base::Offset;
use crate::base::Rng;
use crate::base::ShardId;
use crate::base::TopicId;
use crate::metadata::Change;
use crate::metadata::Command;
use crate::metadata::EVENTS;
use crate::metadata::Event;
use crate::metadata::Image;
use crate::metadata::Journal;
use crate::metadata::JournalFull;
use crate::metadata::Outcome;
use crate::metadata::Publication;
use crate::metadata::Recovered;
use crate::metadata::SNAPSHOTS;
use crate::metadata::SnapshotWriter;
use crate::metadata::Ticket;
use crate::metadata::journal::batch;

use plan::Plan;

/// Commands that were taken and are not answered, at most. Further ones are told to come again.
pub const COMMANDS_MAX: usize = 1024;

/// Partitions that one command may make. Kafka's bound, and its refusal.
pub const PARTITIONS_PER_COMMAND_MAX: usize = 10_000;

/// Bytes of the events of one command: they are one batch, which a frame must hold.
pub const COMMAND_BYTES_MAX: usize = 768 << 10;

/// Topics of a node.
pub const TOPICS_MAX: usize = 1_000_000;

/// Partitions of a node.
pub const PARTITIONS_MAX: usize = 1_000_000;

/// Groups, quotas and loggers of a node that have something set.
pub const RESOURCES_MAX: usize = 100_000;

/// Bytes of the names and values that are set on one resource, together.
pub const OVERRIDES_BYTES_MAX: usize = 128 << 10;

/// Producer ids of one block, as in Kafka.
pub const PRODUCER_IDS: u32 = 1000;

/// A snapshot is begun after so many events, or as many as the last one had topics, whatever is
/// more: so that the work of writing snapshots stays in proportion to that of the events.
const SNAPSHOT_EVENTS_MIN: usize = 4096;

/// What the controller wants to be sent.
#[derive(Debug, Default)]
pub struct ControllerOutput {
    /// For every shard, the controller's own included, in this order.
    pub publications: Vec<Publication>,
    pub answers: Vec<(Ticket, Outcome)>,
}

/// Appended, and not yet durable.
#[derive(Debug)]
struct Appended {
    /// The journal's number.
    sequence: u64,
    image: Image,
    changes: Vec<Change>,
}

/// A snapshot that is being written.
#[derive(Debug)]
struct Writing {
    writer: SnapshotWriter,
    /// Offset of its first record.
    from: Offset,
    /// The journal's number of the last piece.
    sequence: u64,
    /// Its end marker was appended.
    ended: bool,
}

#[derive(Debug)]
pub struct Controller {
    /// With everything that was appended.
    head: Image,
    term: LeaderEpoch,
    ids: Rng,
    appended: VecDeque<Appended>,
    /// What each shard says it has; -1: nothing yet.
    confirmed: Vec<Offset>,
    /// In the order in which they may leave: with the index that every shard must have.
    answers: VecDeque<(Offset, Ticket, Outcome)>,
    /// Where the next record of the snapshot partition goes.
    snapshots_end: Offset,
    events_since_snapshot: usize,
    writing: Option<Writing>,
    /// Topics when the last snapshot was begun.
    snapshot_topics: usize,
    snapshot_events_min: usize,
}

impl Controller {
    /// Takes the log over. `snapshots_end`: the end of the snapshot partition; `seed`: from the
    /// kernel, for topic ids.
    pub fn new(recovered: Recovered, snapshots_end: Offset, seed: u64) -> Self {
        let shards = usize::from(recovered.image.layout().shards);
        let snapshot_topics = recovered.image.state().topic_count();
        Self {
            head: recovered.image,
            term: recovered.term.checked_add(1).expect("fewer terms than 2^31"),
            ids: Rng::new(seed),
            appended: VecDeque::new(),
            confirmed: vec![-1; shards],
            answers: VecDeque::new(),
            snapshots_end,
            events_since_snapshot: recovered.events,
            writing: None,
            snapshot_topics,
            snapshot_events_min: SNAPSHOT_EVENTS_MIN,
        }
    }

    /// A snapshot after every `events` events, for tests that want to see many.
    #[must_use]
    pub fn with_snapshot_after(mut self, events: usize) -> Self {
        self.snapshot_events_min = events;
        self
    }

    /// Begins this life of the node: forms the cluster if there is none (as `cluster`), and raises
    /// the leader epochs. The first publication follows once that is durable.
    pub fn start(
        &mut self,
        now_ms: i64,
        cluster: TopicId,
        journal: &mut dyn Journal,
    ) -> Result<(), JournalFull> {
        let mut plan = Plan::new(&self.head);
        if self.head.state().cluster() == TopicId::NONE {
            plan.push(Event::ClusterFormed { cluster }, None).expect("one small event");
        }
        let node = self.head.layout().node;
        plan.push(Event::NodeStarted { node }, Some(Change::Started)).expect("one small event");
        self.append(now_ms, plan, journal)
    }

    /// The newest state, with what is not yet durable.
    pub fn head(&self) -> &Image {
        &self.head
    }

    pub fn term(&self) -> LeaderEpoch {
        self.term
    }

    /// A command of a shard.
    pub fn on_command(
        &mut self,
        now_ms: i64,
        ticket: Ticket,
        command: Command,
        journal: &mut dyn Journal,
        out: &mut ControllerOutput,
    ) {
        if self.answers.len() >= COMMANDS_MAX {
            out.answers.push((ticket, Outcome::Unavailable));
            return;
        }
        let mut plan = Plan::new(&self.head);
        let (outcome, validate_only) = self.decide(&mut plan, command);
        let outcome = if validate_only || plan.is_empty() {
            outcome
        } else {
            match self.append(now_ms, plan, journal) {
                Ok(()) => outcome,
                Err(JournalFull) => Outcome::Unavailable,
            }
        };
        self.answers.push_back((self.head.index(), ticket, outcome));
        self.release(out);
    }

    fn decide(&mut self, plan: &mut Plan, command: Command) -> (Outcome, bool) {
        match command {
            Command::CreateTopics { topics, validate_only } => {
                let create = |topic| topics::create(plan, &mut self.ids, topic);
                (Outcome::Created(topics.into_iter().map(create).collect()), validate_only)
            }
            Command::DeleteTopics { topics } => {
                let delete = |topic| delete::delete(plan, &topic);
                (Outcome::Deleted(topics.into_iter().map(delete).collect()), false)
            }
            Command::GrowTopics { topics, validate_only } => {
                let grow = |growth| topics::grow(plan, growth);
                (Outcome::Grown(topics.into_iter().map(grow).collect()), validate_only)
            }
            Command::Alter { alterations, validate_only } => {
                let alter = |alteration| alter::alter(plan, alteration);
                (Outcome::Altered(alterations.into_iter().map(alter).collect()), validate_only)
            }
            Command::AllocateProducerIds => {
                let first = plan.image.state().next_producer_id();
                let node = plan.image.layout().node;
                let event = Event::ProducerIdsAllocated { node, first, count: PRODUCER_IDS };
                let allocated = plan.push(event, None).is_ok();
                let ids = Outcome::ProducerIds { first, count: PRODUCER_IDS };
                (if allocated { ids } else { Outcome::Unavailable }, false)
            }
        }
    }

    fn append(
        &mut self,
        now_ms: i64,
        plan: Plan,
        journal: &mut dyn Journal,
    ) -> Result<(), JournalFull> {
        let first = self.head.index() + 1;
        let batch = batch(first, self.term, now_ms, plan.events.iter().map(Event::encode));
        let sequence = journal.append(EVENTS, batch)?;
        self.head = plan.image;
        self.events_since_snapshot += plan.events.len();
        let (image, changes) = (self.head.clone(), plan.changes);
        self.appended.push_back(Appended { sequence, image, changes });
        Ok(())
    }

    /// Everything that the journal numbered up to `sequence` is durable.
    pub fn on_durable(
        &mut self,
        now_ms: i64,
        sequence: u64,
        journal: &mut dyn Journal,
        out: &mut ControllerOutput,
    ) {
        let mut newest = None;
        let mut changes = Vec::new();
        while self.appended.front().is_some_and(|appended| {
            appended.sequence <= sequence || Mutant::MetadataBeforeDurable.is_on()
        }) {
            let Some(appended) = self.appended.pop_front() else { break };
            newest = Some(appended.image);
            changes.extend(appended.changes);
        }
        if let Some(image) = newest {
            out.publications.push(Publication { image, changes: Arc::from(changes) });
        }
        self.write_snapshot(now_ms, sequence, journal);
    }

    /// `shard` has the image of `index`.
    pub fn on_confirmed(&mut self, shard: ShardId, index: Offset, out: &mut ControllerOutput) {
        let Some(confirmed) = self.confirmed.get_mut(usize::from(shard.0)) else { return };
        *confirmed = index.max(*confirmed);
        self.release(out);
    }

    fn release(&mut self, out: &mut ControllerOutput) {
        let everywhere = match Mutant::OutcomeBeforeAllConfirm.is_on() {
            true => self.confirmed.iter().copied().max(),
            false => self.confirmed.iter().copied().min(),
        };
        let everywhere = everywhere.unwrap_or(-1);
        while self.answers.front().is_some_and(|(index, ..)| *index <= everywhere) {
            let Some((_, ticket, outcome)) = self.answers.pop_front() else { break };
            out.answers.push((ticket, outcome));
        }
    }

    /// One piece at a time, each when the one before it is durable. When the end marker is durable,
    /// what it replaces goes: older snapshots, and the events that it holds.
    fn write_snapshot(&mut self, now_ms: i64, durable: u64, journal: &mut dyn Journal) {
        let due = self.snapshot_events_min.max(self.snapshot_topics);
        if self.writing.is_none() && self.events_since_snapshot >= due {
            // Only durable events: the snapshot itself must not outrun the log.
            if !self.appended.is_empty() {
                return;
            }
            self.events_since_snapshot = 0;
            self.snapshot_topics = self.head.state().topic_count();
            let writer = SnapshotWriter::new(self.head.state().clone(), self.term);
            let from = self.snapshots_end;
            self.writing = Some(Writing { writer, from, sequence: 0, ended: false });
        }
        let Some(writing) = self.writing.as_mut().filter(|writing| writing.sequence <= durable)
        else {
            return;
        };
        if writing.ended {
            journal.move_start(EVENTS, writing.writer.index() + 1);
            journal.move_start(SNAPSHOTS, writing.from);
            self.writing = None;
            return;
        }
        let mut ahead = writing.writer.clone();
        let Some(piece) = ahead.next_piece() else { return };
        let batch = batch(self.snapshots_end, self.term, now_ms, [piece]);
        // A log that takes nothing now is tried again when something else became durable.
        if let Ok(sequence) = journal.append(SNAPSHOTS, batch) {
            self.snapshots_end += 1;
            writing.sequence = sequence;
            writing.ended = ahead.is_done();
            writing.writer = ahead;
        }
    }
}

#[cfg(test)]
mod tests;
