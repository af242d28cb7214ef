//! For tests: a journal in memory that can refuse, and knows what is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::Lifetime;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Advertise;
use crate::metadata::Command;
use crate::metadata::Controller;
use crate::metadata::ControllerOutput;
use crate::metadata::EVENTS;
use crate::metadata::Image;
use crate::metadata::Journal;
use crate::metadata::JournalFull;
use crate::metadata::Layout;
use crate::metadata::Listener;
use crate::metadata::Outcome;
use crate::metadata::Recovered;
use crate::metadata::Recovery;
use crate::metadata::RecoveryError;
use crate::metadata::SNAPSHOTS;
use crate::metadata::Setting;
use crate::metadata::Settings;
use crate::metadata::State;
use crate::metadata::Ticket;
use crate::record::Batch;

/// The cluster that [`started`] forms.
pub(crate) const CLUSTER: TopicId = TopicId([7; 16]);

/// Of a command whose outcome a test does not look at.
pub(crate) const NOBODY: Ticket = Ticket { shard: ShardId(0), number: 0 };

/// The journal's memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    pub(crate) appended: Vec<(PartitionId, Bytes)>,
    pub(crate) starts: BTreeMap<PartitionId, Offset>,
    pub(crate) full: bool,
}

impl Journal for Tape {
    fn append(&mut self, partition: PartitionId, batch: Bytes) -> Result<u64, JournalFull> {
        if self.full {
            return Err(JournalFull);
        }
        let header = Batch::parse(&batch).expect("a batch").header;
        assert_eq!(header.base_offset, self.end(partition), "offsets go on where they stopped");
        self.appended.push((partition, batch));
        Ok(self.newest())
    }

    fn move_start(&mut self, partition: PartitionId, to: Offset) {
        self.starts.insert(partition, to);
    }
}

impl Tape {
    /// The journal's number of the newest append.
    pub(crate) fn newest(&self) -> u64 {
        self.appended.len() as u64
    }

    pub(crate) fn end(&self, partition: PartitionId) -> Offset {
        let of = self.appended.iter().rfind(|(of, _)| *of == partition);
        of.map_or(0, |(_, batch)| Batch::parse(batch).expect("a batch").header.end_offset())
    }

    /// What a start would read after the first `durable` appends.
    pub(crate) fn recover(&self, durable: u64) -> Result<Recovered, RecoveryError> {
        let mut recovery = Recovery::default();
        let kept = &self.appended[..durable as usize];
        let of = |partition: PartitionId| {
            let start = self.starts.get(&partition).copied().unwrap_or(0);
            kept.iter().filter(move |(of, batch)| {
                let end = Batch::parse(batch).expect("a batch").header.end_offset();
                *of == partition && end > start
            })
        };
        for (_, batch) in of(SNAPSHOTS) {
            recovery.on_snapshots(batch)?;
        }
        recovery.events_from();
        for (_, batch) in of(EVENTS) {
            recovery.on_events(batch)?;
        }
        recovery.finish(layout(2, Advertise::Node), Arc::default())
    }
}

/// `shards` cores of node 1. Core `n` has the strands `n`, `100 + n` (brief), `200 + n` (endless).
pub(crate) fn layout(shards: u16, advertise: Advertise) -> Arc<Layout> {
    let of = |first: u16, lifetime: Lifetime| {
        (0..shards).map(move |number| (StrandId(first + number), (ShardId(number), lifetime)))
    };
    let strands = of(0, Lifetime::Finite)
        .chain(of(100, Lifetime::Brief))
        .chain(of(200, Lifetime::Endless))
        .collect();
    let listener = |name: &str, port| Listener {
        name: name.to_owned(),
        host: format!("{}.example", name.to_lowercase()),
        port,
        core_port: port + 1000,
    };
    Arc::new(Layout {
        node: 1,
        rack: Some("r1".to_owned()),
        shards,
        strands,
        advertise,
        listeners: vec![listener("PLAINTEXT", 9092), listener("OUTSIDE", 19092)],
    })
}

/// A node's own configuration with these settings set.
pub(crate) fn settings(set: &[(&'static str, &str)]) -> Arc<Settings> {
    let setting = |(name, value): &(&'static str, &str)| {
        (*name, Setting { value: Some((*value).to_owned()), explicit: true, doc: "" })
    };
    Arc::new(Settings::new(set.iter().map(setting)).expect("valid settings"))
}

/// A controller on an empty log, whose start is durable and known to every shard.
pub(crate) struct Desk {
    pub(crate) controller: Controller,
    pub(crate) tape: Tape,
    pub(crate) image: Image,
    number: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(layout(2, Advertise::Node), Arc::default())
    }

    pub(crate) fn with(layout: Arc<Layout>, settings: Arc<Settings>) -> Self {
        let image = Image::new(State::default(), layout, settings);
        Self::take_over(Recovered { image, term: 0, events: 0 }, Tape::default())
    }

    pub(crate) fn take_over(recovered: Recovered, tape: Tape) -> Self {
        let image = recovered.image.clone();
        let controller = Controller::new(recovered, tape.end(SNAPSHOTS), 5);
        let mut desk = Self { controller, tape, image, number: 0 };
        desk.controller.start(1, CLUSTER, &mut desk.tape).expect("room for the start");
        desk.settle();
        desk
    }

    /// Sends a command of shard 0 and gives the outcome, once everything is durable and known.
    pub(crate) fn ask(&mut self, command: Command) -> Outcome {
        self.number += 1;
        let ticket = Ticket { shard: ShardId(0), number: self.number };
        let mut out = ControllerOutput::default();
        self.controller.on_command(1, ticket, command, &mut self.tape, &mut out);
        let mut answers = out.answers;
        answers.extend(self.settle());
        let (answered, outcome) = answers.pop().expect("an answer");
        assert_eq!((answered, answers.len()), (ticket, 0), "one answer, and this one");
        outcome
    }

    /// Makes everything durable, and every shard say that it has the newest image.
    pub(crate) fn settle(&mut self) -> Vec<(Ticket, Outcome)> {
        let mut out = ControllerOutput::default();
        let mut durable = 0;
        while durable < self.tape.newest() {
            durable = self.tape.newest();
            self.controller.on_durable(1, durable, &mut self.tape, &mut out);
        }
        for publication in out.publications.drain(..) {
            self.image = publication.image;
        }
        for shard in 0..self.image.layout().shards {
            self.controller.on_confirmed(ShardId(shard), self.image.index(), &mut out);
        }
        out.answers
    }
}
