//! The rectified linear unit, in place.

use crate::backend::{Backend, Binary, Unary};
use crate::error::Result;
use crate::tensor::Tensor;

/// `y = max(x, 0)`, in place of x.
///
/// Backward: `dx = dy` where x > 0, else 0. y > 0 exactly where x > 0, so only the output
/// is kept. Inference is the same as `forward`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relu;

impl Relu {
    /// `x ← max(x, 0)`.
    ///
    /// # Errors
    /// Errors of the backend's kernel.
    pub fn forward<B: Backend>(&self, backend: &B, x: &mut Tensor<B>) -> Result<()> {
        backend.unary(Unary::Relu, x.floats_mut())
    }

    /// `dy ← dy where y > 0, else 0`, which is dx; `y` is the output of `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `y` and `dy` differ in size.
    pub fn backward<B: Backend>(
        &self,
        backend: &B,
        y: &Tensor<B>,
        dy: &mut Tensor<B>,
    ) -> Result<()> {
        backend.binary(Binary::ReluBackward, y.floats(), dy.floats_mut())
    }
}
