//! Running a comodulation experiment: one pretrained network per seed, and every method started from it.

use core::slice;
use std::sync::atomic::AtomicBool;

use super::measures::TaskMeasures;
use super::plan::{Phase, plan};
use super::tasks::{Task, TaskData, tasks};
use super::{ComodulationMethod, ComodulationSettings, Condition, PrimaryTurns, memory};
use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::{DeviceDataset, GainSource};
use crate::models::{BackboneConfig, CellsConfig, ComodulatedBackbone, ComodulatedConfig};
use crate::nn::BatchStats;
use crate::run::{self, Job, MemoryStore, Options, Session, Size, Status, Steps};
use crate::state::Checkpoint;
use crate::tensor::NamedTensor;

/// One training batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchRecord {
    /// The task, counted from 0; `None` for a batch of all tasks together.
    pub task: Option<usize>,
    /// The batch's mean cross-entropy before the update, in nats.
    pub loss: f64,
    /// The share of correct predictions.
    pub accuracy: f64,
}

impl BatchRecord {
    /// The record of a task's batch with this loss.
    pub(super) fn new(task: Option<usize>, loss: BatchStats) -> Self {
        BatchRecord {
            task,
            loss: loss.mean_cross_entropy(),
            accuracy: loss.accuracy(),
        }
    }

    /// The batch as a step of `images` images; its accuracy is that on the batch.
    pub(super) fn step(&self, cost: u64, images: u64) -> Steps {
        Steps {
            count: 1,
            cost,
            images,
            accuracy: Some(self.accuracy),
            loss: Some(self.loss),
        }
    }
}

/// What a run prepares for the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// A network that has learnt the primary tasks.
    Pretraining,
    /// Readouts of the tasks, learnt on the frozen network without modulation.
    Readouts,
}

/// A network that has learnt the primary tasks for a number of epochs, or readouts that have learnt the tasks on it.
#[derive(Debug, Clone, PartialEq)]
pub struct PretrainingRun {
    /// Which of them.
    pub preparation: Preparation,
    /// The seed.
    pub seed: u64,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Every batch after the next smaller number of epochs, in order; every batch of the readouts.
    pub steps: Vec<BatchRecord>,
    /// The accuracy on the test samples of each primary task, or task; empty before the end.
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
    /// Labelled samples per task; `None` for all.
    pub samples: Option<usize>,
    /// Every batch, in order, with every learning rate.
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
    /// What it started from.
    pub fn condition(&self) -> Condition {
        Condition {
            epochs: self.epochs,
            samples: self.samples,
        }
    }

    /// Whether training is complete and every task was measured.
    pub fn complete(&self) -> bool {
        self.status == Status::Complete
    }
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum ComodulationRun {
    /// A network that has learnt the primary tasks, or readouts for it.
    Pretraining(PretrainingRun),
    /// A method that started from a pretrained network.
    Adaptation(AdaptationRun),
}

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
        let scaling = settings.scaling();
        let image = material.samples.train.shape();
        if image.height != image.width {
            let expected = "square images";
            return Err(Error::setting("data.source", image, expected));
        }
        let network = &settings.network;
        let backbone = match network.cell {
            None => ComodulatedBackbone::Residual(BackboneConfig {
                side: image.height,
                channels: image.channels,
                width: network.width,
                stages: network.stages,
                stem: network.stem,
            }),
            Some(cell) => ComodulatedBackbone::Cells(CellsConfig {
                side: image.height,
                channels: image.channels,
                cell,
                width: network.width,
            }),
        };
        let output = network.encoder_output.unwrap_or(network.encoder);
        let shape = ComodulatedConfig {
            backbone,
            encoder: [network.encoder, output],
            modulated: network.modulated,
            couplings: network.couplings,
            decoder: network.decoder,
            places: network.places,
            residual: network.residual,
        };
        let experiment = ComodulationExperiment {
            settings,
            backend,
            shape,
            training: DeviceDataset::new(backend, &material.samples.train, &scaling)?,
            test: DeviceDataset::new(backend, &material.samples.test, &scaling)?,
            primary: tasks("primary", &settings.primary, settings, material)?,
            tasks: tasks("tasks", &settings.tasks, settings, material)?,
            weights: material.weights.as_deref(),
        };
        experiment.network(0)?;
        experiment.check_samples()?;
        Ok(experiment)
    }

    /// Checks what depends on the samples: enough of them, and labels of every task if tasks are learnt together.
    fn check_samples(&self) -> Result<()> {
        for (number, task) in self.tasks.iter().enumerate() {
            for &count in &self.settings.adaptation.samples {
                task.train.drawn(count, 0, &(number, &task.name))?;
            }
        }
        let together = self.settings.pretraining.tasks == PrimaryTurns::Together;
        let differ = |pair: &[Task]| pair[0].train.samples != pair[1].train.samples;
        if together && self.primary.windows(2).any(differ) {
            let expected = "\"alternate\", or primary tasks that all label the same samples";
            return Err(Error::setting("pretraining.tasks", "together", expected));
        }
        Ok(())
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
                LEARNT + method.modulator(&self.settings.modulator).num_draws as u64
            }
        }
    }

    /// Epochs of the pretraining that this one continues.
    pub(super) fn epochs_before(&self, level: usize) -> usize {
        let before = level.checked_sub(1);
        before.map_or(0, |level| self.settings.pretraining.epochs[level])
    }

    /// The number of batches of a method with one learning rate.
    pub(super) fn batches_per_rate(&self) -> usize {
        self.settings.adaptation.iterations * self.tasks.len()
    }

    /// The number of batches of a method.
    pub(super) fn batches(&self) -> usize {
        self.batches_per_rate() * self.settings.adaptation.learning_rates.len()
    }

    /// The number of batches of the readouts.
    pub(super) fn readout_batches(&self) -> usize {
        self.settings.readouts.iterations * self.tasks.len()
    }

    /// Runs every job in memory, at most `threads` at the same time, and returns the methods' runs in the order of
    /// methods, conditions and seeds. Setting `stop` interrupts the jobs after their current batch.
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
            Some((Phase::Readouts(..), _)) => Size {
                steps: self.readout_batches(),
                cost: LEARNT * self.readout_batches() as u64,
            },
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
            Some((Phase::Readouts(seed, level), _)) => {
                let (readouts, state) = self.learn_readouts(*seed, *level, session)?;
                Ok((ComodulationRun::Pretraining(readouts), state))
            }
            Some((Phase::Adapt(method, seed, condition), _)) => {
                let (cell, state) = self.cell(method, *seed, *condition, session)?;
                Ok((ComodulationRun::Adaptation(cell), state))
            }
            None => Err(Error::job(job, "the plan has no such job")),
        }
    }
}
