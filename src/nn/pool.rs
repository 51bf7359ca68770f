//! Pooling over windows of an image.

use crate::backend::{Backend, Pool, Pool2dDims, Window};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Pooling: each window of an image gives one pixel, the average or the maximum of the window.
///
/// Backward: for an average, each pixel of a window of p pixels gets dy/p; for a maximum, the window's
/// largest pixel gets dy. Inference is the same as `forward`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpatialPool {
    /// The kind of pooling.
    pub pool: Pool,
    /// The window, with its stride and padding.
    pub window: Window,
}

impl SpatialPool {
    /// Pools `x` into `y`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit, [`Error::Memory`] if there is not enough memory for `y`.
    pub fn forward<B: Backend>(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let (dimensions, shape) = self.dimensions(x.shape())?;
        y.reshape(backend, shape)?;
        backend.pool(self.pool, dimensions, x.floats(), y.floats_mut())
    }

    /// Computes dx from dy; `x` is the input of `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` or `dy` does not fit, [`Error::Memory`] if there is not enough memory for
    /// `dx`.
    pub fn backward<B: Backend>(
        &self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let (dimensions, shape) = self.dimensions(x.shape())?;
        if dy.shape().rows() != shape.rows() || dy.shape().columns() != shape.columns() {
            return Err(Error::shape("pooling backward", shape, dy.shape()));
        }
        dx.reshape(backend, x.shape())?;
        let (x, dy) = (x.floats(), dy.floats());
        backend.pool_backward(self.pool, dimensions, x, dy, dx.floats_mut())
    }

    fn dimensions(&self, found: Shape) -> Result<(Pool2dDims, Shape)> {
        let Shape::Blocked {
            samples,
            height,
            width,
            channels,
        } = found
        else {
            return Err(Error::shape("pooling", "images", found));
        };
        let dimensions = Pool2dDims {
            blocks: found.blocks(),
            height,
            width,
            channels,
            window: self.window,
        };
        let [rows, columns] = dimensions.output()?;
        Ok((dimensions, Shape::images(samples, rows, columns, channels)))
    }
}
