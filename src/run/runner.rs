//! Runs the jobs of a plan in parallel: resumes them from a store, and stops them when a flag is set.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::live::LivePage;
use super::{
    Experiment, Job, Lock, Outcome, PlanProgress, Progress, Report, RunDirectory, Status, Steps,
    Store, System, run_jobs,
};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::state::Checkpoint;

/// How jobs are run. Results do not depend on it.
pub struct Options<'a> {
    /// The largest number of jobs that run at the same time.
    pub threads: usize,
    /// When set, every job stops after its current step and writes a checkpoint.
    pub stop: &'a AtomicBool,
    /// Steps from one checkpoint of a job to the next; 0 for a checkpoint only when it is stopped.
    pub checkpoint_every: usize,
    /// Called with the progress, from any thread.
    pub on_progress: &'a (dyn Fn(Progress) + Sync),
}

/// A running job's interface to the frame.
pub struct Session<'a, O> {
    /// The outcome and state to resume from.
    pub resumed: Option<(O, Checkpoint)>,
    job: usize,
    store: &'a dyn Store<O>,
    dependencies: Vec<&'a str>,
    carry_on: &'a dyn Fn() -> bool,
    options: &'a Options<'a>,
}

impl<O> Session<'_, O> {
    /// Reports the steps of an earlier process, in their order.
    pub fn skip(&self, done: impl IntoIterator<Item = Steps>) {
        for steps in done {
            let before = true;
            self.report(Steps { images: 0, ..steps }, before);
        }
    }

    /// Reports finished steps. Returns whether to continue.
    pub fn step(&self, done: Steps) -> bool {
        self.report(done, false);
        (self.carry_on)()
    }

    fn report(&self, done: Steps, before: bool) {
        (self.options.on_progress)(Progress {
            job: self.job,
            done,
            before,
            ended: false,
        });
    }

    /// Whether a checkpoint is due after `steps` steps of the job, of which the last `new` came since it was asked last.
    pub fn due(&self, steps: usize, new: usize) -> bool {
        let every = self.options.checkpoint_every;
        every > 0 && steps / every > (steps - new) / every
    }

    /// Saves an interrupted outcome and its state as a checkpoint.
    ///
    /// # Errors
    /// Those of the store.
    pub fn checkpoint(&self, outcome: &O, state: &Checkpoint) -> Result<()> {
        self.store.save(outcome, state)
    }

    /// The final states of the jobs that this one depends on, in the order of [`Job::after`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn dependencies(&self) -> Result<Vec<Checkpoint>> {
        let states = self.dependencies.iter().map(|id| self.store.state(id));
        states.collect()
    }
}

/// Runs every job that has not ended in `store`, and returns the outcomes in the order of the plan. A job that has not
/// begun has no outcome: the run was stopped before it, or a job that it depends on has diverged.
///
/// `experiments` is the experiment, on one backend that all threads share; or copies of it, each on a backend of
/// its own, of which a job uses one alone. On a GPU, the kernels of different backends can then run at the same time.
///
/// # Errors
/// The error of the first job, in the plan's order, that failed.
pub fn run<O: Outcome>(
    experiments: &[impl Experiment<O>],
    jobs: &[Job],
    store: &dyn Store<O>,
    options: &Options<'_>,
) -> Result<Vec<Option<O>>> {
    let Some(first) = experiments.first() else {
        return Err(Error::job("none", "there is no backend to run it on"));
    };
    let alone = experiments.len() > 1;
    let threads = if alone {
        options.threads.min(experiments.len())
    } else {
        options.threads
    };
    let idle = Mutex::new(experiments.iter().collect::<Vec<_>>());
    let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let after: Vec<Vec<usize>> = jobs.iter().map(|job| job.after.clone()).collect();
    let work = |index: usize, carry_on: &dyn Fn() -> bool| {
        let job = &jobs[index];
        if let Some(outcome) = store.ended(&job.id)? {
            let size = first.size(index);
            (options.on_progress)(Progress {
                job: index,
                done: Steps {
                    count: size.steps,
                    cost: size.cost,
                    ..Steps::default()
                },
                before: true,
                ended: true,
            });
            return Ok(outcome);
        }
        let mut session = Session {
            resumed: store.stopped(&job.id)?,
            job: index,
            store,
            dependencies: job.after.iter().map(|&at| jobs[at].id.as_str()).collect(),
            carry_on,
            options,
        };
        // No more threads than experiments, so that one is idle.
        let taken = if alone { idle().pop() } else { None };
        let done = taken.unwrap_or(first).run(index, &mut session);
        idle().extend(taken);
        let (outcome, state) = done?;
        store.save(&outcome, &state)?;
        if *outcome.status() != Status::Interrupted {
            (options.on_progress)(Progress {
                job: index,
                ended: true,
                ..Progress::default()
            });
        }
        Ok(outcome)
    };
    let completed = |outcome: &O| *outcome.status() == Status::Complete;
    run_jobs(&after, threads, options.stop, work, completed)
}

/// Runs the jobs that are missing in `directory` and writes its report. Until then, `report.html` says how far the jobs
/// are. The lock is held until the report is written; if every job has ended, the checkpoints are removed.
///
/// # Errors
/// Those of [`run`] and [`RunDirectory::report`].
pub fn fill<S: System, B: Backend>(
    directory: &RunDirectory<S>,
    lock: Lock,
    experiments: &[S::Experiment<'_, B>],
    options: &Options<'_>,
) -> Result<(Vec<Option<S::Outcome>>, Report)> {
    let jobs = directory.jobs();
    let outcomes = match experiments.first() {
        Some(first) => {
            let page = LivePage::new(directory, PlanProgress::new(jobs, first), options.stop);
            let on_progress = |progress: Progress| {
                page.add(&progress);
                (options.on_progress)(progress);
            };
            let options = Options {
                on_progress: &on_progress,
                ..*options
            };
            run(experiments, jobs, &page, &options).inspect_err(|_| page.failed())?
        }
        None => run(experiments, jobs, directory, options)?,
    };
    let report = directory.report(&outcomes)?;
    if all_ended(directory.jobs(), &outcomes) {
        lock.finish()?;
    }
    Ok((outcomes, report))
}

/// Whether every job is complete or has diverged, or cannot begin because a job that it depends on has diverged.
/// `outcomes` are in the order of `jobs`.
pub fn all_ended<O: Outcome>(jobs: &[Job], outcomes: &[Option<O>]) -> bool {
    let mut outcomes_of = outcomes.iter().enumerate();
    outcomes_of.all(|(job, outcome)| match outcome {
        Some(outcome) => *outcome.status() != Status::Interrupted,
        None => cannot_begin(jobs, outcomes, job),
    })
}

/// Whether job number `job` cannot begin, because a job that it depends on has diverged or cannot begin either.
pub(crate) fn cannot_begin<O: Outcome>(jobs: &[Job], outcomes: &[Option<O>], job: usize) -> bool {
    let mut after = jobs.get(job).into_iter().flat_map(|job| &job.after);
    // Each comes before its job, so that this ends.
    after.any(|&earlier| match outcomes.get(earlier) {
        Some(Some(outcome)) => matches!(outcome.status(), Status::Diverged { .. }),
        _ => earlier < job && cannot_begin(jobs, outcomes, earlier),
    })
}
