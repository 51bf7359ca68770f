//! A method's run: it learns the tasks from a pretrained network.

use sha2::{Digest, Sha256};

use super::experiment::{AdaptationRun, BatchRecord, ComodulationExperiment, ComodulationRun};
use super::learning::{diverged, places};
use super::measures::{Kept, Measured, measure};
use super::{ComodulationMethod, Condition, ReadoutSource};
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::{
    ComodulationLearner, ComodulationLearnerConfig, GainGranularity, GainSource, Input,
};
use crate::models::{Controller, Trainable};
use crate::rng::{Purpose, RandomStream};
use crate::run::{Session, Status, hash_parameters, hexadecimal};
use crate::state::{Checkpoint, State, Visitor};

/// The best state of a task in validation.
struct Best {
    /// Cross-entropy in validation, number of the learning rate, and iteration, from 1; 0 before the first validation.
    found: [f64; 3],
    /// What the learner had learnt.
    learnt: Checkpoint,
}

/// What a method's run continues from: the learner, and the best state of each task.
struct Progress<'a, B: Backend> {
    learner: &'a mut ComodulationLearner<B>,
    best: &'a mut [Best],
}

impl<B: Backend> State<B> for Progress<'_, B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.learner.visit(backend, visitor)?;
        for (task, best) in (1..).zip(self.best.iter_mut()) {
            let name = |part: &str| format!("best{task}.{part}");
            visitor.numbers(&name("found"), &mut best.found)?;
            for tensor in &mut best.learnt.network {
                let mut numbers: Vec<f64> = tensor.numbers.iter().copied().map(f64::from).collect();
                visitor.numbers(&name(&tensor.name), &mut numbers)?;
                // Each came from an f32.
                tensor.numbers = numbers.into_iter().map(|number| number as f32).collect();
            }
            for (part, numbers) in &mut best.learnt.numbers {
                visitor.numbers(&name(part), numbers)?;
            }
            for (part, count) in &mut best.learnt.counts {
                visitor.count(&name(part), count)?;
            }
        }
        Ok(())
    }
}

