//! A bias for each channel.

use alloc::format;

use crate::backend::{Backend, Cpu, NormDims, ScaleShift};
use crate::error::{Error, Result};
use crate::nn::Parameter;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y ← y + b[c]` for every sample and pixel of channel c, in place.
///
/// Backward: `db[c] = Σ dy` over samples and pixels; the gradient of the input is dy.
#[derive(Debug, Clone)]
pub struct Bias<B: Backend = Cpu> {
    /// b, `[channels]`.
    pub shift: Parameter<B>,
}

impl<B: Backend> Bias<B> {
    /// A layer over biases `[channels]`.
    pub fn new(shift: Parameter<B>) -> Self {
        Bias { shift }
    }

    /// Adds the biases to `y`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `y` has other channels.
    pub fn forward(&self, backend: &B, y: &mut Tensor<B>) -> Result<()> {
        let operands = ScaleShift {
            dimensions: self.dimensions(y.shape())?,
            relu: false,
            scale: None,
            shift: Some(self.shift.value.floats()),
            x: None,
            residual: None,
        };
        backend.scale_shift(operands, y.floats_mut())
    }

    /// Computes db in the parameter's gradient.
    ///
    /// # Errors
    /// [`Error::Shape`] if `dy` has other channels.
    pub fn backward(&mut self, backend: &B, dy: &Tensor<B>) -> Result<()> {
        let dimensions = self.dimensions(dy.shape())?;
        let db = self.shift.gradient.floats_mut();
        backend.scale_shift_gradients(dimensions, dy.floats(), None, Some(db))
    }

    fn dimensions(&self, found: Shape) -> Result<NormDims> {
        let channels = self.shift.value.shape().rows();
        match NormDims::of(found) {
            Some(dimensions) if dimensions.channels == channels => Ok(dimensions),
            _ => {
                let expected = format!("activations of {channels} channels");
                Err(Error::shape("bias", expected, found))
            }
        }
    }
}
