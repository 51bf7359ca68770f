//! A rectifier with a learnable slope below zero for each neuron: AdaLin with ReLU.

use alloc::string::String;

use crate::backend::{Backend, Binary, Cpu, ScaleGradient, ScaleShift, Unary};
use crate::error::Result;
use crate::nn::{Init, Parameter, channels};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::Tensor;

/// `y = max(x, 0) + a[c]·min(x, 0)` with a learnable slope a for each neuron (channel) c.
///
/// This is AdaLin (Rohani, Khajavi, Chung, Chen & Vaswani 2025, arXiv 2505.09486) with ReLU. Known from its abstract:
/// each neuron has one learnable parameter, and a gate injects linearity where the gradient of the activation
/// function vanishes; with ReLU it is a PReLU (He et al. 2015) with one slope per neuron; it adds no hyperparameter.
/// Chosen here: the slope starts at 0, so that the network starts as the ReLU network, and it learns with the
/// optimizer and the rate of the weights. The gate is why y is not max(x, 0) + a·x: an active neuron is linear already.
///
/// Backward: `da[c] = Σ dy·min(x, 0)` over samples and pixels; `dx = dy` where x > 0, else `a[c]·dy`.
#[derive(Debug, Clone)]
pub struct LinearLeak<B: Backend = Cpu> {
    /// a, `[neurons]`, initially 0.
    pub slope: Parameter<B>,
    /// max(x, 0), min(x, 0) and a·dy; used within a call.
    scratch: [Tensor<B>; 3],
}

impl<B: Backend> LinearLeak<B> {
    /// a = 0 for each of `neurons`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn new(backend: &B, name: impl Into<String>, neurons: usize) -> Result<Self> {
        let (shape, initial) = (Shape::vector(neurons), Init::Constant(0.0));
        let new = Parameter::new(backend, name, shape, initial, 0, 0)?;
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        let role = Role::Scale;
        Ok(LinearLeak {
            slope: Parameter { role, ..new },
            scratch: [empty()?, empty()?, empty()?],
        })
    }

    /// Computes `y` from `x`. Inference is the same.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` has other channels,
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn forward(&mut self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let neurons = self.slope.value.shape().rows();
        let dimensions = channels::dimensions("linear leak", neurons, x.shape())?;
        y.reshape(backend, x.shape())?;
        self.split(backend, x)?;
        let [positive, negative, _] = &self.scratch;
        // One of the two terms is 0, so that the sum is exact.
        let operands = ScaleShift {
            dimensions,
            relu: false,
            scale: Some(self.slope.value.floats()),
            shift: None,
            x: Some(negative.floats()),
            residual: Some(positive.floats()),
        };
        backend.scale_shift(operands, y.floats_mut())
    }

    /// Overwrites `dy` with dx and computes da in the slope's gradient; `x` is the input of `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the operands do not fit,
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn backward(&mut self, backend: &B, x: &Tensor<B>, dy: &mut Tensor<B>) -> Result<()> {
        let neurons = self.slope.value.shape().rows();
        let dimensions = channels::of_gradient("linear leak", neurons, x.shape(), dy.shape())?;
        self.split(backend, x)?;
        let [positive, negative, product] = &mut self.scratch;
        let da = ScaleGradient {
            x: negative.floats(),
            dscale: self.slope.gradient.floats_mut(),
        };
        backend.scale_shift_gradients(dimensions, dy.floats(), Some(da), None)?;
        product.reshape(backend, x.shape())?;
        let operands = ScaleShift {
            dimensions,
            relu: false,
            scale: Some(self.slope.value.floats()),
            shift: None,
            x: Some(dy.floats()),
            residual: None,
        };
        backend.scale_shift(operands, product.floats_mut())?;
        // dy where x > 0, plus a·dy where it is not: the masks and the sum are exact.
        let (mask, active) = (positive.floats(), negative.floats_mut());
        backend.binary(Binary::ReluBackward, mask, dy.floats_mut())?;
        backend.binary(Binary::Copy, product.floats(), active)?;
        backend.binary(Binary::ReluBackward, mask, active)?;
        let add = |a| Binary::Axpby { a, b: 1.0 };
        backend.binary(add(-1.0), active, product.floats_mut())?;
        backend.binary(add(1.0), product.floats(), dy.floats_mut())
    }

    /// Fills the scratch with max(x, 0) and min(x, 0) = x − max(x, 0), which is exact.
    fn split(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        let [positive, negative, _] = &mut self.scratch;
        for part in [&mut *positive, &mut *negative] {
            part.reshape(backend, x.shape())?;
            backend.binary(Binary::Copy, x.floats(), part.floats_mut())?;
        }
        backend.unary(Unary::Relu, positive.floats_mut())?;
        let subtract = Binary::Axpby { a: -1.0, b: 1.0 };
        backend.binary(subtract, positive.floats(), negative.floats_mut())
    }
}
