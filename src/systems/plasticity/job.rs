//! One job: the tasks of a method with one seed, learnt one after the other.

use sha2::{Digest, Sha256};

use super::experiment::{PlasticityExperiment, Start, Work};
use super::{Ended, PlasticityRun, Tick};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::{BatchConfig, Batches, Learner, Sampling, TestDraws};
use crate::metrics::{DORMANT, dormant_share, feature_rank};
use crate::nn::LossLog;
use crate::rng::{Purpose, RandomStream};
use crate::run::continual::{self, Setup};
use crate::run::{Outcome, Session, Status, hash_parameters, hexadecimal};
use crate::state::Checkpoint;
use crate::stream::Context;

/// A job while it runs.
struct Learning<'a, B: Backend> {
    experiment: &'a PlasticityExperiment<'a, B>,
    work: Work<'a>,
    /// The learner's weights before the first task.
    initial: Vec<Vec<f32>>,
    learner: Box<dyn Learner<B>>,
    log: LossLog<B>,
}

impl<B: Backend> PlasticityExperiment<'_, B> {
    fn learner(&self, work: Work<'_>) -> Result<Box<dyn Learner<B>>> {
        let settings = self.settings;
        continual::build(&Setup {
            backend: self.backend,
            method: work.method,
            learning_rate: settings.training.learning_rate,
            gain: settings.gain.as_ref(),
            seed: work.seed,
            network: &self.data.network,
        })
    }

    /// Runs a job from its beginning or from the state that `session` resumes.
    pub(super) fn job(
        &self,
        work: Work<'_>,
        session: &mut Session<'_, PlasticityRun>,
    ) -> Result<(PlasticityRun, Checkpoint)> {
        let (backend, settings) = (self.backend, self.settings);
        let mut learner = self.learner(work)?;
        let initial = weights(backend, &mut *learner)?;
        let mut run = PlasticityRun::new(work);
        let dependencies = session.dependencies()?;
        if let Some((begun, state)) = session.resumed.take() {
            run.rows = begun.rows;
            run.signals = begun.signals;
            state.restore(backend, &mut *learner)?;
            session.skip(run.rows.iter().map(|row| self.steps(work.start, row)));
        }
        let mut learning = Learning {
            experiment: self,
            work,
            initial,
            learner,
            log: LossLog::new(),
        };
        let ticks = settings.evaluation.ticks + 1;
        let tasks = work.tasks(settings.stream.count());
        let contexts = self
            .data
            .contexts(settings.stream.replay.as_ref(), work.seed)?;
        for (task, context) in contexts.enumerate() {
            if !tasks.contains(&task) {
                continue;
            }
            let done = (task - tasks.start) * ticks;
            if run.rows.len() >= done + ticks {
                continue;
            }
            if run.rows.len() == done && task > tasks.start {
                match (work.start, &dependencies[..]) {
                    (Start::Stream, _) => {}
                    (Start::Final, [state]) => state.restore(backend, &mut *learning.learner)?,
                    _ => learning.learner = self.learner(work)?,
                }
            } else if let (0, Start::Final, [state]) =
                (run.rows.len(), work.start, &dependencies[..])
            {
                state.restore(backend, &mut *learning.learner)?;
            }
            let mut batches = learning.batches(&context, task)?;
            for tick in run.rows.len() - done..ticks {
                let row = learning.tick(&mut batches, task, tick, &mut run)?;
                let not_finite = row.not_finite();
                let done = self.steps(work.start, &row);
                run.rows.push(row);
                let carry_on = session.step(done);
                let total = ticks * tasks.len();
                if let Some((quantity, value)) = not_finite {
                    run.status = Status::Diverged {
                        iteration: run.steps(),
                        quantity: quantity.into(),
                        value: value.to_string(),
                    };
                } else if run.rows.len() == total {
                    run.status = Status::Complete;
                }
                if run.status != Status::Interrupted {
                    run.hash = Some(hash(backend, &mut *learning.learner, &run)?);
                }
                if run.status != Status::Interrupted || !carry_on {
                    let state = Checkpoint::take(backend, &mut *learning.learner)?;
                    return Ok((run, state));
                }
                if session.due(run.steps(), done.count) {
                    let state = Checkpoint::take(backend, &mut *learning.learner)?;
                    session.checkpoint(&run, &state)?;
                }
            }
        }
        Err(Error::job(work.id(), "the stream has no task left"))
    }
}

