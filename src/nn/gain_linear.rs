//! The gain-modulated linear layer, without bias.

use alloc::format;

use crate::backend::{Backend, Cpu, MatmulDims};
use crate::error::{Error, Result};
use crate::nn::Parameter;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = W_eff·x` with `W_eff[o][k] = g[o]·W[o][k]`; g ≡ 1 if the parameter has no gains.
///
/// Backward, from dy = ∂L/∂y: y is linear in W_eff and in x, so
/// `∂L/∂W_eff = dy·xᵀ` and `dx = W_effᵀ·dy`; by the chain rule through W_eff = g·W,
/// `dW[o][k] = g[o]·Σ_samples dy[o]·x[k]`. The gain is a constant within a step: no gradient flows to it.
///
/// Inference is the same as `forward`.
#[derive(Debug, Clone)]
pub struct GainLinear<B: Backend = Cpu> {
    /// W, `[outputs][inputs]`, with its gains.
    pub weight: Parameter<B>,
}

impl<B: Backend> GainLinear<B> {
    /// A layer over a weight matrix `[outputs][inputs]`.
    pub fn new(weight: Parameter<B>) -> Self {
        GainLinear { weight }
    }

    /// Output neurons.
    pub fn outputs(&self) -> usize {
        self.weight.value.shape().rows()
    }

    /// Input neurons.
    pub fn inputs(&self) -> usize {
        self.weight.value.shape().columns()
    }

    /// Computes `y = W_eff·x`; `x` has [`inputs`](Self::inputs) features per sample, `y`
    /// [`outputs`](Self::outputs).
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit, [`Error::Memory`] if there is not enough memory for `y`.
    pub fn forward(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let dimensions = self.dimensions("linear forward", x.shape(), self.inputs())?;
        y.reshape(backend, Shape::features(x.shape().rows(), self.outputs()))?;
        backend.matmul_forward(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            self.weight.value.floats(),
            x.floats(),
            y.floats_mut(),
        )
    }

    /// Computes dW in the parameter's gradient and, unless the layer is the first, dx.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` or `dy` does not fit, [`Error::Memory`] if there is not enough memory for
    /// `dx`.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: Option<&mut Tensor<B>>,
    ) -> Result<()> {
        let dimensions = self.backward_dimensions(x.shape(), dy)?;
        backend.matmul_backward_weights(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            dy.floats(),
            x.floats(),
            self.weight.gradient.floats_mut(),
        )?;
        match dx {
            Some(dx) => self.to_input(backend, x.shape(), dy, dx),
            None => Ok(()),
        }
    }

    /// Computes only dx, for frozen weights; `x` is the shape of the input of `forward`.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    pub fn to_input(
        &self,
        backend: &B,
        x: Shape,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let dimensions = self.backward_dimensions(x, dy)?;
        dx.reshape(backend, x)?;
        backend.matmul_backward_data(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            self.weight.value.floats(),
            dy.floats(),
            dx.floats_mut(),
        )
    }

    fn backward_dimensions(&self, x: Shape, dy: &Tensor<B>) -> Result<MatmulDims> {
        let dimensions = self.dimensions("linear backward", x, self.inputs())?;
        self.dimensions("linear backward", dy.shape(), self.outputs())?;
        if dy.shape().rows() != x.rows() {
            let expected = Shape::features(x.rows(), self.outputs());
            return Err(Error::shape("linear backward", expected, dy.shape()));
        }
        Ok(dimensions)
    }

    fn dimensions(
        &self,
        operation: &'static str,
        found: Shape,
        features: usize,
    ) -> Result<MatmulDims> {
        if found.blocks() == 0 || found.columns() != features {
            return Err(Error::shape(
                operation,
                format!("at least one sample of {features} features"),
                found,
            ));
        }
        Ok(MatmulDims {
            blocks: found.blocks(),
            outputs: self.outputs(),
            inputs: self.inputs(),
        })
    }
}
