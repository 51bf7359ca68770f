//! Pooling over windows of an image.

use crate::backend::{Backend, Pool, Pooling, Window};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Each window of an image gives one pixel, the average or the maximum of its own.
///
/// Backward: of an average each pixel of a window of p pixels takes dy/p, of a maximum the window's
/// largest takes dy. Inference computes what forward computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpatialPool {
    /// What is taken of a window.
    pub pool: Pool,
    /// The pixels of an output.
    pub window: Window,
}

impl SpatialPool {
    /// The pixels of `x` into `y`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the window does not fit, [`Error::Memory`] if there is no room for `y`.
    pub fn forward<B: Backend>(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let (dimensions, shape) = self.dimensions(x.shape())?;
        y.reshape(backend, shape)?;
        backend.pool(self.pool, dimensions, x.floats(), y.floats_mut())
    }

    /// dx from dy; `x` is forward's input.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` or `dy` does not fit, [`Error::Memory`] if there is no room for
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

    fn dimensions(&self, found: Shape) -> Result<(Pooling, Shape)> {
        let Shape::Blocked {
            samples,
            height,
            width,
            channels,
        } = found
        else {
            return Err(Error::shape("pooling", "images", found));
        };
        let dimensions = Pooling {
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
