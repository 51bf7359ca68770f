//! Learning a task on a network that is frozen but for a modulation, and everything that this is compared
//! with: arXiv 2311.15053.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::gain::{
    Comovement, DecoderGain, Draws, Measure, Modulation, Sign, gain, gain_slope, mean_over_images,
    modulator, normalised,
};
use crate::models::{Comodulated, Controller, DecoderGains, Learnt};
use crate::nn::{GainLinear, Initial, Loss, Parameter, SoftmaxCrossEntropy};
use crate::optim::{Rule, State};
use crate::rng::{Purpose, Stream};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::train::{Batch, Checkpoint, NamedTensor};

/// Draws for test images are of steps from here on, where no batch of training is.
const EVALUATION: u64 = 1 << 40;
/// Shuffles are of steps from here on, one for each task.
const SHUFFLE: u64 = 1 << 41;

/// Where the decoder's gains come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "report", serde(rename_all = "kebab-case"))]
pub enum GainSource {
    /// g ≡ 1.
    Ones,
    /// How far each neuron goes with the modulator.
    Comodulation,
    /// The same, given to other neurons: a permutation for each task.
    Shuffled,
    /// How active each neuron is on average, in the pass that decides.
    MeanActivity,
}

/// What has gains of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "report", serde(rename_all = "kebab-case"))]
pub enum GainsFor {
    /// Each task: averaged over images and batches in training, frozen in test.
    Task,
    /// Each image, from its own activity, in test too.
    Image,
}

/// The pass that the controller learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "report", serde(rename_all = "kebab-case"))]
pub enum Pass {
    /// The one that decides, under the constant m.
    Constant,
    /// The one under the first draw of the batch; where the gains come from no draws, the constant one.
    Fluctuating,
}

/// The shared modulator and what is made of it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "report", serde(deny_unknown_fields))]
pub struct Modulator {
    /// σ of the draws.
    pub deviation: f32,
    /// Draws T a batch.
    pub count: usize,
    /// How they are drawn.
    pub draws: Draws,
    /// A neuron's gain under a draw.
    pub modulation: Modulation,
    /// The constant m of the pass that decides.
    pub constant: f32,
    /// What says how far an activity goes with the draws.
    pub measure: Measure,
    /// What becomes of it below 0.
    pub sign: Sign,
    /// What has gains of its own.
    pub gains_for: GainsFor,
    /// The pass that the controller learns from.
    pub pass: Pass,
}

impl Modulator {
    /// Checks what draws there are to be, by drawing them.
    ///
    /// # Errors
    /// [`Error::Setting`] for a σ, a T or a constant that cannot be.
    pub fn validate(&self) -> Result<()> {
        if !self.constant.is_finite() {
            let expected = "a finite number: 1 as the paper's parents have it, or 0";
            return Err(Error::setting(
                "modulator.constant",
                self.constant,
                expected,
            ));
        }
        let draws = self.drawn(0, 0)?;
        Comovement::new(&draws, 0, 0).map(|_| ())
    }

    fn drawn(&self, seed: u64, step: u64) -> Result<Vec<f32>> {
        let mut stream = Stream::new(seed, Purpose::Modulator, step);
        modulator(&mut stream, self.draws, self.deviation, self.count)
    }
}

/// What an [`Adapter`] learns, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSettings {
    /// The update rule.
    pub rule: Rule,
    /// Its learning rate.
    pub learning_rate: f32,
    /// Every weight, or the modulation alone; readouts are learnt either way.
    pub learnt: Learnt,
    /// Where the decoder's gains come from.
    pub gains: GainSource,
    /// The modulator.
    pub modulator: Modulator,
    /// Names the random streams.
    pub seed: u64,
}

/// A network that learns tasks, batch by batch.
#[derive(Debug, Clone)]
pub struct Adapter<B: Backend = Cpu> {
    settings: AdapterSettings,
    network: Comodulated<B>,
    /// None: every coupling is 0.
    controller: Option<Controller<B>>,
    readouts: Vec<GainLinear<B>>,
    gains: Vec<DecoderGain>,
    /// Of the network's parameters, the controller's, the readouts'.
    states: [Vec<State<B>>; 3],
    logits: Tensor<B>,
    dlogits: Tensor<B>,
    gradient: Tensor<B>,
    loss: SoftmaxCrossEntropy<B>,
}

