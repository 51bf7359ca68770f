//! Elastic weight consolidation.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{EwcFisher, EwcMemory, Regularizer, check_strength};
use crate::backend::{Backend, Binary, Unary};
use crate::error::{Error, Result};
use crate::learn::{Batch, Draw};
use crate::models::Network;
use crate::nn::LossLog;
use crate::shape::Shape;
use crate::state::{Checkpoint, Role, State, Visitor};
use crate::tensor::Tensor;

/// Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796, equation 3): the penalty
/// `λ/2·Σ F·(w − w*)²`, which adds `λ·F·(w − w*)` to the gradient.
///
/// w* is the weights at the end of the last context. F is the diagonal of the Fisher information at w* over the last
/// context. [`EwcFisher`] says what that is: the mean of squared gradients of single samples with their true labels (the
/// empirical Fisher), or 1 for every weight. Samples are drawn with replacement; if the context has no more samples than
/// are asked for, each is used once. The network is not changed, running statistics included.
///
/// [`EwcMemory`] says what F remembers of earlier contexts, always with one quadratic around the newest w*: the sum of
/// their F (Huszár 2018, arXiv 1712.03847, equation 6); the last context only, as the baseline of Kumar, Marklund & Van
/// Roy (2023, arXiv 2308.11958); or `F ← γ·F + F_k`, online EWC (Schwarz et al. 2018, arXiv 1805.06370, section 3.2).
/// The sum is γ = 1, the last context γ = 0.
#[derive(Debug)]
pub struct Ewc<B: Backend> {
    strength: f32,
    fisher: EwcFisher,
    memory: EwcMemory,
    parts: Vec<Part<B>>,
}

/// The state of one parameter.
#[derive(Debug)]
struct Part<B: Backend> {
    name: String,
    /// F; zeros before the end of the first context.
    fisher: Tensor<B>,
    /// w*.
    anchor: Tensor<B>,
    /// Buffer for F·(w − w*), and for a squared gradient.
    scratch: Tensor<B>,
}

impl<B: Backend> Ewc<B> {
    /// λ ≥ 0, what the F of a context is, of at least 1 sample, and what F remembers.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range, [`Error::Memory`] if memory is insufficient.
    pub fn new(
        backend: &B,
        strength: f32,
        fisher: EwcFisher,
        memory: EwcMemory,
        network: &mut dyn Network<B>,
    ) -> Result<Self> {
        check_strength(strength)?;
        check(fisher, memory)?;
        let mut parts = Vec::new();
        network.for_each_parameter(&mut |parameter| {
            let zeros = || Tensor::zeros(backend, parameter.value.shape());
            parts.push(Part {
                name: parameter.name.clone(),
                fisher: zeros()?,
                anchor: zeros()?,
                scratch: zeros()?,
            });
            Ok(())
        })?;
        Ok(Ewc {
            strength,
            fisher,
            memory,
            parts,
        })
    }

    /// Adds the empirical Fisher information of `samples` samples to F; the network's gradients are overwritten.
    fn add_empirical(
        &mut self,
        backend: &B,
        samples: usize,
        network: &mut dyn Network<B>,
        draw: &mut dyn Draw<B>,
    ) -> Result<()> {
        let before = Checkpoint::take(backend, network)?;
        let mut batch = Batch {
            inputs: Tensor::zeros(backend, Shape::features(0, 1))?,
            labels: backend.bytes(&[])?,
        };
        let mut log = LossLog::new();
        let mut dlogits = Tensor::zeros(backend, Shape::features(0, 1))?;
        let samples = samples.min(draw.count());
        let share = (1.0 / samples.max(1) as f64) as f32;
        for place in 0..samples {
            match samples == draw.count() {
                true => draw.get(place, &mut batch)?,
                false => draw.draw(1, &mut batch)?,
            }
            let logits = network.forward(backend, &batch.inputs)?;
            log.forward(backend, logits, &batch.labels, &mut dlogits)?;
            network.backward(backend, &batch.inputs, &dlogits)?;
            let mut parts = self.parts.iter_mut();
            network.for_each_parameter(&mut |parameter| {
                let Some(part) = parts.next() else {
                    return Ok(());
                };
                let (gradient, square) = (parameter.gradient.floats(), part.scratch.floats_mut());
                backend.binary(Binary::Copy, gradient, square)?;
                backend.binary(Binary::Multiply, gradient, square)?;
                let add = Binary::Axpby { a: share, b: 1.0 };
                backend.binary(add, part.scratch.floats(), part.fisher.floats_mut())
            })?;
        }
        before.restore(backend, network)
    }

