//! Average and max pooling.
//!
//! Blocks of samples are independent. Backward, each window adds its share to its pixels, windows
//! ascending, so that a pixel of several windows gets one chain.

use super::convolution::axis::{Axis, Direction, Reach};
use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use super::{Cpu, Floats};
use crate::backend::poolings::check_pooling;
use crate::backend::{Pool, Pooling, Poolings};
use crate::error::Result;
use crate::shape::LANES;

impl Poolings for Cpu {
    fn pool(&self, pool: Pool, dimensions: Pooling, x: &Floats, y: &mut Floats) -> Result<()> {
        check_pooling(self, "pooling", dimensions, &[("x", x)], ("y", y))?;
        if y.as_slice().is_empty() {
            return Ok(());
        }
        self.threads.run(Forward {
            set: self.set,
            pool,
            windows: Windows::new(dimensions)?,
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        });
        Ok(())
    }

    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pooling,
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
        self.threads.run(Backward {
            set: self.set,
            pool,
            windows: Windows::new(dimensions)?,
            x: x.as_blocks(),
            dy: dy.as_blocks(),
            dx: dx.as_mut_blocks(),
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
    fn new(dimensions: Pooling) -> Result<Self> {
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

    /// Vectors of x, and of y, in a block of samples.
    fn strides(&self) -> [usize; 2] {
        [
            self.rows.sources * self.columns.sources * self.channels,
            self.image[0] * self.image[1] * self.channels,
        ]
    }

    /// The window of this number, in row-major order.
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
    /// How many pixels it covers.
    #[inline(always)]
    fn count(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// Its pixel of this number, in row-major order.
    #[inline(always)]
    fn pixel(&self, number: usize) -> usize {
        let (row, column) = (number / self.columns.count, number % self.columns.count);
        (self.rows.source + row) * self.width + self.columns.source + column
    }
}

/// `yes` where `value` takes the place of `best`: it is larger, or NaN.
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

/// y of some blocks of samples.
struct Forward<'a> {
    set: InstructionSet,
    pool: Pool,
    windows: Windows,
    x: &'a [Block],
    y: &'a mut [Block],
}

impl Job for Forward<'_> {
    fn work(&self) -> usize {
        (self.x.len() + self.y.len()) * LANES
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let [x_stride, y_stride] = self.windows.strides();
        let blocks = self.y.len() / y_stride * left / parts;
        if blocks == 0 {
            return Err(self);
        }
        let (x, later_x) = self.x.split_at(blocks * x_stride);
        let (y, later_y) = self.y.split_at_mut(blocks * y_stride);
        let first = Forward { x, y, ..self };
        let rest = Forward {
            x: later_x,
            y: later_y,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

impl Kernel for Forward<'_> {
    type Output = ();

    // Loops without closures, pixels outside channels: a closure that is not inlined has no instruction
    // set, and then every vector goes through memory.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [x_stride, y_stride] = self.windows.strides();
        let channels = self.windows.channels;
        let blocks = self.y.chunks_exact_mut(y_stride);
        for (y, x) in blocks.zip(self.x.chunks_exact(x_stride)) {
            for (number, y) in y.chunks_exact_mut(channels).enumerate() {
                let window = self.windows.window(number);
                for number in 0..window.count() {
                    let x = &x[window.pixel(number) * channels..][..channels];
                    if number == 0 {
                        y.copy_from_slice(x);
                        continue;
                    }
                    for (y, x) in y.iter_mut().zip(x) {
                        let (before, value) = (s.load(y), s.load(x));
                        let result = match self.pool {
                            Pool::Average => s.add(before, value),
                            Pool::Max => if_wins(s, before, value, value, before),
                        };
                        s.store(result, y);
                    }
                }
                if let Pool::Average = self.pool {
                    let count = s.splat(window.count() as f32);
                    for y in y {
                        s.store(s.div(s.load(y), count), y);
                    }
                }
            }
        }
    }
}

/// dx of some blocks of samples.
struct Backward<'a> {
    set: InstructionSet,
    pool: Pool,
    windows: Windows,
    x: &'a [Block],
    dy: &'a [Block],
    dx: &'a mut [Block],
}

impl Job for Backward<'_> {
    fn work(&self) -> usize {
        (self.dx.len() + self.dy.len()) * LANES
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let [x_stride, y_stride] = self.windows.strides();
        let blocks = self.dy.len() / y_stride * left / parts;
        if blocks == 0 {
            return Err(self);
        }
        let (x, later_x) = self.x.split_at(blocks * x_stride);
        let (dy, later_dy) = self.dy.split_at(blocks * y_stride);
        let (dx, later_dx) = self.dx.split_at_mut(blocks * x_stride);
        let first = Backward { x, dy, dx, ..self };
        let rest = Backward {
            x: later_x,
            dy: later_dy,
            dx: later_dx,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [x_stride, y_stride] = self.windows.strides();
        let channels = self.windows.channels;
        let blocks = self.dx.chunks_exact_mut(x_stride);
        let sources = self.x.chunks_exact(x_stride);
        for ((dx, x), dy) in blocks.zip(sources).zip(self.dy.chunks_exact(y_stride)) {
            dx.fill([0.0; LANES]);
            for (number, dy) in dy.chunks_exact(channels).enumerate() {
                let window = self.windows.window(number);
                match self.pool {
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
                                // Where neither is less than the other.
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

/// The number of the pixel in a window that is its maximum, in each lane.
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