impl<B: Backend> ComodulationExperiment<'_, B> {
    /// Runs a method from a pretrained network.
    pub(super) fn cell(
        &self,
        method: &ComodulationMethod,
        seed: u64,
        condition: Condition,
        session: &mut Session<'_, ComodulationRun>,
    ) -> Result<(AdaptationRun, Checkpoint)> {
        let backend = self.backend;
        let settings = &self.settings.adaptation;
        let states = session.dependencies()?;
        let per_rate = self.batches_per_rate();
        let mut cell = AdaptationRun {
            method: method.name.clone(),
            seed,
            epochs: condition.epochs,
            samples: condition.samples,
            steps: Vec::with_capacity(self.batches()),
            tasks: Vec::new(),
            learnt_numbers: 0,
            hash: None,
            status: Status::Complete,
        };
        let resumed = session.resumed.take();
        if let Some((ComodulationRun::Adaptation(begun), _)) = &resumed {
            cell.steps = begun.steps.clone();
        }
        // A run that stopped after the last batch of a learning rate has not begun the next one.
        let rate = cell.steps.len().saturating_sub(1) / per_rate;
        let mut learner = self.learner(method, seed, rate, &states)?;
        let samples = self.samples(method, condition, seed, learner.network())?;
        let mut best = Vec::new();
        if condition.samples.is_some() {
            for _ in &self.tasks {
                best.push(Best {
                    found: [0.0; 3],
                    learnt: Checkpoint::take(backend, &mut learner.learnt())?,
                });
            }
        }
        if let Some((_, state)) = resumed {
            let best = &mut best;
            let learner = &mut learner;
            state.restore(backend, &mut Progress { learner, best })?;
            let done = cell.steps.iter();
            session.skip(done.map(|record| record.step(self.cost(method), 0)));
        }
        let mut batch = self.training.batch(backend)?;
        let size = self.settings.adaptation_batch();
        for number in cell.steps.len()..self.batches() {
            let (rate, step) = (number / per_rate, number % per_rate);
            if rate > 0 && step == 0 {
                learner = self.learner(method, seed, rate, &states)?;
            }
            let task = step % self.tasks.len();
            let stream = RandomStream::new(seed, Purpose::AdaptationBatch, step as u64);
            let of = &samples[task];
            let loss = match &of.encoded {
                Some([train, _]) => {
                    let places = places(&of.train, size, stream);
                    let labels: Vec<u8> = places.iter().map(|&at| of.train.labels[at]).collect();
                    let (maps, labels) = (train.gather(backend, &places)?, backend.bytes(&labels)?);
                    learner.learn_from(
                        backend,
                        task,
                        Input::Encoded(&maps),
                        &labels,
                        step as u64,
                    )?
                }
                None => {
                    self.draw(&of.train, size, stream, &mut batch)?;
                    learner.learn(backend, task, &batch, step as u64)?
                }
            };
            let record = BatchRecord::new(Some(task), loss);
            cell.steps.push(record);
            let iteration = step / self.tasks.len() + 1;
            let due = iteration.is_multiple_of(settings.validate_every);
            if let (Some(best), true) =
                (best.get_mut(task), due || iteration == settings.iterations)
            {
                let loss = self.validate(&mut learner, task, of)?;
                if best.found[2] == 0.0 || loss < best.found[0] || best.found[0].is_nan() {
                    best.found = [loss, rate as f64, iteration as f64];
                    best.learnt = Checkpoint::take(backend, &mut learner.learnt())?;
                }
            }
            let carry_on = session.step(record.step(self.cost(method), size as u64));
            if let Some(status) = diverged(&cell.steps) {
                cell.status = status;
                break;
            }
            let last = cell.steps.len() == self.batches();
            if !last && (!carry_on || session.due(cell.steps.len(), 1)) {
                cell.status = Status::Interrupted;
                let (learner, best) = (&mut learner, &mut best);
                let state = Checkpoint::take(backend, &mut Progress { learner, best })?;
                if !carry_on {
                    return Ok((cell, state));
                }
                session.checkpoint(&ComodulationRun::Adaptation(cell.clone()), &state)?;
                cell.status = Status::Complete;
            }
        }
        if cell.status == Status::Complete {
            self.measure(method, &mut learner, &best, &mut cell)?;
        }
        let mut hash = Sha256::new();
        for step in &cell.steps {
            hash.update(step.loss.to_bits().to_le_bytes());
        }
        cell.learnt_numbers = learner.added_parameters(backend);
        hash_parameters(backend, &mut learner, &mut hash)?;
        for measured in &cell.tasks {
            for gain in &measured.gains {
                hash.update(gain.to_bits().to_le_bytes());
            }
        }
        cell.hash = Some(hexadecimal(hash));
        let frozen = match method.trainable {
            // Frozen weights are in the state of the pretraining.
            Trainable::Modulation => Checkpoint::take(backend, learner.network())?.network,
            Trainable::Weights => Vec::new(),
        };
        let (learner, best) = (&mut learner, &mut best);
        let mut state = Checkpoint::take(backend, &mut Progress { learner, best })?;
        let is_frozen = |name: &str| frozen.iter().any(|tensor| tensor.name == name);
        state.network.retain(|tensor| !is_frozen(&tensor.name));
        Ok((cell, state))
    }

    /// Measures every task, each with its best state in validation.
    fn measure(
        &self,
        method: &ComodulationMethod,
        learner: &mut ComodulationLearner<B>,
        best: &[Best],
        cell: &mut AdaptationRun,
    ) -> Result<()> {
        let backend = self.backend;
        let granularity = method.modulator(&self.settings.modulator).granularity;
        for (number, task) in self.tasks.iter().enumerate() {
            let best = best.get(number);
            if let Some(best) = best {
                best.learnt.restore(backend, &mut learner.learnt())?;
            }
            let prediction = self.evaluate(learner, number, &self.test, &task.test)?;
            if let Some(logit) = prediction.logits.iter().find(|logit| !logit.is_finite()) {
                cell.tasks.clear();
                cell.status = Status::Diverged {
                    iteration: cell.steps.len(),
                    quantity: "a test sample's logit".into(),
                    value: logit.to_string(),
                };
                return Ok(());
            }
            let gains = match (method.gains, granularity) {
                (GainSource::Ones, _) | (_, GainGranularity::Task) => Some(learner.gains(number)?),
                (_, GainGranularity::Image) => None,
            };
            let rates = &self.settings.adaptation.learning_rates;
            let kept = best.map(|Best { found, .. }| Kept {
                cross_entropy: found[0],
                learning_rate: rates[found[1] as usize],
                iteration: found[2] as usize,
            });
            cell.tasks.push(measure(Measured {
                task: &task.name,
                classes: task.classes,
                labels: &task.test.labels,
                prediction: &prediction,
                gains,
                couplings: learner.couplings(backend, number)?,
                kept,
            })?);
        }
        Ok(())
    }

    /// A method before its first batch, with this number of the learning rates. `states` are those of the pretraining
    /// and, if the method uses them, of the readouts.
    fn learner(
        &self,
        method: &ComodulationMethod,
        seed: u64,
        rate: usize,
        states: &[Checkpoint],
    ) -> Result<ComodulationLearner<B>> {
        let (backend, settings) = (self.backend, self.settings);
        let mut pretrained = self.init(seed)?;
        if let Some(state) = states.first() {
            state.restore(backend, &mut pretrained)?;
        }
        let (mut network, primary) = pretrained.into_parts();
        let source = settings.readout(method);
        let readouts = match source {
            ReadoutSource::Learnt => None,
            ReadoutSource::Primary => {
                let of = settings.tasks.iter();
                let of = of.filter_map(|task| primary.get(settings.primary_of(task)?).cloned());
                Some(of.collect())
            }
            ReadoutSource::Before => {
                let mut reader = self.reader(network, seed)?;
                if let Some(state) = states.get(1) {
                    state.restore(backend, &mut reader.learnt())?;
                }
                let (same, readouts) = reader.into_parts();
                network = same;
                Some(readouts)
            }
        };
        let controller = match method.controller {
            true => Some(Controller::new(
                backend,
                self.tasks.len(),
                settings.network.controller,
                network.couplings(),
                settings.network.coupling_start,
                seed,
            )?),
            false => None,
        };
        let rates = &settings.adaptation.learning_rates;
        let learner = ComodulationLearnerConfig {
            rule: settings.training.optimizer,
            learning_rate: rates.get(rate).copied().unwrap_or_default(),
            shared_readout: settings.adaptation.shared_readout && source != ReadoutSource::Primary,
            learnt: method.trainable,
            readout_learnt: source == ReadoutSource::Learnt,
            gains: method.gains,
            modulator: method.modulator(&settings.modulator),
            seed,
        };
        let classes: Vec<usize> = self.tasks.iter().map(|task| task.classes).collect();
        let purpose = Purpose::Readouts;
        let mut learner =
            ComodulationLearner::new(backend, network, controller, &classes, purpose, learner)?;
        if let Some(readouts) = readouts {
            learner.set_readouts(readouts)?;
        }
        Ok(learner)
    }
}
