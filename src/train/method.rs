//! What happens in one training iteration.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::gain::GainDynamics;
use crate::models::Network;
use crate::nn::SoftmaxCrossEntropy;
use crate::optim::{Rule, State};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::train::Batch;

/// A learning method: what it does with a network and a batch in one iteration.
pub trait Method<B: Backend = Cpu> {
    /// Told before the first iteration of each context, counted from 1; does nothing unless a method says
    /// otherwise.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn begin_context(&mut self, _backend: &B, _context: usize) -> Result<()> {
        Ok(())
    }

    /// One iteration: forward, loss, backward, update. `loss` holds the forward's alone afterwards, to be
    /// asked for.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn step(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        batch: &Batch<B>,
        loss: &mut SoftmaxCrossEntropy<B>,
    ) -> Result<()>;
}

settings! {
    /// What drives the gains, in the place of H in g ← γ·g + (1−γ)·g0 + η·H.
    pub enum Drive {
        /// The entropy of the batch before.
        Entropy = "entropy",
        /// An oracle that knows the switches: 1 in the first iteration of every context after the first, else 0.
        Boundary = "boundary",
    }
}

/// Gradient descent by any [`Rule`], with gain dynamics (NGM-SGD, arXiv 2507.14056, algorithm 1) or
/// without (gains stay as they are: 1).
///
/// Each step first moves the gains by the entropy of the batch before (0 before the first), as the
/// published code does: the same sequence as algorithm 1's, whose update ends the step.
#[derive(Debug, Clone)]
pub struct GradientDescent<B: Backend = Cpu> {
    rule: Rule,
    backbone: Rule,
    learning_rate: f32,
    dynamics: Option<GainDynamics>,
    driven_by: Drive,
    /// The gain, where it sets the rate alone.
    slow_gain: Option<f64>,
    reset_at_switch: bool,
    /// What moves the gains in the next step.
    drive: Tensor<B>,
    dlogits: Tensor<B>,
    states: Vec<State<B>>,
}

