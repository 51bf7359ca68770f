//! The plan of an experiment, and its data.

use core::slice;
use std::sync::atomic::AtomicBool;

use super::{Curve, PlasticityRun, PlasticitySettings, Tick};
use crate::backend::{Backend, Cpu};
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::learn::RandomCropFlip;
use crate::run::continual::{MethodSettings, Prepared, Tests};
use crate::run::{self, Job, MemoryStore, Options, Session, Size, Steps};
use crate::state::Checkpoint;

/// The state in which a job begins each task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// The state after the previous task: the stream itself.
    Stream,
    /// A fresh network.
    Fresh,
    /// The final state of the stream, on a copy.
    Final,
}

impl Start {
    /// The end of the job's name.
    fn suffix(self) -> &'static str {
        match self {
            Start::Stream => "",
            Start::Fresh => "-fresh",
            Start::Final => "-again",
        }
    }
}

/// The work of a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) method: &'a MethodSettings,
    pub(super) seed: u64,
    pub(super) start: Start,
}

impl Work<'_> {
    pub(super) fn id(&self) -> String {
        job_id(&self.method.name, self.seed, self.start)
    }

    /// The tasks that it learns, counted from 0, of `tasks` tasks.
    pub(super) fn tasks(&self, tasks: usize) -> core::ops::Range<usize> {
        match self.start {
            Start::Stream => 0..tasks,
            // The curve of the first task from a fresh network is that of the stream, and the curve of the last task
            // from the final state is not used.
            Start::Fresh => 1..tasks,
            Start::Final => 0..tasks.saturating_sub(1),
        }
    }
}

pub(super) fn job_id(method: &str, seed: u64, start: Start) -> String {
    format!("{method}-{seed}{}", start.suffix())
}

/// Every job: for each method and seed the stream, then its tasks from a fresh network and from the final state.
pub(super) fn plan(settings: &PlasticitySettings) -> Vec<(Work<'_>, Job)> {
    let mut plan = Vec::new();
    let transfer = settings.evaluation.transfer && settings.stream.count() > 1;
    for method in &settings.methods {
        for &seed in &settings.training.seeds {
            let stream = plan.len();
            let mut add = |start, after| {
                let work = Work {
                    method,
                    seed,
                    start,
                };
                let id = work.id();
                plan.push((work, Job { id, after }));
            };
            add(Start::Stream, Vec::new());
            if transfer {
                add(Start::Fresh, Vec::new());
                add(Start::Final, vec![stream]);
            }
        }
    }
    plan
}

/// An experiment that is ready to run: the read-only data that all its jobs share.
pub struct PlasticityExperiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a PlasticitySettings,
    pub(super) backend: &'a B,
    pub(super) data: Prepared<B>,
}

impl<'a, B: Backend> PlasticityExperiment<'a, B> {
    /// Prepares an experiment and checks that the settings can be run on these samples.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if memory does not
    /// suffice.
    pub fn new(
        settings: &'a PlasticitySettings,
        samples: &TrainTest,
        backend: &'a B,
    ) -> Result<Self> {
        settings.validate()?;
        let tests = Tests {
            first_only: false,
            limit: settings.evaluation.limit,
            training_samples: settings.evaluation.training_samples,
            transform: RandomCropFlip::default(),
        };
        let (scaling, stream) = (settings.data.scaling(), &settings.stream);
        let network = &settings.network;
        Ok(PlasticityExperiment {
            settings,
            backend,
            data: Prepared::new(backend, samples, &scaling, stream, network, tests)?,
        })
    }

    /// Runs every job in memory, at most `threads` at the same time, and returns the runs in the order of the plan.
    /// Setting `stop` interrupts the jobs after their current evaluation.
    ///
    /// # Errors
    /// Those of the kernels. Training that diverges is not an error: the run's [`Status`](crate::run::Status) says so.
    pub fn run(&self, threads: usize, stop: &AtomicBool) -> Result<Vec<Option<PlasticityRun>>> {
        let options = Options {
            threads,
            stop,
            checkpoint_every: 0,
            on_progress: &|_| (),
        };
        let jobs: Vec<Job> = plan(self.settings)
            .into_iter()
            .map(|(_, job)| job)
            .collect();
        run::run(
            slice::from_ref(self),
            &jobs,
            &MemoryStore::default(),
            &options,
        )
    }

    /// Images that tick `tick` of a task trains on, and that it evaluates.
    pub(super) fn images(&self, start: Start, task: usize, tick: usize) -> (u64, u64) {
        let settings = self.settings;
        let iterations = settings.iterations_to(task, tick);
        let earlier = settings.evaluation.earlier_tasks && start == Start::Stream;
        let first = if earlier { 0 } else { task };
        let mut tests = self.data.test.samples().skip(first).take(task + 1 - first);
        let tested: usize = tests.by_ref().sum();
        ((settings.training.batch * iterations) as u64, tested as u64)
    }

    /// The cost of a tick in forward passes of an image: 3 per training image, 1 per evaluated image.
    pub(super) fn cost(&self, start: Start, task: usize, tick: usize) -> u64 {
        let (trained, tested) = self.images(start, task, tick);
        3 * trained + tested
    }

    /// The iterations before an evaluation, and the evaluation.
    pub(super) fn steps(&self, start: Start, row: &Tick) -> Steps {
        let (drawn, tested) = self.images(start, row.task, row.tick);
        Steps {
            count: self.settings.iterations_to(row.task, row.tick),
            cost: self.cost(start, row.task, row.tick),
            images: drawn + tested,
            accuracy: Some(row.accuracy),
            loss: row.training_loss,
        }
    }
}

impl<B: Backend> run::Experiment<PlasticityRun> for PlasticityExperiment<'_, B> {
    fn size(&self, job: usize) -> Size {
        let plan = plan(self.settings);
        let Some((work, _)) = plan.get(job) else {
            return Size::default();
        };
        let ticks = self.settings.evaluation.ticks + 1;
        let tasks = work.tasks(self.settings.stream.count());
        let cost = tasks
            .clone()
            .flat_map(|task| (0..ticks).map(move |tick| (task, tick)))
            .map(|(task, tick)| self.cost(work.start, task, tick));
        Size {
            steps: tasks
                .map(|task| self.settings.stream.iterations_of(task))
                .sum(),
            cost: cost.sum(),
        }
    }

    fn run(
        &self,
        job: usize,
        session: &mut Session<'_, PlasticityRun>,
    ) -> Result<(PlasticityRun, Checkpoint)> {
        let plan = plan(self.settings);
        let Some((work, _)) = plan.get(job) else {
            let problem = format!("the plan has {} jobs", plan.len());
            return Err(Error::job(job, problem));
        };
        self.job(*work, session)
    }
}

/// The learning curves of a job, one for each task that it has completed.
pub(super) fn curves(run: &PlasticityRun, ticks: usize) -> Vec<Curve> {
    let rows = run.rows.chunks_exact(ticks + 1);
    rows.map(|rows| rows.iter().map(|row| row.accuracy).collect())
        .collect()
}
