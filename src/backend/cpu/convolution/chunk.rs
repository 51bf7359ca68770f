//! Chunks of output pixels: what a tap finds in them, and what is read next.

use core::ops::Range;

use crate::backend::{Convolution, Window};

/// A multiply-add of a tap: the first vectors of the pixels of dy and x.
pub type Step = [usize; 2];

/// A pixel that is to be asked for, counted through all blocks.
#[derive(Clone, Copy)]
pub enum Coming {
    Dy(usize),
    X(usize),
}

/// What a chunk will read and none before it, to be asked for in equal parts over some visits.
pub struct Ahead<'a> {
    pixels: &'a Pixels,
    /// The pixels of dy, and of x. Where windows leave gaps, those of x are counted by the output
    /// pixels that they belong to.
    dy: Range<usize>,
    x: Range<usize>,
    visits: usize,
    /// Pixels in all, times the visits made; pixels asked for, times all visits.
    due: usize,
    asked: usize,
    count: usize,
}

impl Ahead<'_> {
    /// The next pixel that is due, until the visit has had its part; then the next visit begins.
    #[inline(always)]
    pub fn next_pixel(&mut self) -> Option<Coming> {
        if self.asked > self.due {
            self.due += self.count;
            return None;
        }
        self.asked += self.visits;
        if let Some(pixel) = self.dy.next() {
            return Some(Coming::Dy(pixel));
        }
        let Some(pixel) = self.x.next() else {
            self.asked = usize::MAX;
            return None;
        };
        let window = self.pixels.dimensions.window;
        Some(Coming::X(if window.size < window.stride {
            self.pixels.corner(pixel)
        } else {
            pixel
        }))
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

    /// The steps of a tap in the chunk `begin..end`: its output pixels, without those whose tap falls
    /// in the padding. There is room for all; the number of those that are used is returned.
    #[inline(always)]
    pub fn steps(
        &self,
        [begin, end]: [usize; 2],
        [tap_row, tap_column]: [usize; 2],
        steps: &mut [Step],
    ) -> usize {
        let [rows, columns] = self.image;
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
        let mut count = 0;
        let mut pixel = begin;
        while pixel < end {
            // What is left of the pixel's row.
            let (row, column) = (pixel / columns, pixel % columns);
            let first = pixel - column;
            let last = columns.min(column + end - pixel);
            let block = row / rows;
            let row = (row % rows * stride + tap_row).wrapping_sub(padding);
            if row < height {
                for column in column..last {
                    let x = (column * stride + tap_column).wrapping_sub(padding);
                    if x < width {
                        let dy = first + column;
                        let x = (block * height + row) * width + x;
                        steps[count] = [dy * outputs, x * inputs];
                        count += 1;
                    }
                }
            }
            pixel += last - column;
        }
        count
    }

    /// What the output pixels of a chunk read and none before them.
    #[inline(always)]
    pub fn ahead(&self, chunk: Range<usize>, visits: usize) -> Ahead<'_> {
        let window = self.dimensions.window;
        let x = if window.size < window.stride {
            chunk.clone()
        } else {
            self.frontier(chunk.start)..self.frontier(chunk.end)
        };
        Ahead {
            pixels: self,
            visits,
            due: 0,
            asked: 0,
            count: chunk.len() + x.len(),
            dy: chunk,
            x,
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
