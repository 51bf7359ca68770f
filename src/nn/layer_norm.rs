//! Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450).

use alloc::format;

use crate::backend::{Backend, Cpu, LayerNormalise, LayerNormaliseBackward, NormDims};
use crate::error::{Error, Result};
use crate::nn::{Init, Parameter, channels};
use crate::shape::{LANES, Shape};
use crate::state::Role;
use crate::tensor::Tensor;

/// ε, added to the variance: PyTorch's default.
const EPSILON: f32 = 1e-5;

/// `y = γ[c]·(x − mean)·r + β[c]`, with mean and r = 1/√(variance + ε) over the n channels of each pixel of each
/// sample. ε = 10⁻⁵, the variance is biased: PyTorch's definition.
///
/// Backward, with x̂ = (x − mean)·r and g = γ·dy: y depends on x directly and through both statistics, so
/// `dx = r·(g − Σg/n − x̂·Σ(g·x̂)/n)` with sums over the channels of the pixel; `dβ = Σ dy` and `dγ = Σ dy·x̂` over
/// samples and pixels. Inference computes the same as training, with statistics of its own.
#[derive(Debug, Clone)]
pub struct LayerNorm<B: Backend = Cpu> {
    /// γ, initially 1.
    pub gamma: Parameter<B>,
    /// β, initially 0.
    pub beta: Parameter<B>,
    training: Tensor<B>,
    inference: Tensor<B>,
}

impl<B: Backend> LayerNorm<B> {
    /// γ = 1 and β = 0 for each of `channels`; the parameters are `NAME.gamma` and `NAME.beta`.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(backend: &B, name: &str, channels: usize) -> Result<Self> {
        let parameter = |kind: &str, role, number| {
            let (name, shape) = (format!("{name}.{kind}"), Shape::vector(channels));
            let new = Parameter::new(backend, name, shape, Init::Constant(number), 0, 0)?;
            Ok::<_, Error>(Parameter { role, ..new })
        };
        let empty = || Tensor::zeros(backend, Shape::vector(0));
        Ok(LayerNorm {
            gamma: parameter("gamma", Role::Scale, 1.0)?,
            beta: parameter("beta", Role::Shift, 0.0)?,
            training: empty()?,
            inference: empty()?,
        })
    }

    /// Normalises `x`, and keeps the statistics for `backward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` has other channels, [`Error::Memory`] if memory is insufficient.
    pub fn forward(&mut self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        let parameters = [&self.gamma, &self.beta];
        normalise(backend, dimensions, parameters, x, &mut self.training, y)
    }

    /// The same, without changing what `backward` reads.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn infer(&mut self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        let parameters = [&self.gamma, &self.beta];
        normalise(backend, dimensions, parameters, x, &mut self.inference, y)
    }

    /// Overwrites `dy` with dx and computes dγ and dβ in the parameters' gradients; `x` is the input of the last
    /// `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit.
    pub fn backward(&mut self, backend: &B, x: &Tensor<B>, dy: &mut Tensor<B>) -> Result<()> {
        let channels = self.gamma.value.shape().rows();
        let operation = "layer normalisation";
        let dimensions = channels::of_gradient(operation, channels, x.shape(), dy.shape())?;
        let operands = LayerNormaliseBackward {
            dimensions,
            statistics: self.training.floats(),
            gamma: self.gamma.value.floats(),
            x: x.floats(),
        };
        let (dgamma, dbeta) = (&mut self.gamma.gradient, &mut self.beta.gradient);
        let dy = dy.floats_mut();
        backend.layer_normalise_backward(operands, dy, dgamma.floats_mut(), dbeta.floats_mut())
    }

    fn dimensions(&self, found: Shape) -> Result<NormDims> {
        let channels = self.gamma.value.shape().rows();
        channels::dimensions("layer normalisation", channels, found)
    }
}

fn normalise<B: Backend>(
    backend: &B,
    dimensions: NormDims,
    [gamma, beta]: [&Parameter<B>; 2],
    x: &Tensor<B>,
    statistics: &mut Tensor<B>,
    y: &mut Tensor<B>,
) -> Result<()> {
    y.reshape(backend, x.shape())?;
    let pixels = x.shape().blocks().saturating_mul(dimensions.pixels);
    statistics.reshape(backend, Shape::matrix(pixels, 2 * LANES))?;
    let operands = LayerNormalise {
        dimensions,
        epsilon: EPSILON,
        gamma: gamma.value.floats(),
        beta: beta.value.floats(),
        x: x.floats(),
    };
    backend.layer_normalise(operands, statistics.floats_mut(), y.floats_mut())
}
