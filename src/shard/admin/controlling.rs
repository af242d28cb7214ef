//! The controller's life on shard 0: the metadata strand is replayed, this life of the node begins,
//! commands are taken.

use super::CONTROLLER;
use super::journal::StrandJournal;
use crate::base::Now;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::metadata::Command;
use crate::metadata::Controller;
use crate::metadata::ControllerOutput;
use crate::metadata::EVENTS;
use crate::metadata::JournalFull;
use crate::metadata::Outcome;
use crate::metadata::Publication;
use crate::metadata::Recovery;
use crate::metadata::RecoveryError;
use crate::metadata::SNAPSHOTS;
use crate::metadata::Ticket;
use crate::shard::AdminMessage;
use crate::shard::Effects;
use crate::shard::Message;
use crate::shard::Shard;
use crate::shard::limits;
use crate::strand::Batches;
use crate::strand::Fatal;
use crate::strand::Notice;
use crate::strand::Output;
use crate::strand::ReadError;
use crate::strand::ReadId;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;

/// Where the controller stands.
#[derive(Debug, Default)]
pub(super) enum Controlling {
    /// It is not here, or its strand is recovering.
    #[default]
    Elsewhere,
    /// Its log is read.
    Replaying(Box<Replay>),
    /// Replayed; the log did not yet take the event that begins this life.
    /// Not before it is armed: a strand's first checkpoint comes before its first entry.
    Starting {
        controller: Box<Controller>,
        retry_us: u64,
        armed: bool,
    },
    Leading(Box<Controller>),
}

#[derive(Debug)]
pub(super) struct Replay {
    recovery: Recovery,
    partition: PartitionId,
    /// Where the next read begins.
    next: Offset,
    /// The log's end.
    end: Offset,
    /// A read that was not answered at once.
    read: Option<ReadId>,
}

impl Controlling {
    pub(super) fn deadline(&self) -> Option<u64> {
        if let Self::Starting { retry_us, .. } = self { Some(*retry_us) } else { None }
    }

    pub(super) fn arm(&mut self) {
        if let Self::Starting { armed, .. } = self {
            *armed = true;
        }
    }
}

impl Shard {
    /// News of the metadata strand.
    pub(in crate::shard) fn on_metadata_notice(
        &mut self,
        now: Now,
        notice: Notice,
        out: &mut Effects,
    ) {
        match notice {
            Notice::Ready => {
                // Of what a lost table of this log held, replay finds the gap, and stops the start.
                if let Some(strand) = self.owner.strand_mut(StrandId::METADATA) {
                    strand.name_partitions([]);
                }
                self.replay(now, Recovery::default(), SNAPSHOTS, 0, out);
            }
            Notice::Read { id, result } => self.on_replay_read(now, id, result, out),
            Notice::Durable { sequence } => {
                self.control(now, out, |controller, now_ms, journal, output| {
                    controller.on_durable(now_ms, sequence, journal, output);
                });
            }
            Notice::Stopped
            | Notice::Sought { .. }
            | Notice::Full { .. }
            | Notice::Damage(_)
            | Notice::TornTail { .. }
            | Notice::Fatal(_) => {}
        }
    }

    /// Begins to read `partition` from `from` on.
    fn replay(
        &mut self,
        now: Now,
        recovery: Recovery,
        partition: PartitionId,
        from: Offset,
        out: &mut Effects,
    ) {
        let strand = self.owner.strand_mut(StrandId::METADATA);
        let log = strand.and_then(|strand| strand.log(partition));
        let (start, end) = log.map_or((0, 0), |log| (log.start(), log.end()));
        let replay = Replay { recovery, partition, next: start.max(from), end, read: None };
        self.go_on_replaying(now, replay, out);
    }

    /// Reads until the disk must be waited for, or the partition ends.
    fn go_on_replaying(&mut self, now: Now, mut replay: Replay, out: &mut Effects) {
        while replay.next < replay.end {
            let request = ReadRequest {
                partition: replay.partition,
                from: replay.next,
                limit: replay.end,
                bytes_max: limits::REPLAY_BYTES,
                at_least_one: true,
            };
            let Some(strand) = self.owner.strand_mut(StrandId::METADATA) else { return };
            let mut output = Output::default();
            let outcome = strand.read(now, request, &mut output);
            self.carry(StrandId::METADATA, output, out);
            match outcome {
                ReadOutcome::Ready(batches) => {
                    if let Err(error) = take(&mut replay, &batches) {
                        return fail(&error.to_string(), out);
                    }
                }
                ReadOutcome::Pending(id) => {
                    replay.read = Some(id);
                    self.admin.controlling = Controlling::Replaying(Box::new(replay));
                    return;
                }
                ReadOutcome::Failed(error) => return fail(&unreadable(&replay, error), out),
            }
        }
        let Replay { mut recovery, partition, end, .. } = replay;
        if partition == SNAPSHOTS {
            let from = recovery.events_from();
            self.replay(now, recovery, EVENTS, from, out);
        } else {
            self.take_over(now, recovery, end, out);
        }
    }

    fn on_replay_read(
        &mut self,
        now: Now,
        id: ReadId,
        result: Result<Batches, ReadError>,
        out: &mut Effects,
    ) {
        let mut replay = match std::mem::take(&mut self.admin.controlling) {
            Controlling::Replaying(replay) if replay.read == Some(id) => *replay,
            other => {
                self.admin.controlling = other;
                return;
            }
        };
        replay.read = None;
        let taken = match result {
            Ok(batches) => take(&mut replay, &batches).map_err(|error| error.to_string()),
            Err(error) => Err(unreadable(&replay, error)),
        };
        match taken {
            Ok(()) => self.go_on_replaying(now, replay, out),
            Err(what) => fail(&what, out),
        }
    }

