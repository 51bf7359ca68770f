//! One method with one seed: its network, its iterations and its checkpoints.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{Experiment, Run};
use crate::analysis::Snapshot;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::{Evaluations, History, Learner, Sampling, Trainer};
use crate::run::continual::{self, MethodSettings, Setup};
use crate::run::{Session, Status, hash_parameters, hexadecimal};
use crate::state::Checkpoint;
use crate::stream::Context;

impl<B: Backend> Experiment<'_, B> {
    /// The weights of one method with one seed after each of `iterations`, trained as in [`run`](Self::run).
    ///
    /// # Errors
    /// The errors of training.
    pub fn snapshots(
        &self,
        method: &MethodSettings,
        seed: u64,
        iterations: &[usize],
    ) -> Result<Vec<Snapshot>> {
        let mut snapshots = Vec::new();
        self.follow(method, seed, iterations, |iteration, learner| {
            snapshots.push(Snapshot::of(self.backend, iteration, learner)?);
            Ok(())
        })?;
        Ok(snapshots)
    }

    /// Trains one method with one seed as [`run`](Self::run) does, up to the last of `iterations`, and shows `visit` the
    /// learner after each of them.
    ///
    /// # Errors
    /// The errors of training and of `visit`.
    pub(super) fn follow(
        &self,
        method: &MethodSettings,
        seed: u64,
        iterations: &[usize],
        mut visit: impl FnMut(usize, &mut dyn Learner<B>) -> Result<()>,
    ) -> Result<()> {
        let (mut learner, trainer) = self.learner(method, seed)?;
        let last = iterations.iter().max().copied();
        let mut history = History::default();
        while last > history.records.last().map(|record| record.iteration) {
            let contexts = self.contexts(seed)?;
            let ended = trainer.run(&mut *learner, contexts, &mut history, |record| {
                !iterations.contains(&record.iteration)
            });
            match ended {
                Err(Error::Interrupted { iteration }) => visit(iteration, &mut *learner)?,
                Err(Error::Diverged {
                    iteration,
                    quantity,
                    value,
                }) => {
                    return Err(Error::Diverged {
                        iteration,
                        quantity: format!("the {quantity} of {}, seed {seed},", method.label),
                        value,
                    });
                }
                ended => return ended,
            }
        }
        Ok(())
    }

    /// Builds the learner of a method and seed.
    fn learner(
        &self,
        method: &MethodSettings,
        seed: u64,
    ) -> Result<(Box<dyn Learner<B>>, Trainer<'_, B>)> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let learner = continual::build(&Setup {
            backend,
            method,
            learning_rate: settings.training.learning_rate,
            gain: Some(&settings.gain),
            seed,
            network: &self.data.network,
        })?;
        let trainer = Trainer {
            backend,
            training: &self.data.training,
            test: &self.data.test,
            batch: settings.training.batch,
            sampling: settings.training.sampling.unwrap_or(Sampling::Uniform),
            transform: settings.training.transform(),
            evaluations: Evaluations {
                every: settings.evaluation.every,
                after_switch: settings.evaluation.after_switch,
                passes: settings.evaluation.passes,
            },
            seed,
        };
        Ok((learner, trainer))
    }

    /// The contexts of a run with this seed.
    fn contexts(&self, seed: u64) -> Result<impl Iterator<Item = Cow<'_, Context>>> {
        let replay = self.settings.stream.replay.as_ref();
        self.data.contexts(replay, seed)
    }

    /// Runs one method with one seed.
    pub(super) fn one(
        &self,
        method: &MethodSettings,
        seed: u64,
        session: &mut Session<'_, Run>,
    ) -> Result<(Run, Checkpoint)> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let (mut learner, trainer) = self.learner(method, seed)?;
        let mut run = Run {
            method: method.name.clone(),
            seed,
            status: Status::Interrupted,
            history: History::default(),
            hash: None,
        };
        if let Some((begun, state)) = session.resumed.take() {
            run.history = begun.history;
            state.restore(backend, &mut *learner)?;
            session.skip(run.history.records.iter().map(|record| self.step(record)));
        }
        let total = settings.stream.total_iterations();
        loop {
            let mut stopped = false;
            let history = &mut run.history;
            let contexts = self.contexts(seed)?;
            let ended = trainer.run(&mut *learner, contexts, history, |record| {
                stopped = !session.step(self.step(record));
                !stopped && !session.due(record.iteration, 1)
            });
            run.status = match ended {
                Ok(()) => Status::Complete,
                Err(Error::Interrupted { iteration }) if iteration == total => Status::Complete,
                Err(Error::Interrupted { .. }) => Status::Interrupted,
                Err(Error::Diverged {
                    iteration,
                    quantity,
                    value,
                }) => Status::Diverged {
                    iteration,
                    quantity,
                    value,
                },
                Err(error) => return Err(error),
            };
            let carries_on = run.status == Status::Interrupted && !stopped;
            if run.status != Status::Interrupted {
                let bits = hash(backend, &mut *learner, &run.history)?;
                run.hash = Some(hexadecimal(bits));
            }
            let state = Checkpoint::take(backend, &mut *learner)?;
            if !carries_on {
                return Ok((run, state));
            }
            session.checkpoint(&run, &state)?;
        }
    }
}

/// SHA-256 over the numbers of every record, then the final parameters.
fn hash<B: Backend>(
    backend: &B,
    learner: &mut dyn Learner<B>,
    history: &History,
) -> Result<Sha256> {
    let mut hash = Sha256::new();
    for record in &history.records {
        let tests = record.test.iter().chain(&record.later_tasks);
        let tests = tests.flat_map(|test| [test.loss, test.accuracy]);
        let numbers = [record.train.loss, record.train.accuracy, record.entropy];
        let layers = record.gain.iter().chain(&record.mean_absolute_weight);
        let layers = layers.copied();
        for number in numbers.into_iter().chain(tests).chain(layers) {
            hash.update(number.to_bits().to_le_bytes());
        }
    }
    hash_parameters(backend, learner, &mut hash)?;
    Ok(hash)
}
