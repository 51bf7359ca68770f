//! How a gradient of weights is cut into tiles and ranges. Results do not depend on it.

use super::super::simd::{Kernel, Simd};
use crate::backend::Convolution;

/// Vectors of totals at once: a quarter of a MiB.
const TOTALS: usize = 4096;

/// Tiles of inputs in a range, at least, if there are so many.
const RANGE: usize = 4;

/// Tiles, and how many of them are taken together.
#[derive(Clone, Copy)]
pub struct Cut {
    /// Outputs and inputs of a register tile.
    pub tile: [usize; 2],
    /// Tiles of outputs and inputs in a range.
    pub range: [usize; 2],
}

impl Cut {
    /// The cut that an instruction set makes.
    #[inline(always)]
    fn of<S: Simd>(dimensions: &Convolution, rows: usize) -> Self {
        let tiles: [&[usize]; 2] = match S::TILE_BLOCKS {
            1 => [&[2, 1], &[2, 1]],
            _ => [&[5, 4, 1], &[5, 4, 3, 1]],
        };
        let size = |count: usize, sizes: &[usize]| {
            // Multiply-adds and loads of the vectors that the tile's other side needs once more for
            // each tile; the last tile is shifted back, so that it must not exceed the count.
            let cost = |size: usize| count.div_ceil(size) * (size + 1);
            let fitting = sizes.iter().copied().filter(|&size| size <= count);
            fitting.min_by_key(|&size| cost(size)).unwrap_or(1)
        };
        let tile = [
            size(dimensions.outputs, tiles[0]),
            size(dimensions.inputs, tiles[1]),
        ];
        let taps = dimensions.window.size * dimensions.window.size;
        let inputs = dimensions.inputs.div_ceil(tile[1]);
        let totals = tile[0] * tile[1] * taps;
        let outputs = (TOTALS / (totals * inputs.min(RANGE))).clamp(1, rows.div_ceil(tile[0]));
        Cut {
            tile,
            range: [outputs, (TOTALS / (totals * outputs)).clamp(1, inputs)],
        }
    }

    /// Vectors of totals of a range.
    pub fn totals(&self, dimensions: &Convolution) -> usize {
        let taps = dimensions.window.size * dimensions.window.size;
        taps * self.tile[0] * self.tile[1] * self.range[0] * self.range[1]
    }
}

/// Finds the cut of an instruction set.
pub struct Plan {
    pub dimensions: Convolution,
    /// Outputs of the gradient.
    pub rows: usize,
}

impl Kernel for Plan {
    type Output = Cut;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Cut {
        Cut::of::<S>(&self.dimensions, self.rows)
    }
}
