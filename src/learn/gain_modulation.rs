//! How gains move while a network learns.

use crate::backend::Backend;
use crate::error::Result;
use crate::gain::GainDynamics;
use crate::models::Network;
use crate::nn::SoftmaxCrossEntropy;
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

settings! {
    /// What drives the gains, in the place of H in g ← γ·g + (1−γ)·g0 + η·H.
    pub enum Drive {
        /// The entropy of the batch before.
        Entropy = "entropy",
        /// An oracle that knows the switches: 1 in the first iteration of every context after the first, else 0.
        Boundary = "boundary",
    }
}

/// Which gain dynamics, driven by what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainConfig {
    /// γ, g0 and η.
    pub dynamics: GainDynamics,
    /// What the gains follow.
    pub drive: Drive,
    /// Only the slow part of gain modulation: the effective weights of gain-modulated layers learn at the rate
    /// α·g², as W_eff = g·W does, but do not move with the gain itself; forward uses W, and the gains that records
    /// show stay 1. The gain is the host's: a step waits for the device.
    pub slow_weights_only: bool,
}

impl From<GainDynamics> for GainConfig {
    /// Driven by the entropy, as in the paper.
    fn from(dynamics: GainDynamics) -> Self {
        GainConfig {
            dynamics,
            drive: Drive::Entropy,
            slow_weights_only: false,
        }
    }
}

/// Gain dynamics and their state.
///
/// Each step first moves the gains by the entropy of the batch before (0 before the first), as the
/// published code does: the same sequence as algorithm 1's, whose update ends the step.
#[derive(Debug)]
pub(super) struct GainModulation<B: Backend> {
    config: GainConfig,
    /// What moves the gains in the next step.
    drive: Tensor<B>,
    /// The gain g of [`GainConfig::slow_weights_only`].
    slow_gain: f64,
}

impl<B: Backend> GainModulation<B> {
    pub(super) fn new(backend: &B, config: GainConfig) -> Result<Self> {
        Ok(GainModulation {
            config,
            drive: Tensor::zeros(backend, Shape::vector(1))?,
            slow_gain: 1.0,
        })
    }

    pub(super) fn begin_context(&mut self, backend: &B, context: usize) -> Result<()> {
        if context > 1 && self.config.drive == Drive::Boundary {
            backend.upload(&[1.0], self.drive.floats_mut())?;
        }
        Ok(())
    }

    /// Moves the gains before a forward pass.
    pub(super) fn update(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<()> {
        let dynamics = self.config.dynamics;
        if self.config.slow_weights_only {
            let mut drive = [0.0];
            backend.download(self.drive.floats(), &mut drive)?;
            self.slow_gain = dynamics.step(self.slow_gain, f64::from(drive[0]));
            return Ok(());
        }
        network.for_each_parameter(&mut |parameter| match &mut parameter.gain {
            Some(gain) => dynamics.update(backend, &self.drive, gain),
            None => Ok(()),
        })
    }

    /// The learning rate of gain-modulated layers: α, or α·g² with slow weights only.
    pub(super) fn rate(&self, rate: f32) -> f32 {
        match self.config.slow_weights_only {
            true => (f64::from(rate) * self.slow_gain * self.slow_gain) as f32,
            false => rate,
        }
    }

    /// Keeps what drives the next update, after a forward pass whose loss `log` ends with.
    pub(super) fn observe(&mut self, backend: &B, log: &SoftmaxCrossEntropy<B>) -> Result<()> {
        match self.config.drive {
            Drive::Entropy => log.mean_entropy(backend, &mut self.drive),
            Drive::Boundary => backend.upload(&[0.0], self.drive.floats_mut()),
        }
    }
}

impl<B: Backend> State<B> for GainModulation<B> {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.tensor(Role::Learner, "drive", &mut self.drive)?;
        if self.config.slow_weights_only {
            visitor.numbers("slow_gain", core::slice::from_mut(&mut self.slow_gain))?;
        }
        Ok(())
    }
}
