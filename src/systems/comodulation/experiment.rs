//! Running a comodulation experiment: one pretrained network per seed, and every method started from it.

use core::slice;
use std::sync::atomic::AtomicBool;

use super::measures::TaskMeasures;
use super::tasks::{Task, TaskData, tasks};
use super::{ComodulationMethod, ComodulationSettings, memory};
use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::{DeviceDataset, GainSource};
use crate::models::{BackboneConfig, ComodulatedConfig};
use crate::nn::BatchStats;
use crate::run::{self, Job, MemoryStore, Options, Session, Size, Status};
use crate::state::Checkpoint;
use crate::tensor::NamedTensor;

/// One training batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchRecord {
    /// The task, counted from 0.
    pub task: usize,
    /// The batch's mean cross-entropy before the update, in nats.
    pub loss: f64,
    /// The share of correct predictions.
    pub accuracy: f64,
}

impl BatchRecord {
    /// The record of a task's batch with this loss.
    pub(super) fn new(task: usize, loss: BatchStats) -> Self {
        BatchRecord {
            task,
            loss: loss.mean_cross_entropy(),
            accuracy: loss.accuracy(),
        }
    }
}

/// A network that has learnt the primary tasks for a number of epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct PretrainingRun {
    /// The seed.
    pub seed: u64,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Every batch after the next smaller number of epochs, in order.
    pub steps: Vec<BatchRecord>,
    /// Its accuracy on the test samples of each primary task; empty before the end.
    pub accuracies: Vec<f64>,
    /// How it ended.
    pub status: Status,
}

/// One method, started from one network.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptationRun {
    /// The method's name in the settings.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Every batch, in order.
    pub steps: Vec<BatchRecord>,
    /// The measures of each task; empty unless it is complete.
    pub tasks: Vec<TaskMeasures>,
    /// The number of parameters that the method adds to the network: controller and readouts.
    pub learnt_numbers: usize,
    /// SHA-256 over every loss and the final parameters, in hexadecimal; `None` before the end.
    pub hash: Option<String>,
    /// How it ended.
    pub status: Status,
}

impl AdaptationRun {
    /// Whether training is complete and every task was measured.
    pub fn complete(&self) -> bool {
        self.status == Status::Complete
    }
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum ComodulationRun {
    /// A network that has learnt the primary tasks.
    Pretraining(PretrainingRun),
    /// A method that started from a pretrained network.
    Adaptation(AdaptationRun),
}

/// The work of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase<'a> {
    /// Pretraining on the primary tasks: seed, and index in the list of numbers of epochs.
    Pretrain(u64, usize),
    /// A method: seed and epochs of pretraining.
    Adapt(&'a ComodulationMethod, u64, usize),
}

/// Every job. First, for each seed, a pretraining to each number of epochs, each from the previous one; then the
/// methods, in the order of methods, epochs and seeds.
pub(crate) fn plan(settings: &ComodulationSettings) -> Vec<(Phase<'_>, Job)> {
    let (epochs, seeds) = (&settings.pretraining.epochs, &settings.training.seeds);
    let mut plan = Vec::new();
    for &seed in seeds {
        for (level, count) in epochs.iter().enumerate() {
            let job = Job {
                id: pretraining_id(*count, seed),
                after: (level > 0).then(|| plan.len() - 1).into_iter().collect(),
            };
            plan.push((Phase::Pretrain(seed, level), job));
        }
    }
    for method in &settings.methods {
        for (level, &count) in epochs.iter().enumerate() {
            for (place, &seed) in seeds.iter().enumerate() {
                let job = Job {
                    id: adaptation_id(&method.name, count, seed),
                    after: vec![place * epochs.len() + level],
                };
                plan.push((Phase::Adapt(method, seed, count), job));
            }
        }
    }
    plan
}

pub(crate) fn pretraining_id(epochs: usize, seed: u64) -> String {
    format!("{PRETRAINING}-{epochs}-{seed}")
}

pub(crate) fn adaptation_id(method: &str, epochs: usize, seed: u64) -> String {
    format!("{method}-{epochs}-{seed}")
}

/// The name of pretraining jobs; no method has this name.
pub(super) const PRETRAINING: &str = "pretraining";

/// An experiment that is ready to run: the read-only data that all its runs share.
#[derive(Debug)]
pub struct ComodulationExperiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a ComodulationSettings,
    pub(super) backend: &'a B,
    pub(super) shape: ComodulatedConfig,
    pub(super) training: DeviceDataset<B>,
    pub(super) test: DeviceDataset<B>,
    pub(super) primary: Vec<Task>,
    pub(super) tasks: Vec<Task>,
    pub(super) weights: Option<&'a [NamedTensor]>,
}

/// The cost of a training batch: a forward pass, and a backward pass of twice its cost.
pub(super) const LEARNT: u64 = 3;

