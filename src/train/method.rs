//! What happens in one training iteration.

use alloc::format;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::gain::GainDynamics;
use crate::models::Network;
use crate::nn::{Loss, Parameter, SoftmaxCrossEntropy};
use crate::optim::{Rule, State};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::train::Batch;

/// A learning method: what it does with a network and a batch in one iteration.
pub trait Method<B: Backend = Cpu> {
    /// One iteration: forward, loss, backward, update. Returns the loss of the forward.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn step(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        batch: &Batch<B>,
    ) -> Result<Loss>;
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
    entropy: Tensor<B>,
    loss: SoftmaxCrossEntropy<B>,
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
            entropy: Tensor::zeros(backend, Shape::vector(1))?,
            loss: SoftmaxCrossEntropy::new(backend)?,
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

    /// Shows `visit` every tensor that the step after the first `steps` goes on from, by name: the entropy
    /// that it moves the gains by, and the moments of each parameter, named after it.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room for moments that are not there yet, and what `visit` fails with.
    pub(super) fn visit_state(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        steps: usize,
        mut visit: impl FnMut(&str, &mut Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        visit("entropy", &mut self.entropy)?;
        for (index, parameter) in network.parameters().enumerate() {
            if index == self.states.len() {
                let rule = self.rule_of(parameter);
                let shape = parameter.value.shape();
                let steps = u32::try_from(steps).unwrap_or(u32::MAX);
                self.states.push(State::after(backend, rule, shape, steps)?);
            }
            for (moment, tensor) in self.states[index].moments() {
                visit(&format!("{}.{moment}", parameter.name), tensor)?;
            }
        }
        Ok(())
    }

    /// Forgets every step, as if the method were new.
    pub(super) fn forget(&mut self) {
        self.states.clear();
    }

    fn rule_of(&self, parameter: &Parameter<B>) -> Rule {
        match parameter.gain {
            Some(_) => self.rule,
            None => self.backbone,
        }
    }
}

impl<B: Backend> Method<B> for GradientDescent<B> {
    fn step(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        batch: &Batch<B>,
    ) -> Result<Loss> {
        if let Some(dynamics) = &self.dynamics {
            for gain in network.parameters().filter_map(|p| p.gain.as_mut()) {
                dynamics.update(backend, &self.entropy, gain)?;
            }
        }
        let logits = network.forward(backend, &batch.inputs)?;
        let loss = self
            .loss
            .forward(backend, logits, &batch.labels, &mut self.dlogits)?;
        network.backward(backend, &batch.inputs, &self.dlogits)?;
        for (index, parameter) in network.parameters().enumerate() {
            if index == self.states.len() {
                self.states.push(State::default());
            }
            let rule = self.rule_of(parameter);
            let state = &mut self.states[index];
            rule.update(backend, self.learning_rate, parameter, state)?;
        }
        backend.upload(&[loss.mean_entropy() as f32], self.entropy.floats_mut())?;
        Ok(loss)
    }
}
