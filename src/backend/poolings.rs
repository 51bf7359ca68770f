//! Pooling over windows of an image.

use alloc::format;

use super::check::{lengths, too_large, volume};
use super::memory::Memory;
use super::window::Window;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Average and max pooling, and their gradients.
pub trait Poolings: Memory {
    /// Pooling: each window gives one pixel, computed from the window's pixels inside the image.
    ///
    /// [`Pool::Average`]: their sum (a chain of additions in row-major order, from the first), divided
    /// by their number. [`Pool::Max`]: the largest; of equal ones, the first in row-major order; NaN
    /// if any is NaN.
    fn pool(
        &self,
        pool: Pool,
        dimensions: Pool2dDims,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// The gradient of [`pool`](Poolings::pool): each pixel of dx is a chain of additions from +0
    /// over the windows that contain it, in row-major order. For an average, a window adds dy divided by the number
    /// of its pixels inside the image. For a maximum, it adds dy if the pixel is the window's maximum, else +0.
    /// If a window contains NaN, its maximum is the last NaN. `x` is the input of the forward pass; it is not
    /// read for an average.
    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pool2dDims,
        x: &Self::Floats,
        dy: &Self::Floats,
        dx: &mut Self::Floats,
    ) -> Result<()>;
}

/// The kind of pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The average of its pixels.
    Average,
    /// The largest of its pixels.
    Max,
}

/// The dimensions of a pooling: x is `[blocks][height][width][channels][16]`, y
/// `[blocks][rows][columns][channels][16]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2dDims {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of x and y.
    pub channels: usize,
    /// The window, with its stride and padding.
    pub window: Window,
}

impl Pool2dDims {
    /// Rows and columns of y.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit, or if the padding is as large as the window.
    pub fn output(&self) -> Result<[usize; 2]> {
        if self.window.padding >= self.window.size {
            return Err(Error::shape(
                "pooling",
                "padding smaller than the window",
                format!("{:?}", self.window),
            ));
        }
        self.window.outputs_of("pooling", self.height, self.width)
    }

    /// The lengths of x and y.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit or a length overflows.
    pub fn lengths(&self) -> Result<[usize; 2]> {
        let [rows, columns] = self.output()?;
        let lengths = [
            volume(&[self.blocks, self.height, self.width, self.channels, LANES]),
            volume(&[self.blocks, rows, columns, self.channels, LANES]),
        ];
        match lengths {
            [Some(x), Some(y)] => Ok([x, y]),
            _ => Err(too_large("pooling", format!("{self:?}"))),
        }
    }
}

/// Checks the operands of a pooling, given with their names: those with x's length, then the one with y's.
pub(super) fn check_pooling<B: Memory>(
    backend: &B,
    operation: &'static str,
    dimensions: Pool2dDims,
    of_x: &[(&str, &B::Floats)],
    (name, y): (&str, &B::Floats),
) -> Result<()> {
    let [x_length, y_length] = dimensions.lengths()?;
    for (name, x) in of_x {
        lengths(operation, &[(name, backend.length(x), x_length)])?;
    }
    lengths(operation, &[(name, backend.length(y), y_length)])
}
