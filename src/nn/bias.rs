//! The bias of a linear layer or a convolution.

use alloc::string::String;

use crate::backend::{Backend, Cpu, ScaleShift};
use crate::error::Result;
use crate::nn::{Init, Parameter, channels};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::Tensor;

/// `y ← y + b[c]` for every sample and pixel of neuron (channel) c, in place; then ReLU, if requested.
///
/// Backward: `dy` passes through, and `db[c] = Σ dy` over samples and pixels. Inference is the same as `forward`.
#[derive(Debug, Clone)]
pub struct Bias<B: Backend = Cpu> {
    /// b, `[neurons]`.
    pub parameter: Parameter<B>,
}

impl<B: Backend> Bias<B> {
    /// Biases of `neurons` with this number of inputs each, drawn as [`Init::Bias`] from (`seed`,
    /// [`Purpose::Weights`](crate::rng::Purpose::Weights), `index`).
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn new(
        backend: &B,
        name: impl Into<String>,
        neurons: usize,
        inputs: usize,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let (shape, initial) = (Shape::vector(neurons), Init::Bias { inputs });
        let new = Parameter::new(backend, name, shape, initial, seed, index)?;
        let role = Role::Shift;
        Ok(Bias {
            parameter: Parameter { role, ..new },
        })
    }

    /// Adds the bias to `y`, in place, and applies ReLU if `relu`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `y` does not have one channel for each bias.
    pub fn forward(&self, backend: &B, relu: bool, y: &mut Tensor<B>) -> Result<()> {
        let neurons = self.parameter.value.shape().rows();
        let operands = ScaleShift {
            dimensions: channels::dimensions("bias", neurons, y.shape())?,
            relu,
            scale: None,
            shift: Some(self.parameter.value.floats()),
            x: None,
            residual: None,
        };
        backend.scale_shift(operands, y.floats_mut())
    }

    /// Computes db in the parameter's gradient.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `dy` does not have one channel for each bias.
    pub fn backward(&mut self, backend: &B, dy: &Tensor<B>) -> Result<()> {
        let neurons = self.parameter.value.shape().rows();
        let dimensions = channels::dimensions("bias", neurons, dy.shape())?;
        let db = self.parameter.gradient.floats_mut();
        backend.scale_shift_gradients(dimensions, dy.floats(), None, Some(db))
    }
}
