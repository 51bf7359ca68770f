//! Multiplies each channel by a scale: the effect of a modulation on the neurons of a layer.

use alloc::vec;

use crate::backend::{Backend, Cpu, NormDims, ScaleGradient, ScaleShift};
use crate::error::{Error, Result};
use crate::nn::channels;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = s[c]·x` for every sample and pixel of channel c; then the residual is added and ReLU applied, if
/// requested.
///
/// This is the backend's [`Affine::scale_shift`](crate::backend::Affine::scale_shift) without a shift.
///
/// Backward, without residual and ReLU: `dx = s[c]·dy`, and `ds[c] = Σ dy·x` over samples and pixels.
#[derive(Debug, Clone)]
pub struct ChannelScale<B: Backend = Cpu> {
    /// s, `[channels]`, initially 1.
    pub scale: Tensor<B>,
    /// ds of the last [`backward`](Self::backward).
    pub gradient: Tensor<B>,
}

impl<B: Backend> ChannelScale<B> {
    /// s = 1 for each of `channels`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn new(backend: &B, channels: usize) -> Result<Self> {
        let vector = Shape::vector(channels);
        Ok(ChannelScale {
            scale: Tensor::from_rows(backend, vector, &vec![1.0; channels])?,
            gradient: Tensor::zeros(backend, vector)?,
        })
    }

    /// Computes `y` from `x` in one pass.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit, [`Error::Memory`] if there is not enough memory for `y`.
    pub fn forward(
        &self,
        backend: &B,
        x: &Tensor<B>,
        residual: Option<&Tensor<B>>,
        relu: bool,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        if let Some(residual) = residual.filter(|residual| residual.shape() != x.shape()) {
            return Err(Error::shape("residual", x.shape(), residual.shape()));
        }
        y.reshape(backend, x.shape())?;
        let operands = ScaleShift {
            dimensions,
            relu,
            scale: Some(self.scale.floats()),
            shift: None,
            x: Some(x.floats()),
            residual: residual.map(Tensor::floats),
        };
        backend.scale_shift(operands, y.floats_mut())
    }

    /// Computes dx from dy, and ds in `gradient`; `x` is the input of `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit, [`Error::Memory`] if there is not enough memory for `dx`.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        if dy.shape() != x.shape() {
            return Err(Error::shape("channel scale", x.shape(), dy.shape()));
        }
        self.forward(backend, dy, None, false, dx)?;
        let ds = ScaleGradient {
            x: x.floats(),
            dscale: self.gradient.floats_mut(),
        };
        backend.scale_shift_gradients(dimensions, dy.floats(), Some(ds), None)
    }

    fn dimensions(&self, found: Shape) -> Result<NormDims> {
        channels::dimensions("channel scale", self.scale.shape().rows(), found)
    }
}
