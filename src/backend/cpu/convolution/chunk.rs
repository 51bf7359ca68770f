//! Chunks of output pixels: the multiply-adds of each tap, and what to prefetch.

use core::ops::Range;

use crate::backend::{Conv2dDims, Window};

/// One multiply-add of a tap: the indices of the first vectors of its pixels of dy and x.
pub type Step = [usize; 2];

/// A pixel to prefetch, numbered through all blocks.
#[derive(Clone, Copy)]
pub enum Coming {
    Dy(usize),
    X(usize),
}

/// The pixels that a chunk reads and no chunk before it, to be prefetched in equal parts over a number of visits.
pub struct Ahead<'a> {
    pixels: &'a Pixels,
    /// The pixels of dy, and of x. If windows leave gaps, the pixels of x are numbered by the output
    /// pixels that they belong to.
    dy: Range<usize>,
    x: Range<usize>,
    visits: usize,
    /// (All pixels) × (visits made), and (pixels prefetched) × (all visits).
    due: usize,
    asked: usize,
    count: usize,
}

impl Ahead<'_> {
    /// The next pixel to prefetch; `None` at the end of a visit's part, after which the next visit begins.
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

/// The output pixels of all blocks, numbered through `[blocks][rows][columns]`.
#[derive(Clone, Copy)]
pub struct Pixels {
    pub dimensions: Conv2dDims,
    /// Rows and columns of an output image.
    pub image: [usize; 2],
}

impl Pixels {
    /// The number of output pixels.
    pub fn count(&self) -> usize {
        self.dimensions.blocks * self.image[0] * self.image[1]
    }

    /// Writes the steps of a tap in the chunk `begin..end`, one per output pixel, and skips pixels whose tap falls
    /// in the padding. Returns the number of steps written.
    #[inline(always)]
    pub fn steps(
        &self,
        [begin, end]: [usize; 2],
        [tap_row, tap_column]: [usize; 2],
        steps: &mut [Step],
    ) -> usize {
        let [rows, columns] = self.image;
        let Conv2dDims {
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
            // The rest of the pixel's row.
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

    /// The pixels that this chunk reads and no chunk before it.
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

    /// The end, in pixels of x, of the last row that output pixels before `pixel` read.
    #[inline(always)]
    fn frontier(&self, pixel: usize) -> usize {
        let [rows, columns] = self.image;
        let Conv2dDims {
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

    /// The first pixel of x in an output pixel's window; for a 1×1 window without padding, the only one.
    #[inline(always)]
    pub fn corner(&self, pixel: usize) -> usize {
        let [rows, columns] = self.image;
        let Conv2dDims {
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
