//! Jobs of a shard, off its core. They take long, and share the executor's blocking threads with
//! the system calls of its files, which must not wait for them: producers wait for those.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use glommio::sync::Semaphore;

/// Jobs that run at a time; further ones wait in order. More would not open more batches than the
/// shards of a machine keep its cores busy with, and each may hold a whole opened batch.
const JOBS_AT_A_TIME: u64 = 1;

/// Threads of an executor for system calls that have no place in the ring, and for jobs: those
/// that jobs may take, and two that stay with the files.
pub(crate) const BLOCKING_THREADS: usize = JOBS_AT_A_TIME as usize + 2;

/// The jobs of one shard.
#[derive(Debug)]
pub(crate) struct Jobs {
    gate: Semaphore,
    unfinished: Cell<usize>,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self { gate: Semaphore::new(JOBS_AT_A_TIME), unfinished: Cell::new(0) }
    }

    /// Jobs that wait or run.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished.get()
    }

    /// Runs `work` on a blocking thread. A panic there is thrown on here: the job's end would
    /// never come.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        self.unfinished.set(self.unfinished.get() + 1);
        let turn = self.gate.acquire_permit(1).await;
        let _turn = turn.expect("nobody closes the gate");
        let work = move || catch_unwind(AssertUnwindSafe(work));
        let ended = glommio::executor().spawn_blocking(work).await;
        self.unfinished.set(self.unfinished.get() - 1);
        match ended {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::time::Duration;

    use glommio::LocalExecutorBuilder;
    use glommio::Placement;
    use glommio::PoolPlacement;

    use super::*;

    #[test]
    fn a_file_is_not_kept_waiting_by_jobs_and_all_jobs_end() {
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS));
        let ended = executor.spawn(|| async {
            let (release, released) = mpsc::channel();
            let released = Arc::new(Mutex::new(released));
            let jobs = Rc::new(Jobs::new());
            let running: Vec<_> = (0..BLOCKING_THREADS * 2)
                .map(|_| {
                    let (jobs, released) = (Rc::clone(&jobs), Arc::clone(&released));
                    let work = move || {
                        let released = released.lock().unwrap();
                        released.recv_timeout(Duration::from_secs(20)).is_ok()
                    };
                    glommio::spawn_local(async move { jobs.run(work).await })
                })
                .collect();
            // The jobs are on their way before the file asks.
            glommio::executor().yield_task_queue_now().await;
            glommio::executor().spawn_blocking(|| ()).await;
            let waiting = jobs.unfinished();
            for _ in &running {
                release.send(()).unwrap();
            }
            let mut in_time = true;
            for job in running {
                in_time &= job.await;
            }
            (waiting, in_time, jobs.unfinished())
        });
        let all = BLOCKING_THREADS * 2;
        assert_eq!(ended.unwrap().join().unwrap(), (all, true, 0));
    }
}
