//! Splits a weight gradient into tiles and ranges. Results do not depend on the split.

use super::super::simd::{Kernel, Simd};
use crate::backend::Conv2dDims;

/// Vectors of totals at a time: 256 KiB.
const TOTALS: usize = 4096;

/// Minimum number of input tiles in a range, if there are that many.
const RANGE: usize = 4;

/// The tile size, and the number of tiles in a range.
#[derive(Clone, Copy)]
pub struct Cut {
    /// Outputs and inputs in a register tile.
    pub tile: [usize; 2],
    /// Tiles of outputs and of inputs in a range.
    pub range: [usize; 2],
}

impl Cut {
    /// The split for an instruction set.
    #[inline(always)]
    fn of<S: Simd>(dimensions: &Conv2dDims, rows: usize) -> Self {
        let tiles: [&[usize]; 2] = match S::TILE_BLOCKS {
            1 => [&[2, 1], &[2, 1]],
            _ => [&[5, 4, 1], &[5, 4, 3, 1]],
        };
        let size = |count: usize, sizes: &[usize]| {
            // Multiply-adds plus the loads of the other side's vectors, repeated for each tile. The last tile
            // is shifted back, so a tile must not be larger than the count.
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

    /// Vectors of totals in a range.
    pub fn totals(&self, dimensions: &Conv2dDims) -> usize {
        let taps = dimensions.window.size * dimensions.window.size;
        taps * self.tile[0] * self.tile[1] * self.range[0] * self.range[1]
    }
}

/// Computes the split for an instruction set.
pub struct Plan {
    pub dimensions: Conv2dDims,
    /// Number of outputs in the gradient.
    pub rows: usize,
}

impl Kernel for Plan {
    type Output = Cut;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Cut {
        Cut::of::<S>(&self.dimensions, self.rows)
    }
}
