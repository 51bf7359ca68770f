//! The tiles of an image, and the source pixels that they read.

use core::ops::Range;

use super::super::super::simd::{Block, Simd};
use crate::backend::Conv2dDims;
use crate::backend::winograd::TILE;
use crate::shape::LANES;

/// The tiles of the images of all blocks of samples, numbered through `[blocks][tile rows][tile columns]`. An image and
/// its results have the same size.
#[derive(Clone, Copy)]
pub struct Tiles {
    pub blocks: usize,
    pub height: usize,
    pub width: usize,
}

/// Blocks to prefetch, in equal parts.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    blocks: &'a [Block],
    part: usize,
}

impl<'a> Ahead<'a> {
    #[inline(always)]
    pub fn new(blocks: &'a [Block], parts: usize) -> Self {
        let part = blocks.len().div_ceil(parts);
        Ahead { blocks, part }
    }

    /// Prefetches the next part.
    #[inline(always)]
    pub fn prefetch<S: Simd>(&mut self, s: S) {
        let (now, later) = self.blocks.split_at(self.part.min(self.blocks.len()));
        now.iter().for_each(|block| s.prefetch(block));
        self.blocks = later;
    }
}

impl Tiles {
    pub fn new(dimensions: &Conv2dDims) -> Self {
        Tiles {
            blocks: dimensions.blocks,
            height: dimensions.height,
            width: dimensions.width,
        }
    }

    /// Tile rows and tile columns of an image.
    #[inline(always)]
    pub fn grid(&self) -> [usize; 2] {
        [self.height.div_ceil(TILE), self.width.div_ceil(TILE)]
    }

    /// Pixels of an image.
    #[inline(always)]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The number of tiles of all blocks.
    pub fn count(&self) -> usize {
        let [rows, columns] = self.grid();
        self.blocks * rows * columns
    }

    /// Block, row and column of the first of a tile's pixels.
    #[inline(always)]
    fn corner(&self, tile: usize) -> [usize; 3] {
        let [rows, columns] = self.grid();
        let (row, column) = (tile / columns % rows, tile % columns);
        [tile / columns / rows, row * TILE, column * TILE]
    }

    /// The pixel, numbered through all blocks, up to which the tiles before this one have come, if each takes its part of its
    /// two rows in turn.
    #[inline(always)]
    fn reached(&self, tile: usize) -> usize {
        let [_, columns] = self.grid();
        let [block, row, column] = self.corner(tile);
        (block * self.height + row) * self.width + column * self.width / columns
    }

    /// What `tiles` take of their rows of `x`, `below` rows further down.
    #[inline(always)]
    pub fn part<'a>(
        &self,
        tiles: Range<usize>,
        below: usize,
        channels: usize,
        x: &'a [Block],
    ) -> &'a [Block] {
        let at = |tile| (self.reached(tile) + below * self.width) * channels;
        let end = at(tiles.end).min(x.len());
        &x[at(tiles.start).min(end)..end]
    }

    /// The pixels of the 2×2 results of a tile, numbered through all blocks; `None` outside of the image.
    #[inline(always)]
    pub fn results(&self, tile: usize) -> [[Option<usize>; TILE]; TILE] {
        let [block, row, column] = self.corner(tile);
        let first = (block * self.height + row) * self.width + column;
        let mut pixels = [[None; TILE]; TILE];
        for (down, pixels) in pixels.iter_mut().enumerate() {
            for (right, pixel) in pixels.iter_mut().enumerate() {
                if row + down < self.height && column + right < self.width {
                    *pixel = Some(first + down * self.width + right);
                }
            }
        }
        pixels
    }

    /// Rows of N pixels of N rows, with all channels each, from `before` pixels above and left of a tile on: of the image,
    /// or if they leave it, of `padded`, to which they are copied with zeros around the image.
    #[inline(always)]
    pub fn rows<'a, const N: usize>(
        &self,
        tile: usize,
        before: usize,
        channels: usize,
        x: &'a [Block],
        padded: &'a mut [Block],
    ) -> [&'a [Block]; N] {
        let [block, row, column] = self.corner(tile);
        let (first, left) = (row.wrapping_sub(before), column.wrapping_sub(before));
        let inside = |first: usize, size: usize| first < size && size - first >= N;
        let mut rows: [&[Block]; N] = [&[]; N];
        if inside(first, self.height) && inside(left, self.width) {
            for (down, to) in rows.iter_mut().enumerate() {
                let pixel = (block * self.height + first + down) * self.width + left;
                *to = &x[pixel * channels..][..N * channels];
            }
            return rows;
        }
        for (number, to) in padded[..N * N * channels]
            .chunks_exact_mut(channels)
            .enumerate()
        {
            let row = first.wrapping_add(number / N);
            let column = left.wrapping_add(number % N);
            if row < self.height && column < self.width {
                let pixel = (block * self.height + row) * self.width + column;
                to.copy_from_slice(&x[pixel * channels..][..channels]);
            } else {
                to.fill([0.0; LANES]);
            }
        }
        let padded: &'a [Block] = padded;
        for (down, to) in rows.iter_mut().enumerate() {
            *to = &padded[down * N * channels..][..N * channels];
        }
        rows
    }
}
