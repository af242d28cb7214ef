//! Strands: their ops go out, their outcomes and news come in, their durable ends release answers.

use super::Due;
use super::ReadFor;
use super::fetch::read_rejection;
use crate::base::Now;
use crate::base::Pool;
use crate::base::StrandId;
use crate::shard::Effects;
use crate::shard::Shard;
use crate::strand::Notice;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::Token;

impl Shard {
    /// Hands a strand's ops to the port and keeps its news for [`Shard::next_notice`].
    pub(in crate::shard) fn carry(&mut self, strand: StrandId, output: Output, out: &mut Effects) {
        out.ops.extend(output.ops.into_iter().map(|(token, op)| (strand, token, op)));
        self.owner.news.extend(output.notices.into_iter().map(|notice| (strand, notice)));
    }

    fn each_strand(
        &mut self,
        out: &mut Effects,
        mut act: impl FnMut(&mut super::StrandState, &mut Output),
    ) {
        let Self { owner, .. } = self;
        for (&id, state) in &mut owner.strands {
            let mut output = Output::default();
            act(state, &mut output);
            out.ops.extend(output.ops.into_iter().map(|(token, op)| (id, token, op)));
            owner.news.extend(output.notices.into_iter().map(|notice| (id, notice)));
        }
    }

    pub(in crate::shard) fn start_strands(&mut self, now: Now, out: &mut Effects) {
        self.each_strand(out, |state, output| state.strand.start(now, output));
    }

    pub(in crate::shard) fn tick_strands(&mut self, now: Now, out: &mut Effects) {
        self.each_strand(out, |state, output| state.strand.on_tick(now, output));
    }

    pub(in crate::shard) fn shut_down_strands(&mut self, now: Now, out: &mut Effects) {
        self.each_strand(out, |state, output| state.strand.shutdown(now, output));
    }

    /// The `commit` that ends the turn does what follows from it.
    pub(in crate::shard) fn press_strands(&mut self, is_pressed: bool) {
        self.owner.strands.values_mut().for_each(|state| state.strand.press(is_pressed));
    }

    pub(in crate::shard) fn commit(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Effects) {
        self.each_strand(out, |state, output| state.strand.commit(now, pool, output));
    }

    pub(in crate::shard) fn strands_are_ready(&self) -> bool {
        self.owner.strands.values().all(|state| state.ready)
    }

    pub(in crate::shard) fn on_disk(
        &mut self,
        now: Now,
        strand: StrandId,
        token: Token,
        outcome: Outcome,
        out: &mut Effects,
    ) {
        let Some(state) = self.owner.strands.get_mut(&strand) else { return };
        let mut output = Output::default();
        state.strand.on_outcome(now, token, outcome, &mut output);
        self.carry(strand, output, out);
        // An extent may be made, or refused, that appends were held for.
        self.append_deferred(now, out);
    }

    /// Looks at one piece of news; false: there is none.
    pub(in crate::shard) fn next_notice(&mut self, now: Now, out: &mut Effects) -> bool {
        let Some((strand, notice)) = self.owner.news.pop_front() else { return false };
        let Some(state) = self.owner.strands.get_mut(&strand) else { return true };
        match &notice {
            Notice::Ready => state.ready = true,
            Notice::Stopped => state.stopped = true,
            Notice::Fatal(fatal) => {
                out.fatal.get_or_insert_with(|| fatal.clone());
            }
            Notice::Damage(report) => tracing::error!(?strand, ?report, "storage: damage"),
            Notice::TornTail { file, position, last_sequence } => {
                tracing::warn!(
                    ?strand,
                    ?file,
                    position,
                    last_sequence,
                    "storage: torn tail dropped"
                );
            }
            Notice::Full { full } => tracing::warn!(?strand, full, "storage: full"),
            Notice::Durable { .. } | Notice::Read { .. } | Notice::Sought { .. } => {}
        }
        if strand == StrandId::METADATA {
            self.on_metadata_notice(now, notice, out);
        } else {
            self.on_notice(now, strand, notice, out);
        }
        true
    }

    fn on_notice(&mut self, now: Now, strand: StrandId, notice: Notice, out: &mut Effects) {
        match notice {
            Notice::Ready => self.on_strand_ready(strand, out),
            Notice::Durable { .. } => {
                self.on_durable(strand);
                self.append_deferred(now, out);
            }
            Notice::Read { id, result } => match self.owner.reads.remove(&(strand, id)) {
                Some(ReadFor::Fetch { fetch, index }) => self.on_part_read(fetch, index, result),
                Some(ReadFor::Search(search)) => self.on_search_read(now, search, result, out),
                Some(ReadFor::Groups(partition)) => {
                    self.on_groups_read(now, partition, result.map_err(read_rejection));
                }
                None => {}
            },
            Notice::Sought { id, result } => {
                if let Some(ReadFor::Search(search)) = self.owner.reads.remove(&(strand, id)) {
                    self.on_sought(now, search, result, out);
                }
            }
            Notice::Stopped
            | Notice::Full { .. }
            | Notice::Damage(_)
            | Notice::TornTail { .. }
            | Notice::Fatal(_) => {}
        }
    }

    /// What was appended up to the durable end becomes visible, and its answers are given, in the
    /// order of the appends.
    pub(super) fn on_durable(&mut self, strand: StrandId) {
        let Some(state) = self.owner.strands.get_mut(&strand) else { return };
        let durable = state.strand.durable();
        let mut answers = Vec::new();
        while state.undurable.front().is_some_and(|first| first.sequence <= durable) {
            let Some(undurable) = state.undurable.pop_front() else { break };
            match undurable.due {
                Due::Appended { asker, partition, end, bytes, answer } => {
                    state.undurable_bytes -= bytes;
                    if let Some(led) = self.owner.partitions.get_mut(&partition)
                        && led.raise_high_watermark(end)
                    {
                        self.owner.watches.grow(partition, bytes as u64, &mut answers);
                    }
                    answers.push((asker, answer));
                }
                Due::Written { partition, end, bytes } => {
                    state.undurable_bytes -= bytes;
                    if let Some(led) = self.owner.partitions.get_mut(&partition)
                        && led.raise_high_watermark(end)
                    {
                        self.owner.watches.grow(partition, bytes as u64, &mut answers);
                    }
                }
                Due::Started { partition, to } => {
                    if let Some(led) = self.owner.partitions.get_mut(&partition) {
                        led.raise_log_start(to);
                    }
                }
                Due::Answer { asker, answer } => answers.push((asker, answer)),
            }
        }
        for (asker, answer) in answers {
            self.answer(asker, answer);
        }
    }
}
