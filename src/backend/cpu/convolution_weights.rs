//! Convolution to the weights.
//!
//! The sum over samples and pixels runs in 16 lanes, one for each sample of a block, and in chunks
//! of neighbouring output pixels (see
//! [`Backend::convolution_to_weights`](crate::backend::Backend::convolution_to_weights)). The
//! register tile is O outputs × I inputs of one tap: O + I loads feed O·I multiply-adds. A tile's
//! sums stay in registers for a chunk and are then added to totals in memory. Totals are many (each
//! weight has 16 lanes), so that outputs and inputs are taken in ranges whose totals fit the second
//! cache.

use super::simd::{Block, Kernel, Simd};
use crate::backend::{Convolution, Window, summation};
use crate::shape::LANES;

/// Vectors of totals at once: a quarter of a MiB.
const TOTALS: usize = 4096;

/// Tiles of outputs in a range.
const RANGE: usize = 4;

/// How the weights are cut into tiles and ranges. Results do not depend on it.
#[derive(Clone, Copy)]
pub struct Cut {
    /// Outputs and inputs of a register tile.
    tile: [usize; 2],
    /// Tiles of outputs and inputs in a range.
    range: [usize; 2],
}

impl Cut {
    /// Cuts for at least `units` ranges of outputs, if there are so many tiles.
    #[inline(always)]
    fn of<S: Simd>(dimensions: &Convolution, units: usize) -> Self {
        let tiles: [&[usize]; 2] = match S::TILE_OUTPUTS {
            8 => [&[5, 4, 1], &[5, 4, 3, 1]],
            _ => [&[2, 1], &[2, 1]],
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
        let outputs = dimensions.outputs.div_ceil(tile[0]);
        let taps = dimensions.window.size * dimensions.window.size;
        let range = RANGE.min(outputs.div_ceil(units)).max(1);
        let totals = range * tile[0] * tile[1] * taps;
        let inputs = dimensions.inputs.div_ceil(tile[1]);
        Cut {
            tile,
            range: [range, (TOTALS / totals).clamp(1, inputs)],
        }
    }

    /// Outputs of a range.
    pub fn outputs(&self) -> usize {
        self.tile[0] * self.range[0]
    }

    /// Vectors of totals of a range.
    pub fn totals(&self, dimensions: &Convolution) -> usize {
        let taps = dimensions.window.size * dimensions.window.size;
        taps * self.tile[0] * self.tile[1] * self.range[0] * self.range[1]
    }
}

/// The cut that an instruction set makes.
pub struct Plan<'a> {
    pub dimensions: &'a Convolution,
    pub units: usize,
}

impl Kernel for Plan<'_> {
    type Output = Cut;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Cut {
        Cut::of::<S>(self.dimensions, self.units)
    }
}

/// The gradients of a range of outputs.
pub struct ToWeights<'a> {
    pub dimensions: Convolution,
    /// Rows and columns of dy.
    pub image: [usize; 2],
    pub cut: Cut,
    pub gain: Option<&'a [f32]>,
    pub dy: &'a [Block],
    pub x: &'a [Block],
    /// Scratch.
    pub totals: &'a mut [Block],
    /// The first output of the range, and the rows of dw from it on.
    pub first: usize,
    pub dw: &'a mut [f32],
}

/// Neighbouring output pixels of one row and one chunk.
#[derive(Clone, Copy, Default)]
struct Piece {
    /// The first pixel, counted through all blocks.
    pixel: usize,
    /// Its column.
    column: usize,
    /// Its row in the window's coordinates: `row·stride`.
    row: usize,
    /// The first pixel of its block's x.
    image: usize,
    count: usize,
}

/// The pieces of a chunk: at most one for each of its pixels.
struct Chunk {
    pieces: [Piece; summation::CHUNK],
    count: usize,
}

