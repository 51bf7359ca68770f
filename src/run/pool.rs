//! A thread pool that starts each job after the jobs that it depends on.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{Error, Result};

/// The state of the pool: which jobs can start, and the results so far.
struct Board<T> {
    /// Jobs whose dependencies have all completed, lowest first.
    ready: BTreeSet<usize>,
    /// Dependencies of each job that have not completed.
    missing: Vec<usize>,
    running: usize,
    results: Vec<Option<Result<T>>>,
}

/// Runs jobs on at most `threads` threads and returns their results in the order of the jobs.
///
/// `after[j]` lists the jobs that job j depends on, by index; each index is less than j. Job j starts when the results
/// of all of these are `completed`. Of the jobs that can start, the first in order does. `work` gets the job's index
/// and a function that returns whether to continue: false as soon as `stop` is set or another job has failed. A job
/// that never started has no result.
///
/// # Errors
/// [`Error::Job`] for a dependency that does not come before its job; the error of the first job, in order,
/// that failed.
pub fn run_jobs<T: Send>(
    after: &[Vec<usize>],
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(usize, &dyn Fn() -> bool) -> Result<T> + Sync,
    completed: impl Fn(&T) -> bool + Sync,
) -> Result<Vec<Option<T>>> {
    for (job, dependencies) in after.iter().enumerate() {
        if let Some(dependency) = dependencies.iter().find(|&&earlier| earlier >= job) {
            let problem = format!("it depends on job {dependency}, which does not come before it");
            return Err(Error::job(job, problem));
        }
    }
    let missing: Vec<usize> = after.iter().map(Vec::len).collect();
    let board = Mutex::new(Board {
        ready: (0..after.len()).filter(|&job| missing[job] == 0).collect(),
        missing,
        running: 0,
        results: after.iter().map(|_| None).collect(),
    });
    // A poisoned lock still holds a consistent board: every change is made in one step.
    let lock = || board.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = Condvar::new();
    let failed = AtomicBool::new(false);
    let carry_on = || !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
    let next = || -> Option<usize> {
        let mut board: MutexGuard<'_, Board<T>> = lock();
        loop {
            if !carry_on() {
                return None;
            }
            if let Some(job) = board.ready.pop_first() {
                board.running += 1;
                return Some(job);
            }
            if board.running == 0 {
                return None;
            }
            board = changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    };
    let worker = || {
        while let Some(job) = next() {
            let result = work(job, &carry_on);
            let mut board = lock();
            match &result {
                Ok(result) if completed(result) => {
                    for later in (job + 1..after.len()).filter(|&later| after[later].contains(&job))
                    {
                        board.missing[later] -= 1;
                        if board.missing[later] == 0 {
                            board.ready.insert(later);
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => failed.store(true, Ordering::Relaxed),
            }
            board.results[job] = Some(result);
            board.running -= 1;
            changed.notify_all();
        }
    };
    on_threads(threads.clamp(1, after.len().max(1)), worker);
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    board.results.into_iter().map(Option::transpose).collect()
}

/// Runs `work` on `count` threads, one of them the calling thread; on fewer if the system does not allow as many.
pub fn on_threads(count: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..count {
            if thread::Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_job_starts_after_those_it_depends_on() {
        let after = [vec![], vec![0], vec![], vec![1, 2], vec![0]];
        for threads in 1..=4 {
            let clock = AtomicUsize::new(0);
            let ends: Vec<AtomicUsize> =
                after.iter().map(|_| AtomicUsize::new(usize::MAX)).collect();
            let work = |job: usize, _: &dyn Fn() -> bool| {
                let begins = clock.fetch_add(1, Ordering::SeqCst);
                for &earlier in &after[job] {
                    assert!(
                        ends[earlier].load(Ordering::SeqCst) < begins,
                        "{job} after {earlier}"
                    );
                }
                ends[job].store(clock.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                Ok(job)
            };
            let stop = AtomicBool::new(false);
            let results = run_jobs(&after, threads, &stop, work, |_| true).unwrap();
            assert_eq!(results, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        }
    }

    #[test]
    fn a_job_without_its_dependency_never_starts() {
        let after = [vec![], vec![0], vec![]];
        let stop = AtomicBool::new(false);
        let work = |job: usize, _: &dyn Fn() -> bool| Ok(job);
        let results = run_jobs(&after, 2, &stop, work, |&job| job != 0).unwrap();
        assert_eq!(results, [Some(0), None, Some(2)]);
    }

    #[test]
    fn the_first_failure_in_order_is_the_error_and_stops_the_others() {
        let after = vec![Vec::new(); 100];
        let stop = AtomicBool::new(false);
        let started = AtomicUsize::new(0);
        let work = |job: usize, _: &dyn Fn() -> bool| {
            started.fetch_add(1, Ordering::SeqCst);
            match job {
                0 => Ok(()),
                _ => Err(Error::setting("job", job, "0")),
            }
        };
        let error = run_jobs(&after, 1, &stop, work, |()| true).unwrap_err();
        assert_eq!(error, Error::setting("job", 1, "0"));
        assert_eq!(started.into_inner(), 2);
    }

    #[test]
    fn nothing_starts_once_stop_is_raised() {
        let stop = AtomicBool::new(false);
        let work = |job: usize, carry_on: &dyn Fn() -> bool| {
            stop.store(job == 1, Ordering::SeqCst);
            Ok(carry_on())
        };
        let after = vec![Vec::new(); 5];
        let results = run_jobs(&after, 1, &stop, work, |_| true).unwrap();
        assert_eq!(results, [Some(true), Some(false), None, None, None]);
    }

    #[test]
    fn a_dependency_on_a_later_job_is_refused() {
        let stop = AtomicBool::new(false);
        let work = |job: usize, _: &dyn Fn() -> bool| Ok(job);
        assert!(run_jobs(&[vec![0]], 1, &stop, work, |_| true).is_err());
    }
}
