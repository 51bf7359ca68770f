//! One run of a comodulation experiment: pretraining on the primary tasks, or a method on the tasks.

use std::path::Path;

use rand::RngExt;
use sha2::{Digest, Sha256};

use super::ComodulationMethod;
use super::experiment::{
    AdaptationRun, BatchRecord, ComodulationExperiment, ComodulationRun, LEARNT, PretrainingRun,
};
use super::measures::measure;
use super::tasks::{LabelledIndices, Task};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::{
    Batch, ComodulationLearner, ComodulationLearnerConfig, DeviceDataset, EVALUATION_BATCH,
    GainGranularity, GainSource, Prediction,
};
use crate::models::{Comodulated, Controller, Trainable};
use crate::nn::BatchStats;
use crate::rng::{Purpose, RandomStream};
use crate::run::hash_parameters;
use crate::run::{Session, Status, hexadecimal};
use crate::state::Checkpoint;

impl<B: Backend> ComodulationExperiment<'_, B> {
    pub(super) fn network(&self, seed: u64) -> Result<Comodulated<B>> {
        let mut network = Comodulated::new(self.backend, &self.shape, seed)?;
        if let Some(weights) = self.weights {
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

    /// The network and its readouts for the primary tasks, before the first batch.
    fn init(&self, seed: u64) -> Result<ComodulationLearner<B>> {
        let settings = self.settings;
        let learner = ComodulationLearnerConfig {
            rule: settings.training.optimizer,
            learning_rate: settings.pretraining.learning_rate,
            shared_readout: false,
            learnt: Trainable::Weights,
            gains: GainSource::Ones,
            modulator: settings.modulator.clone(),
            seed,
        };
        let classes: Vec<usize> = self.primary.iter().map(|task| task.classes).collect();
        let network = self.network(seed)?;
        let readouts = Purpose::PrimaryReadouts;
        ComodulationLearner::new(self.backend, network, None, &classes, readouts, learner)
    }

    /// Pretrains a network on the primary tasks, from the number of epochs before `level` to that of `level`.
    pub(super) fn pretrain(
        &self,
        seed: u64,
        level: usize,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(PretrainingRun, Checkpoint)> {
        let backend = self.backend;
        let mut learner = self.init(seed)?;
        let mut done = PretrainingRun {
            seed,
            epochs: self.settings.pretraining.epochs[level],
            steps: Vec::new(),
            accuracies: Vec::new(),
            status: Status::Interrupted,
        };
        if let Some((ComodulationRun::Pretraining(begun), state)) = session.resumed.take() {
            done.steps = begun.steps;
            state.restore(backend, &mut learner)?;
            session.skip(done.steps.len(), LEARNT * done.steps.len() as u64);
        } else if let [state] = &session.dependencies()?[..] {
            state.restore(backend, &mut learner)?;
        }
        let before = self.epochs_before(level) * self.epoch();
        let batches = done.epochs * self.epoch() - before;
        let mut batch = self.training.batch(backend)?;
        while done.steps.len() < batches {
            let iteration = (before + done.steps.len()) as u64 + 1;
            let task = ((iteration - 1) % self.primary.len() as u64) as usize;
            let stream = RandomStream::new(seed, Purpose::Batch, iteration);
            self.draw(&self.primary[task].train, stream, &mut batch)?;
            let loss = learner.learn(backend, task, &batch, iteration)?;
            done.steps.push(BatchRecord::new(task, loss));
            let carry_on = session.step(1, LEARNT, self.settings.training.batch as u64);
            if let Some(status) = diverged(&done.steps) {
                done.status = status;
                return Ok((done, Checkpoint::take(backend, &mut learner)?));
            }
            if !carry_on && done.steps.len() < batches {
                return Ok((done, Checkpoint::take(backend, &mut learner)?));
            }
            if session.due(done.steps.len(), 1) && done.steps.len() < batches {
                let run = ComodulationRun::Pretraining(done.clone());
                session.checkpoint(&run, &Checkpoint::take(backend, &mut learner)?)?;
            }
        }
        for (number, task) in self.primary.iter().enumerate() {
            let prediction = self.evaluate(&mut learner, number, task)?;
            done.accuracies.push(prediction.loss.accuracy());
        }
        done.status = Status::Complete;
        Ok((done, Checkpoint::take(backend, &mut learner)?))
    }

    /// Runs a method from a pretrained network.
    pub(super) fn cell(
        &self,
        method: &ComodulationMethod,
        seed: u64,
        epochs: usize,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(AdaptationRun, Checkpoint)> {
        let backend = self.backend;
        let mut pretrained = self.init(seed)?;
        for state in session.dependencies()? {
            state.restore(backend, &mut pretrained)?;
        }
        let network = pretrained.into_network();
        let settings = self.settings;
        let controller = match method.controller {
            true => Some(Controller::new(
                backend,
                self.tasks.len(),
                settings.network.controller,
                network.couplings(),
                seed,
            )?),
            false => None,
        };
        let learner = ComodulationLearnerConfig {
            rule: settings.training.optimizer,
            learning_rate: settings.adaptation.learning_rate,
            shared_readout: settings.adaptation.shared_readout,
            learnt: method.trainable,
            gains: method.gains,
            modulator: settings.modulator.clone(),
            seed,
        };
        let classes: Vec<usize> = self.tasks.iter().map(|task| task.classes).collect();
        let readouts = Purpose::Readouts;
        let mut learner =
            ComodulationLearner::new(backend, network, controller, &classes, readouts, learner)?;
        let mut batch = self.training.batch(backend)?;
        let mut cell = AdaptationRun {
            method: method.name.clone(),
            seed,
            epochs,
            steps: Vec::with_capacity(self.batches()),
            tasks: Vec::new(),
            learnt_numbers: 0,
            hash: None,
            status: Status::Complete,
        };
        if let Some((ComodulationRun::Adaptation(begun), state)) = session.resumed.take() {
            cell.steps = begun.steps;
            state.restore(backend, &mut learner)?;
            session.skip(
                cell.steps.len(),
                self.cost(method) * cell.steps.len() as u64,
            );
        }
        for number in cell.steps.len()..self.batches() {
            let task = number % self.tasks.len();
            let step = number as u64;
            let stream = RandomStream::new(seed, Purpose::AdaptationBatch, step);
            self.draw(&self.tasks[task].train, stream, &mut batch)?;
            let loss = learner.learn(backend, task, &batch, step)?;
            cell.steps.push(BatchRecord::new(task, loss));
            let carry_on = session.step(1, self.cost(method), self.settings.training.batch as u64);
            if let Some(status) = diverged(&cell.steps) {
                cell.status = status;
                break;
            }
            let last = cell.steps.len() == self.batches();
            if !last && (!carry_on || session.due(cell.steps.len(), 1)) {
                cell.status = Status::Interrupted;
                let state = Checkpoint::take(backend, &mut learner)?;
                if !carry_on {
                    return Ok((cell, state));
                }
                session.checkpoint(&ComodulationRun::Adaptation(cell.clone()), &state)?;
                cell.status = Status::Complete;
            }
        }
        if cell.status == Status::Complete {
            for (number, task) in self.tasks.iter().enumerate() {
                let prediction = self.evaluate(&mut learner, number, task)?;
                if let Some(logit) = prediction.logits.iter().find(|logit| !logit.is_finite()) {
                    cell.tasks.clear();
                    cell.status = Status::Diverged {
                        iteration: cell.steps.len(),
                        quantity: "a test sample's logit".into(),
                        value: logit.to_string(),
                    };
                    break;
                }
                let gains = match (method.gains, self.settings.modulator.granularity) {
                    (GainSource::Ones, _) | (_, GainGranularity::Task) => {
                        Some(learner.gains(number)?)
                    }
                    (_, GainGranularity::Image) => None,
                };
                let couplings = learner.couplings(backend, number)?;
                let labels = &task.test.labels;
                let of = measure(
                    &task.name,
                    task.classes,
                    labels,
                    &prediction,
                    gains,
                    couplings,
                )?;
                cell.tasks.push(of);
            }
        }
        let mut hash = Sha256::new();
        for step in &cell.steps {
            hash.update(step.loss.to_bits().to_le_bytes());
        }
        let of_network = learner.network().parameters().count();
        for parameter in learner.parameters().skip(of_network) {
            cell.learnt_numbers += backend.length(parameter.value.floats());
        }
        hash_parameters(backend, &mut learner, &mut hash)?;
        for measured in &cell.tasks {
            for gain in &measured.gains {
                hash.update(gain.to_bits().to_le_bytes());
            }
        }
        cell.hash = Some(hexadecimal(hash));
        let mut state = Checkpoint::take(backend, &mut learner)?;
        if method.trainable == Trainable::Modulation {
            // Frozen weights are in the state of the pretraining.
            let frozen = Checkpoint::take(backend, learner.network())?.network;
            let is_frozen = |name: &str| frozen.iter().any(|tensor| tensor.name == name);
            state.network.retain(|tensor| !is_frozen(&tensor.name));
        }
        Ok((cell, state))
    }

    /// Fills `batch` with samples of a task, drawn uniformly with replacement.
    fn draw(
        &self,
        from: &LabelledIndices,
        mut stream: RandomStream,
        batch: &mut Batch<B>,
    ) -> Result<()> {
        // Drawn as u32, so that the width of `usize` does not affect the results.
        let count = u32::try_from(from.samples.len()).unwrap_or(u32::MAX);
        let places: Vec<usize> = (0..self.settings.training.batch)
            .map(|_| stream.random_range(0..count) as usize)
            .collect();
        self.gather(&self.training, from, &places, batch)
    }

    fn gather(
        &self,
        samples: &DeviceDataset<B>,
        from: &LabelledIndices,
        places: &[usize],
        batch: &mut Batch<B>,
    ) -> Result<()> {
        let indices: Vec<u32> = places.iter().map(|&place| from.samples[place]).collect();
        let labels: Vec<u8> = places.iter().map(|&place| from.labels[place]).collect();
        samples.gather(self.backend, &indices, batch)?;
        batch.labels = self.backend.bytes(&labels)?;
        Ok(())
    }

    /// The network's predictions on all test samples of a task.
    fn evaluate(
        &self,
        learner: &mut ComodulationLearner<B>,
        number: usize,
        task: &Task,
    ) -> Result<Prediction> {
        let mut batch = self.test.batch(self.backend)?;
        let mut all = Prediction {
            logits: Vec::new(),
            activity: Vec::new(),
            decision: Vec::new(),
            loss: BatchStats::default(),
        };
        let places: Vec<usize> = (0..task.test.samples.len()).collect();
        for (chunk, places) in places.chunks(EVALUATION_BATCH).enumerate() {
            self.gather(&self.test, &task.test, places, &mut batch)?;
            let prediction = learner.predict(self.backend, number, &batch, chunk as u64)?;
            all.logits.extend(prediction.logits);
            all.activity.extend(prediction.activity);
            all.decision.extend(prediction.decision);
            all.loss = all.loss.plus(prediction.loss);
        }
        Ok(all)
    }
}

/// The status of a run whose last loss is not finite.
fn diverged(steps: &[BatchRecord]) -> Option<Status> {
    let last = steps.last().filter(|last| !last.loss.is_finite())?;
    Some(Status::Diverged {
        iteration: steps.len(),
        quantity: "training loss".into(),
        value: last.loss.to_string(),
    })
}
