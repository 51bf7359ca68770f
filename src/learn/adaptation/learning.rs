//! Training on a batch, and prediction.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::state::trained;
use super::{
    ComodulationLearner, ComodulationLearnerConfig, ControllerPass, GainGranularity, GainSource,
    Prediction,
};
use crate::backend::{Backend, Binary};
use crate::error::{Error, Result};
use crate::gain::{ModulatorCovariance, gain_slope, mean_over_images, unit_mean};
use crate::learn::Batch;
use crate::models::{DecoderGains, Trainable};
use crate::nn::BatchStats;
use crate::rng::{Purpose, RandomStream};
use crate::tensor::Tensor;

/// The input of a batch.
#[derive(Debug)]
pub enum Input<'a, B: Backend> {
    /// Images.
    Images(&'a Tensor<B>),
    /// The maps of images before the modulation, from [`Comodulated::encoded`](crate::models::Comodulated::encoded):
    /// a frozen network need not compute them again.
    Encoded(&'a Tensor<B>),
}

impl<B: Backend> ComodulationLearner<B> {
    /// [`learn_from`](Self::learn_from) a batch of images.
    ///
    /// # Errors
    /// Those of [`learn_from`](Self::learn_from).
    pub fn learn(
        &mut self,
        backend: &B,
        task: usize,
        batch: &Batch<B>,
        step: u64,
    ) -> Result<BatchStats> {
        self.learn_from(
            backend,
            task,
            Input::Images(&batch.inputs),
            &batch.labels,
            step,
        )
    }

    /// Trains on a batch of task `task`, counted from 0; the modulator's draws come from (seed,
    /// [`Purpose::Modulator`], `step`). Returns the loss before the update.
    ///
    /// # Errors
    /// [`Error::Setting`] if `task` is out of range, or for encoded maps if the weights are trained; and errors of the
    /// kernels.
    pub fn learn_from(
        &mut self,
        backend: &B,
        task: usize,
        input: Input<'_, B>,
        labels: &B::Bytes,
        step: u64,
    ) -> Result<BatchStats> {
        let learnt = self.settings.learnt;
        let couplings = self.couplings(backend, task)?;
        let x = match (input, learnt) {
            (Input::Images(x), _) => {
                self.network
                    .encode(backend, x, learnt == Trainable::Weights)?;
                x
            }
            (Input::Encoded(maps), Trainable::Modulation) => {
                self.network.set_encoded(backend, maps)?;
                maps
            }
            (Input::Encoded(_), Trainable::Weights) => {
                let expected = "images, because the weights before the modulation are trained";
                return Err(Error::setting("input", "encoded maps", expected));
            }
        };
        let modulator = self.settings.modulator.clone();
        let mut m = (modulator.test_modulator, 0.0);
        let mut image_gains = None;
        if let Some(draws) = self.draws(Purpose::Modulator, step)? {
            let comovement = self.comovement(backend, &couplings, &draws)?;
            let a = comovement.gains(modulator.statistic, modulator.rectification);
            image_gains = self.update_gains(task, &a);
            if modulator.controller_pass == ControllerPass::Fluctuating {
                m = (modulator.test_modulator + draws[0], modulator.std);
            }
        }
        if self.settings.gains == GainSource::MeanActivity {
            let a = self.unmodulated_activity(backend)?;
            image_gains = self.update_gains(task, &a);
        }
        let scales = modulator.scales(&couplings, m);
        self.network.decode(backend, &scales)?;
        self.compute_logits(backend, task, image_gains.as_deref())?;
        let number = self.readout(task);
        let dlogits = &mut self.dlogits;
        self.loss.forward(backend, &self.logits, labels, dlogits)?;
        let readout = &mut self.readouts[number];
        let (decision, gradient) = (self.network.decision(), &mut self.gradient);
        let onward = learnt == Trainable::Weights || self.controller.is_some();
        match (self.settings.readout_learnt, onward) {
            (true, _) => readout.backward(backend, decision, dlogits, Some(gradient))?,
            (false, true) => readout.to_input(backend, decision.shape(), dlogits, gradient)?,
            (false, false) => {}
        }
        if onward {
            let ds = self.network.backward(backend, x, gradient, learnt)?;
            if let Some(controller) = &mut self.controller {
                let slopes = couplings.iter().zip(&scales).zip(&ds);
                let dc: Vec<f32> = slopes
                    .map(|((c, s), ds)| gain_slope(modulator.modulation, m.0, *c, m.1, *s) * ds)
                    .collect();
                controller.backward(backend, &dc)?;
            }
        }
        self.update(backend, Some(task))?;
        self.loss.total(backend)
    }

    /// Trains on a batch that every task labels, without modulation: the loss is the sum over tasks. `labels` are those
    /// of each task. Returns the losses before the update, of all tasks together.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) unless there are labels for each task, and errors of the kernels.
    pub fn learn_together(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        labels: &[B::Bytes],
    ) -> Result<BatchStats> {
        if labels.len() != self.gains.len() {
            let (expected, found) = (self.gains.len(), labels.len());
            return Err(Error::shape("labels of tasks", expected, found));
        }
        let learnt = self.settings.learnt;
        self.network
            .encode(backend, x, learnt == Trainable::Weights)?;
        let scales = alloc::vec![1.0; self.network.couplings()];
        self.network.decode(backend, &scales)?;
        let mut sum: Option<Tensor<B>> = None;
        let mut total = BatchStats::default();
        for (task, labels) in labels.iter().enumerate() {
            self.compute_logits(backend, task, None)?;
            let number = self.readout(task);
            self.loss
                .forward(backend, &self.logits, labels, &mut self.dlogits)?;
            total = total.plus(self.loss.total(backend)?);
            let (decision, gradient) = (self.network.decision(), &mut self.gradient);
            let readout = &mut self.readouts[number];
            readout.backward(backend, decision, &self.dlogits, Some(gradient))?;
            match &mut sum {
                None => sum = Some(gradient.clone()),
                Some(sum) => {
                    let plus = Binary::Axpby { a: 1.0, b: 1.0 };
                    backend.binary(plus, gradient.floats(), sum.floats_mut())?;
                }
            }
        }
        if let (Some(sum), Trainable::Weights) = (&sum, learnt) {
            self.network.backward(backend, x, sum, learnt)?;
        }
        self.update(backend, None)?;
        Ok(total)
    }

    /// [`predict_from`](Self::predict_from) a batch of images.
    ///
    /// # Errors
    /// Those of [`predict_from`](Self::predict_from).
    pub fn predict(
        &mut self,
        backend: &B,
        task: usize,
        batch: &Batch<B>,
        step: u64,
    ) -> Result<Prediction> {
        self.predict_from(
            backend,
            task,
            Input::Images(&batch.inputs),
            &batch.labels,
            step,
        )
    }

    /// The network's predictions on a batch of task `task`, without learning. If gains are per image, the modulator's
    /// draws come from (seed, [`Purpose::TestModulator`], `step`).
    ///
    /// # Errors
    /// As [`learn_from`](Self::learn_from).
    pub fn predict_from(
        &mut self,
        backend: &B,
        task: usize,
        input: Input<'_, B>,
        labels: &B::Bytes,
        step: u64,
    ) -> Result<Prediction> {
        let couplings = self.couplings(backend, task)?;
        match input {
            Input::Images(x) => self.network.encode(backend, x, false)?,
            Input::Encoded(maps) => self.network.set_encoded(backend, maps)?,
        }
        let modulator = self.settings.modulator.clone();
        let of_images = modulator.granularity == GainGranularity::Image;
        let mut a = None;
        if let (true, Some(draws)) = (of_images, self.draws(Purpose::TestModulator, step)?) {
            let comovement = self.comovement(backend, &couplings, &draws)?;
            a = Some(comovement.gains(modulator.statistic, modulator.rectification));
        }
        if of_images && self.settings.gains == GainSource::MeanActivity {
            a = Some(self.unmodulated_activity(backend)?);
        }
        let scales = modulator.scales(&couplings, (modulator.test_modulator, 0.0));
        let activity = self.network.decode(backend, &scales)?.to_rows(backend)?;
        let image_gains = a.map(|a| self.of_images(task, &a));
        self.compute_logits(backend, task, image_gains.as_deref())?;
        self.loss.infer(backend, &self.logits, labels)?;
        Ok(Prediction {
            activity,
            logits: self.logits.to_rows(backend)?,
            decision: self.network.decision().to_rows(backend)?,
            loss: self.loss.total(backend)?,
        })
    }

    /// Computes the decision for the last response, and its logits.
    fn compute_logits(&mut self, backend: &B, task: usize, images: Option<&[f32]>) -> Result<()> {
        let gains = match images {
            Some(_) => Cow::Borrowed(&[][..]),
            None => Cow::Owned(self.gains(task)?),
        };
        let gains = match images {
            Some(images) => DecoderGains::Images(images),
            None => DecoderGains::Neurons(&gains),
        };
        let number = self.readout(task);
        let decision = self.network.readout(backend, gains)?;
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
    fn comovement(
        &mut self,
        backend: &B,
        couplings: &[f32],
        draws: &[f32],
    ) -> Result<ModulatorCovariance> {
        let modulator = &self.settings.modulator;
        let (images, neurons) = (self.network.images(), self.network.shape().neurons());
        let mut comovement = ModulatorCovariance::new(draws, images, neurons)?;
        for (draw, &m) in draws.iter().enumerate() {
            let scales = modulator.scales(couplings, (m, modulator.std));
            let activity = self.network.decode(backend, &scales)?;
            comovement.add(draw, &activity.to_rows(backend)?)?;
        }
        Ok(comovement)
    }

    /// The decoder's activity for the last images without modulation, `[images][neurons]`.
    fn unmodulated_activity(&mut self, backend: &B) -> Result<Vec<f64>> {
        let scales = alloc::vec![1.0; self.network.couplings()];
        let activity = self.network.decode(backend, &scales)?.to_rows(backend)?;
        Ok(activity.into_iter().map(f64::from).collect())
    }

    /// Computes gains from a of every image, `[images][neurons]`: returns the gains of each image if images have their
    /// own, else updates the gains of the task.
    fn update_gains(&mut self, task: usize, a: &[f64]) -> Option<Vec<f32>> {
        match self.settings.modulator.granularity {
            GainGranularity::Image => Some(self.of_images(task, a)),
            GainGranularity::Task => {
                let neurons = self.network.shape().neurons();
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
            let gains = unit_mean(a);
            let given: Vec<f32> = order.iter().map(|&neuron| gains[neuron] as f32).collect();
            given
        };
        let images = a.chunks_exact(self.network.shape().neurons());
        images.flat_map(image).collect()
    }

    /// Updates every parameter that has a gradient from the batch of a task, or of all tasks.
    fn update(&mut self, backend: &B, task: Option<usize>) -> Result<()> {
        let ComodulationLearnerConfig {
            rule,
            learning_rate,
            learnt,
            readout_learnt,
            ..
        } = self.settings;
        let readouts = match readout_learnt {
            true => self.readouts.len(),
            false => 0,
        };
        let first_readout = self.states.len() - readouts;
        let used = task.map(|task| first_readout + self.readout(task));
        let (network, controller) = (&mut self.network, &mut self.controller);
        let learnt = (learnt, readout_learnt);
        let parameters = trained(learnt, network, controller, &mut self.readouts);
        for (place, (parameter, state)) in parameters.zip(&mut self.states).enumerate() {
            if place < first_readout || used.is_none_or(|used| place == used) {
                rule.update(backend, learning_rate, parameter, state)?;
            }
        }
        Ok(())
    }
}
