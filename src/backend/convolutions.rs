//! Convolutions, directly on blocks of samples.

use alloc::format;

use super::check::{too_large, volume, weighted};
use super::memory::Memory;
use super::window::Window;
use crate::error::Result;
use crate::shape::LANES;

/// 2-D convolution, and its gradients.
pub trait Convolutions: Memory {
    /// `y[b][oy][ox][o] = Σ_t Σ_c fl(g[o]·w[o][ty][tx][c])·x[b][oy·stride + ty − padding][ox·stride +
    /// tx − padding][c]`, one chain over (tap row ty, tap column tx, channel c) ascending. A tap that
    /// falls in the padding is skipped, not multiplied by zero: an infinite weight at the border of
    /// an image gives no NaN. Shapes: [`Convolution`]; `g` is `[outputs]` (absent: 1).
    fn convolution_forward(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dx[b][iy][ix][c] = Σ fl(g[o]·w[o][ty][tx][c])·dy[b][oy][ox][o]` over the output pixels
    /// (oy, ox) whose window holds the pixel, with ty = iy + padding − oy·stride and tx likewise: one
    /// chain over (oy, ox, o) ascending, so that the taps descend. A pixel in no window gets +0. With
    /// [`Update::Add`] the chain starts from what dx holds, so that the gradients of a residual
    /// block's two paths need no pass of their own to be added.
    fn convolution_to_input(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        dy: &Self::Floats,
        update: Update,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `dw[o][ty][tx][c] = g[o]·Σ dy[b][oy][ox][o]·x[b][oy·stride + ty − padding][…][c]` over samples
    /// and output pixels.
    ///
    /// The sum has the shape of [`summation`](super::summation)'s products, where every output pixel of every block is
    /// a block of its own: pixels are counted through `[blocks][rows][columns]`, a chunk is
    /// [`CHUNK`](super::summation::CHUNK) of them, in a chunk each lane is a chain of fused multiply-adds from +0
    /// over the pixels ascending, without those whose tap falls in the padding. For a 1×1 window on
    /// 1×1 images it is [`product_to_weights`](super::Products::product_to_weights).
    fn convolution_to_weights(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        dy: &Self::Floats,
        x: &Self::Floats,
        dw: &mut Self::Floats,
    ) -> Result<()>;
}

/// What becomes of the numbers that an output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// They are overwritten: sums start from +0.
    Overwrite,
    /// Sums start from them.
    Add,
}

/// The dimensions of a 2-D convolution (without flipping, as in every neural network).
///
/// x is `[blocks][height][width][inputs][16]`, w `[outputs][size][size][inputs]`, y
/// `[blocks][rows][columns][outputs][16]` with the rows and columns of
/// [`output`](Convolution::output).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
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
    /// The taps of an output.
    pub window: Window,
}

impl Convolution {
    /// Rows and columns of y.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the window does not fit.
    pub fn output(&self) -> Result<[usize; 2]> {
        self.window
            .outputs_of("convolution", self.height, self.width)
    }

    /// Numbers in w, x and y.
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

/// The operands of a convolution, `x` and `y` as forward; gives rows and columns of y.
pub(super) fn check_convolution<B: Memory>(
    backend: &B,
    operation: &'static str,
    dimensions: Convolution,
    gain: Option<&B::Floats>,
    operands: [&B::Floats; 3],
) -> Result<[usize; 2]> {
    let (outputs, expected) = (dimensions.outputs, dimensions.lengths()?);
    weighted(backend, operation, (gain, outputs), operands, expected)?;
    dimensions.output()
}
