//! Convolutions on blocks of samples: directly, as documented here, or for 3×3 windows with stride 1 by Winograd's
//! algorithm, as documented in [`winograd`](super::winograd), wherever [`serves`](super::winograd::serves) says so.

use alloc::format;

use super::check::{too_large, volume, weighted};
use super::memory::Memory;
use super::window::Window;
use crate::error::Result;
use crate::shape::LANES;

/// 2-D convolution, and its gradients.
///
/// The orders of summation below are those of the direct way; where [`serves`](super::winograd::serves) holds,
/// [`winograd`](super::winograd) gives the operations instead.
pub trait Convolutions: Memory {
    /// `y[b][oy][ox][o] = Σ_t Σ_c fl(g[o]·w[o][ty][tx][c])·x[b][oy·stride + ty − padding][ox·stride +
    /// tx − padding][c]`, one chain over (tap row ty, tap column tx, channel c) ascending. A tap that
    /// falls in the padding is skipped, not multiplied by zero, so an infinite weight at the border of
    /// an image gives no NaN. Shapes: [`Conv2dDims`]; `g` is `[outputs]` (1 if absent).
    fn conv2d_forward(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dx[b][iy][ix][c] = Σ fl(g[o]·w[o][ty][tx][c])·dy[b][oy][ox][o]` over the output pixels
    /// (oy, ox) whose window contains the pixel, with ty = iy + padding − oy·stride and tx likewise: one
    /// chain over (oy, ox, o) ascending, so the taps descend. A pixel in no window gets +0. With
    /// [`Update::Add`] the chain starts from the value in dx. The gradients of a residual block's two paths
    /// are then added without a separate pass.
    fn conv2d_backward_data(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        dy: &Self::Floats,
        update: Update,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `dw[o][ty][tx][c] = g[o]·Σ dy[b][oy][ox][o]·x[b][oy·stride + ty − padding][…][c]` over samples
    /// and output pixels.
    ///
    /// The order of summation is that of [`summation`](super::summation)'s products, with every output pixel of every
    /// block as one block: pixels are numbered through `[blocks][rows][columns]`, a chunk is
    /// [`CHUNK`](super::summation::CHUNK) of them, and within a chunk each lane is a chain of fused multiply-adds from
    /// +0 over ascending pixels. Pixels whose tap falls in the padding are skipped. For a 1×1 window on
    /// 1×1 images the result is that of [`matmul_backward_weights`](super::Products::matmul_backward_weights).
    fn conv2d_backward_weights(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Self::Floats>,
        dy: &Self::Floats,
        x: &Self::Floats,
        dw: &mut Self::Floats,
    ) -> Result<()>;
}

/// Whether a kernel overwrites its output or adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The output is overwritten: sums start from +0.
    Overwrite,
    /// Sums start from the values in the output.
    Add,
}

/// The dimensions of a 2-D convolution (cross-correlation, as in every deep-learning library).
///
/// x is `[blocks][height][width][inputs][16]`, w `[outputs][size][size][inputs]`, y
/// `[blocks][rows][columns][outputs][16]` with the rows and columns of
/// [`output`](Conv2dDims::output).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dDims {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of x.
    pub inputs: usize,
    /// Channels of y.
    pub outputs: usize,
    /// The window, with its stride and padding.
    pub window: Window,
}

impl Conv2dDims {
    /// Rows and columns of y.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the window does not fit.
    pub fn output(&self) -> Result<[usize; 2]> {
        self.window
            .outputs_of("convolution", self.height, self.width)
    }

    /// The lengths of w, x and y.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the window does not fit or a length overflows.
    pub fn lengths(&self) -> Result<[usize; 3]> {
        let [rows, columns] = self.output()?;
        let size = self.window.size;
        let lengths = [
            volume(&[self.outputs, size, size, self.inputs]),
            volume(&[self.blocks, self.height, self.width, self.inputs, LANES]),
            volume(&[self.blocks, rows, columns, self.outputs, LANES]),
        ];
        match lengths {
            [Some(w), Some(x), Some(y)] => Ok([w, x, y]),
            _ => Err(too_large("convolution", format!("{self:?}"))),
        }
    }
}

/// Checks the operands of a convolution, `x` and `y` as in the forward pass; returns the rows and columns of y.
pub(super) fn check_convolution<B: Memory>(
    backend: &B,
    operation: &'static str,
    dimensions: Conv2dDims,
    gain: Option<&B::Floats>,
    operands: [&B::Floats; 3],
) -> Result<[usize; 2]> {
    let (outputs, expected) = (dimensions.outputs, dimensions.lengths()?);
    weighted(backend, operation, (gain, outputs), operands, expected)?;
    dimensions.output()
}
