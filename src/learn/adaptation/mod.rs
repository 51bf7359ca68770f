//! Learning tasks on a network that is frozen except for a modulation, and the methods that this is compared with:
//! arXiv 2311.15053.
//!
//! *Known*: attention and comodulation share controller and network, and differ only in the noise and the gains.
//! *From the parent models*: the decision under the constant modulator 1. *Our choice*: each batch has one task, tasks
//! take turns, one readout per task, one pass of the batch under every draw. Whether the controller learns from the
//! deciding pass or from a fluctuating one is a setting, because the paper leaves it open.

mod learning;
mod state;

pub use learning::Input;
pub use state::Learnt;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::data::change::shuffle;
use crate::error::{Error, Result};
use crate::gain::{
    DecoderGain, GainStatistic, Modulation, ModulatorCovariance, Rectification, SamplingScheme,
    gain, modulator,
};
use crate::models::{Comodulated, Controller, Trainable};
use crate::nn::{BatchStats, GainLinear, Init, LossLog, Parameter};
use crate::optim::{Optimizer, OptimizerState};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::tensor::Tensor;

settings! {
    /// Where the decoder's gains come from.
    pub enum GainSource {
        /// g ≡ 1.
        Ones = "ones",
        /// The statistic that relates each neuron's activity to the modulator.
        Comodulation = "comodulation",
        /// The same gains, permuted over the neurons for each task: a control added here.
        Shuffled = "shuffled",
        /// The mean activity of each neuron without modulation, at m = 0: a control added here. It knows nothing of
        /// the task but its images.
        MeanActivity = "mean-activity",
    }
}

settings! {
    /// Whether gains are per task or per image.
    pub enum GainGranularity {
        /// Per task: averaged over images and batches in training, frozen in test.
        Task = "task",
        /// Per image: from its own activity, in test too.
        Image = "image",
    }
}

settings! {
    /// The pass that the controller learns from.
    pub enum ControllerPass {
        /// The deciding pass, under the constant m.
        Constant = "constant",
        /// The pass under the constant plus the first draw of the batch, m = test_modulator + σξ; if the gains need
        /// no draws, the constant pass.
        Fluctuating = "fluctuating",
    }
}

settings! {
    /// The shared modulator and the gains computed from it.
    ///
    /// *From the parent models*: log-normal gains corrected to mean 1 (not for a constant m, whose correction is 0),
    /// the decision under m = 1. *Our choice*: σ = 0.1 and T = 32 in antithetic pairs (the parent models draw 500),
    /// and all alternatives.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Modulator {
        /// σ, the standard deviation of the draws.
        pub std: f32 [NotNegative],
        /// T, the number of draws per batch. Each is one pass through encoder and decoder.
        pub num_draws: usize [Between(2, 65536, "draws: one has no covariance")],
        /// How they are drawn.
        pub sampling: SamplingScheme,
        /// A neuron's gain under a draw.
        pub modulation: Modulation,
        /// The constant m of the deciding pass. With 0, that pass gives the controller no gradient.
        pub test_modulator: f32 [Finite],
        /// The statistic that relates an activity to the draws.
        pub statistic: GainStatistic,
        /// How a negative statistic is treated.
        pub rectification: Rectification,
        /// Whether each task or each image has its own gains.
        pub granularity: GainGranularity,
        /// The pass that the controller learns from.
        pub controller_pass: ControllerPass,
    }
}

impl Modulator {
    /// Checks the settings, by drawing once.
    ///
    /// # Errors
    /// [`Error::Setting`] for a σ, a T or a constant outside its range.
    pub fn validate(&self) -> Result<()> {
        if !self.test_modulator.is_finite() {
            let expected = "a finite number, such as 1, as in the parent models";
            return Err(Error::setting(
                "modulator.test_modulator",
                self.test_modulator,
                expected,
            ));
        }
        let draws = self.drawn(&mut RandomStream::new(0, Purpose::Modulator, 0))?;
        ModulatorCovariance::new(&draws, 0, 0).map(|_| ())
    }

    /// The gain of each coupled neuron under the modulator `m` with this deviation.
    fn scales(&self, couplings: &[f32], (m, deviation): (f32, f32)) -> Vec<f32> {
        let scale = |c: &f32| gain(self.modulation, m, *c, deviation);
        couplings.iter().map(scale).collect()
    }

    fn drawn(&self, stream: &mut RandomStream) -> Result<Vec<f32>> {
        modulator(stream, self.sampling, self.std, self.num_draws)
    }
}

/// The settings of an [`ComodulationLearner`].
#[derive(Debug, Clone, PartialEq)]
pub struct ComodulationLearnerConfig {
    /// The update rule.
    pub rule: Optimizer,
    /// Its learning rate.
    pub learning_rate: f32,
    /// Whether all tasks share one readout, so that only gains and modulation distinguish them.
    pub shared_readout: bool,
    /// Whether every weight is trained, or only the modulation.
    pub learnt: Trainable,
    /// Whether the readouts are trained, or frozen.
    pub readout_learnt: bool,
    /// Where the decoder's gains come from.
    pub gains: GainSource,
    /// The modulator.
    pub modulator: Modulator,
    /// The seed of the random streams.
    pub seed: u64,
}