impl<'a, B: Backend> ComodulationExperiment<'a, B> {
    /// Prepares an experiment and checks that the settings can be run on these samples.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if memory does not
    /// suffice.
    pub fn new(
        settings: &'a ComodulationSettings,
        material: &'a TaskData,
        backend: &'a B,
    ) -> Result<Self> {
        settings.validate()?;
        if settings.network.weights.is_some() != material.weights.is_some() {
            let value = settings.network.weights.as_deref().unwrap_or("(missing)");
            let expected = "a file if and only if weights were loaded";
            return Err(Error::setting("network.weights", value, expected));
        }
        memory::memory(settings, &material.samples, 1).check()?;
        let scaling = settings.data.scaling();
        let image = material.samples.train.shape();
        if image.height != image.width {
            let expected = "square images";
            return Err(Error::setting("data.source", image, expected));
        }
        let network = &settings.network;
        let shape = ComodulatedConfig {
            backbone: BackboneConfig {
                side: image.height,
                channels: image.channels,
                width: network.width,
                stages: network.stages,
                stem: network.stem,
            },
            encoder: network.encoder,
            modulated: network.modulated,
            decoder: network.decoder,
            residual: network.residual,
        };
        let limit = settings.evaluation.limit;
        let experiment = ComodulationExperiment {
            settings,
            backend,
            shape,
            training: DeviceDataset::new(backend, &material.samples.train, &scaling)?,
            test: DeviceDataset::new(backend, &material.samples.test, &scaling)?,
            primary: tasks("primary", &settings.primary, material, limit)?,
            tasks: tasks("tasks", &settings.tasks, material, limit)?,
            weights: material.weights.as_deref(),
        };
        experiment.network(0)?;
        Ok(experiment)
    }

    /// The number of batches in one epoch of pretraining.
    pub(super) fn epoch(&self) -> usize {
        let samples = self.primary.iter().map(|task| task.train.samples.len());
        samples
            .max()
            .unwrap_or(0)
            .div_ceil(self.settings.training.batch)
    }

    /// The cost of a method's batch.
    pub(super) fn cost(&self, method: &ComodulationMethod) -> u64 {
        match method.gains {
            GainSource::Ones | GainSource::MeanActivity => LEARNT,
            GainSource::Comodulation | GainSource::Shuffled => {
                LEARNT + self.settings.modulator.num_draws as u64
            }
        }
    }

    /// Epochs of the pretraining that this one continues.
    pub(super) fn epochs_before(&self, level: usize) -> usize {
        let before = level.checked_sub(1);
        before.map_or(0, |level| self.settings.pretraining.epochs[level])
    }

    /// The number of batches of a method.
    pub(super) fn batches(&self) -> usize {
        self.settings.adaptation.iterations * self.tasks.len()
    }

    /// Runs every job in memory, at most `threads` at the same time, and returns the methods' runs in the order of
    /// methods, epochs and seeds. Setting `stop` interrupts the jobs after their current batch.
    ///
    /// # Errors
    /// Those of the kernels. Training that diverges is not an error: the run's [`Status`] says so.
    pub fn run(&self, threads: usize, stop: &AtomicBool) -> Result<Vec<AdaptationRun>> {
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
        let outcomes = run::run(
            slice::from_ref(self),
            &jobs,
            &MemoryStore::default(),
            &options,
        )?;
        let cells = outcomes
            .into_iter()
            .flatten()
            .filter_map(|outcome| match outcome {
                ComodulationRun::Pretraining(_) => None,
                ComodulationRun::Adaptation(cell) => Some(cell),
            });
        Ok(cells.collect())
    }
}

impl<B: Backend> run::Experiment<ComodulationRun> for ComodulationExperiment<'_, B> {
    fn size(&self, job: usize) -> Size {
        match plan(self.settings).get(job) {
            Some((Phase::Pretrain(_, level), _)) => {
                let epochs = &self.settings.pretraining.epochs;
                let steps = (epochs[*level] - self.epochs_before(*level)) * self.epoch();
                Size {
                    steps,
                    cost: LEARNT * steps as u64,
                }
            }
            Some((Phase::Adapt(method, ..), _)) => Size {
                steps: self.batches(),
                cost: self.cost(method) * self.batches() as u64,
            },
            None => Size::default(),
        }
    }

    fn run(
        &self,
        job: usize,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(ComodulationRun, Checkpoint)> {
        match plan(self.settings).get(job) {
            Some((Phase::Pretrain(seed, level), _)) => {
                let (pretraining, state) = self.pretrain(*seed, *level, session)?;
                Ok((ComodulationRun::Pretraining(pretraining), state))
            }
            Some((Phase::Adapt(method, seed, epochs), _)) => {
                let (cell, state) = self.cell(method, *seed, *epochs, session)?;
                Ok((ComodulationRun::Adaptation(cell), state))
            }
            None => Err(Error::job(job, "the plan has no such job")),
        }
    }
}