impl<B: Backend> GradientDescent<B> {
    /// A rule and its learning rate α > 0, with or without gain dynamics.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range, [`Error::Memory`] if there is no room.
    pub fn new(
        backend: &B,
        rule: Rule,
        learning_rate: f32,
        dynamics: Option<GainDynamics>,
    ) -> Result<Self> {
        rule.validate()?;
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::setting("learning_rate", learning_rate, expected));
        }
        Ok(GradientDescent {
            rule,
            backbone: rule,
            learning_rate,
            dynamics,
            driven_by: Drive::Entropy,
            slow_gain: None,
            reset_at_switch: false,
            drive: Tensor::zeros(backend, Shape::vector(1))?,
            dlogits: Tensor::zeros(backend, Shape::features(0, 1))?,
            states: Vec::new(),
        })
    }

    /// The same with another rule for the parameters that have no gains: the backbone of a network
    /// whose head alone is gain-modulated.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range.
    pub fn with_backbone(mut self, rule: Rule) -> Result<Self> {
        rule.validate()?;
        self.backbone = rule;
        Ok(self)
    }

    /// The same with another drive of the gains.
    pub fn with_drive(mut self, drive: Drive) -> Self {
        self.driven_by = drive;
        self
    }

    /// The same with the slow part of gain modulation alone, if `only`: the effective weights of
    /// gain-modulated layers learn at the rate α·g², as W_eff = g·W does, but do not move with the gain
    /// itself; forward uses W, and the gains that records show stay 1. The gain is the host's: a step waits for
    /// the device.
    pub fn only_slow(mut self, only: bool) -> Self {
        self.slow_gain = only.then_some(1.0);
        self
    }

    /// The same, forgetting the optimiser's state at the start of every context after the first, if `reset`.
    pub fn reset_at_switch(mut self, reset: bool) -> Self {
        self.reset_at_switch = reset;
        self
    }

    /// What the next step goes on from besides tensors, in the order of the names: the gain where it sets the
    /// rate alone, and the optimiser's steps since it began or was reset.
    pub(super) fn numbers(&self) -> Vec<(String, f64)> {
        let steps = self.states.first().map_or(0, State::steps);
        let steps = ("steps".into(), f64::from(steps));
        let gain = self.slow_gain.map(|gain| ("slow_gain".into(), gain));
        gain.into_iter().chain([steps]).collect()
    }

    /// Takes over what [`numbers`](Self::numbers) gave; the moments are then zeros, to be overwritten.
    ///
    /// # Errors
    /// [`Error::Shape`] if they are those of another method, [`Error::Memory`] if there is no room.
    pub(super) fn restore_numbers(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        numbers: &[(String, f64)],
    ) -> Result<()> {
        let names = |numbers: &[(String, f64)]| {
            let names = numbers.iter().map(|(name, _)| name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let (expected, found) = (names(&self.numbers()), names(numbers));
        if expected != found {
            return Err(Error::shape("checkpoint", expected, found));
        }
        let mut steps = 0;
        for (name, number) in numbers {
            match name.as_str() {
                "steps" => steps = *number as u32,
                _ => self.slow_gain = Some(*number),
            }
        }
        self.states.clear();
        self.fill_states(backend, network, steps)
    }

    /// Shows `visit` every tensor that the next step goes on from, by name: the drive of the gains, and the
    /// moments of each parameter, named after it.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room for moments that are not there yet, and what `visit` fails with.
    pub(super) fn visit_tensors(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        mut visit: impl FnMut(&str, &mut Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        self.fill_states(backend, network, 0)?;
        visit("drive", &mut self.drive)?;
        for (parameter, state) in network.parameters().zip(&mut self.states) {
            for (moment, tensor) in state.moments() {
                visit(&format!("{}.{moment}", parameter.name), tensor)?;
            }
        }
        Ok(())
    }

    /// A state for each parameter that has none, as after so many steps.
    fn fill_states(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        steps: u32,
    ) -> Result<()> {
        for parameter in network.parameters().skip(self.states.len()) {
            let rule = match parameter.gain {
                Some(_) => self.rule,
                None => self.backbone,
            };
            let state = State::after(backend, rule, parameter.value.shape(), steps)?;
            self.states.push(state);
        }
        Ok(())
    }
}

impl<B: Backend> Method<B> for GradientDescent<B> {
    fn begin_context(&mut self, backend: &B, context: usize) -> Result<()> {
        if context > 1 && self.driven_by == Drive::Boundary {
            backend.upload(&[1.0], self.drive.floats_mut())?;
        }
        if context > 1 && self.reset_at_switch {
            self.states.clear();
        }
        Ok(())
    }

    fn step(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        batch: &Batch<B>,
        loss: &mut SoftmaxCrossEntropy<B>,
    ) -> Result<()> {
        let mut rate = self.learning_rate;
        if let (Some(dynamics), Some(gain)) = (&self.dynamics, &mut self.slow_gain) {
            let mut drive = [0.0];
            backend.download(self.drive.floats(), &mut drive)?;
            *gain = dynamics.step(*gain, f64::from(drive[0]));
            rate = (f64::from(rate) * *gain * *gain) as f32;
        } else if let Some(dynamics) = &self.dynamics {
            for gain in network.parameters().filter_map(|p| p.gain.as_mut()) {
                dynamics.update(backend, &self.drive, gain)?;
            }
        }
        let logits = network.forward(backend, &batch.inputs)?;
        loss.forward(backend, logits, &batch.labels, &mut self.dlogits)?;
        network.backward(backend, &batch.inputs, &self.dlogits)?;
        self.fill_states(backend, network, 0)?;
        let (modulated, backbone) = ((self.rule, rate), (self.backbone, self.learning_rate));
        for (parameter, state) in network.parameters().zip(&mut self.states) {
            let (rule, rate) = match parameter.gain {
                Some(_) => modulated,
                None => backbone,
            };
            rule.update(backend, rate, parameter, state)?;
        }
        match self.driven_by {
            Drive::Entropy => loss.mean_entropy(backend, &mut self.drive),
            Drive::Boundary => backend.upload(&[0.0], self.drive.floats_mut()),
        }
    }
}
