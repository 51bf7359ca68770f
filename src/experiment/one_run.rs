//! One method with one seed: its network, its iterations and its checkpoints.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::results::hexadecimal;
use super::run::{Blueprint, Experiment, transform};
use super::{MethodSettings, Run};
use crate::analysis::{Snapshot, Watched};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::gain::GainDynamics;
use crate::models::{Mlp, Network, SlimResNet};
use crate::run::{Session, Status};
use crate::stream::{self, Context};
use crate::train::{Checkpoint, Drive, GradientDescent, History, Trainer};

impl<B: Backend> Experiment<'_, B> {
    /// One method with one seed.
    pub(super) fn one(
        &self,
        method: &MethodSettings,
        seed: u64,
        session: &mut Session<'_, Run>,
    ) -> Result<(Run, Checkpoint)> {
        let backend = self.backend;
        match &self.network {
            Blueprint::Mlp(shape) => {
                self.train(Mlp::new(backend, shape, seed)?, method, seed, session)
            }
            Blueprint::SlimResNet(shape) => self.train(
                SlimResNet::new(backend, shape, seed)?,
                method,
                seed,
                session,
            ),
        }
    }

    /// One method with one seed, as [`run`](Self::run) does it, and the weights after each of `iterations`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a network that is not a multilayer perceptron, and what training fails with.
    pub fn snapshots(
        &self,
        method: &MethodSettings,
        seed: u64,
        iterations: Vec<usize>,
    ) -> Result<Vec<Snapshot>> {
        let Blueprint::Mlp(shape) = &self.network else {
            return Err(Error::setting("network.kind", "slim-resnet18", "mlp"));
        };
        let (descent, trainer) = self.learner(method, seed)?;
        let mut network = Mlp::new(self.backend, shape, seed)?;
        let mut watched = Watched::new(descent, iterations);
        let mut history = History::default();
        let contexts = self.contexts(seed)?;
        trainer.run(&mut network, &mut watched, &contexts, &mut history, |_| {
            true
        })?;
        Ok(watched.snapshots)
    }

    /// What a method with a seed learns by.
    fn learner(
        &self,
        method: &MethodSettings,
        seed: u64,
    ) -> Result<(GradientDescent<B>, Trainer<'_, B>)> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let gain = method.gain.as_ref().unwrap_or(&settings.gain);
        let dynamics = match method.gain_modulated {
            true => Some(GainDynamics::new(gain.gamma, gain.g0, gain.eta)?),
            false => None,
        };
        let rate = settings.training.learning_rate;
        let descent = GradientDescent::new(backend, method.optimiser, rate, dynamics)?
            .with_backbone(method.backbone.unwrap_or(method.optimiser))?
            .with_drive(method.drive.unwrap_or(Drive::Entropy))
            .only_slow(method.only_slow.unwrap_or(false))
            .reset_at_switch(method.reset_at_switch.unwrap_or(false));
        let training = &settings.training;
        let trainer = Trainer {
            backend,
            training: &self.training,
            test: &self.test,
            batch: training.batch,
            transform: transform(settings),
            evaluate_every: settings.evaluation.every,
            seed,
        };
        Ok((descent, trainer))
    }

    /// What a run with this seed learns from.
    fn contexts(&self, seed: u64) -> Result<Cow<'_, [Context]>> {
        let contexts = self.contexts.as_slice();
        Ok(match &self.settings.stream.memory {
            None => Cow::Borrowed(contexts),
            Some(memory) => {
                let (kind, size) = (memory.kind, memory.size);
                Cow::Owned(stream::replay(contexts, &self.labels, kind, size, seed)?)
            }
        })
    }

    fn train(
        &self,
        mut network: impl Network<B>,
        method: &MethodSettings,
        seed: u64,
        session: &mut Session<'_, Run>,
    ) -> Result<(Run, Checkpoint)> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let (mut descent, trainer) = self.learner(method, seed)?;
        let mut run = Run {
            method: method.name.clone(),
            seed,
            status: Status::Interrupted,
            history: History::default(),
            hash: None,
        };
        if let Some((begun, state)) = session.resumed.take() {
            run.history = begun.history;
            state.restore(backend, &mut network, &mut descent)?;
            let cost = run.history.records.iter().map(|record| self.cost(record));
            session.skip(run.history.records.len(), cost.sum());
        }
        let contexts = self.contexts(seed)?;
        let total = settings.stream.iterations * contexts.len();
        loop {
            let mut stopped = false;
            let history = &mut run.history;
            let ended = trainer.run(&mut network, &mut descent, &contexts, history, |record| {
                stopped = !session.step(self.cost(record), self.images(record));
                !stopped && !session.due(record.iteration)
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
                let bits = hash(backend, &mut network, &run.history)?;
                run.hash = Some(hexadecimal(bits));
            }
            let state = Checkpoint::take(backend, &mut network, &mut descent)?;
            if !carries_on {
                return Ok((run, state));
            }
            session.checkpoint(&run, &state)?;
        }
    }
}

fn hash<B: Backend>(
    backend: &B,
    network: &mut impl Network<B>,
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
    for parameter in network.parameters() {
        for weight in parameter.value.to_rows(backend)? {
            hash.update(weight.to_bits().to_le_bytes());
        }
    }
    Ok(hash)
}
