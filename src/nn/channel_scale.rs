//! Channels times numbers of their own: what a modulation does to the neurons of a layer.

use alloc::vec;

use crate::backend::{self, Backend, Cpu, Normalise, NormaliseBackward};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = s[c]·x` for every sample and pixel of channel c; then the residual is added and ReLU taken, if
/// asked for.
///
/// It is the contract's normalisation ([`Normalisations::normalise`](backend::Normalisations::normalise)) with mean 0 and deviation 1, which is exact:
/// x − 0 = x, and s·1 = s.
///
/// Backward, without residual and ReLU: `dx = s[c]·dy`, and `ds[c] = Σ dy·x` over samples and pixels.
#[derive(Debug, Clone)]
pub struct ChannelScale<B: Backend = Cpu> {
    /// s, `[channels]`, starting at 1.
    pub scale: Tensor<B>,
    /// ds of the last [`backward`](Self::backward).
    pub gradient: Tensor<B>,
    /// Mean 0 and deviation 1, `[2][channels]`.
    statistics: Tensor<B>,
    shift: Tensor<B>,
    shift_gradient: Tensor<B>,
}

impl<B: Backend> ChannelScale<B> {
    /// s = 1 for each of `channels`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room.
    pub fn new(backend: &B, channels: usize) -> Result<Self> {
        let vector = Shape::vector(channels);
        let mut statistics = vec![0.0; 2 * channels];
        statistics[channels..].fill(1.0);
        Ok(ChannelScale {
            scale: Tensor::from_rows(backend, vector, &vec![1.0; channels])?,
            gradient: Tensor::zeros(backend, vector)?,
            statistics: Tensor::from_rows(backend, Shape::matrix(2, channels), &statistics)?,
            shift: Tensor::zeros(backend, vector)?,
            shift_gradient: Tensor::zeros(backend, vector)?,
        })
    }

    /// `y` from `x`: one pass.
    ///
    /// # Errors
    /// [`Error::Shape`] where the operands do not fit, [`Error::Memory`] if there is no room for `y`.
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
        let operands = Normalise {
            dimensions,
            relu,
            statistics: self.statistics.floats(),
            gamma: self.scale.floats(),
            beta: self.shift.floats(),
            x: x.floats(),
            residual: residual.map(Tensor::floats),
        };
        backend.normalise(operands, y.floats_mut())
    }

    /// dx from dy, which is used up, and ds into the gradient; `x` is forward's.
    ///
    /// # Errors
    /// [`Error::Shape`] where the operands do not fit, [`Error::Memory`] if there is no room for `dx`.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &mut Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        if dy.shape() != x.shape() {
            return Err(Error::shape("channel scale", x.shape(), dy.shape()));
        }
        self.forward(backend, dy, None, false, dx)?;
        let operands = NormaliseBackward {
            dimensions,
            statistics: self.statistics.floats(),
            gamma: self.scale.floats(),
            x: x.floats(),
            y: None,
        };
        // The dx that this makes of dy goes through the statistics of a batch, which there are none of here.
        let (ds, shift) = (&mut self.gradient, &mut self.shift_gradient);
        backend.normalise_backward(
            operands,
            dy.floats_mut(),
            None,
            ds.floats_mut(),
            shift.floats_mut(),
        )
    }

    fn dimensions(&self, found: Shape) -> Result<backend::Normalisation> {
        let channels = self.scale.shape().rows();
        match found {
            Shape::Blocked {
                samples,
                height,
                width,
                channels: given,
            } if given == channels => Ok(backend::Normalisation {
                samples,
                pixels: height.saturating_mul(width),
                channels,
            }),
            _ => {
                let expected = alloc::format!("images of {channels} channels");
                Err(Error::shape("channel scale", expected, found))
            }
        }
    }
}
