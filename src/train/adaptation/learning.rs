//! A batch that is learnt from, and one that is answered.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{Adapter, AdapterSettings, Answer, EVALUATION, GainSource, GainsFor, Pass};
use crate::backend::Backend;
use crate::error::Result;
use crate::gain::{Comovement, gain, gain_slope, mean_over_images, normalised};
use crate::models::{DecoderGains, Learnt};
use crate::nn::{Loss, Parameter};
use crate::optim::State;
use crate::train::Batch;

impl<B: Backend> Adapter<B> {
    /// Learns a batch of task `task`, counted from 0; `step` names the draws. Returns the loss before.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a task that is none, and what the kernels fail with.
    pub fn learn(&mut self, backend: &B, task: usize, batch: &Batch<B>, step: u64) -> Result<Loss> {
        let x = &batch.inputs;
        let learnt = self.settings.learnt;
        let couplings = self.couplings(backend, task)?;
        self.network.see(backend, x, learnt == Learnt::Weights)?;
        let modulator = self.settings.modulator.clone();
        let mut m = (modulator.constant, 0.0);
        let mut image_gains = None;
        if let Some(comovement) = self.comovement(backend, &couplings, step)? {
            image_gains = self.image_gains(task, &comovement);
            if image_gains.is_none() {
                let gains = comovement.mean_gains(modulator.measure, modulator.sign);
                self.gains[task].update(&gains);
            }
            if modulator.pass == Pass::Fluctuating {
                let draws = modulator.drawn(self.settings.seed, step)?;
                m = (draws[0], modulator.deviation);
            }
        }
        let scale = |c: &f32| gain(modulator.modulation, m.0, *c, m.1);
        let scales: Vec<f32> = couplings.iter().map(scale).collect();
        let activity = self.network.respond(backend, &scales)?;
        if self.settings.gains == GainSource::MeanActivity {
            let (images, neurons) = (activity.shape().rows(), activity.shape().columns());
            let rows = activity.to_rows(backend)?;
            image_gains = self.gains_by_activity(&rows);
            if image_gains.is_none() {
                let rows: Vec<f64> = rows.into_iter().map(f64::from).collect();
                self.gains[task].update(&mean_over_images(&rows, images, neurons));
            }
        }
        self.decide(backend, task, image_gains.as_deref())?;
        let number = self.readout(task);
        let dlogits = &mut self.dlogits;
        let loss = self
            .loss
            .forward(backend, &self.logits, &batch.labels, dlogits)?;
        let readout = &mut self.readouts[number];
        let gradient = &mut self.gradient;
        readout.backward(backend, self.network.decision(), dlogits, Some(gradient))?;
        if learnt == Learnt::Weights || self.controller.is_some() {
            let ds = self.network.backward(backend, x, gradient, learnt)?;
            if let Some(controller) = &mut self.controller {
                let slopes = couplings.iter().zip(&scales).zip(&ds);
                let dc: Vec<f32> = slopes
                    .map(|((c, s), ds)| gain_slope(modulator.modulation, m.0, *c, m.1, *s) * ds)
                    .collect();
                controller.backward(backend, &dc)?;
            }
        }
        self.update(backend, task)?;
        Ok(loss)
    }

    /// What the network says to a batch of task `task`; nothing is learnt. `step` names the draws, where
    /// each image has gains of its own.
    ///
    /// # Errors
    /// As [`learn`](Self::learn).
    pub fn answer(
        &mut self,
        backend: &B,
        task: usize,
        batch: &Batch<B>,
        step: u64,
    ) -> Result<Answer> {
        let couplings = self.couplings(backend, task)?;
        self.network.see(backend, &batch.inputs, false)?;
        let image_gains = match self.settings.modulator.gains_for {
            GainsFor::Task => None,
            GainsFor::Image => self
                .comovement(backend, &couplings, EVALUATION + step)?
                .and_then(|comovement| self.image_gains(task, &comovement)),
        };
        let modulator = &self.settings.modulator;
        let scale = |c: &f32| gain(modulator.modulation, modulator.constant, *c, 0.0);
        let scales: Vec<f32> = couplings.iter().map(scale).collect();
        let activity = self.network.respond(backend, &scales)?.to_rows(backend)?;
        let image_gains = image_gains.or_else(|| self.gains_by_activity(&activity));
        self.decide(backend, task, image_gains.as_deref())?;
        Ok(Answer {
            activity,
            logits: self.logits.to_rows(backend)?,
            decision: self.network.decision().to_rows(backend)?,
            loss: self.loss.infer(backend, &self.logits, &batch.labels)?,
        })
    }