/// A network that learns tasks, batch by batch.
#[derive(Debug, Clone)]
pub struct ComodulationLearner<B: Backend = Cpu> {
    settings: ComodulationLearnerConfig,
    network: Comodulated<B>,
    /// None: every coupling is 0.
    controller: Option<Controller<B>>,
    readouts: Vec<GainLinear<B>>,
    gains: Vec<DecoderGain>,
    /// One state for each parameter that is trained, the readouts last.
    states: Vec<OptimizerState<B>>,
    logits: Tensor<B>,
    dlogits: Tensor<B>,
    gradient: Tensor<B>,
    loss: LossLog<B>,
}

/// The network's predictions on some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// `[images][classes]`.
    pub logits: Vec<f32>,
    /// The decoder's activity before its gains, `[images][neurons]`.
    pub activity: Vec<f32>,
    /// The input of the readout, `[images][neurons]`.
    pub decision: Vec<f32>,
    /// The sums of their loss.
    pub loss: BatchStats,
}

impl<B: Backend> ComodulationLearner<B> {
    /// A readout for each task, or one for all, with this many `classes`; its weights are drawn from (the settings'
    /// seed, `readouts`, task).
    ///
    /// # Errors
    /// [`Error::Setting`] without tasks, for fewer than two classes, or for a constant outside its range;
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(
        backend: &B,
        network: Comodulated<B>,
        controller: Option<Controller<B>>,
        classes: &[usize],
        readouts: Purpose,
        settings: ComodulationLearnerConfig,
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
        let neurons = network.shape().neurons();
        let initial = Init::Normal {
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
            let expected = "the same number of classes in every task, as tasks share one readout";
            return Err(Error::setting("tasks", format!("{classes:?}"), expected));
        }
        let readouts = match shared {
            true => classes.get(..1).unwrap_or(classes),
            false => classes,
        };
        let readouts = readouts.iter().enumerate().map(readout);
        let mut readouts = readouts.collect::<Result<Vec<_>>>()?;
        let (mut network, mut controller) = (network, controller);
        let learnt = (settings.learnt, settings.readout_learnt);
        let states = state::trained(learnt, &mut network, &mut controller, &mut readouts);
        let states = states.map(|p| OptimizerState::new(backend, settings.rule, p.value.shape()));
        let states = states.collect::<Result<_>>()?;
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(ComodulationLearner {
            network,
            controller,
            readouts,
            gains: classes.iter().map(|_| DecoderGain::new(neurons)).collect(),
            states,
            logits: empty()?,
            dlogits: empty()?,
            gradient: empty()?,
            loss: LossLog::new(),
            settings,
        })
    }

    /// The network.
    pub fn network(&mut self) -> &mut Comodulated<B> {
        &mut self.network
    }

    /// Ends learning and returns the network and its readouts.
    pub fn into_parts(self) -> (Comodulated<B>, Vec<GainLinear<B>>) {
        (self.network, self.readouts)
    }

    /// Replaces the readouts, such as by those of a pretrained network.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are as many as before, of the same shapes.
    pub fn set_readouts(&mut self, readouts: Vec<GainLinear<B>>) -> Result<()> {
        let shapes = |readouts: &[GainLinear<B>]| -> Vec<Shape> {
            readouts.iter().map(|of| of.weight.value.shape()).collect()
        };
        let [expected, found] = [shapes(&self.readouts), shapes(&readouts)];
        if expected != found {
            return Err(Error::shape(
                "readouts",
                format!("{expected:?}"),
                format!("{found:?}"),
            ));
        }
        for (own, new) in self.readouts.iter_mut().zip(readouts) {
            // The names stay: they are those of checkpoints.
            own.weight.value = new.weight.value;
        }
        Ok(())
    }

    /// The gains g of a task, as the decoder uses them; ones if gains are per image or g ≡ 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if `task` is out of range.
    pub fn gains(&self, task: usize) -> Result<Vec<f32>> {
        self.check(task)?;
        let gains = self.gains[task].to_f32();
        let order = self.order(task);
        Ok(order.iter().map(|&neuron| gains[neuron]).collect())
    }

    /// The neuron whose gain each neuron of a task gets: itself, or another if gains are shuffled.
    fn order(&self, task: usize) -> Vec<usize> {
        let mut from: Vec<usize> = (0..self.network.shape().neurons()).collect();
        if self.settings.gains == GainSource::Shuffled {
            let seed = self.settings.seed;
            let mut stream = RandomStream::new(seed, Purpose::ShuffledGains, task as u64);
            shuffle(&mut from, &mut stream);
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

    /// Checks that `task` is in range.
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
    /// [`Error::Setting`] if `task` is out of range.
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
            (Trainable::Weights, true),
            &mut self.network,
            &mut self.controller,
            &mut self.readouts,
        )
    }

    /// The number of parameters that learning adds to the network: the controller's, and the readouts' unless they are
    /// frozen.
    pub fn added_parameters(&mut self, backend: &B) -> usize {
        let learnt = (Trainable::Modulation, self.settings.readout_learnt);
        let added = state::trained(
            learnt,
            &mut self.network,
            &mut self.controller,
            &mut self.readouts,
        );
        added.map(|p| backend.length(p.value.floats())).sum()
    }

    /// What learning changes, to be saved and restored between batches without the optimizer's state: see
    /// [`Learnt`].
    pub fn learnt(&mut self) -> Learnt<'_, B> {
        Learnt(self)
    }
}
