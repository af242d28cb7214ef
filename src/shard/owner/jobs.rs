//! Work off-core: a few jobs at a time, in the order in which they were wanted. Searches for what
//! patterns stand for, for which no client waits, give way to the others.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use super::Owner;
use super::SearchId;
use crate::base::Now;
use crate::base::PartitionId;
use crate::shard::Effects;
use crate::shard::Job;
use crate::shard::JobId;
use crate::shard::JobResult;
use crate::shard::Shard;
use crate::shard::groups::Matching;
use crate::shard::limits;

/// Who waits for a job.
#[derive(Debug)]
pub(super) enum JobFor {
    Append(PartitionId),
    Search(SearchId),
    Groups(Matching),
}

/// Jobs that run, and those that wait. Bounded by what asks for them: held appends, searches, and groups
/// with patterns.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    last: u64,
    running: BTreeMap<JobId, JobFor>,
    waiting: VecDeque<(JobId, JobFor, Job)>,
    /// Pieces of searches for what patterns stand for.
    pieces: VecDeque<(JobId, JobFor, Job)>,
    /// Others that were started since the last piece was.
    since_piece: usize,
    /// Bytes of batches that were compressed anew and are not appended.
    pub(super) rebuilt_bytes: usize,
}

impl Jobs {
    /// The job runs when those before it have; [`Shard::start_jobs`] starts it.
    pub(super) fn push(&mut self, job_for: JobFor, job: Job) -> JobId {
        self.last += 1;
        let id = JobId(self.last);
        let line = match job {
            Job::Open { .. } | Job::FindRecord { .. } => &mut self.waiting,
            Job::MatchPatterns { .. } => &mut self.pieces,
        };
        line.push_back((id, job_for, job));
        id
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.pieces.len()
    }

    /// What may be started, if anything may: a piece where nothing else may, or enough others were.
    fn next(&mut self) -> Option<(JobId, JobFor, Job)> {
        if self.running.len() >= limits::JOBS_MAX {
            return None;
        }
        let may_start = match self.waiting.front() {
            Some((_, _, Job::Open { .. })) => self.rebuilt_bytes < limits::REBUILT_BYTES_MAX,
            Some(_) => true,
            None => false,
        };
        let is_pieces_turn = self.since_piece >= limits::JOBS_PER_PIECE && !self.pieces.is_empty();
        if may_start && !is_pieces_turn {
            self.since_piece = self.since_piece.saturating_add(1);
            return self.waiting.pop_front();
        }
        self.since_piece = 0;
        self.pieces.pop_front()
    }
}

impl Owner {
    /// A group's patterns are matched, a piece, when the pieces before it have run.
    pub(in crate::shard) fn push_matching(&mut self, matching: Matching, job: Job) {
        self.jobs.push(JobFor::Groups(matching), job);
    }
}

impl Shard {
    pub(in crate::shard) fn start_jobs(&mut self, out: &mut Effects) {
        let jobs = &mut self.owner.jobs;
        while let Some((id, job_for, job)) = jobs.next() {
            jobs.running.insert(id, job_for);
            out.jobs.push((id, job));
        }
    }

    pub(in crate::shard) fn on_job(
        &mut self,
        now: Now,
        job: JobId,
        result: JobResult,
        out: &mut Effects,
    ) {
        match (self.owner.jobs.running.remove(&job), result) {
            (Some(JobFor::Append(partition)), JobResult::Opened(result)) => {
                self.on_opened(now, partition, job, result);
            }
            (Some(JobFor::Search(search)), JobResult::FoundRecord(found)) => {
                self.on_record_found(now, search, found, out);
            }
            (Some(JobFor::Groups(matching)), JobResult::Matched { image, search }) => {
                self.on_matched(now, matching, image, search);
            }
            (waits, result) => unreachable!("{result:?} of a job for {waits:?}"),
        }
        self.start_jobs(out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::group::PatternSearch;
    use crate::metadata::rig::Desk;
    use crate::record::Compression;
    use crate::record::Rules;
    use crate::record::TimestampType;

    fn push(jobs: &mut Jobs, job: Job) {
        jobs.push(JobFor::Append(PartitionId(1)), job);
    }

    fn piece() -> Job {
        let search = Box::new(PatternSearch::new(Vec::new()));
        Job::MatchPatterns { image: Box::new(Desk::new().image), search }
    }

    fn search() -> Job {
        Job::FindRecord { batch: Bytes::new(), timestamp: 0, from: 0, bytes_max: 0 }
    }

    fn open() -> Job {
        let rules = Rules {
            max_message_bytes: 0,
            segment_bytes: 0,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: 0,
            timestamp_after_max_ms: 0,
            compacted: false,
            compression: Compression::Producer,
            zstd_allowed: true,
            now_ms: 0,
        };
        Job::Open { batch: Bytes::new(), rules: Box::new(rules), bytes_max: 0 }
    }

    /// Which jobs are started, one after the other: `p` is a piece.
    fn started(jobs: &mut Jobs) -> String {
        std::iter::from_fn(|| jobs.next())
            .map(|(_, _, job)| if matches!(job, Job::MatchPatterns { .. }) { 'p' } else { 'j' })
            .collect()
    }

    #[test]
    fn pieces_give_way_to_other_jobs_and_are_not_forgotten() {
        let mut jobs = Jobs::default();
        for _ in 0..4 {
            push(&mut jobs, piece());
        }
        for _ in 0..2 * limits::JOBS_PER_PIECE + 1 {
            push(&mut jobs, search());
        }
        assert_eq!(jobs.waiting(), 4 + 2 * limits::JOBS_PER_PIECE + 1);
        let row = "j".repeat(limits::JOBS_PER_PIECE);
        assert_eq!(started(&mut jobs), format!("{row}p{row}pjpp"));
    }

    #[test]
    fn pieces_go_on_where_no_batch_may_be_opened() {
        let mut jobs = Jobs::default();
        push(&mut jobs, open());
        push(&mut jobs, piece());
        jobs.rebuilt_bytes = limits::REBUILT_BYTES_MAX;
        assert_eq!(started(&mut jobs), "p");
        jobs.rebuilt_bytes = 0;
        assert_eq!(started(&mut jobs), "j");
    }
}
