//! The concatenated rectified linear unit.

use alloc::format;
use alloc::vec;

use crate::backend::{Backend, Binary, Cpu, MatmulDims, Unary};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// CReLU (Shang, Sohn, Almeida & Lee 2016, arXiv 1603.05201): `y = [max(x, 0), max(−x, 0)]`, the second half after the
/// first among the channels of each pixel. C channels become 2C, and one of the two outputs of a neuron is always
/// active, which is why Abbas et al. (2023, arXiv 2303.07507) use it against the loss of plasticity.
///
/// [x, −x] is the product of x and the fixed weights [I; −I]. Each of its sums has a single term that is not 0, so it
/// is exact for finite x.
///
/// Backward: `dx = dy₁` where x > 0, `−dy₂` where x < 0, else 0. Inference is the same as `forward`.
#[derive(Debug, Clone)]
pub struct Crelu<B: Backend = Cpu> {
    /// [I; −I], `[2C][C]`.
    signs: Tensor<B>,
}

impl<B: Backend> Crelu<B> {
    /// From `channels` to twice as many.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(backend: &B, channels: usize) -> Result<Self> {
        let shape = Shape::matrix(2 * channels, channels);
        let mut signs = vec![0.0; 2 * channels * channels];
        for channel in 0..channels {
            signs[channel * (channels + 1)] = 1.0;
            signs[(channels + channel) * channels + channel] = -1.0;
        }
        Ok(Crelu {
            signs: Tensor::from_rows(backend, shape, &signs)?,
        })
    }

    /// Computes `y` from `x`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` has other channels, [`Error::Memory`] if memory is insufficient.
    pub fn forward(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let (dimensions, shape) = self.dimensions(x.shape())?;
        y.reshape(backend, shape)?;
        let (signs, x, y) = (self.signs.floats(), x.floats(), y.floats_mut());
        backend.matmul_forward(dimensions, None, signs, x, y)?;
        backend.unary(Unary::Relu, y)
    }

    /// Computes `dx` from dy, and overwrites dy; `x` is the shape of the input of `forward`, `y` its output.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit, [`Error::Memory`] if memory is insufficient.
    pub fn backward(
        &self,
        backend: &B,
        x: Shape,
        y: &Tensor<B>,
        dy: &mut Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let (dimensions, _) = self.dimensions(x)?;
        backend.binary(Binary::ReluBackward, y.floats(), dy.floats_mut())?;
        dx.reshape(backend, x)?;
        let (signs, dy, dx) = (self.signs.floats(), dy.floats(), dx.floats_mut());
        backend.matmul_backward_data(dimensions, None, signs, dy, dx)
    }

    fn dimensions(&self, found: Shape) -> Result<(MatmulDims, Shape)> {
        let channels = self.signs.shape().columns();
        match found {
            Shape::Blocked {
                samples,
                height,
                width,
                channels: given,
            } if given == channels => {
                // Pixels are blocks of samples in the layout of activations.
                let pixels = height.saturating_mul(width);
                let dimensions = MatmulDims {
                    blocks: found.blocks().saturating_mul(pixels),
                    outputs: 2 * channels,
                    inputs: channels,
                };
                Ok((
                    dimensions,
                    Shape::images(samples, height, width, 2 * channels),
                ))
            }
            _ => {
                let expected = format!("images of {channels} channels");
                Err(Error::shape("CReLU", expected, found))
            }
        }
    }
}
