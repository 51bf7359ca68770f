//! Training on a batch, and prediction.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::state::trained;
use super::{Adapter, AdapterSettings, Answer, GainSource, GainsFor, Pass};
use crate::backend::Backend;
use crate::error::Result;
use crate::gain::{Comovement, gain_slope, mean_over_images, normalised};
use crate::learn::Batch;
use crate::models::{DecoderGains, Learnt};
use crate::nn::Loss;
use crate::rng::{Purpose, RandomStream};

impl<B: Backend> Adapter<B> {
    /// Trains on a batch of task `task`, counted from 0; the modulator's draws come from (seed,
    /// [`Purpose::Modulator`], `step`). Returns the loss before the update.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if `task` is out of range, and errors of the kernels.
    pub fn learn(&mut self, backend: &B, task: usize, batch: &Batch<B>, step: u64) -> Result<Loss> {
        let x = &batch.inputs;
        let learnt = self.settings.learnt;
        let couplings = self.couplings(backend, task)?;
        self.network.see(backend, x, learnt == Learnt::Weights)?;
        let modulator = self.settings.modulator.clone();
        let mut m = (modulator.constant, 0.0);
        let mut image_gains = None;
        if let Some(draws) = self.draws(Purpose::Modulator, step)? {
            let comovement = self.comovement(backend, &couplings, &draws)?;
            let a = comovement.gains(modulator.measure, modulator.sign);
            image_gains = self.take(task, &a);
            if modulator.pass == Pass::Fluctuating {
                m = (draws[0], modulator.deviation);
            }
        }
        let scales = modulator.scales(&couplings, m);
        let activity = self.network.respond(backend, &scales)?;
        if self.settings.gains == GainSource::MeanActivity {
            let a = wide(&activity.to_rows(backend)?);
            image_gains = self.take(task, &a);
        }
        self.decide(backend, task, image_gains.as_deref())?;
        let number = self.readout(task);
        let dlogits = &mut self.dlogits;
        self.loss
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
        self.loss.total(backend)
    }

    /// The network's predictions on a batch of task `task`, without learning. If gains are per image, the modulator's
    /// draws come from (seed, [`Purpose::TestModulator`], `step`).
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
        let modulator = self.settings.modulator.clone();
        let of_images = modulator.gains_for == GainsFor::Image;
        let mut a = None;
        if let (true, Some(draws)) = (of_images, self.draws(Purpose::TestModulator, step)?) {
            let comovement = self.comovement(backend, &couplings, &draws)?;
            a = Some(comovement.gains(modulator.measure, modulator.sign));
        }
        let scales = modulator.scales(&couplings, (modulator.constant, 0.0));
        let activity = self.network.respond(backend, &scales)?.to_rows(backend)?;
        if of_images && self.settings.gains == GainSource::MeanActivity {
            a = Some(wide(&activity));
        }
        let image_gains = a.map(|a| self.of_images(task, &a));
        self.decide(backend, task, image_gains.as_deref())?;
        self.loss.infer(backend, &self.logits, &batch.labels)?;
        Ok(Answer {
            activity,
            logits: self.logits.to_rows(backend)?,
            decision: self.network.decision().to_rows(backend)?,
            loss: self.loss.total(backend)?,
        })
    }

    /// Computes the decision for the last response, and its logits.
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

    /// The draws of `step`; `None` if the gains need none.
    fn draws(&self, purpose: Purpose, step: u64) -> Result<Option<Vec<f32>>> {
        match self.settings.gains {
            GainSource::Comodulation | GainSource::Shuffled => {
                let mut stream = RandomStream::new(self.settings.seed, purpose, step);
                self.settings.modulator.drawn(&mut stream).map(Some)
            }
            GainSource::Ones | GainSource::MeanActivity => Ok(None),
        }
    }

    /// The sums over these draws of the decoder's activity, for the last images.
    fn comovement(&mut self, backend: &B, couplings: &[f32], draws: &[f32]) -> Result<Comovement> {
        let modulator = &self.settings.modulator;
        let (images, neurons) = (self.network.images(), self.network.shape().decoder);
        let mut comovement = Comovement::new(draws, images, neurons)?;
        for (draw, &m) in draws.iter().enumerate() {
            let scales = modulator.scales(couplings, (m, modulator.deviation));
            let activity = self.network.respond(backend, &scales)?;
            comovement.add(draw, &activity.to_rows(backend)?)?;
        }
        Ok(comovement)
    }

    /// Computes gains from a of every image, `[images][neurons]`: returns the gains of each image if images have their
    /// own, else updates the gains of the task.
    fn take(&mut self, task: usize, a: &[f64]) -> Option<Vec<f32>> {
        match self.settings.modulator.gains_for {
            GainsFor::Image => Some(self.of_images(task, a)),
            GainsFor::Task => {
                let neurons = self.network.shape().decoder;
                let images = a.len() / neurons;
                self.gains[task].update(&mean_over_images(a, images, neurons));
                None
            }
        }
    }

    /// The gains of each image, with mean 1, from a of every image.
    fn of_images(&self, task: usize, a: &[f64]) -> Vec<f32> {
        let order = self.order(task);
        let image = |a: &[f64]| {
            let gains = normalised(a);
            let given: Vec<f32> = order.iter().map(|&neuron| gains[neuron] as f32).collect();
            given
        };
        let images = a.chunks_exact(self.network.shape().decoder);
        images.flat_map(image).collect()
    }

    /// Updates every parameter that has a gradient from the task's batch.
    fn update(&mut self, backend: &B, task: usize) -> Result<()> {
        let AdapterSettings {
            rule,
            learning_rate,
            learnt,
            ..
        } = self.settings;
        let first_readout = self.states.len() - self.readouts.len();
        let used = first_readout + self.readout(task);
        let (network, controller) = (&mut self.network, &mut self.controller);
        let parameters = trained(learnt, network, controller, &mut self.readouts);
        for (place, (parameter, state)) in parameters.zip(&mut self.states).enumerate() {
            if place < first_readout || place == used {
                rule.update(backend, learning_rate, parameter, state)?;
            }
        }
        Ok(())
    }
}

/// The numbers in f64.
fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}
