//! Updates of gains during training.

use crate::backend::Backend;
use crate::error::Result;
use crate::gain::GainDynamics;
use crate::models::Network;
use crate::nn::LossLog;
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

settings! {
    /// The drive of the gains: the value of H in g ← γ·g + (1−γ)·g0 + η·H.
    pub enum Drive {
        /// The entropy of the previous batch.
        Entropy = "entropy",
        /// An oracle that knows the switches: 1 in the first iteration of every context after the first, else 0.
        Boundary = "boundary",
        /// The oracle of the paper's published code: 1 in the first iteration of every context, the first included, else
        /// 0.
        EveryContext = "every-context",
    }
}

settings! {
    /// What the gain g of a layer acts on.
    pub enum GainTarget {
        /// The weights: W_eff = g·W, as in the paper.
        Weights = "weights",
        /// Only the slow part of gain modulation: the layer learns at the rate α·g², as W_eff = g·W does, but the forward
        /// pass uses W.
        SlowWeights = "slow-weights",
        /// The learning rate: the layer learns at the rate α·g, and the forward pass uses W.
        LearningRate = "learning-rate",
    }
}

/// Gain dynamics and their drive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainConfig {
    /// γ, g0 and η.
    pub dynamics: GainDynamics,
    /// The drive of the gains.
    pub drive: Drive,
    /// What the gains act on. Unless these are the weights, recorded gains stay 1, and the gain is on the host, so that a
    /// step waits for the device.
    pub target: GainTarget,
}

impl From<GainDynamics> for GainConfig {
    /// Driven by the entropy, as in the paper.
    fn from(dynamics: GainDynamics) -> Self {
        GainConfig {
            dynamics,
            drive: Drive::Entropy,
            target: GainTarget::Weights,
        }
    }
}

/// Gain dynamics and their state.
///
/// Each step first updates the gains with the entropy of the previous batch (0 before the first), as in the published
/// code. The sequence is that of algorithm 1, which updates the gains at the end of a step.
#[derive(Debug)]
pub(super) struct GainModulation<B: Backend> {
    config: GainConfig,
    /// The drive in the next step.
    drive: Tensor<B>,
    /// The gain g of a target other than the weights.
    host_gain: f64,
}

impl<B: Backend> GainModulation<B> {
    pub(super) fn new(backend: &B, config: GainConfig) -> Result<Self> {
        Ok(GainModulation {
            config,
            drive: Tensor::zeros(backend, Shape::vector(1))?,
            host_gain: 1.0,
        })
    }

    pub(super) fn begin_context(&mut self, backend: &B, context: usize) -> Result<()> {
        let raised = match self.config.drive {
            Drive::Entropy => false,
            Drive::Boundary => context > 1,
            Drive::EveryContext => true,
        };
        match raised {
            true => backend.upload(&[1.0], self.drive.floats_mut()),
            false => Ok(()),
        }
    }

    /// Updates the gains before a forward pass.
    pub(super) fn update(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<()> {
        let dynamics = self.config.dynamics;
        if self.config.target != GainTarget::Weights {
            let mut drive = [0.0];
            backend.download(self.drive.floats(), &mut drive)?;
            self.host_gain = dynamics.step(self.host_gain, f64::from(drive[0]));
            return Ok(());
        }
        network.for_each_parameter(&mut |parameter| match &mut parameter.gain {
            Some(gain) => dynamics.update(backend, &self.drive, gain),
            None => Ok(()),
        })
    }

    /// The learning rate of gain-modulated layers: α, α·g² or α·g by the target.
    pub(super) fn rate(&self, rate: f32) -> f32 {
        let gained = f64::from(rate) * self.host_gain;
        match self.config.target {
            GainTarget::Weights => rate,
            GainTarget::SlowWeights => (gained * self.host_gain) as f32,
            GainTarget::LearningRate => gained as f32,
        }
    }

    /// Stores the drive of the next update, after a forward pass whose loss is the last in `log`.
    pub(super) fn observe(&mut self, backend: &B, log: &LossLog<B>) -> Result<()> {
        match self.config.drive {
            Drive::Entropy => log.mean_entropy(backend, &mut self.drive),
            Drive::Boundary | Drive::EveryContext => {
                backend.upload(&[0.0], self.drive.floats_mut())
            }
        }
    }
}

impl<B: Backend> State<B> for GainModulation<B> {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.tensor(Role::Learner, "drive", &mut self.drive)?;
        if self.config.target != GainTarget::Weights {
            visitor.numbers("host_gain", core::slice::from_mut(&mut self.host_gain))?;
        }
        Ok(())
    }
}
