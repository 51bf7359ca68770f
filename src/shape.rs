//! Shapes of tensors. A shape fixes the layout in memory.
//!
//! ```
//! use neurogain::Shape;
//! // Twenty samples of three features take two blocks of sixteen samples.
//! let shape = Shape::features(20, 3);
//! assert_eq!((shape.rows(), shape.columns(), shape.storage()), (20, 3, Some(2 * 3 * 16)));
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, Result};

/// Samples per block: the innermost dimension of every activation, and the number of logical lanes.
pub const LANES: usize = 16;

/// The shape of a tensor, which also fixes its layout in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Parameters, row-major: `[d0][d1][d2][d3]`; unused dimensions are 1.
    Dense([usize; 4]),
    /// Activations: samples in blocks of 16, which are the innermost dimension:
    /// `[samples/16][height][width][channels][16]`. The last block is padded with zeros.
    Blocked {
        /// Samples, without the padding.
        samples: usize,
        /// Rows of an image; 1 for plain features.
        height: usize,
        /// Columns of an image; 1 for plain features.
        width: usize,
        /// Channels of a pixel, or features.
        channels: usize,
    },
}

impl Shape {
    /// A vector of parameters.
    pub const fn vector(length: usize) -> Self {
        Shape::Dense([length, 1, 1, 1])
    }

    /// A row-major matrix: weights are `[out][in]`.
    pub const fn matrix(rows: usize, columns: usize) -> Self {
        Shape::Dense([rows, columns, 1, 1])
    }

    /// Activations: `features` for each of `samples` samples.
    pub const fn features(samples: usize, features: usize) -> Self {
        Shape::Blocked {
            samples,
            height: 1,
            width: 1,
            channels: features,
        }
    }

    /// The weights of a convolution: `[outputs][size][size][inputs]`.
    pub const fn kernel(outputs: usize, size: usize, inputs: usize) -> Self {
        Shape::Dense([outputs, size, size, inputs])
    }

    /// Images: `height`×`width` pixels with `channels` activations each.
    pub const fn images(samples: usize, height: usize, width: usize, channels: usize) -> Self {
        Shape::Blocked {
            samples,
            height,
            width,
            channels,
        }
    }

    /// An activation's shape with another number of samples.
    pub(crate) fn with_samples(self, samples: usize) -> Result<Self> {
        match self {
            Shape::Dense(_) => Err(Error::shape("samples", "an activation", self)),
            Shape::Blocked {
                height,
                width,
                channels,
                ..
            } => Ok(Shape::images(samples, height, width, channels)),
        }
    }

    /// Numbers in memory, including padding; `None` on overflow.
    pub fn storage(&self) -> Option<usize> {
        match *self {
            Shape::Dense(d) => d.iter().try_fold(1usize, |n, &d| n.checked_mul(d)),
            Shape::Blocked {
                samples,
                height,
                width,
                channels,
            } => samples
                .div_ceil(LANES)
                .checked_mul(LANES)?
                .checked_mul(height)?
                .checked_mul(width)?
                .checked_mul(channels),
        }
    }

    /// Samples of an activation; for parameters, the first dimension.
    pub fn rows(&self) -> usize {
        match *self {
            Shape::Dense(d) => d[0],
            Shape::Blocked { samples, .. } => samples,
        }
    }

    /// Numbers per sample (height · width · channels); for parameters, the product of the dimensions after the first.
    pub fn columns(&self) -> usize {
        match *self {
            Shape::Dense([_, h, w, i]) => h.saturating_mul(w).saturating_mul(i),
            Shape::Blocked {
                height,
                width,
                channels,
                ..
            } => height.saturating_mul(width).saturating_mul(channels),
        }
    }

    /// The dimensions; unused dimensions of parameters are left out.
    pub(crate) fn dimensions(&self) -> Vec<usize> {
        match *self {
            Shape::Dense([length, 1, 1, 1]) => [length].into(),
            Shape::Dense([rows, columns, 1, 1]) => [rows, columns].into(),
            Shape::Dense(all) => all.into(),
            Shape::Blocked {
                samples,
                height,
                width,
                channels,
            } => [samples, height, width, channels].into(),
        }
    }

    /// Blocks of 16 samples of an activation; for parameters, 0.
    pub fn blocks(&self) -> usize {
        match *self {
            Shape::Dense(_) => 0,
            Shape::Blocked { samples, .. } => samples.div_ceil(LANES),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Shape::Dense([n, 1, 1, 1]) => write!(f, "vector {n}"),
            Shape::Dense([n, k, 1, 1]) => write!(f, "matrix {n}×{k}"),
            Shape::Dense([o, h, w, i]) => write!(f, "parameters {o}×{h}×{w}×{i}"),
            Shape::Blocked {
                samples,
                height: 1,
                width: 1,
                channels,
            } => write!(f, "{samples} samples of {channels} features"),
            Shape::Blocked {
                samples,
                height,
                width,
                channels,
            } => write!(f, "{samples} samples of {height}×{width}×{channels}"),
        }
    }
}
