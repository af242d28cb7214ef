//! Reads of a strand, as its shard asks for them: the strand checks what may be read, [`Reads`]
//! finds it.

use crate::base::Now;
use crate::base::PartitionId;
use crate::strand::DamageReport;
use crate::strand::File;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::ReadError;
use crate::strand::ReadId;
use crate::strand::ReadOutcome;
use crate::strand::ReadRequest;
use crate::strand::SeekOutcome;
use crate::strand::StrandConfig;
use crate::strand::StrandIdentity;
use crate::strand::Token;
use crate::strand::Use;
use crate::strand::extents::Extents;
use crate::strand::extents::Life;
use crate::strand::machine::Strand;
use crate::strand::ops::Ops;
use crate::strand::ops::Purpose;
use crate::strand::read::ReadContext;
use crate::strand::read::ReadLimits;
use crate::strand::read::ReadPort;
use crate::strand::read::Reads;
use crate::strand::read::SeekRequest;
use crate::strand::reindexing::Reindexing;

/// The reads of a strand with these limits.
pub(super) fn reads(config: &StrandConfig, identity: StrandIdentity) -> Reads {
    let limits = ReadLimits {
        tail_bytes: config.cache_bytes,
        ahead_bytes: config.read_ahead_bytes,
        index_bytes: config.index_cache_bytes,
        waiting_max: config.reads_max,
    };
    Reads::new(identity, limits)
}

/// What reads want goes out as the strand's own ops.
struct Port<'a> {
    ops: &'a mut Ops,
    reindexing: &'a mut Reindexing,
    out: &'a mut Output,
}

impl ReadPort for Port<'_> {
    fn issue(&mut self, op: Op) -> Token {
        self.ops.issue(Purpose::Reading, op, self.out)
    }

    fn notice(&mut self, notice: Notice) {
        if let Notice::Damage(DamageReport { file: File::Index(index), .. }) = &notice {
            self.reindexing.report(*index);
        }
        self.out.notices.push(notice);
    }
}

fn is_current(extents: &Extents, place: Use) -> bool {
    let filled = |life| matches!(life, Life::Open | Life::Sealed | Life::Dead { .. });
    extents.used(place.number).is_some_and(|extent| filled(extent.life))
}

impl Strand {
    /// Reads whole batches of a partition from the one that holds `request.from` on, up to
    /// `request.limit`, which must be durable.
    pub fn read(&mut self, _now: Now, request: ReadRequest, out: &mut Output) -> ReadOutcome {
        let Some(log) = self.logs.get(&request.partition) else {
            return ReadOutcome::Failed(ReadError::UnknownPartition);
        };
        if request.from < log.start() || request.from > log.end() {
            return ReadOutcome::Failed(ReadError::OutOfRange);
        }
        let limit = request.limit.min(log.end());
        let request = ReadRequest { limit, ..request };
        let extents = &self.extents;
        let context = ReadContext {
            runs: &self.runs,
            indexes: &self.indexes,
            is_current: &|place| is_current(extents, place),
        };
        self.reads.read(
            &context,
            request,
            &mut Port { ops: &mut self.ops, reindexing: &mut self.reindexing, out },
        )
    }

    /// Where to begin reading for the first record at or after a timestamp.
    pub fn seek(
        &mut self,
        _now: Now,
        partition: PartitionId,
        timestamp: i64,
        out: &mut Output,
    ) -> SeekOutcome {
        let Some(log) = self.logs.get(&partition) else { return SeekOutcome::Ready(None) };
        // Segments know their largest timestamps: all before the first that reaches it are passed.
        let reached = log.segments().iter().find(|segment| segment.max_timestamp >= timestamp);
        let Some(segment) = reached else { return SeekOutcome::Ready(None) };
        let from = segment.base.max(log.start());
        let request = SeekRequest { partition, from, limit: log.end(), timestamp };
        let extents = &self.extents;
        let context = ReadContext {
            runs: &self.runs,
            indexes: &self.indexes,
            is_current: &|place| is_current(extents, place),
        };
        self.reads.seek(
            &context,
            request,
            &mut Port { ops: &mut self.ops, reindexing: &mut self.reindexing, out },
        )
    }

    /// Nobody waits for the read or seek any more.
    pub fn cancel_read(&mut self, id: ReadId) {
        self.reads.cancel(id);
    }

    pub(super) fn on_read_outcome(&mut self, token: Token, outcome: Outcome, out: &mut Output) {
        let extents = &self.extents;
        let context = ReadContext {
            runs: &self.runs,
            indexes: &self.indexes,
            is_current: &|place| is_current(extents, place),
        };
        self.reads.on_outcome(
            &context,
            token,
            outcome,
            &mut Port { ops: &mut self.ops, reindexing: &mut self.reindexing, out },
        );
    }
}