    /// The decision for the last response, and its logits.
    fn decide(&mut self, backend: &B, task: usize, images: Option<&[f32]>) -> Result<()> {
        let gains = match images {
            Some(_) => Cow::Borrowed(&[][..]),
            None => Cow::Owned(self.gains(task)?),
        };
        let gains = match images {
            Some(images) => DecoderGains::Images(images),
            None => DecoderGains::Neurons(&gains),
        };
        let number = self.readout(task);
        let decision = self.network.decide(backend, gains)?;
        self.readouts[number].forward(backend, decision, &mut self.logits)
    }

    /// The decoder under the draws of `step`, if the gains come from it.
    fn comovement(
        &mut self,
        backend: &B,
        couplings: &[f32],
        step: u64,
    ) -> Result<Option<Comovement>> {
        if !matches!(
            self.settings.gains,
            GainSource::Comodulation | GainSource::Shuffled
        ) {
            return Ok(None);
        }
        let modulator = &self.settings.modulator;
        let draws = modulator.drawn(self.settings.seed, step)?;
        let mut comovement = None;
        for (draw, &m) in draws.iter().enumerate() {
            let scale = |c: &f32| gain(modulator.modulation, m, *c, modulator.deviation);
            let scales: Vec<f32> = couplings.iter().map(scale).collect();
            let activity = self.network.respond(backend, &scales)?;
            let seen = match &mut comovement {
                Some(seen) => seen,
                None => {
                    let (images, neurons) = (activity.shape().rows(), activity.shape().columns());
                    comovement.insert(Comovement::new(&draws, images, neurons)?)
                }
            };
            seen.add(draw, &activity.to_rows(backend)?)?;
        }
        Ok(comovement)
    }

    /// The gains of each image, of mean 1, if it has its own.
    fn image_gains(&self, task: usize, comovement: &Comovement) -> Option<Vec<f32>> {
        let modulator = &self.settings.modulator;
        if modulator.gains_for == GainsFor::Task {
            return None;
        }
        let gains = comovement.gains(modulator.measure, modulator.sign);
        let images = gains.chunks_exact(self.network.shape().decoder);
        let image = |a: &[f64]| {
            let gains = normalised(a).into_iter().map(|g| g as f32);
            self.shuffled(task, gains.collect())
        };
        Some(images.flat_map(image).collect())
    }

    /// The gains of each image from how active each neuron is, if it has its own and they come from that.
    fn gains_by_activity(&self, activity: &[f32]) -> Option<Vec<f32>> {
        let AdapterSettings {
            gains, modulator, ..
        } = &self.settings;
        if (*gains, modulator.gains_for) != (GainSource::MeanActivity, GainsFor::Image) {
            return None;
        }
        let image = |a: &[f32]| {
            let a: Vec<f64> = a.iter().copied().map(f64::from).collect();
            normalised(&a).into_iter().map(|g| g as f32)
        };
        let images = activity.chunks_exact(self.network.shape().decoder);
        Some(images.flat_map(image).collect())
    }

    /// One step of whatever the task's batch has given a gradient to.
    fn update(&mut self, backend: &B, task: usize) -> Result<()> {
        let AdapterSettings {
            rule,
            learning_rate,
            learnt,
            ..
        } = self.settings;
        let number = self.readout(task);
        let [network, controller, readouts] = &mut self.states;
        let step = |parameter: &mut Parameter<B>, states: &mut Vec<State<B>>, number: usize| {
            while states.len() <= number {
                states.push(State::default());
            }
            rule.update(backend, learning_rate, parameter, &mut states[number])
        };
        if learnt == Learnt::Weights {
            for (number, parameter) in self.network.parameters().enumerate() {
                step(parameter, network, number)?;
            }
        }
        if let Some(learner) = &mut self.controller {
            for (number, parameter) in learner.parameters().enumerate() {
                step(parameter, controller, number)?;
            }
        }
        step(&mut self.readouts[number].weight, readouts, number)
    }
}
