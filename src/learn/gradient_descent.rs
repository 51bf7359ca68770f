//! Gradient descent.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::learn::gain_modulation::GainModulation;
use crate::learn::optimization::Optimization;
use crate::learn::regularizers::Regularizer;
use crate::learn::replacement::{Replacement, UnitReplacement};
use crate::learn::{Batch, Draw, GainConfig, Learner, OptimizerConfig};
use crate::models::Network;
use crate::nn::{LossLog, Parameter};
use crate::shape::Shape;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

/// Gradient descent, composed of parts: optimizers with a learning-rate schedule and weight decay, gain dynamics
/// (NGM-SGD, arXiv 2507.14056, algorithm 1) or none (all gains stay 1), regularizers, unit replacement.
///
/// ```
/// use neurogain::learn::{GradientDescent, L2, OptimizerConfig};
/// use neurogain::models::{Mlp, MlpConfig};
/// use neurogain::{Cpu, gain::GainDynamics, optim::Optimizer};
/// let cpu = Cpu::new()?;
/// let shape = MlpConfig {
///     neurons: vec![4, 3],
///     hidden_standard_deviation: 0.1,
///     output_standard_deviation: 0.1,
/// };
/// let network = Mlp::new(&cpu, &shape, 42)?;
/// let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
/// let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
/// let ngm_sgd = GradientDescent::new(&cpu, network, sgd, Some(dynamics.into()))?;
/// let with_penalty = ngm_sgd.with_regularizer(Box::new(L2::new(1e-4)?));
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug)]
pub struct GradientDescent<B: Backend = Cpu, N = Box<dyn Network<B>>> {
    /// The network that is trained.
    pub network: N,
    optimization: Optimization<B>,
    gain: Option<GainModulation<B>>,
    regularizers: Vec<Box<dyn Regularizer<B>>>,
    replacement: Option<UnitReplacement<B>>,
    dlogits: Tensor<B>,
}

impl<B: Backend, N: Network<B>> GradientDescent<B, N> {
    /// A learner with these optimizers, with or without gain dynamics, without regularizers.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a constant outside its range,
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn new(
        backend: &B,
        mut network: N,
        optimizer: OptimizerConfig,
        gain: Option<GainConfig>,
    ) -> Result<Self> {
        let gain = gain.map(|gain| GainModulation::new(backend, gain));
        Ok(GradientDescent {
            optimization: Optimization::new(backend, optimizer, as_dyn(&mut network))?,
            network,
            gain: gain.transpose()?,
            regularizers: Vec::new(),
            replacement: None,
            dlogits: Tensor::zeros(backend, Shape::features(0, 1))?,
        })
    }

    /// Adds a regularizer; regularizers act in the order in which they are added.
    pub fn with_regularizer(mut self, regularizer: Box<dyn Regularizer<B>>) -> Self {
        self.regularizers.push(regularizer);
        self
    }

    /// Adds unit replacement; the weights of replaced units are drawn from `seed`.
    pub fn with_replacement(mut self, replacement: Box<dyn Replacement<B>>, seed: u64) -> Self {
        self.replacement = Some(UnitReplacement::new(replacement, seed));
        self
    }
}

/// The network as a trait object, which an optimizer updates.
pub(super) fn as_dyn<'a, B: Backend>(
    network: &'a mut impl Network<B>,
) -> &'a mut (dyn Network<B> + 'a) {
    network
}

impl<B: Backend, N: Network<B>> Learner<B> for GradientDescent<B, N> {
    fn begin_context(&mut self, backend: &B, context: usize, iterations: usize) -> Result<()> {
        let network = &mut self.network;
        self.optimization
            .begin_context(backend, context, iterations, as_dyn(network))?;
        for regularizer in &mut self.regularizers {
            regularizer.begin_context(backend, context, &mut *network)?;
        }
        match &mut self.gain {
            Some(gain) => gain.begin_context(backend, context),
            None => Ok(()),
        }
    }

    fn step(&mut self, backend: &B, batch: &Batch<B>, log: &mut LossLog<B>) -> Result<()> {
        let network = &mut self.network;
        if let Some(gain) = &mut self.gain {
            gain.update(backend, &mut *network)?;
        }
        let logits = network.forward(backend, &batch.inputs)?;
        log.forward(backend, logits, &batch.labels, &mut self.dlogits)?;
        network.backward(backend, &batch.inputs, &self.dlogits)?;
        for regularizer in &mut self.regularizers {
            regularizer.add_gradient(backend, &mut *network)?;
        }
        let gain = self.gain.as_ref();
        self.optimization
            .update(backend, as_dyn(network), |rate| match gain {
                Some(gain) => gain.rate(rate),
                None => rate,
            })?;
        if let Some(replacement) = &mut self.replacement {
            replacement.step(backend, &mut *network, &mut self.optimization)?;
        }
        match &mut self.gain {
            Some(gain) => gain.observe(backend, log),
            None => Ok(()),
        }
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.network.infer(backend, x)
    }

    fn end_context(&mut self, backend: &B, draw: &mut dyn Draw<B>) -> Result<()> {
        for regularizer in &mut self.regularizers {
            regularizer.end_context(backend, &mut self.network, draw)?;
        }
        Ok(())
    }

    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        self.network.activities(backend, x, visit)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.network.layers()
    }
}

impl<B: Backend, N: Network<B>> State<B> for GradientDescent<B, N> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.network.visit(backend, visitor)?;
        self.optimization
            .visit(as_dyn(&mut self.network), visitor)?;
        if let Some(gain) = &mut self.gain {
            gain.visit(backend, visitor)?;
        }
        for regularizer in &mut self.regularizers {
            regularizer.visit(backend, visitor)?;
        }
        if let Some(replacement) = &mut self.replacement {
            replacement.visit(backend, visitor)?;
        }
        Ok(())
    }
}
