//! `y ← a·x + b·y` on tensors.

use crate::backend::Backend;
use crate::error::Result;
use crate::tensor::Tensor;

/// `y ← fma(b, y, fl(a·x))`, in place; x has the length of y, or 1. It is the gain's update, without a baseline.
pub(super) fn axpby<B: Backend>(
    backend: &B,
    a: f32,
    x: &Tensor<B>,
    b: f32,
    y: &mut Tensor<B>,
) -> Result<()> {
    backend.gain_update(b, 0.0, a, x.floats(), y.floats_mut())
}
