//! Learning a task on a network that is frozen but for a modulation, and everything that this is compared
//! with: arXiv 2311.15053.
//!
//! *Known*: attention and comodulation share controller and network, and differ in the noise and the gains alone.
//! *Parents'*: the decision under the constant modulator 1. *Our choice*: a batch is of one task, tasks take turns, a
//! readout for each task, one pass of the batch under every draw; learning from the pass that decides, or from a
//! fluctuating one, is a setting, as the paper leaves it open.

mod learning;
mod state;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::gain::{Comovement, DecoderGain, Draws, Measure, Modulation, Sign, gain, modulator};
use crate::models::{Comodulated, Controller, Learnt};
use crate::nn::{GainLinear, Initial, Loss, Parameter, SoftmaxCrossEntropy};
use crate::optim::{Optimizer, OptimizerState};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::tensor::Tensor;

settings! {
    /// Where the decoder's gains come from.
    pub enum GainSource {
        /// g ≡ 1.
        Ones = "ones",
        /// How far each neuron goes with the modulator.
        Comodulation = "comodulation",
        /// The same, given to other neurons, a permutation for each task: a control of our own.
        Shuffled = "shuffled",
        /// How active each neuron is on average, in the pass that decides: a control of our own.
        MeanActivity = "mean-activity",
    }
}

settings! {
    /// What has gains of its own.
    pub enum GainsFor {
        /// Each task: averaged over images and batches in training, frozen in test.
        Task = "task",
        /// Each image, from its own activity, in test too.
        Image = "image",
    }
}

settings! {
    /// The pass that the controller learns from.
    pub enum Pass {
        /// The one that decides, under the constant m.
        Constant = "constant",
        /// The one under the first draw of the batch; where the gains come from no draws, the constant one.
        Fluctuating = "fluctuating",
    }
}

settings! {
    /// The shared modulator and what is made of it.
    ///
    /// *Parents'*: log-normal gains corrected to mean 1 (not for a constant m, whose correction is 0), the
    /// decision under m = 1. *Our choice*: σ = 0.1 and T = 32 in antithetic pairs (the parents draw 500), and
    /// every alternative.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Modulator {
        /// σ of the draws.
        pub deviation: f32 [NotNegative],
        /// Draws T a batch. Each is a pass through encoder and decoder, and all are held at once.
        pub count: usize [Between(2, 65536, "draws: one has no covariance")],
        /// How they are drawn.
        pub draws: Draws,
        /// A neuron's gain under a draw.
        pub modulation: Modulation,
        /// The constant m of the pass that decides. Under 0 that pass tells a controller nothing.
        pub constant: f32 [Finite],
        /// The statistic that relates an activity to the draws.
        pub measure: Measure,
        /// What becomes of it below 0.
        pub sign: Sign,
        /// Whether each task or each image has its own gains.
        pub gains_for: GainsFor,
        /// The pass that the controller learns from.
        pub pass: Pass,
    }
}

impl Modulator {
    /// Checks what draws there are to be, by drawing them.
    ///
    /// # Errors
    /// [`Error::Setting`] for a σ, a T or a constant that cannot be.
    pub fn validate(&self) -> Result<()> {
        if !self.constant.is_finite() {
            let expected = "a finite number, such as the 1 of the paper's parents";
            return Err(Error::setting(
                "modulator.constant",
                self.constant,
                expected,
            ));
        }
        let draws = self.drawn(&mut RandomStream::new(0, Purpose::Modulator, 0))?;
        Comovement::new(&draws, 0, 0).map(|_| ())
    }

    /// What the modulator `m` of this deviation makes of each coupled neuron.
    fn scales(&self, couplings: &[f32], (m, deviation): (f32, f32)) -> Vec<f32> {
        let scale = |c: &f32| gain(self.modulation, m, *c, deviation);
        couplings.iter().map(scale).collect()
    }

    fn drawn(&self, stream: &mut RandomStream) -> Result<Vec<f32>> {
        modulator(stream, self.draws, self.deviation, self.count)
    }
}

/// What an [`Adapter`] learns, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSettings {
    /// The update rule.
    pub rule: Optimizer,
    /// Its learning rate.
    pub learning_rate: f32,
    /// Whether all tasks have one readout, so that gains and modulation alone tell them apart.
    pub shared_readout: bool,
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
    /// One of each parameter that is learnt, the readouts' last.
    states: Vec<OptimizerState<B>>,
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
    /// A readout for each task, or one for all, with this many `classes`; its weights are drawn from (the settings'
    /// seed, `readouts`, task).
    ///
    /// # Errors
    /// [`Error::Setting`] for no task, fewer than two classes, or a constant outside its range;
    /// [`Error::Memory`] if there is no room.
    pub fn new(
        backend: &B,
        network: Comodulated<B>,
        controller: Option<Controller<B>>,
        classes: &[usize],
        readouts: Purpose,
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
            let mut stream = RandomStream::new(settings.seed, readouts, task as u64);
            let weight = Parameter::drawn(backend, name, matrix, initial, &mut stream)?;
            Ok(GainLinear::new(weight))
        };
        let shared = settings.shared_readout;
        if shared && classes.windows(2).any(|pair| pair[0] != pair[1]) {
            let expected = "as many classes in every task, as they have one readout";
            return Err(Error::setting("tasks", format!("{classes:?}"), expected));
        }
        let readouts = match shared {
            true => classes.get(..1).unwrap_or(classes),
            false => classes,
        };
        let readouts = readouts.iter().enumerate().map(readout);
        let mut readouts = readouts.collect::<Result<Vec<_>>>()?;
        let (mut network, mut controller) = (network, controller);
        let states = state::trained(
            settings.learnt,
            &mut network,
            &mut controller,
            &mut readouts,
        );
        let states = states.map(|p| OptimizerState::new(backend, settings.rule, p.value.shape()));
        let states = states.collect::<Result<_>>()?;
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Adapter {
            network,
            controller,
            readouts,
            gains: classes.iter().map(|_| DecoderGain::new(neurons)).collect(),
            states,
            logits: empty()?,
            dlogits: empty()?,
            gradient: empty()?,
            loss: SoftmaxCrossEntropy::new(),
            settings,
        })
    }

    /// The network.
    pub fn network(&mut self) -> &mut Comodulated<B> {
        &mut self.network
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
        let gains = self.gains[task].to_f32();
        let order = self.order(task);
        Ok(order.iter().map(|&neuron| gains[neuron]).collect())
    }

    /// Whose gain each neuron of a task gets: its own, or by a permutation where gains are shuffled.
    fn order(&self, task: usize) -> Vec<usize> {
        let mut from: Vec<usize> = (0..self.network.shape().decoder).collect();
        if self.settings.gains == GainSource::Shuffled {
            let seed = self.settings.seed;
            let mut stream = RandomStream::new(seed, Purpose::ShuffledGains, task as u64);
            for last in (1..from.len()).rev() {
                // Drawn as u64, so that the width of `usize` does not matter.
                let other = stream.random_range(0..=last as u64) as usize;
                from.swap(last, other);
            }
        }
        from
    }

    /// The number of a task's readout.
    fn readout(&self, task: usize) -> usize {
        if self.settings.shared_readout {
            0
        } else {
            task
        }
    }

    /// Fails unless there is a task `task`.
    fn check(&self, task: usize) -> Result<()> {
        match task < self.gains.len() {
            true => Ok(()),
            false => {
                let expected = format!("a number below {}", self.gains.len());
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

    /// Every parameter, the readouts last.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        state::trained(
            Learnt::Weights,
            &mut self.network,
            &mut self.controller,
            &mut self.readouts,
        )
    }
}
