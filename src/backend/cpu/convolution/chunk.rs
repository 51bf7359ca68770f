//! Chunks of output pixels: the rows that they lie in, and what they will read.

use crate::backend::{Convolution, summation};

/// Neighbouring output pixels of one row and one chunk.
#[derive(Clone, Copy, Default)]
pub struct Piece {
    /// The first pixel, counted through all blocks.
    pub pixel: usize,
    /// Its column.
    pub column: usize,
    /// Its row in the window's coordinates: `row·stride`.
    pub row: usize,
    /// The first pixel of its block's x.
    pub image: usize,
    pub count: usize,
}

/// The pieces of a chunk: at most one for each of its pixels.
pub struct Chunk {
    pub pieces: [Piece; summation::CHUNK],
    pub count: usize,
}

/// The pixels of dy, and of x, that are to be asked for. Where windows leave gaps, those of x are
/// counted by the output pixels that they belong to.
pub struct Ahead {
    pub dy: [usize; 2],
    pub x: [usize; 2],
}

impl Ahead {
    pub fn pixels(&self) -> usize {
        self.dy[1] - self.dy[0] + self.x[1] - self.x[0]
    }
}

/// The output pixels of all blocks, counted through `[blocks][rows][columns]`.
#[derive(Clone, Copy)]
pub struct Pixels {
    pub dimensions: Convolution,
    /// Rows and columns of an output image.
    pub image: [usize; 2],
}

impl Pixels {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.dimensions.blocks * self.image[0] * self.image[1]
    }

    /// Output pixels `begin..end`, counted through all blocks.
    #[inline(always)]
    pub fn chunk(&self, begin: usize, end: usize) -> Chunk {
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

    /// What output pixels `begin..end` read and none before them.
    #[inline(always)]
    pub fn ahead(&self, begin: usize, end: usize) -> Ahead {
        let window = self.dimensions.window;
        Ahead {
            dy: [begin, end],
            x: if window.size < window.stride {
                [begin, end]
            } else {
                [begin, end].map(|pixel| self.frontier(pixel))
            },
        }
    }

    /// Pixels of x up to the end of the last row that output pixels before `pixel` read.
    #[inline(always)]
    fn frontier(&self, pixel: usize) -> usize {
        let [rows, columns] = self.image;
        let Convolution {
            height,
            width,
            window,
            ..
        } = self.dimensions;
        let Some(last) = pixel.checked_sub(1) else {
            return 0;
        };
        let (row, block) = (last / columns % rows, last / columns / rows);
        let read = (row * window.stride + window.size).saturating_sub(window.padding);
        (block * height + read.min(height)) * width
    }

    /// The first pixel of x in an output pixel's window; without padding, the only one of a 1×1.
    #[inline(always)]
    pub fn corner(&self, pixel: usize) -> usize {
        let [rows, columns] = self.image;
        let Convolution {
            height,
            width,
            window,
            ..
        } = self.dimensions;
        let at = |number: usize, size: usize| {
            (number * window.stride)
                .saturating_sub(window.padding)
                .min(size - 1)
        };
        let (row, block) = (pixel / columns % rows, pixel / columns / rows);
        (block * height + at(row, height)) * width + at(pixel % columns, width)
    }
}
