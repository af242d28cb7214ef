//! Work off-core: a few jobs at a time, in the order in which they were wanted.

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
    /// Bytes of batches that were compressed anew and are not appended.
    pub(super) rebuilt_bytes: usize,
}

impl Jobs {
    /// The job runs when those before it have; [`Shard::start_jobs`] starts it.
    pub(super) fn push(&mut self, job_for: JobFor, job: Job) -> JobId {
        self.last += 1;
        let id = JobId(self.last);
        self.waiting.push_back((id, job_for, job));
        id
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn next_may_start(&self) -> bool {
        let has_room = match self.waiting.front() {
            Some((_, _, Job::Open { .. })) => self.rebuilt_bytes < limits::REBUILT_BYTES_MAX,
            Some((_, _, Job::FindRecord { .. } | Job::MatchPatterns { .. })) => true,
            None => false,
        };
        has_room && self.running.len() < limits::JOBS_MAX
    }
}

impl Owner {
    /// A group's patterns are matched when the jobs before it have run.
    pub(in crate::shard) fn push_matching(&mut self, matching: Matching, job: Job) {
        self.jobs.push(JobFor::Groups(matching), job);
    }
}

impl Shard {
    pub(in crate::shard) fn start_jobs(&mut self, out: &mut Effects) {
        let jobs = &mut self.owner.jobs;
        while jobs.next_may_start()
            && let Some((id, job_for, job)) = jobs.waiting.pop_front()
        {
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
            (Some(JobFor::Groups(matching)), JobResult::Matched(matches)) => {
                self.on_matched(now, &matching, &matches);
            }
            (waits, result) => unreachable!("{result:?} of a job for {waits:?}"),
        }
        self.start_jobs(out);
    }
}