impl<'a, B: Backend> Learning<'a, B> {
    fn batches<'c>(&self, context: &'c Context, task: usize) -> Result<Batches<'c, B>>
    where
        'a: 'c,
    {
        let (experiment, training) = (self.experiment, &self.experiment.settings.training);
        let config = BatchConfig {
            size: training.batch,
            sampling: training.sampling.unwrap_or(Sampling::Uniform),
            transform: training.transform(),
            seed: self.work.seed,
        };
        let samples = &experiment.data.training;
        Batches::new(experiment.backend, samples, config, context, task + 1)
    }

    /// Learns task `task` up to evaluation `tick`, and evaluates.
    fn tick(
        &mut self,
        batches: &mut Batches<'_, B>,
        task: usize,
        tick: usize,
        run: &mut PlasticityRun,
    ) -> Result<Tick> {
        let (backend, settings) = (self.experiment.backend, self.experiment.settings);
        let iterations = settings.stream.iterations_of(task);
        let first = settings.stream.starts()[task];
        let after = settings.iterations_at(task, tick);
        let before = after - settings.iterations_to(task, tick);
        if tick == 1 {
            self.learner.begin_context(backend, task + 1, iterations)?;
        }
        let (mut online, mut loss) = (0.0, 0.0);
        for step in before + 1..=after {
            let batch = batches.get(backend, first + step, step)?;
            self.learner.step(backend, batch, &mut self.log)?;
            let stats = self.log.last(backend)?;
            online += stats.accuracy();
            loss += stats.mean_cross_entropy();
        }
        let steps = (after - before) as f64;
        let mut row = Tick {
            iteration: run.steps() + after - before,
            task,
            tick,
            accuracy: self.accuracy(task)?,
            online_accuracy: (tick > 0).then(|| online / steps),
            training_loss: (tick > 0).then(|| loss / steps),
            first_task: None,
            earlier_tasks: None,
            ended: None,
        };
        if settings.evaluation.earlier_tasks && self.work.start == Start::Stream {
            let earlier = (0..task).map(|earlier| self.accuracy(earlier));
            let earlier: Vec<f64> = earlier.collect::<Result<_>>()?;
            row.first_task = Some(earlier.first().copied().unwrap_or(row.accuracy));
            let sum: f64 = earlier.iter().sum();
            row.earlier_tasks = (task > 0).then(|| sum / task as f64);
        }
        if tick == settings.evaluation.ticks {
            row.ended = Some(self.ended(task, &mut run.signals)?);
            let seed = self.work.seed;
            let mut stream = RandomStream::new(seed, Purpose::ContextEnd, task as u64 + 1);
            self.learner
                .end_context(backend, &mut batches.drawn_from(backend, &mut stream))?;
        }
        Ok(row)
    }

    /// The accuracy on the test samples of a task.
    fn accuracy(&mut self, task: usize) -> Result<f64> {
        let backend = self.experiment.backend;
        let (test, seed) = (&self.experiment.data.test, self.work.seed);
        let mut log = LossLog::new();
        let draws = TestDraws {
            seed,
            iteration: 0,
            passes: 1,
        };
        test.evaluate(backend, &mut *self.learner, &mut log, task, draws)?;
        Ok(log.total(backend)?.accuracy())
    }

    /// Measures the network at the end of a task.
    fn ended(&mut self, task: usize, signals: &mut Vec<String>) -> Result<Ended> {
        let backend = self.experiment.backend;
        let learner = &mut *self.learner;
        let mut hidden: Vec<(usize, Vec<f32>)> = Vec::new();
        let mut named = None;
        let test = &self.experiment.data.test;
        test.for_each_batch(backend, task, &mut |batch| {
            if named.is_none() {
                named = Some(learner.signals(backend, &batch.inputs)?);
            }
            let mut layer = 0;
            learner.activities(backend, &batch.inputs, &mut |h| {
                let rows = h.to_rows(backend)?;
                if hidden.len() == layer {
                    hidden.push((h.shape().columns(), Vec::new()));
                }
                hidden[layer].1.extend(rows);
                layer += 1;
                Ok(())
            })
        })?;
        let [dormant_units, stable_rank, effective_rank] = of_hidden_units(&hidden)?;
        let weights = weights(backend, learner)?;
        let squares = |of: &dyn Fn(f32, f32) -> f64| {
            let pairs = weights.iter().flatten().zip(self.initial.iter().flatten());
            pairs.map(|(w, w0)| of(*w, *w0)).sum::<f64>()
        };
        let named = named.unwrap_or_default();
        if signals.is_empty() {
            signals.extend(named.iter().map(|(name, _)| name.clone()));
        }
        Ok(Ended {
            dormant_units,
            stable_rank,
            effective_rank,
            weight_norm: squares(&|w, _| f64::from(w) * f64::from(w)).sqrt(),
            distance: squares(&|w, w0| (f64::from(w) - f64::from(w0)).powi(2)).sqrt(),
            signals: named.into_iter().map(|(_, value)| value).collect(),
        })
    }
}

/// The share of dormant units, mean over layers, and the stable and effective rank of the last layer, from the number of
/// units of each layer and their activity; NaN if the activity has diverged, `None` without hidden layers.
fn of_hidden_units(layers: &[(usize, Vec<f32>)]) -> Result<[Option<f64>; 3]> {
    let Some((units, last)) = layers.last() else {
        return Ok([None; 3]);
    };
    if !layers.iter().flat_map(|(_, h)| h).all(|h| h.is_finite()) {
        return Ok([Some(f64::NAN); 3]);
    }
    let rank = feature_rank(*units, last)?;
    let mut dormant = 0.0;
    for (units, activity) in layers {
        dormant += dormant_share(*units, activity, DORMANT)?;
    }
    let dormant = dormant / layers.len() as f64;
    Ok([dormant, rank.stable as f64, rank.effective].map(Some))
}

/// The weights of the learner's layers.
fn weights<B: Backend>(backend: &B, learner: &mut dyn Learner<B>) -> Result<Vec<Vec<f32>>> {
    let layers = learner.layers().into_iter();
    layers.map(|layer| layer.value.to_rows(backend)).collect()
}

/// SHA-256 over every recorded number, then the final parameters.
fn hash<B: Backend>(
    backend: &B,
    learner: &mut dyn Learner<B>,
    run: &PlasticityRun,
) -> Result<String> {
    let mut hash = Sha256::new();
    for number in run.rows.iter().flat_map(Tick::numbers).flatten() {
        hash.update(number.to_bits().to_le_bytes());
    }
    hash_parameters(backend, learner, &mut hash)?;
    Ok(hexadecimal(hash))
}
