//! Batch normalisation (Ioffe & Szegedy 2015), fused with a residual addition and ReLU.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::backend::{
    Backend, BatchNormConfig, Cpu, NormDims, Normalize, NormalizeBackward, ReluMask,
};
use crate::error::{Error, Result};
use crate::nn::{Init, Parameter, channels};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::Tensor;

/// `y = γ·(x − mean)·r + β`, with mean and r = 1/√(variance + ε) of each channel over samples and
/// pixels; then the residual is added and ReLU applied, if requested.
///
/// Training uses the batch's mean and biased variance, and updates the running averages (of the unbiased
/// variance) with momentum 0.1; inference uses the running averages. This is PyTorch's definition.
///
/// Backward, with x̂ = (x − mean)·r and dŷ = dy after the ReLU's gradient, over n samples·pixels: y depends on x
/// directly and through both statistics, so `dβ = Σ dŷ`, `dγ = Σ dŷ·x̂` and
/// `dx = γ·r·(dŷ − dβ/n − x̂·dγ/n)`; the residual's gradient is dŷ.
#[derive(Debug, Clone)]
pub struct BatchNorm2d<B: Backend = Cpu> {
    /// γ, initially 1.
    pub gamma: Parameter<B>,
    /// β, initially 0.
    pub beta: Parameter<B>,
    /// Running mean and variance, `[2][channels]`, initially 0 and 1.
    pub running: Tensor<B>,
    name: String,
    statistics: Tensor<B>,
    inference: Tensor<B>,
    settings: BatchNormConfig,
}

/// What a ReLU in [`BatchNorm2d::forward`] followed, for the backward pass.
#[derive(Debug, Clone, Copy)]
pub enum AfterRelu<'a, B: Backend = Cpu> {
    /// The normalisation alone.
    Alone,
    /// The addition of a residual; with the output of `forward`.
    WithResidual(&'a Tensor<B>),
}

impl<B: Backend> BatchNorm2d<B> {
    /// γ = 1, β = 0, running mean 0 and variance 1, for each of `channels`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn new(backend: &B, name: &str, channels: usize) -> Result<Self> {
        let vector = Shape::vector(channels);
        let parameter = |kind: &str, role, number| {
            let name: String = format!("{name}.{kind}");
            let new = Parameter::new(backend, name, vector, Init::Constant(number), 0, 0)?;
            Ok::<_, Error>(Parameter { role, ..new })
        };
        let matrix = Shape::matrix(2, channels);
        let mut start = vec![0.0; 2 * channels];
        start[channels..].fill(1.0);
        Ok(BatchNorm2d {
            name: name.into(),
            gamma: parameter("gamma", Role::Scale, 1.0)?,
            beta: parameter("beta", Role::Shift, 0.0)?,
            running: Tensor::from_rows(backend, matrix, &start)?,
            statistics: Tensor::zeros(backend, matrix)?,
            inference: Tensor::zeros(backend, matrix)?,
            settings: BatchNormConfig::default(),
        })
    }

    /// The layer's name and the running statistics.
    pub fn statistics(&mut self) -> (&str, &mut Tensor<B>) {
        (&self.name, &mut self.running)
    }

    /// Normalises with the batch's statistics, which are kept for `backward`, and updates the running averages.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit or there is only one value per channel,
    /// [`Error::Memory`] if there is not enough memory for `y`.
    pub fn forward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        residual: Option<&Tensor<B>>,
        relu: bool,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        backend.batch_statistics(
            self.dimensions(x.shape())?,
            self.settings,
            x.floats(),
            self.running.floats_mut(),
            self.statistics.floats_mut(),
        )?;
        self.normalize(backend, &self.statistics, x, residual, relu, y)
    }

    /// Normalises with the running statistics.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit, [`Error::Memory`] if there is not enough memory for `y`.
    pub fn infer(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        residual: Option<&Tensor<B>>,
        relu: bool,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        let epsilon = self.settings.epsilon;
        let statistics = self.inference.floats_mut();
        backend.running_statistics(epsilon, self.running.floats(), statistics)?;
        self.normalize(backend, &self.inference, x, residual, relu, y)
    }

    fn normalize(
        &self,
        backend: &B,
        statistics: &Tensor<B>,
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
        let operands = Normalize {
            dimensions,
            relu,
            statistics: statistics.floats(),
            gamma: self.gamma.value.floats(),
            beta: self.beta.value.floats(),
            x: x.floats(),
            residual: residual.map(Tensor::floats),
        };
        backend.normalize(operands, y.floats_mut())
    }

    /// Computes dγ and dβ in the parameters' gradients, overwrites `dy` with dx, and writes the residual's gradient to
    /// `residual`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit, [`Error::Memory`] if there is not enough memory for
    /// `residual`.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        relu: Option<AfterRelu<'_, B>>,
        dy: &mut Tensor<B>,
        residual: Option<&mut Tensor<B>>,
    ) -> Result<()> {
        let dimensions = self.dimensions(x.shape())?;
        if dy.shape() != x.shape() {
            let found = dy.shape();
            return Err(Error::shape(
                "batch normalisation backward",
                x.shape(),
                found,
            ));
        }
        let operands = NormalizeBackward {
            dimensions,
            statistics: self.statistics.floats(),
            gamma: self.gamma.value.floats(),
            x: x.floats(),
            relu: relu.map(|relu| match relu {
                AfterRelu::Alone => ReluMask::Recomputed(self.beta.value.floats()),
                AfterRelu::WithResidual(y) => ReluMask::Output(y.floats()),
            }),
        };
        let residual = match residual {
            Some(residual) => {
                residual.reshape(backend, x.shape())?;
                Some(residual.floats_mut())
            }
            None => None,
        };
        backend.normalize_backward(
            operands,
            dy.floats_mut(),
            residual,
            self.gamma.gradient.floats_mut(),
            self.beta.gradient.floats_mut(),
        )
    }

    fn dimensions(&self, found: Shape) -> Result<NormDims> {
        let channels = self.gamma.value.shape().rows();
        channels::dimensions("batch normalisation", channels, found)
    }
}
