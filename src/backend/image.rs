//! The dimensions of the kernels on images.

use alloc::format;

use crate::error::{Error, Result};
use crate::shape::LANES;

/// A square window that slides over an image in steps of `stride`, beginning `padding` pixels
/// outside of it.
///
/// Window number o of an axis covers the pixels `o·stride − padding + t`, t in `0..size`, as far as
/// they lie inside the image. What lies outside takes no part: it is skipped, not multiplied by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Pixels a side.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels that the first window begins outside of the image.
    pub padding: usize,
}

impl Window {
    /// Windows along an axis of `pixels`: `⌊(pixels + 2·padding − size)/stride⌋ + 1`; `None` if the
    /// window has no size or stride, if one of its numbers exceeds 65,535, or if not one window fits.
    pub fn outputs(&self, pixels: usize) -> Option<usize> {
        let largest = self.size.max(self.stride).max(self.padding);
        if self.size == 0 || pixels == 0 || largest > usize::from(u16::MAX) {
            return None;
        }
        let padded = pixels.checked_add(2 * self.padding)?;
        (padded.checked_sub(self.size)?)
            .checked_div(self.stride)?
            .checked_add(1)
    }

    /// Windows along both axes of an image.
    fn outputs_of(
        &self,
        operation: &'static str,
        height: usize,
        width: usize,
    ) -> Result<[usize; 2]> {
        match (self.outputs(height), self.outputs(width)) {
            (Some(rows), Some(columns)) => Ok([rows, columns]),
            _ => Err(Error::shape(
                operation,
                "a window of 1 to 65,535 pixels and stride that fits into the padded image",
                format!("{self:?} on {height}×{width}"),
            )),
        }
    }
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
    /// [`Error::Shape`] if the window does not fit.
    pub fn output(&self) -> Result<[usize; 2]> {
        self.window
            .outputs_of("convolution", self.height, self.width)
    }

    /// Numbers in w, x and y.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit or a length overflows.
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

/// What a window gives.
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
pub struct Pooling {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of x and y.
    pub channels: usize,
    /// The pixels of an output.
    pub window: Window,
}

impl Pooling {
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

    /// Numbers in x and y.
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

/// The dimensions of a normalisation over samples and pixels:
/// `[⌈samples/16⌉][pixels][channels][16]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Normalisation {
    /// Samples, without the padding.
    pub samples: usize,
    /// Pixels of an image; 1 for plain features.
    pub pixels: usize,
    /// Channels, each with statistics of its own.
    pub channels: usize,
}

impl Normalisation {
    /// Numbers in an activation.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is nothing to count or the length overflows.
    pub fn length(&self) -> Result<usize> {
        if self.samples == 0 || self.pixels == 0 {
            return Err(Error::shape(
                "normalisation",
                "at least one sample and one pixel",
                format!("{self:?}"),
            ));
        }
        let blocks = self.samples.div_ceil(LANES);
        volume(&[blocks, self.pixels, self.channels, LANES])
            .ok_or_else(|| too_large("normalisation", format!("{self:?}")))
    }
}

/// The settings of [`Backend::batch_statistics`](super::Backend::batch_statistics).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// ε, added to the variance.
    pub epsilon: f32,
    /// The share of the batch in the running averages.
    pub momentum: f32,
}

impl Default for BatchNorm {
    /// ε = 10⁻⁵ and momentum 0.1, as in PyTorch.
    fn default() -> Self {
        BatchNorm {
            epsilon: 1e-5,
            momentum: 0.1,
        }
    }
}

/// What [`Backend::normalise`](super::Backend::normalise) reads.
#[derive(Debug, Clone, Copy)]
pub struct Normalise<'a, F> {
    /// The dimensions of x, the residual and y.
    pub dimensions: Normalisation,
    /// Whether ReLU is taken at the end.
    pub relu: bool,
    /// Mean and inverse deviation, `[2][channels]`.
    pub statistics: &'a F,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// β, `[channels]`.
    pub beta: &'a F,
    /// What is normalised.
    pub x: &'a F,
    /// What is added before ReLU.
    pub residual: Option<&'a F>,
}

/// What [`Backend::normalise_backward`](super::Backend::normalise_backward) reads.
#[derive(Debug, Clone, Copy)]
pub struct NormaliseBackward<'a, F> {
    /// The dimensions of x, y and dy.
    pub dimensions: Normalisation,
    /// Mean and inverse deviation of the batch, `[2][channels]`.
    pub statistics: &'a F,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// What was normalised.
    pub x: &'a F,
    /// The output of the forward pass, if it took ReLU.
    pub y: Option<&'a F>,
}

/// The product of dimensions; `None` if it, or its size in bytes, overflows, or would if none of them
/// were 0: so no part of it overflows either.
fn volume(dimensions: &[usize]) -> Option<usize> {
    let mut all = size_of::<f32>();
    for &dimension in dimensions {
        all = all.checked_mul(dimension.max(1))?;
    }
    Some(dimensions.iter().product())
}

fn too_large(operation: &'static str, found: alloc::string::String) -> Error {
    Error::shape(operation, "dimensions whose product fits in memory", found)
}