    /// The log was read up to `end`: the controller takes it over.
    fn take_over(&mut self, now: Now, recovery: Recovery, end: Offset, out: &mut Effects) {
        let (layout, settings) = (self.config.layout.clone(), self.config.settings.clone());
        let recovered = match recovery.finish(layout, settings) {
            Ok(recovered) => recovered,
            Err(error) => return fail(&error.to_string(), out),
        };
        let next = recovered.image.index() + 1;
        if next < end {
            return fail(&format!("metadata log: events {next} to {} are missing", end - 1), out);
        }
        let strand = self.owner.strand_mut(StrandId::METADATA);
        let log = strand.and_then(|strand| strand.log(SNAPSHOTS));
        let snapshots_end = log.map_or(0, |log| log.end());
        let controller = Controller::new(recovered, snapshots_end, self.config.seed);
        let controller = Box::new(controller);
        let (retry_us, armed) = (now.mono_us, false);
        self.admin.controlling = Controlling::Starting { controller, retry_us, armed };
    }

    /// Writes the event that begins this life of the node, if the log takes it.
    pub(super) fn retry_start(&mut self, now: Now) {
        let (mut controller, retry_us) = match std::mem::take(&mut self.admin.controlling) {
            Controlling::Starting { controller, retry_us, armed: true } => (controller, retry_us),
            other => {
                self.admin.controlling = other;
                return;
            }
        };
        let strand = self.owner.strand_mut(StrandId::METADATA);
        let started = match strand.filter(|_| retry_us <= now.mono_us) {
            Some(strand) => {
                let mut journal = StrandJournal { strand, now_ms: now.wall_ms };
                controller.start(now.wall_ms, self.config.cluster, &mut journal)
            }
            None => Err(JournalFull),
        };
        self.admin.appended = true;
        self.admin.controlling = match started {
            Ok(()) => Controlling::Leading(controller),
            Err(JournalFull) => {
                let retry_us = retry_us.max(now.mono_us + limits::START_RETRY_US);
                Controlling::Starting { controller, retry_us, armed: true }
            }
        };
    }

    pub(super) fn on_command(
        &mut self,
        now: Now,
        ticket: Ticket,
        command: Command,
        out: &mut Effects,
    ) {
        let taken = self.control(now, out, |controller, now_ms, journal, output| {
            controller.on_command(now_ms, ticket, command, journal, output);
        });
        if !taken {
            self.answer_command(now, ticket, Outcome::Unavailable, out);
        }
    }

    pub(super) fn on_confirmed(
        &mut self,
        now: Now,
        shard: ShardId,
        index: Offset,
        out: &mut Effects,
    ) {
        self.control(now, out, |controller, _, _, output| {
            controller.on_confirmed(shard, index, output);
        });
    }

    /// Lends the controller its journal and sends what it wants to be sent; false: it does not
    /// lead.
    fn control(
        &mut self,
        now: Now,
        out: &mut Effects,
        act: impl FnOnce(&mut Controller, i64, &mut StrandJournal<'_>, &mut ControllerOutput),
    ) -> bool {
        let Controlling::Leading(controller) = &mut self.admin.controlling else { return false };
        let Some(strand) = self.owner.strand_mut(StrandId::METADATA) else { return false };
        let mut journal = StrandJournal { strand, now_ms: now.wall_ms };
        let mut output = ControllerOutput::default();
        act(controller, now.wall_ms, &mut journal, &mut output);
        self.admin.appended = true;
        for publication in output.publications {
            self.publish(now, publication, out);
        }
        for (ticket, outcome) in output.answers {
            self.answer_command(now, ticket, outcome, out);
        }
        true
    }

    /// To every shard; the controller's own has it at once.
    fn publish(&mut self, now: Now, publication: Publication, out: &mut Effects) {
        for shard in (0..self.config.shards).map(ShardId).filter(|shard| *shard != CONTROLLER) {
            let message = AdminMessage::Publish(Box::new(publication.clone()));
            out.mesh.push((shard, Message::Admin(message)));
        }
        let index = self.take_image(now, publication, out);
        self.on_confirmed(now, CONTROLLER, index, out);
    }

    fn answer_command(&mut self, now: Now, ticket: Ticket, outcome: Outcome, out: &mut Effects) {
        if ticket.shard == CONTROLLER {
            self.on_outcome(now, ticket, outcome, out);
        } else {
            let message = AdminMessage::Outcome { ticket, outcome };
            out.mesh.push((ticket.shard, Message::Admin(message)));
        }
    }
}

fn take(replay: &mut Replay, batches: &Batches) -> Result<(), RecoveryError> {
    for slice in &batches.slices {
        if replay.partition == SNAPSHOTS {
            replay.recovery.on_snapshots(slice.bytes())?;
        } else {
            replay.recovery.on_events(slice.bytes())?;
        }
    }
    // A read that gives nothing ends the partition: what is missing is found at the end.
    replay.next = if batches.next > replay.next { batches.next } else { replay.end };
    Ok(())
}

fn unreadable(replay: &Replay, error: ReadError) -> String {
    format!(
        "metadata log: partition {} cannot be read at {}: {error:?}",
        replay.partition.0, replay.next
    )
}

/// R14: nothing is changed on metadata that cannot be trusted.
fn fail(what: &str, out: &mut Effects) {
    out.fatal.get_or_insert_with(|| Fatal::Unrecoverable { what: what.to_owned() });
}