    /// Adds 1 to F of every weight.
    fn add_ones(&mut self, backend: &B) -> Result<()> {
        for part in &mut self.parts {
            let shape = part.fisher.shape();
            let ones = vec![1.0; shape.rows() * shape.columns()];
            let ones = Tensor::from_rows(backend, shape, &ones)?;
            let add = Binary::Axpby { a: 1.0, b: 1.0 };
            backend.binary(add, ones.floats(), part.fisher.floats_mut())?;
        }
        Ok(())
    }
}

/// Checks the number of samples for the Fisher information and γ.
pub(super) fn check(fisher: EwcFisher, memory: EwcMemory) -> Result<()> {
    if fisher == (EwcFisher::Empirical { samples: 0 }) {
        return Err(Error::setting("fisher.samples", 0, "1 or more"));
    }
    match memory.decay() {
        decay if (0.0..=1.0).contains(&decay) => Ok(()),
        decay => Err(Error::setting("memory.decay", decay, "a share in [0, 1]")),
    }
}

impl<B: Backend> Regularizer<B> for Ewc<B> {
    fn add_gradient(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<()> {
        let mut parts = self.parts.iter_mut();
        network.for_each_parameter(&mut |parameter| {
            let Some(part) = parts.next() else {
                return Ok(());
            };
            let scratch = part.scratch.floats_mut();
            let add = |a| Binary::Axpby { a, b: 1.0 };
            backend.binary(Binary::Copy, parameter.value.floats(), scratch)?;
            backend.binary(add(-1.0), part.anchor.floats(), scratch)?;
            backend.binary(Binary::Multiply, part.fisher.floats(), scratch)?;
            let gradient = parameter.gradient.floats_mut();
            backend.binary(add(self.strength), part.scratch.floats(), gradient)
        })
    }

    fn end_context(
        &mut self,
        backend: &B,
        network: &mut dyn Network<B>,
        draw: &mut dyn Draw<B>,
    ) -> Result<()> {
        let decay = self.memory.decay();
        for part in &mut self.parts {
            let fisher = part.fisher.floats_mut();
            match decay {
                1.0 => {}
                // Not a product: it would keep NaN.
                0.0 => part.fisher = Tensor::zeros(backend, part.anchor.shape())?,
                decay => backend.unary(Unary::Scale(decay), fisher)?,
            }
        }
        match self.fisher {
            EwcFisher::Empirical { samples } => {
                self.add_empirical(backend, samples, network, draw)?;
            }
            EwcFisher::Ones => self.add_ones(backend)?,
        }
        let mut parts = self.parts.iter_mut();
        network.for_each_parameter(&mut |parameter| match parts.next() {
            Some(part) => {
                let anchor = part.anchor.floats_mut();
                backend.binary(Binary::Copy, parameter.value.floats(), anchor)
            }
            None => Ok(()),
        })
    }
}

impl<B: Backend> State<B> for Ewc<B> {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        for part in &mut self.parts {
            let name = &part.name;
            visitor.tensor(
                Role::Learner,
                &format!("ewc.fisher.{name}"),
                &mut part.fisher,
            )?;
            visitor.tensor(
                Role::Learner,
                &format!("ewc.anchor.{name}"),
                &mut part.anchor,
            )?;
        }
        Ok(())
    }
}
