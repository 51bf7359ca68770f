//! Running a comodulation experiment: a network a seed, and from it every arm.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde::{Deserialize, Serialize};

use super::measures::TaskMeasures;
use super::tasks::{Material, Task, tasks};
use super::{ArmSettings, ComodulationSettings, Store, any_number, memory};
use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::{GainSource, Normalisation, Samples};
use crate::models::{BackboneShape, ComodulatedShape};
use crate::tensor::NamedTensor;

/// One batch that was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The task, counted from 0.
    pub task: usize,
    /// The batch's mean cross-entropy before it was learnt, nats.
    #[serde(with = "any_number")]
    pub loss: f64,
    /// The share of it that was correct.
    pub accuracy: f64,
}

/// One arm from one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The arm's name in the settings.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Every batch, in order.
    pub steps: Vec<Step>,
    /// The measures of each task; none if the loss of a batch, the last of `steps`, was not finite.
    pub tasks: Vec<TaskMeasures>,
    /// Numbers that the arm learnt besides the network's.
    pub learnt_numbers: usize,
    /// SHA-256 over every loss and every number that the arm ends with, in hexadecimal.
    pub hash: String,
}

impl Cell {
    /// Whether training ended in a loss that is not finite.
    pub fn diverged(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// An experiment that is ready to run: what all its runs share, and only read.
#[derive(Debug)]
pub struct ComodulationExperiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a ComodulationSettings,
    pub(super) backend: &'a B,
    pub(super) shape: ComodulatedShape,
    pub(super) training: Samples<B>,
    pub(super) test: Samples<B>,
    pub(super) primary: Vec<Task>,
    pub(super) tasks: Vec<Task>,
    pub(super) weights: Option<Vec<NamedTensor>>,
}

/// Is told how many batches are done, and what they cost, in the unit of
/// [`total_cost`](ComodulationExperiment::total_cost).
pub type OnBatch<'a> = dyn Fn(usize, u64) + Sync + 'a;

/// What a batch costs that is learnt from: a pass forward, and a backward one of twice that.
pub(super) const LEARNT: u64 = 3;

/// What is done next.
enum Job<'a> {
    Pretrain(u64),
    Adapt(&'a ArmSettings, u64, usize),
}

impl<'a, B: Backend> ComodulationExperiment<'a, B> {
    /// Settings on samples: everything that can be wrong with them shows here. `weights` are those of the
    /// backbone, by torchvision's names.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if there
    /// is no room.
    pub fn new(
        settings: &'a ComodulationSettings,
        material: &Material,
        weights: Option<Vec<NamedTensor>>,
        backend: &'a B,
    ) -> Result<Self> {
        settings.validate()?;
        if settings.network.weights.is_some() != weights.is_some() {
            let value = settings.network.weights.as_deref().unwrap_or("(missing)");
            let expected = "the name of the file whose weights are given here, or neither";
            return Err(Error::setting("network.weights", value, expected));
        }
        memory::check_memory(settings, &material.samples, 1)?;
        let data = &settings.data;
        let normalisation = Normalisation {
            maximum: data.maximum,
            mean: data.mean.clone(),
            standard_deviation: data.standard_deviation.clone(),
        };
        let image = material.samples.train.shape();
        if image.height != image.width {
            let expected = "square images";
            return Err(Error::setting("data.source", image, expected));
        }
        let network = &settings.network;
        let shape = ComodulatedShape {
            backbone: BackboneShape {
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
            training: Samples::new(backend, &material.samples.train, &normalisation)?,
            test: Samples::new(backend, &material.samples.test, &normalisation)?,
            primary: tasks("primary", &settings.primary, material, limit)?,
            tasks: tasks("tasks", &settings.tasks, material, limit)?,
            weights,
        };
        experiment.network(0)?;
        Ok(experiment)
    }

    /// Batches of one epoch of pretraining.
    pub(super) fn epoch(&self) -> usize {
        let samples = self.primary.iter().map(|task| task.train.samples.len());
        samples
            .max()
            .unwrap_or(0)
            .div_ceil(self.settings.training.batch)
    }

    /// Batches that all runs learn from together.
    pub fn total_batches(&self) -> usize {
        let settings = self.settings;
        let epochs = &settings.pretraining.epochs;
        let pretraining = epochs.last().unwrap_or(&0) * self.epoch();
        let adaptation = epochs.len() * settings.arms.len() * self.batches();
        settings.training.seeds.len() * (pretraining + adaptation)
    }

    /// What all batches cost together: three for one that is learnt from, and one for each draw of the
    /// modulator.
    pub fn total_cost(&self) -> u64 {
        let settings = self.settings;
        let epochs = &settings.pretraining.epochs;
        let pretraining = LEARNT * (epochs.last().unwrap_or(&0) * self.epoch()) as u64;
        let arms: u64 = settings.arms.iter().map(|arm| self.cost(arm)).sum();
        let adaptation = arms * (epochs.len() * self.batches()) as u64;
        settings.training.seeds.len() as u64 * (pretraining + adaptation)
    }

    /// What a batch of an arm costs.
    pub(super) fn cost(&self, arm: &ArmSettings) -> u64 {
        match arm.gains {
            GainSource::Ones | GainSource::MeanActivity => LEARNT,
            GainSource::Comodulation | GainSource::Shuffled => {
                LEARNT + self.settings.modulator.count as u64
            }
        }
    }

    /// Batches of an arm.
    pub(super) fn batches(&self) -> usize {
        self.settings.adaptation.iterations * self.tasks.len()
    }

    /// Runs everything that `store` does not have, at most `threads` runs at a time, and gives the cells in
    /// the order of arms, epochs and seeds.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once `stop` is raised, what `store` fails with, and what the kernels fail with.
    pub fn run(
        &self,
        threads: usize,
        stop: &AtomicBool,
        store: &dyn Store,
        on_batch: &OnBatch,
    ) -> Result<Vec<Cell>> {
        let settings = self.settings;
        let seeds = &settings.training.seeds;
        let first: Vec<Job> = seeds.iter().map(|&seed| Job::Pretrain(seed)).collect();
        self.jobs(&first, threads, stop, store, on_batch)?;
        let mut second = Vec::new();
        for arm in &settings.arms {
            for &epochs in &settings.pretraining.epochs {
                second.extend(seeds.iter().map(|&seed| Job::Adapt(arm, seed, epochs)));
            }
        }
        self.jobs(&second, threads, stop, store, on_batch)
    }

    fn jobs(
        &self,
        jobs: &[Job],
        threads: usize,
        stop: &AtomicBool,
        store: &dyn Store,
        on_batch: &OnBatch,
    ) -> Result<Vec<Cell>> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let go_on = || !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
        let ended = Mutex::new(Vec::new());
        let work = || {
            while go_on() {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(place) else {
                    return;
                };
                let done = match job {
                    Job::Pretrain(seed) => {
                        self.pretrain(*seed, store, &go_on, on_batch).map(|()| None)
                    }
                    Job::Adapt(arm, seed, epochs) => self
                        .cell(arm, *seed, *epochs, store, &go_on, on_batch)
                        .map(Some),
                };
                if done.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                // A poisoned lock still holds whole results: they are pushed in one step.
                ended
                    .lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .push((place, done));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.clamp(1, jobs.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        let mut ended = ended.into_inner().unwrap_or_else(|e| e.into_inner());
        ended.sort_by_key(|(place, _)| *place);
        let mut cells = Vec::new();
        let mut interrupted = stop.load(Ordering::Relaxed);
        let mut failure = None;
        for (_, done) in ended {
            match done {
                Ok(cell) => cells.extend(cell),
                Err(Error::Interrupted { .. }) => interrupted = true,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match (failure, interrupted) {
            (Some(error), _) => Err(error),
            (None, true) => Err(Error::Interrupted { iteration: 0 }),
            (None, false) => Ok(cells),
        }
    }
}
