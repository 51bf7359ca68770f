//! What one run of a comodulation experiment learns: the primary tasks, or an arm's.

use std::path::Path;

use rand::RngExt;
use sha2::{Digest, Sha256};

use super::measures::measure;
use super::run::{Cell, ComodulationExperiment, LEARNT, OnBatch, Step};
use super::tasks::{Labelled, Task};
use super::{ArmSettings, Pretrained, Store};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::experiment::{hash_parameters, hexadecimal};
use crate::learn::{
    Adapter, AdapterSettings, Answer, Batch, EVALUATION_BATCH, GainSource, GainsFor, Samples,
};
use crate::models::{Comodulated, Controller, Learnt};
use crate::nn::Loss;
use crate::rng::{Purpose, Stream};
use crate::state::Checkpoint;

/// Batches of the adaptation are of steps from here on, where no batch of pretraining is.
const ADAPTATION: u64 = 1 << 40;
/// The controller's and the readouts' weights are numbered from here on, where none of the network's is.
const CONTROLLER: u64 = 1 << 20;
const READOUTS: u64 = 1 << 21;

impl<B: Backend> ComodulationExperiment<'_, B> {
    pub(super) fn network(&self, seed: u64) -> Result<Comodulated<B>> {
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
    fn beginner(&self, seed: u64) -> Result<Adapter<B>> {
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
    pub(super) fn pretrain(
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
            before.state.restore(self.backend, &mut learner)?;
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
                let task = ((iteration - 1) % self.primary.len() as u64) as usize;
                self.draw(&self.primary[task].train, seed, iteration, &mut batch)?;
                let loss = learner.learn(self.backend, task, &batch, iteration)?;
                if !loss.mean_cross_entropy().is_finite() {
                    return Err(Error::Diverged {
                        iteration: usize::try_from(iteration).unwrap_or(usize::MAX),
                        quantity: format!("training loss of pretraining with seed {seed}"),
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
    fn measured(&self, learner: &mut Adapter<B>, seed: u64, epochs: usize) -> Result<Pretrained> {
        let accuracies = (0..self.primary.len()).map(|number| {
            let answer = self.ask(learner, number, &self.primary[number])?;
            Ok(answer.loss.accuracy())
        });
        Ok(Pretrained {
            seed,
            epochs,
            accuracies: accuracies.collect::<Result<_>>()?,
            state: Checkpoint::take(self.backend, learner)?,
        })
    }

    /// An arm, from what pretraining has left.
    pub(super) fn cell(
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
        let pretrained = store.pretrained(seed, epochs)?;
        pretrained.restore(backend, &mut beginner)?;
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
                let gains = match (arm.gains, self.settings.modulator.gains_for) {
                    (GainSource::Ones, _) | (_, GainsFor::Task) => Some(adapter.gains(number)?),
                    (_, GainsFor::Image) => None,
                };
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
        for parameter in adapter.parameters().skip(of_network) {
            learnt_numbers += backend.length(parameter.value.floats());
        }
        hash_parameters(backend, &mut adapter, &mut hash)?;
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
    fn draw(&self, from: &Labelled, seed: u64, step: u64, batch: &mut Batch<B>) -> Result<()> {
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
        samples: &Samples<B>,
        from: &Labelled,
        places: &[usize],
        batch: &mut Batch<B>,
    ) -> Result<()> {
        let indices: Vec<u32> = places.iter().map(|&place| from.samples[place]).collect();
        let labels: Vec<u8> = places.iter().map(|&place| from.labels[place]).collect();
        samples.gather(self.backend, &indices, batch)?;
        batch.labels = self.backend.bytes(&labels)?;
        Ok(())
    }

    /// What a network says to all test samples of a task.
    fn ask(&self, adapter: &mut Adapter<B>, number: usize, task: &Task) -> Result<Answer> {
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
