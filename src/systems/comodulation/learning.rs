//! What methods start from: pretraining on the primary tasks, and readouts of the tasks.

use std::path::Path;

use rand::RngExt;

use super::PrimaryTurns;
use super::experiment::{
    BatchRecord, ComodulationExperiment, ComodulationRun, LEARNT, Preparation, PretrainingRun,
};
use super::tasks::{LabelledIndices, Task};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::{
    Batch, ComodulationLearner, ComodulationLearnerConfig, DeviceDataset, EVALUATION_BATCH,
    GainSource, Prediction,
};
use crate::models::{Comodulated, Trainable};
use crate::nn::BatchStats;
use crate::rng::{Purpose, RandomStream};
use crate::run::{Session, Status};
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
    pub(super) fn init(&self, seed: u64) -> Result<ComodulationLearner<B>> {
        let settings = self.settings;
        let learner = ComodulationLearnerConfig {
            rule: settings.training.optimizer,
            learning_rate: settings.pretraining.learning_rate,
            shared_readout: false,
            learnt: Trainable::Weights,
            readout_learnt: true,
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
        let preparation = Preparation::Pretraining;
        let (mut done, resumed) = self.begun(preparation, seed, level, &mut learner, session)?;
        if let ([state], false) = (&session.dependencies()?[..], resumed) {
            state.restore(backend, &mut learner)?;
        }
        let before = self.epochs_before(level) * self.epoch();
        let batches = done.epochs * self.epoch() - before;
        let size = self.settings.training.batch;
        let mut batch = self.training.batch(backend)?;
        let step = |learner: &mut ComodulationLearner<B>, number: usize| {
            let iteration = (before + number) as u64 + 1;
            let task = ((iteration - 1) % self.primary.len() as u64) as usize;
            let stream = RandomStream::new(seed, Purpose::Batch, iteration);
            match self.settings.pretraining.tasks {
                PrimaryTurns::Alternate => {
                    self.draw(&self.primary[task].train, size, stream, &mut batch)?;
                    let loss = learner.learn(backend, task, &batch, iteration)?;
                    Ok(BatchRecord::new(Some(task), loss))
                }
                PrimaryTurns::Together => {
                    let labels = self.draw_together(size, stream, &mut batch)?;
                    let loss = learner.learn_together(backend, &batch.inputs, &labels)?;
                    Ok(BatchRecord::new(None, loss))
                }
            }
        };
        self.prepare(
            &mut learner,
            &mut done,
            batches,
            &self.primary,
            session,
            step,
        )?;
        Ok((done, Checkpoint::take(backend, &mut learner)?))
    }

    /// A preparation as far as it was saved, with the learner's state, and whether it was saved; without its first batch
    /// if it was not.
    fn begun(
        &self,
        preparation: Preparation,
        seed: u64,
        level: usize,
        learner: &mut ComodulationLearner<B>,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(PretrainingRun, bool)> {
        let mut done = PretrainingRun {
            preparation,
            seed,
            epochs: self.settings.pretraining.epochs[level],
            steps: Vec::new(),
            accuracies: Vec::new(),
            status: Status::Interrupted,
        };
        let Some((ComodulationRun::Pretraining(begun), state)) = session.resumed.take() else {
            return Ok((done, false));
        };
        done.steps = begun.steps;
        state.restore(self.backend, learner)?;
        session.skip(done.steps.iter().map(|record| record.step(LEARNT, 0)));
        Ok((done, true))
    }

    /// Learns the batches that are not done, then measures the tasks. `done` has the status of the end.
    fn prepare(
        &self,
        learner: &mut ComodulationLearner<B>,
        done: &mut PretrainingRun,
        batches: usize,
        tasks: &[Task],
        session: &mut Session<'_, ComodulationRun>,
        mut step: impl FnMut(&mut ComodulationLearner<B>, usize) -> Result<BatchRecord>,
    ) -> Result<()> {
        let size = self.settings.training.batch as u64;
        while done.steps.len() < batches {
            let record = step(learner, done.steps.len())?;
            done.steps.push(record);
            let carry_on = session.step(record.step(LEARNT, size));
            if let Some(status) = diverged(&done.steps) {
                done.status = status;
                return Ok(());
            }
            if !carry_on && done.steps.len() < batches {
                return Ok(());
            }
            if session.due(done.steps.len(), 1) && done.steps.len() < batches {
                let run = ComodulationRun::Pretraining(done.clone());
                session.checkpoint(&run, &Checkpoint::take(self.backend, learner)?)?;
            }
        }
        for (number, task) in tasks.iter().enumerate() {
            let prediction = self.evaluate(learner, number, &self.test, &task.test)?;
            done.accuracies.push(prediction.loss.accuracy());
        }
        done.status = Status::Complete;
        Ok(())
    }

    /// A learner of new readouts for the tasks, on a frozen network without modulation.
    pub(super) fn reader(
        &self,
        network: Comodulated<B>,
        seed: u64,
    ) -> Result<ComodulationLearner<B>> {
        let settings = self.settings;
        let learner = ComodulationLearnerConfig {
            rule: settings.training.optimizer,
            learning_rate: settings.readouts.learning_rate,
            shared_readout: settings.adaptation.shared_readout,
            learnt: Trainable::Modulation,
            readout_learnt: true,
            gains: GainSource::Ones,
            modulator: settings.modulator.clone(),
            seed,
        };
        let classes: Vec<usize> = self.tasks.iter().map(|task| task.classes).collect();
        let readouts = Purpose::Readouts;
        ComodulationLearner::new(self.backend, network, None, &classes, readouts, learner)
    }

    /// Learns readouts for the tasks on a pretrained network, with all training samples.
    pub(super) fn learn_readouts(
        &self,
        seed: u64,
        level: usize,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(PretrainingRun, Checkpoint)> {
        let backend = self.backend;
        let mut pretrained = self.init(seed)?;
        for state in session.dependencies()? {
            state.restore(backend, &mut pretrained)?;
        }
        let mut learner = self.reader(pretrained.into_parts().0, seed)?;
        let preparation = Preparation::Readouts;
        let (mut done, _) = self.begun(preparation, seed, level, &mut learner, session)?;
        let size = self.settings.training.batch;
        let mut batch = self.training.batch(backend)?;
        let step = |learner: &mut ComodulationLearner<B>, number: usize| {
            let (task, step) = (number % self.tasks.len(), number as u64);
            let stream = RandomStream::new(seed, Purpose::ReadoutBatch, step);
            self.draw(&self.tasks[task].train, size, stream, &mut batch)?;
            let loss = learner.learn(backend, task, &batch, step)?;
            Ok(BatchRecord::new(Some(task), loss))
        };
        let batches = self.readout_batches();
        self.prepare(&mut learner, &mut done, batches, &self.tasks, session, step)?;
        let state = match done.status {
            // The frozen network is in the state of the pretraining.
            Status::Complete => Checkpoint::take(backend, &mut learner.learnt())?,
            _ => Checkpoint::take(backend, &mut learner)?,
        };
        Ok((done, state))
    }

    /// Fills `batch` with `size` samples of a task, drawn uniformly with replacement.
    pub(super) fn draw(
        &self,
        from: &LabelledIndices,
        size: usize,
        stream: RandomStream,
        batch: &mut Batch<B>,
    ) -> Result<()> {
        let places = places(from, size, stream);
        self.gather(&self.training, from, &places, batch)
    }

    /// Fills `batch` with `size` samples, and returns their labels in every primary task.
    fn draw_together(
        &self,
        size: usize,
        stream: RandomStream,
        batch: &mut Batch<B>,
    ) -> Result<Vec<B::Bytes>> {
        let Some(first) = self.primary.first() else {
            return Ok(Vec::new());
        };
        let places = places(&first.train, size, stream);
        self.gather(&self.training, &first.train, &places, batch)?;
        let labels = self.primary.iter().map(|task| {
            let labels: Vec<u8> = places.iter().map(|&at| task.train.labels[at]).collect();
            self.backend.bytes(&labels)
        });
        labels.collect()
    }

    pub(super) fn gather(
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

    /// The network's predictions on all of these samples of a task.
    pub(super) fn evaluate(
        &self,
        learner: &mut ComodulationLearner<B>,
        number: usize,
        samples: &DeviceDataset<B>,
        of: &LabelledIndices,
    ) -> Result<Prediction> {
        let mut batch = samples.batch(self.backend)?;
        let mut all = Prediction {
            logits: Vec::new(),
            activity: Vec::new(),
            decision: Vec::new(),
            loss: BatchStats::default(),
        };
        let places: Vec<usize> = (0..of.samples.len()).collect();
        for (chunk, places) in places.chunks(EVALUATION_BATCH).enumerate() {
            self.gather(samples, of, places, &mut batch)?;
            let prediction = learner.predict(self.backend, number, &batch, chunk as u64)?;
            all.logits.extend(prediction.logits);
            all.activity.extend(prediction.activity);
            all.decision.extend(prediction.decision);
            all.loss = all.loss.plus(prediction.loss);
        }
        Ok(all)
    }
}

/// Places of `size` samples, drawn uniformly with replacement.
pub(super) fn places(from: &LabelledIndices, size: usize, mut stream: RandomStream) -> Vec<usize> {
    // Drawn as u32, so that the width of `usize` does not affect the results.
    let count = u32::try_from(from.samples.len()).unwrap_or(u32::MAX);
    (0..size)
        .map(|_| stream.random_range(0..count) as usize)
        .collect()
}

/// The status of a run whose last loss is not finite.
pub(super) fn diverged(steps: &[BatchRecord]) -> Option<Status> {
    let last = steps.last().filter(|last| !last.loss.is_finite())?;
    Some(Status::Diverged {
        iteration: steps.len(),
        quantity: "training loss".into(),
        value: last.loss.to_string(),
    })
}
