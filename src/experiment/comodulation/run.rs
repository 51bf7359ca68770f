//! Running a comodulation experiment: a network a seed, and from it every arm.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::measures::{TaskMeasures, measure};
use super::tasks::{Labelled, Material, Task, tasks};
use super::{ArmSettings, ComodulationSettings, Pretrained, Store, any_number, memory};
use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::experiment::hexadecimal;
use crate::models::{BackboneShape, Comodulated, ComodulatedShape, Controller, Learnt};
use crate::nn::Loss;
use crate::rng::{Purpose, Stream};
use crate::train::{
    Adapter, AdapterSettings, Answer, Batch, EVALUATION_BATCH, GainSource, NamedTensor,
    Normalisation, Samples,
};

/// Batches of the adaptation are of steps from here on, where no batch of pretraining is.
const ADAPTATION: u64 = 1 << 40;
/// The controller's and the readouts' weights are numbered from here on, where none of the network's is.
const CONTROLLER: u64 = 1 << 20;
const READOUTS: u64 = 1 << 21;

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
pub struct ComodulationExperiment<'a> {
    settings: &'a ComodulationSettings,
    backend: &'a Cpu,
    shape: ComodulatedShape,
    training: Samples,
    test: Samples,
    primary: Vec<Task>,
    tasks: Vec<Task>,
    weights: Option<Vec<NamedTensor>>,
}

/// Is told how many batches are done, and what they cost, in the unit of
/// [`total_cost`](ComodulationExperiment::total_cost).
pub type OnBatch<'a> = dyn Fn(usize, u64) + Sync + 'a;

/// What a batch costs that is learnt from: a pass forward, and a backward one of twice that.
const LEARNT: u64 = 3;

/// What is done next.
enum Job<'a> {
    Pretrain(u64),
    Adapt(&'a ArmSettings, u64, usize),
}