impl ToWeights<'_> {
    /// Output pixels `begin..end`, counted through all blocks.
    #[inline(always)]
    fn chunk(&self, begin: usize, end: usize) -> Chunk {
        let [rows, columns] = self.image;
        let Convolution {
            height,
            width,
            window,
            ..
        } = self.dimensions;
        let mut chunk = Chunk {
            pieces: [Piece::default(); summation::CHUNK],
            count: 0,
        };
        let mut pixel = begin;
        for piece in &mut chunk.pieces {
            if pixel == end {
                break;
            }
            let (row, column) = (pixel / columns, pixel % columns);
            let count = (columns - column).min(end - pixel);
            *piece = Piece {
                pixel,
                column,
                row: row % rows * window.stride,
                image: row / rows * height * width,
                count,
            };
            pixel += count;
            chunk.count += 1;
        }
        chunk
    }

    /// Adds a chunk's sums of one tap and one tile to its totals.
    #[inline(always)]
    fn tile<S: Simd, const O: usize, const I: usize>(
        &self,
        s: S,
        chunk: &Chunk,
        [tap_row, tap_column]: [usize; 2],
        [output, input]: [usize; 2],
        totals: &mut [[Block; I]; O],
    ) {
        let Convolution {
            height,
            width,
            inputs,
            outputs,
            window,
            ..
        } = self.dimensions;
        let Window {
            stride, padding, ..
        } = window;
        // The columns whose tap falls inside.
        let left = padding.saturating_sub(tap_column).div_ceil(stride);
        let right = (width + padding)
            .saturating_sub(tap_column)
            .div_ceil(stride);
        let mut sums = [[s.splat(0.0); I]; O];
        for piece in chunk.pieces.iter().take(chunk.count) {
            let row = (piece.row + tap_row).wrapping_sub(padding);
            let first = piece.column.max(left);
            let last = (piece.column + piece.count).min(right);
            if row >= height || first >= last {
                continue;
            }
            let pixel = piece.pixel + first - piece.column;
            let dy = &self.dy[pixel * outputs + output..];
            let pixel = piece.image + row * width + first * stride + tap_column - padding;
            let x = &self.x[pixel * inputs + input..];
            let dy = dy.chunks(outputs);
            let x = x.chunks(stride * inputs);
            for (dy, x) in dy.zip(x).take(last - first) {
                let (dy, x) = (&dy[..O], &x[..I]);
                let dy: [S::Vector; O] = core::array::from_fn(|o| s.load(&dy[o]));
                for i in 0..I {
                    let x = s.load(&x[i]);
                    for o in 0..O {
                        sums[o][i] = s.fma(dy[o], x, sums[o][i]);
                    }
                }
            }
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                s.store(s.add(s.load(total), sum), total);
            }
        }
    }

    #[inline(always)]
    fn ranges<S: Simd, const O: usize, const I: usize>(mut self, s: S) {
        let Convolution {
            blocks,
            inputs,
            outputs,
            window,
            ..
        } = self.dimensions;
        let taps = window.size * window.size;
        let pixels = blocks * self.image[0] * self.image[1];
        let rows = self.dw.len() / (taps * inputs);
        let [output_tiles, input_tiles] = [rows.div_ceil(O), inputs.div_ceil(I)];
        let first = self.first;
        let totals = core::mem::take(&mut self.totals);
        let (totals, _) = totals.as_chunks_mut::<I>();
        let (totals, _) = totals.as_chunks_mut::<O>();
        for from in (0..input_tiles).step_by(self.cut.range[1]) {
            let to = input_tiles.min(from + self.cut.range[1]);
            // The last tile is shifted back to end with the weights, over some that the tile before
            // has too, with the same sums.
            let tiles = (0..output_tiles).flat_map(|o| (from..to).map(move |i| [o, i]));
            let origins =
                tiles.map(|[o, i]| [(first + o * O).min(outputs - O), (i * I).min(inputs - I)]);
            let totals = &mut totals[..output_tiles * (to - from) * taps];
            totals
                .as_flattened_mut()
                .as_flattened_mut()
                .fill([0.0; LANES]);
            for begin in (0..pixels).step_by(summation::CHUNK) {
                let chunk = self.chunk(begin, pixels.min(begin + summation::CHUNK));
                let totals = totals.chunks_exact_mut(taps);
                for ([o, i], totals) in origins.clone().zip(totals) {
                    for (tap, totals) in totals.iter_mut().enumerate() {
                        let at = [tap / window.size, tap % window.size];
                        self.tile(s, &chunk, at, [o, i], totals);
                    }
                }
            }
            for ([o, i], totals) in origins.zip(totals.chunks_exact(taps)) {
                for (tap, totals) in totals.iter().enumerate() {
                    for (output, totals) in (o..o + O).zip(totals) {
                        // The rest of a shifted tile is another range's.
                        let Some(row) = output.checked_sub(first) else {
                            continue;
                        };
                        let gain = self.gain.map_or(1.0, |g| g[output]);
                        let dw = &mut self.dw[(row * taps + tap) * inputs + i..][..I];
                        for (dw, total) in dw.iter_mut().zip(totals) {
                            *dw = gain * summation::lanes(*total);
                        }
                    }
                }
            }
        }
    }
}

impl Kernel for ToWeights<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.cut.tile {
            [5, 5] => self.ranges::<S, 5, 5>(s),
            [5, 4] => self.ranges::<S, 5, 4>(s),
            [5, 3] => self.ranges::<S, 5, 3>(s),
            [5, _] => self.ranges::<S, 5, 1>(s),
            [4, 5] => self.ranges::<S, 4, 5>(s),
            [4, 4] => self.ranges::<S, 4, 4>(s),
            [4, 3] => self.ranges::<S, 4, 3>(s),
            [4, _] => self.ranges::<S, 4, 1>(s),
            [2, 2] => self.ranges::<S, 2, 2>(s),
            [2, _] => self.ranges::<S, 2, 1>(s),
            [_, 5] => self.ranges::<S, 1, 5>(s),
            [_, 4] => self.ranges::<S, 1, 4>(s),
            [_, 3] => self.ranges::<S, 1, 3>(s),
            [_, 2] => self.ranges::<S, 1, 2>(s),
            _ => self.ranges::<S, 1, 1>(s),
        }
    }
}
