//! Average and max pooling.
//!
//! Blocks of samples are independent. In the backward pass each window adds its share to its pixels, windows
//! ascending, so the terms of a pixel in several windows form one chain.

use super::convolution::axis::{Axis, Direction, Reach};
use super::simd::{Block, Kernel, Simd};
use super::spread::Spread;
use super::{Cpu, Floats};
use crate::backend::poolings::check_pooling;
use crate::backend::{Pool, Pool2dDims, Poolings};
use crate::error::Result;
use crate::shape::LANES;

impl Poolings for Cpu {
    fn pool(&self, pool: Pool, dimensions: Pool2dDims, x: &Floats, y: &mut Floats) -> Result<()> {
        check_pooling(self, "pooling", dimensions, &[("x", x)], ("y", y))?;
        if y.as_slice().is_empty() {
            return Ok(());
        }
        let windows = Windows::new(dimensions)?;
        self.threads.run(Spread {
            set: self.set,
            kernel: Forward { pool, windows },
            first: 0,
            count: dimensions.blocks,
            work: windows.strides().iter().sum::<usize>() * LANES,
            read: [x.as_blocks()],
            written: [y.as_mut_blocks()],
        });
        Ok(())
    }

    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pool2dDims,
        x: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        check_pooling(
            self,
            "pooling backward",
            dimensions,
            &[("x", x), ("dx", dx)],
            ("dy", dy),
        )?;
        if dy.as_slice().is_empty() {
            return Ok(());
        }
        let windows = Windows::new(dimensions)?;
        self.threads.run(Spread {
            set: self.set,
            kernel: Backward { pool, windows },
            first: 0,
            count: dimensions.blocks,
            work: windows.strides().iter().sum::<usize>() * LANES,
            read: [x.as_blocks(), dy.as_blocks()],
            written: [dx.as_mut_blocks()],
        });
        Ok(())
    }
}

/// The windows of an image.
#[derive(Clone, Copy)]
struct Windows {
    channels: usize,
    /// Rows and columns of windows.
    image: [usize; 2],
    rows: Axis,
    columns: Axis,
}

impl Windows {
    fn new(dimensions: Pool2dDims) -> Result<Self> {
        let [rows, columns] = [dimensions.height, dimensions.width].map(|sources| Axis {
            direction: Direction::Forward,
            window: dimensions.window,
            sources,
        });
        Ok(Windows {
            channels: dimensions.channels,
            image: dimensions.output()?,
            rows,
            columns,
        })
    }

    /// Vectors in one block of samples, of x and of y.
    fn strides(&self) -> [usize; 2] {
        [
            self.rows.sources * self.columns.sources * self.channels,
            self.image[0] * self.image[1] * self.channels,
        ]
    }

    /// The window with this number, in row-major order.
    #[inline(always)]
    fn window(&self, number: usize) -> Window {
        Window {
            rows: self.rows.reach(number / self.image[1]),
            columns: self.columns.reach(number % self.image[1]),
            width: self.columns.sources,
        }
    }
}

/// The pixels that a window covers.
struct Window {
    rows: Reach,
    columns: Reach,
    width: usize,
}

impl Window {
    /// The number of pixels it covers.
    #[inline(always)]
    fn count(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// Its pixel with this number, in row-major order.
    #[inline(always)]
    fn pixel(&self, number: usize) -> usize {
        let (row, column) = (number / self.columns.count, number % self.columns.count);
        (self.rows.source + row) * self.width + self.columns.source + column
    }
}

/// `yes` where `value` replaces `best`: it is larger, or NaN.
#[inline(always)]
fn if_wins<S: Simd>(
    s: S,
    best: S::Vector,
    value: S::Vector,
    yes: S::Vector,
    no: S::Vector,
) -> S::Vector {
    // Only NaN is neither below +∞ nor above −∞.
    let infinity = s.splat(f32::INFINITY);
    let otherwise = s.if_less(s.splat(f32::NEG_INFINITY), value, no, yes);
    s.if_less(best, value, yes, s.if_less(value, infinity, no, otherwise))
}

/// The forward pass on blocks of samples: reads x, writes y.
#[derive(Clone, Copy)]
struct Forward {
    pool: Pool,
    windows: Windows,
}

impl Kernel for Spread<'_, Forward, 1, 1> {
    type Output = ();