impl<'a> ComodulationExperiment<'a> {
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
        backend: &'a Cpu,
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
    fn epoch(&self) -> usize {
        let samples = self.primary.iter().map(|task| task.train.samples.len());
        let largest = samples.max().unwrap_or(0) * self.primary.len();
        largest.div_ceil(self.settings.training.batch)
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
    fn cost(&self, arm: &ArmSettings) -> u64 {
        match arm.gains {
            GainSource::Ones | GainSource::MeanActivity => LEARNT,
            GainSource::Comodulation | GainSource::Shuffled => {
                LEARNT + self.settings.modulator.count as u64
            }
        }
    }

    /// Batches of an arm.
    fn batches(&self) -> usize {
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

    fn network(&self, seed: u64) -> Result<Comodulated> {
        let mut network = Comodulated::new(self.backend, &self.shape, seed)?;
        if let Some(weights) = &self.weights {
            let loaded = network.load_backbone(self.backend, weights);
            loaded.map_err(|error| match (error, &self.settings.network.weights) {
                (error @ Error::Shape { .. }, Some(path)) => {
                    Error::format(Path::new(path), error.to_string())
                }
                (error, _) => error,
            })?;
        }
        Ok(network)
    }

    /// The network and its readouts of the primary tasks, before the first batch.
    fn beginner(&self, seed: u64) -> Result<Adapter> {
        let settings = self.settings;
        let learner = AdapterSettings {
            rule: settings.training.optimiser,
            learning_rate: settings.pretraining.learning_rate,
            shared_readout: false,
            learnt: Learnt::Weights,
            gains: GainSource::Ones,
            modulator: settings.modulator.clone(),
            seed,
        };
        let classes: Vec<usize> = self.primary.iter().map(|task| task.classes).collect();
        let network = self.network(seed)?;
        Adapter::new(self.backend, network, None, &classes, READOUTS, learner)
    }

    /// Teaches a network the primary tasks, and keeps it behind every epoch.
    fn pretrain(
        &self,
        seed: u64,
        store: &dyn Store,
        go_on: &dyn Fn() -> bool,
        on_batch: &OnBatch,
    ) -> Result<()> {
        let levels = &self.settings.pretraining.epochs;
        let last = levels.last().copied().unwrap_or(0);
        let mut learner = self.beginner(seed)?;
        let mut done = 0;
        if let Some(before) = store.last_pretrained(seed)? {
            done = before.epochs;
            learner.restore(self.backend, &before.state)?;
            let batches = done.min(last) * self.epoch();
            on_batch(batches, LEARNT * batches as u64);
        } else if levels.first() == Some(&0) {
            let pretrained = self.measured(&mut learner, seed, 0)?;
            store.keep_pretrained(&pretrained, true)?;
        }
        let mut batch = self.training.batch(self.backend)?;
        for epoch in done + 1..=last {
            for step in 0..self.epoch() {
                let iteration = ((epoch - 1) * self.epoch() + step) as u64 + 1;
                if !go_on() {
                    let iteration = usize::try_from(iteration).unwrap_or(usize::MAX);
                    return Err(Error::Interrupted { iteration });
                }
                let task = step % self.primary.len();
                self.draw(&self.primary[task].train, seed, iteration, &mut batch)?;
                let loss = learner.learn(self.backend, task, &batch, iteration)?;
                if !loss.mean_cross_entropy().is_finite() {
                    return Err(Error::Diverged {
                        iteration: usize::try_from(iteration).unwrap_or(usize::MAX),
                        quantity: "training loss of pretraining",
                        value: loss.mean_cross_entropy().to_string(),
                    });
                }
                on_batch(1, LEARNT);
            }
            let pretrained = self.measured(&mut learner, seed, epoch)?;
            store.keep_pretrained(&pretrained, levels.contains(&epoch))?;
        }
        Ok(())
    }

    /// What pretraining has come to, with the accuracy on each primary task.
    fn measured(&self, learner: &mut Adapter, seed: u64, epochs: usize) -> Result<Pretrained> {
        let accuracies = (0..self.primary.len()).map(|number| {
            let answer = self.ask(learner, number, &self.primary[number])?;
            Ok(answer.loss.accuracy())
        });
        Ok(Pretrained {
            seed,
            epochs,
            accuracies: accuracies.collect::<Result<_>>()?,
            state: learner.checkpoint(self.backend)?,
        })
    }

    /// An arm, from what pretraining has left.
    fn cell(
        &self,
        arm: &ArmSettings,
        seed: u64,
        epochs: usize,
        store: &dyn Store,
        go_on: &dyn Fn() -> bool,
        on_batch: &OnBatch,
    ) -> Result<Cell> {
        if let Some(cell) = store.cell(&arm.name, seed, epochs)? {
            on_batch(self.batches(), self.cost(arm) * self.batches() as u64);
            return Ok(cell);
        }
        let backend = self.backend;
        let mut beginner = self.beginner(seed)?;
        beginner.restore(backend, &store.pretrained(seed, epochs)?)?;
        let network = beginner.into_network();
        let settings = self.settings;
        let controller = match arm.controller {
            true => Some(Controller::new(
                backend,
                self.tasks.len(),
                settings.network.controller,
                network.couplings(),
                seed,
                CONTROLLER,
            )?),
            false => None,
        };
        let learner = AdapterSettings {
            rule: settings.training.optimiser,
            learning_rate: settings.adaptation.learning_rate,
            shared_readout: settings.adaptation.shared_readout,
            learnt: arm.learnt,
            gains: arm.gains,
            modulator: settings.modulator.clone(),
            seed,
        };
        let classes: Vec<usize> = self.tasks.iter().map(|task| task.classes).collect();
        // Behind the primary tasks' in number, so that no readout starts as one of theirs.
        let first = READOUTS + self.primary.len() as u64;
        let mut adapter = Adapter::new(backend, network, controller, &classes, first, learner)?;
        let mut batch = self.training.batch(backend)?;
        let mut steps = Vec::with_capacity(self.batches());
        let mut finite = true;
        for number in 0..self.batches() {
            if !go_on() {
                return Err(Error::Interrupted { iteration: number });
            }
            let task = number % self.tasks.len();
            let step = ADAPTATION + number as u64;
            self.draw(&self.tasks[task].train, seed, step, &mut batch)?;
            let loss = adapter.learn(backend, task, &batch, step)?;
            steps.push(Step {
                task,
                loss: loss.mean_cross_entropy(),
                accuracy: loss.accuracy(),
            });
            on_batch(1, self.cost(arm));
            finite = loss.mean_cross_entropy().is_finite();
            if !finite {
                break;
            }
        }
        let mut measures = Vec::new();
        if finite {
            for (number, task) in self.tasks.iter().enumerate() {
                let answer = self.ask(&mut adapter, number, task)?;
                finite &= answer.logits.iter().all(|logit| logit.is_finite());
                if !finite {
                    measures.clear();
                    break;
                }
                let gains = adapter.gains(number)?;
                let couplings = adapter.couplings(backend, number)?;
                let labels = &task.test.labels;
                let of = measure(&task.name, task.classes, labels, &answer, gains, couplings)?;
                measures.push(of);
            }
        }
        let mut hash = Sha256::new();
        for step in &steps {
            hash.update(step.loss.to_bits().to_le_bytes());
        }
        let mut learnt_numbers = 0;
        let of_network = adapter.network().parameters().count();
        for (number, parameter) in adapter.parameters().enumerate() {
            let values = parameter.value.to_rows(backend)?;
            if number >= of_network {
                learnt_numbers += values.len();
            }
            for value in values {
                hash.update(value.to_bits().to_le_bytes());
            }
        }
        for measured in &measures {
            for gain in &measured.gains {
                hash.update(gain.to_bits().to_le_bytes());
            }
        }
        let cell = Cell {
            arm: arm.name.clone(),
            seed,
            epochs,
            steps,
            tasks: measures,
            learnt_numbers,
            hash: hexadecimal(hash),
        };
        store.keep_cell(&cell)?;
        Ok(cell)
    }

    /// Fills `batch` with samples of a task, drawn uniformly with replacement.
    fn draw(&self, from: &Labelled, seed: u64, step: u64, batch: &mut Batch) -> Result<()> {
        let mut stream = Stream::new(seed, Purpose::Batch, step);
        // Drawn as u32, so that the width of `usize` does not matter.
        let count = u32::try_from(from.samples.len()).unwrap_or(u32::MAX);
        let places: Vec<usize> = (0..self.settings.training.batch)
            .map(|_| stream.random_range(0..count) as usize)
            .collect();
        self.gather(&self.training, from, &places, batch)
    }

    fn gather(
        &self,
        samples: &Samples,
        from: &Labelled,
        places: &[usize],
        batch: &mut Batch,
    ) -> Result<()> {
        let indices: Vec<u32> = places.iter().map(|&place| from.samples[place]).collect();
        let labels: Vec<u8> = places.iter().map(|&place| from.labels[place]).collect();
        samples.gather(self.backend, &indices, batch)?;
        batch.labels = self.backend.bytes(&labels)?;
        Ok(())
    }

    /// What a network says to all test samples of a task.
    fn ask(&self, adapter: &mut Adapter, number: usize, task: &Task) -> Result<Answer> {
        let mut batch = self.test.batch(self.backend)?;
        let mut all = Answer {
            logits: Vec::new(),
            activity: Vec::new(),
            decision: Vec::new(),
            loss: Loss::default(),
        };
        let places: Vec<usize> = (0..task.test.samples.len()).collect();
        for (chunk, places) in places.chunks(EVALUATION_BATCH).enumerate() {
            self.gather(&self.test, &task.test, places, &mut batch)?;
            let answer = adapter.answer(self.backend, number, &batch, chunk as u64)?;
            all.logits.extend(answer.logits);
            all.activity.extend(answer.activity);
            all.decision.extend(answer.decision);
            all.loss = all.loss.plus(answer.loss);
        }
        Ok(all)
    }
}
