//! Running an experiment: every method with every seed, in parallel.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{EvaluatedTasks, MethodSettings, NetworkSettings, Results, Run, Settings};
use crate::backend::{Backend, Cpu};
use crate::data::{Dataset, TrainTest};
use crate::error::{Error, Result};
use crate::learn::{DeviceDataset, EvalSets, RandomCropFlip, Record};
use crate::models::{MlpConfig, SlimResNetConfig};
use crate::run::{self, Job, MemoryStore, Options, Session, Size, evenly};
use crate::state::Checkpoint;
use crate::stream::{self, Context, Part};

/// An experiment that is ready to run: the read-only data that all its runs share.
pub struct Experiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a Settings,
    pub(super) backend: &'a B,
    pub(super) training: DeviceDataset<B>,
    pub(super) test: EvalSets<B>,
    pub(super) contexts: Vec<Context>,
    pub(super) network: NetworkConfig,
}

/// The configuration of each run's network.
#[derive(Debug)]
pub(super) enum NetworkConfig {
    Mlp(MlpConfig),
    SlimResNet(SlimResNetConfig),
}

impl<'a, B: Backend> Experiment<'a, B> {
    /// Prepares an experiment and checks that the settings can be run on these samples.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if memory does not
    /// suffice.
    pub fn new(settings: &'a Settings, samples: &TrainTest, backend: &'a B) -> Result<Self> {
        settings.validate()?;
        let scaling = settings.data.scaling();
        let stream = &settings.stream;
        if stream.epochs.is_some() {
            let expected = "iterations: call Settings::with_epochs_counted first";
            return Err(Error::setting("stream.epochs", "(given)", expected));
        }
        let lists = stream.lists(samples.train.classes())?;
        let outputs = stream.kind.outputs(samples.train.classes(), &lists);
        let network = network(&settings.network, &samples.train, outputs)?;
        let contexts = stream.contexts(&samples.train, &lists)?;
        let training = DeviceDataset::new(backend, &samples.train, &scaling)?;
        let mut tasks = stream.kind.tasks(&lists);
        if settings.evaluation.tasks == EvaluatedTasks::First {
            tasks.truncate(1);
        }
        for (task, list) in tasks.iter_mut().zip(&lists) {
            if task.is_empty() {
                task.clone_from(list);
            }
        }
        let test = match stream.kind.tests_training_samples() {
            true => &samples.train,
            false => &samples.test,
        };
        let seed = stream.seed.unwrap_or(0);
        let tasks = stream::contexts(stream.kind, test, &tasks, false, seed)?;
        let tasks = tasks
            .into_iter()
            .map(|task| limited(task, settings.evaluation.limit));
        let transform = match settings.evaluation.test_time_augmentation {
            true => transform(settings),
            false => RandomCropFlip::default(),
        };
        let test = DeviceDataset::new(backend, test, &scaling)?;
        Ok(Experiment {
            settings,
            training,
            test: EvalSets::new(backend, test, tasks.collect(), transform)?,
            contexts,
            network,
            backend,
        })
    }

    /// The cost of an iteration, in forward passes of an image: 3 per training image, as the backward pass takes about
    /// twice the time of the forward pass, and 1 per evaluated image.
    pub fn cost(&self, record: &Record) -> u64 {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.test.samples().take(tasks).sum();
        (3 * self.settings.training.batch + tested) as u64
    }

    /// Images that an iteration trained on or evaluated.
    pub(super) fn images(&self, record: &Record) -> u64 {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.test.samples().take(tasks).sum();
        (self.settings.training.batch + tested) as u64
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
        let runs = run::run(self, &jobs, &store, &options)?;
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
        let mut tasks = self.test.samples();
        let mut tested = 0;
        let context = |number: usize| {
            let iterations = stream.iterations_of(number);
            tested += tasks.next().unwrap_or(0);
            let evaluations = iterations / evaluation.every;
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

/// The configuration of the network with this number of outputs, for these samples.
fn network(settings: &NetworkSettings, samples: &Dataset, outputs: usize) -> Result<NetworkConfig> {
    let shape = samples.shape();
    Ok(match settings {
        NetworkSettings::Mlp {
            hidden,
            hidden_standard_deviation,
            output_standard_deviation,
        } => {
            let mut neurons = vec![samples.features()];
            neurons.extend(hidden);
            neurons.push(outputs);
            NetworkConfig::Mlp(MlpConfig {
                neurons,
                hidden_standard_deviation: *hidden_standard_deviation,
                output_standard_deviation: *output_standard_deviation,
            })
        }
        NetworkSettings::SlimResnet18 {
            width,
            head_standard_deviation,
            modulated,
        } => {
            if shape.height != shape.width {
                let expected = "mlp: slim-resnet18 needs square images";
                return Err(Error::setting("network.kind", shape, expected));
            }
            NetworkConfig::SlimResNet(SlimResNetConfig {
                side: shape.height,
                channels: shape.channels,
                classes: outputs,
                width: *width,
                head_standard_deviation: *head_standard_deviation,
                modulated: modulated.clone(),
            })
        }
    })
}

/// Keeps `limit` of the samples, evenly spread because files can be sorted by class; all if `limit` is 0.
fn limited(mut task: Context, limit: usize) -> Context {
    let mut kept = evenly(task.count(), limit).peekable();
    if kept.size_hint().0 == task.count() {
        return task;
    }
    let mut first = 0;
    for part in &mut task.parts {
        let mut samples = Vec::new();
        while let Some(place) = kept.next_if(|place| place - first < part.samples.len()) {
            samples.push(part.samples[place - first]);
        }
        first += part.samples.len();
        let view = part.view.clone();
        let samples = samples.into();
        *part = Arc::new(Part { samples, view });
    }
    task
}

/// The augmentation of training images.
pub(super) fn transform(settings: &Settings) -> RandomCropFlip {
    RandomCropFlip {
        padding: u8::try_from(settings.training.crop_padding).unwrap_or(u8::MAX),
        horizontal_flip: settings.training.horizontal_flip,
    }
}