    // Loops without closures, with pixels outside channels: a closure that is not inlined has no instruction
    // set, and then every vector passes through memory.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Forward { pool, windows },
            read: [x],
            written: [y],
            ..
        } = self;
        let [x_stride, y_stride] = windows.strides();
        let channels = windows.channels;
        let blocks = y.chunks_exact_mut(y_stride);
        for (y, x) in blocks.zip(x.chunks_exact(x_stride)) {
            for (number, y) in y.chunks_exact_mut(channels).enumerate() {
                let window = windows.window(number);
                for number in 0..window.count() {
                    let x = &x[window.pixel(number) * channels..][..channels];
                    if number == 0 {
                        y.copy_from_slice(x);
                        continue;
                    }
                    for (y, x) in y.iter_mut().zip(x) {
                        let (before, value) = (s.load(y), s.load(x));
                        let result = match pool {
                            Pool::Average => s.add(before, value),
                            Pool::Max => if_wins(s, before, value, value, before),
                        };
                        s.store(result, y);
                    }
                }
                if let Pool::Average = pool {
                    let count = s.splat(window.count() as f32);
                    for y in y {
                        s.store(s.div(s.load(y), count), y);
                    }
                }
            }
        }
    }
}

/// The backward pass on blocks of samples: reads x and dy, writes dx.
#[derive(Clone, Copy)]
struct Backward {
    pool: Pool,
    windows: Windows,
}

impl Kernel for Spread<'_, Backward, 2, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Backward { pool, windows },
            read: [x, dy],
            written: [dx],
            ..
        } = self;
        let [x_stride, y_stride] = windows.strides();
        let channels = windows.channels;
        let blocks = dx.chunks_exact_mut(x_stride);
        let sources = x.chunks_exact(x_stride);
        for ((dx, x), dy) in blocks.zip(sources).zip(dy.chunks_exact(y_stride)) {
            dx.fill([0.0; LANES]);
            for (number, dy) in dy.chunks_exact(channels).enumerate() {
                let window = windows.window(number);
                match pool {
                    Pool::Average => {
                        let count = s.splat(window.count() as f32);
                        for number in 0..window.count() {
                            let dx = &mut dx[window.pixel(number) * channels..][..channels];
                            for (dx, dy) in dx.iter_mut().zip(dy) {
                                let share = s.div(s.load(dy), count);
                                s.store(s.add(s.load(dx), share), dx);
                            }
                        }
                    }
                    Pool::Max => {
                        for (channel, dy) in dy.iter().enumerate() {
                            let at = winner(s, &window, x, channels, channel);
                            let zero = s.splat(0.0);
                            for number in 0..window.count() {
                                let dx = &mut dx[window.pixel(number) * channels + channel];
                                let number = s.splat(number as f32);
                                // Equal: neither is less than the other.
                                let share = s.if_less(at, number, zero, s.load(dy));
                                let share = s.if_less(number, at, zero, share);
                                s.store(s.add(s.load(dx), share), dx);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The number, in the window, of the pixel that is its maximum, in each lane.
#[inline(always)]
fn winner<S: Simd>(
    s: S,
    window: &Window,
    x: &[Block],
    channels: usize,
    channel: usize,
) -> S::Vector {
    let (mut best, mut at) = (s.splat(f32::NEG_INFINITY), s.splat(0.0));
    for number in 0..window.count() {
        let value = s.load(&x[window.pixel(number) * channels + channel]);
        at = if_wins(s, best, value, s.splat(number as f32), at);
        best = if_wins(s, best, value, value, best);
    }
    at
}