/// What the network says to some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `[images][classes]`.
    pub logits: Vec<f32>,
    /// The decoder's activity before its gains, `[images][neurons]`.
    pub activity: Vec<f32>,
    /// What the readout reads, `[images][neurons]`.
    pub decision: Vec<f32>,
    /// The sums of their loss.
    pub loss: Loss,
}

impl<B: Backend> Adapter<B> {
    /// A readout for each task, of so many `classes`, drawn from the settings' seed and numbered from
    /// `index` on.
    ///
    /// # Errors
    /// [`Error::Setting`] for no task, fewer than two classes, or a constant outside its range;
    /// [`Error::Memory`] if there is no room.
    pub fn new(
        backend: &B,
        network: Comodulated<B>,
        controller: Option<Controller<B>>,
        classes: &[usize],
        index: u64,
        settings: AdapterSettings,
    ) -> Result<Self> {
        settings.rule.validate()?;
        settings.modulator.validate()?;
        let rate = settings.learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::setting("learning_rate", rate, expected));
        }
        if classes.is_empty() || classes.iter().any(|&classes| classes < 2) {
            let expected = "at least one task, each of two classes or more";
            return Err(Error::setting("tasks", format!("{classes:?}"), expected));
        }
        let neurons = network.shape().decoder;
        let initial = Initial::Normal {
            standard_deviation: libm::sqrtf(1.0 / neurons as f32),
        };
        let readout = |(task, &classes): (usize, &usize)| {
            let name: String = format!("readout{}", task + 1);
            let matrix = Shape::matrix(classes, neurons);
            let number = index + task as u64;
            let weight = Parameter::new(backend, name, matrix, initial, settings.seed, number)?;
            Ok(GainLinear::new(weight))
        };
        let readouts = classes.iter().enumerate().map(readout);
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Adapter {
            network,
            controller,
            readouts: readouts.collect::<Result<_>>()?,
            gains: classes.iter().map(|_| DecoderGain::new(neurons)).collect(),
            states: [Vec::new(), Vec::new(), Vec::new()],
            logits: empty()?,
            dlogits: empty()?,
            gradient: empty()?,
            loss: SoftmaxCrossEntropy::new(backend)?,
            settings,
        })
    }

    /// The network.
    pub fn network(&mut self) -> &mut Comodulated<B> {
        &mut self.network
    }

    /// Shows `visit` every tensor that learning goes on from, by name, and gives the steps of each optimiser
    /// state in the order of the parameters. What modulates is no part of it.
    fn visit(
        &mut self,
        backend: &B,
        mut visit: impl FnMut(&str, &mut Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        let rule = self.settings.rule;
        let [network, _, readouts] = &mut self.states;
        let of_readouts = self.readouts.iter_mut().map(|readout| &mut readout.weight);
        for (parameters, states) in [
            (self.network.parameters().collect::<Vec<_>>(), network),
            (of_readouts.collect(), readouts),
        ] {
            for (number, parameter) in parameters.iter().enumerate() {
                // What has not learnt yet, as another task's readout, may have no moments yet.
                let started = states.get(number).is_some_and(|state| state.steps() > 0);
                if !started {
                    let fresh = State::after(backend, rule, parameter.value.shape(), 0)?;
                    match states.get_mut(number) {
                        Some(state) => *state = fresh,
                        None => states.push(fresh),
                    }
                }
            }
            for (parameter, state) in parameters.into_iter().zip(states) {
                visit(&parameter.name, &mut parameter.value)?;
                for (moment, tensor) in state.moments() {
                    visit(&format!("{}.{moment}", parameter.name), tensor)?;
                }
            }
        }
        for (name, statistics) in self.network.statistics() {
            visit(&name, statistics)?;
        }
        Ok(())
    }

    /// The state between two batches of a network that is learnt as a whole, without modulation.
    ///
    /// # Errors
    /// What the backend's download fails with.
    pub fn checkpoint(&mut self, backend: &B) -> Result<Checkpoint> {
        let mut network = Vec::new();
        self.visit(backend, |name, tensor| {
            network.push(NamedTensor::of(backend, name, tensor)?);
            Ok(())
        })?;
        let [of_network, _, readouts] = &self.states;
        let states = of_network.iter().chain(readouts).enumerate();
        let steps =
            states.map(|(number, state)| (format!("steps.{number:05}"), state.steps().into()));
        Ok(Checkpoint {
            network,
            method: Vec::new(),
            numbers: steps.collect(),
        })
    }

    /// Brings a network and its optimiser, made from the same settings, to this state.
    ///
    /// # Errors
    /// [`Error::Shape`] if a tensor is missing there or has another shape, or one is not theirs.
    pub fn restore(&mut self, backend: &B, from: &Checkpoint) -> Result<()> {
        let rule = self.settings.rule;
        let learners = self.network.parameters().count() + self.readouts.len();
        if from.numbers.len() != learners {
            let expected = format!("the steps of {learners} parameters");
            return Err(Error::shape("checkpoint", expected, from.numbers.len()));
        }
        let mut numbers = from.numbers.iter().map(|(_, steps)| *steps as u32);
        let [network, _, readouts] = &mut self.states;
        network.clear();
        for (parameter, steps) in self.network.parameters().zip(&mut numbers) {
            network.push(State::after(backend, rule, parameter.value.shape(), steps)?);
        }
        readouts.clear();
        for (readout, steps) in self.readouts.iter().zip(&mut numbers) {
            let shape = readout.weight.value.shape();
            readouts.push(State::after(backend, rule, shape, steps)?);
        }
        let mut known = 0;
        self.visit(backend, |name, tensor| {
            known += 1;
            from.fill(backend, name, tensor)
        })?;
        match known == from.network.len() {
            true => Ok(()),
            false => {
                let expected = format!("{known} tensors");
                Err(Error::shape("checkpoint", expected, from.network.len()))
            }
        }
    }

    /// The network, its learning being over.
    pub fn into_network(self) -> Comodulated<B> {
        self.network
    }

    /// The gains g of a task as the decoder takes them; with gains for each image, and with g ≡ 1, ones.
    ///
    /// # Errors
    /// [`Error::Setting`] for a task that is none.
    pub fn gains(&self, task: usize) -> Result<Vec<f32>> {
        self.check(task)?;
        Ok(self.shuffled(task, self.gains[task].to_f32()))
    }

    /// `gains` of one image or of a task, given to other neurons if they are to be: the same permutation for
    /// all of a task.
    fn shuffled(&self, task: usize, gains: Vec<f32>) -> Vec<f32> {
        if self.settings.gains != GainSource::Shuffled {
            return gains;
        }
        let mut from: Vec<usize> = (0..gains.len()).collect();
        let step = SHUFFLE + task as u64;
        let mut stream = Stream::new(self.settings.seed, Purpose::Modulator, step);
        for last in (1..from.len()).rev() {
            // Drawn as u64, so that the width of `usize` does not matter.
            let other = stream.random_range(0..=last as u64) as usize;
            from.swap(last, other);
        }
        from.iter().map(|&neuron| gains[neuron]).collect()
    }

    /// Fails unless there is a readout of `task`.
    fn check(&self, task: usize) -> Result<()> {
        match task < self.readouts.len() {
            true => Ok(()),
            false => {
                let expected = format!("a number below {}", self.readouts.len());
                Err(Error::setting("task", task, expected))
            }
        }
    }

    /// The couplings of a task: zeros without a controller.
    ///
    /// # Errors
    /// [`Error::Setting`] for a task that is none.
    pub fn couplings(&mut self, backend: &B, task: usize) -> Result<Vec<f32>> {
        self.check(task)?;
        match &mut self.controller {
            Some(controller) => controller.forward(backend, task),
            None => Ok(alloc::vec![0.0; self.network.couplings()]),
        }
    }

    /// Everything that is learnt, the readouts last.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let controller = self.controller.iter_mut();
        self.network
            .parameters()
            .chain(controller.flat_map(Controller::parameters))
            .chain(self.readouts.iter_mut().map(|readout| &mut readout.weight))
    }

    /// Learns a batch of task `task`, counted from 0; `step` names the draws. Returns the loss before.
    ///
    /// # Errors
    /// [`Error::Setting`] for a task that is none, and what the kernels fail with.
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
        let dlogits = &mut self.dlogits;
        let loss = self
            .loss
            .forward(backend, &self.logits, &batch.labels, dlogits)?;
        let readout = &mut self.readouts[task];
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
        let decision = self.network.decide(backend, gains)?;
        self.readouts[task].forward(backend, decision, &mut self.logits)
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
        step(&mut self.readouts[task].weight, readouts, task)
    }
}
