//! Running an experiment: every method with every seed, in parallel.

use core::slice;
use std::sync::atomic::AtomicBool;

use super::{EvaluatedTasks, Results, Run, Settings};
use crate::backend::{Backend, Cpu};
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::learn::{RandomCropFlip, Record};
use crate::run::continual::{MethodSettings, Prepared, Tests};
use crate::run::{self, Job, MemoryStore, Options, Session, Size, Steps};
use crate::state::Checkpoint;

/// An experiment that is ready to run: the read-only data that all its runs share.
pub struct Experiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a Settings,
    pub(super) backend: &'a B,
    pub(super) data: Prepared<B>,
}

impl<'a, B: Backend> Experiment<'a, B> {
    /// Prepares an experiment and checks that the settings can be run on these samples.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if memory does not
    /// suffice.
    pub fn new(settings: &'a Settings, samples: &TrainTest, backend: &'a B) -> Result<Self> {
        settings.validate()?;
        let evaluation = &settings.evaluation;
        let tests = Tests {
            first_only: evaluation.tasks == EvaluatedTasks::First,
            limit: evaluation.limit,
            training_samples: false,
            transform: match evaluation.test_time_augmentation {
                true => settings.training.transform(),
                false => RandomCropFlip::default(),
            },
        };
        let (scaling, stream) = (settings.data.scaling(), &settings.stream);
        let network = &settings.network;
        Ok(Experiment {
            settings,
            backend,
            data: Prepared::new(backend, samples, &scaling, stream, network, tests)?,
        })
    }

    /// The cost of an iteration, in forward passes of an image: 3 per training image, as the backward pass takes about
    /// twice the time of the forward pass, and 1 per evaluated image.
    pub fn cost(&self, record: &Record) -> u64 {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.data.test.samples().take(tasks).sum();
        (3 * self.settings.training.batch + tested) as u64
    }

    /// One iteration; its accuracy is that on the first task.
    pub(super) fn step(&self, record: &Record) -> Steps {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.data.test.samples().take(tasks).sum();
        Steps {
            count: 1,
            cost: self.cost(record),
            images: (self.settings.training.batch + tested) as u64,
            accuracy: record.test.map(|test| test.accuracy),
            loss: Some(record.train.loss),
        }
    }

    /// Runs every method with every seed in memory, at most `threads` at the same time; the backend decides the
    /// number of threads of each kernel. Setting `stop` interrupts the runs after their current iteration.
    ///
    /// A seed determines the initial weights and the batches for every method, so that methods can be compared in
    /// pairs.
    ///
    /// # Errors
    /// Those of the kernels. A run that diverges is not an error: its [`Status`](crate::run::Status) says so.
    pub fn run(&self, threads: usize, stop: &AtomicBool) -> Result<Results> {
        let options = Options {
            threads,
            stop,
            checkpoint_every: 0,
            on_progress: &|_| (),
        };
        let (jobs, store) = (jobs(self.settings), MemoryStore::default());
        let runs = run::run(slice::from_ref(self), &jobs, &store, &options)?;
        Ok(Results {
            settings: self.settings.clone(),
            runs: runs.into_iter().flatten().collect(),
        })
    }
}

/// A job for each method and seed; all seeds of a method follow each other.
pub(crate) fn jobs(settings: &Settings) -> Vec<Job> {
    let jobs = runs(settings).map(|(method, seed)| Job {
        id: format!("{}-{seed}", method.name),
        after: Vec::new(),
    });
    jobs.collect()
}

/// The method and seed of the job with this name.
pub(crate) fn method_and_seed<'a>(settings: &'a Settings, id: &str) -> Option<(&'a str, u64)> {
    let mut runs = runs(settings).map(|(method, seed)| (method.name.as_str(), seed));
    runs.find(|(method, seed)| format!("{method}-{seed}") == id)
}

/// The method and seed of each job.
fn runs(settings: &Settings) -> impl Iterator<Item = (&MethodSettings, u64)> {
    let methods = settings.methods.iter();
    methods.flat_map(|method| {
        settings
            .training
            .seeds
            .iter()
            .map(move |&seed| (method, seed))
    })
}

impl<B: Backend> run::Experiment<Run> for Experiment<'_, B> {
    fn size(&self, _job: usize) -> Size {
        let Settings {
            stream,
            training,
            evaluation,
            ..
        } = self.settings;
        let mut tasks = self.data.test.samples();
        let mut tested = 0;
        let context = |number: usize| {
            let iterations = stream.iterations_of(number);
            tested += tasks.next().unwrap_or(0);
            let dense = if number > 0 {
                evaluation.after_switch
            } else {
                0
            };
            let dense = dense.min(iterations);
            let evaluations = dense + (iterations - dense) / evaluation.every;
            (3 * training.batch * iterations + evaluations * tested) as u64
        };
        Size {
            steps: stream.total_iterations(),
            cost: (0..stream.count()).map(context).sum(),
        }
    }

    fn run(&self, job: usize, session: &mut Session<'_, Run>) -> Result<(Run, Checkpoint)> {
        let Some((method, seed)) = runs(self.settings).nth(job) else {
            let problem = format!("the plan has {} jobs", jobs(self.settings).len());
            return Err(Error::job(job, problem));
        };
        self.one(method, seed, session)
    }
}
