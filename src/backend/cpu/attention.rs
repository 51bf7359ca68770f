//! Softmax over rows, and products of activations with activations.

use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use super::{Cpu, Floats, math};
use crate::backend::attention::{check_rows, check_sample_product, check_softmax};
use crate::backend::{Attention, Normalisation, SampleProduct};
use crate::error::Result;
use crate::shape::LANES;

impl Attention for Cpu {
    fn softmax(&self, dimensions: Normalisation, x: &mut Floats) -> Result<()> {
        check_softmax(self, dimensions, None, x)?;
        self.rows(dimensions, None, x);
        Ok(())
    }

    fn softmax_backward(
        &self,
        dimensions: Normalisation,
        y: &Floats,
        dy: &mut Floats,
    ) -> Result<()> {
        check_softmax(self, dimensions, Some(y), dy)?;
        self.rows(dimensions, Some(y), dy);
        Ok(())
    }

    fn sample_product(
        &self,
        dimensions: SampleProduct,
        a: &Floats,
        b: &Floats,
        c: &mut Floats,
    ) -> Result<()> {
        check_sample_product(self, dimensions, [a, b, c])?;
        if c.as_slice().is_empty() {
            return Ok(());
        }
        self.threads.run(Multiply {
            set: self.set,
            dimensions,
            a: a.as_blocks(),
            b: b.as_blocks(),
            c: c.as_mut_blocks(),
        });
        Ok(())
    }

    fn to_rows(
        &self,
        samples: usize,
        features: usize,
        x: &Floats,
        rows: &mut Floats,
    ) -> Result<()> {
        check_rows(self, [samples, features], x, rows)?;
        if features == 0 {
            return Ok(());
        }
        let x = x.as_blocks();
        for (sample, row) in rows.as_mut_slice().chunks_exact_mut(features).enumerate() {
            let block = &x[sample / LANES * features..][..features];
            for (to, from) in row.iter_mut().zip(block) {
                *to = from[sample % LANES];
            }
        }
        Ok(())
    }

    fn to_blocked(
        &self,
        samples: usize,
        features: usize,
        rows: &Floats,
        x: &mut Floats,
    ) -> Result<()> {
        check_rows(self, [samples, features], x, rows)?;
        if features == 0 {
            return Ok(());
        }
        let x = x.as_mut_blocks();
        x.fill([0.0; LANES]);
        for (sample, row) in rows.as_slice().chunks_exact(features).enumerate() {
            let block = &mut x[sample / LANES * features..][..features];
            for (to, from) in block.iter_mut().zip(row) {
                to[sample % LANES] = *from;
            }
        }
        Ok(())
    }
}

impl Cpu {
    /// Softmax of x or, with its output y, the gradient in the place of x.
    fn rows(&self, dimensions: Normalisation, y: Option<&Floats>, x: &mut Floats) {
        if dimensions.channels > 0 {
            self.threads.run(Softmax {
                set: self.set,
                dimensions,
                y: y.map(Floats::as_blocks),
                first: 0,
                x: x.as_mut_blocks(),
            });
        }
    }
}

/// Softmax of pixels `first..`, counted through all blocks or, with its output y, the gradient.
struct Softmax<'a> {
    set: InstructionSet,
    dimensions: Normalisation,
    y: Option<&'a [Block]>,
    first: usize,
    x: &'a mut [Block],
}

impl Job for Softmax<'_> {
    fn work(&self) -> usize {
        // An exponential takes as long as moving some ten numbers.
        self.x.len() * LANES * 10
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let channels = self.dimensions.channels;
        let pixels = self.x.len() / channels * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let (y, later_y) = self.y.map(|y| y.split_at(pixels * channels)).unzip();
        let (x, later_x) = self.x.split_at_mut(pixels * channels);
        let first = Softmax { y, x, ..self };
        let rest = Softmax {
            y: later_y,
            first: self.first + pixels,
            x: later_x,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let zero = s.splat(0.0);
        let channels = self.dimensions.channels;
        for (number, row) in self.x.chunks_exact_mut(channels).enumerate() {
            let present = s.load(&self.dimensions.present(self.first + number));
            if let Some(y) = self.y {
                let y = &y[number * channels..][..channels];
                let mut total = zero;
                for (dy, y) in row.iter().zip(y) {
                    total = s.fma(s.load(dy), s.load(y), total);
                }
                for (dy, y) in row.iter_mut().zip(y) {
                    let dx = s.mul(s.load(y), s.sub(s.load(dy), total));
                    s.store(s.if_less(zero, present, dx, zero), dy);
                }
                continue;
            }
            let mut largest = s.load(&row[0]);
            for x in row.iter() {
                let x = s.load(x);
                largest = s.if_less(largest, x, x, largest);
            }
            let mut total = zero;
            for x in row.iter_mut() {
                let e = math::exp(s, s.sub(s.load(x), largest));
                total = s.add(total, e);
                s.store(e, x);
            }
            for x in row.iter_mut() {
                let share = s.div(s.load(x), total);
                s.store(s.if_less(zero, present, share, zero), x);
            }
        }
    }
}

/// c of some blocks of samples.
struct Multiply<'a> {
    set: InstructionSet,
    dimensions: SampleProduct,
    a: &'a [Block],
    b: &'a [Block],
    c: &'a mut [Block],
}

impl Job for Multiply<'_> {
    fn work(&self) -> usize {
        self.c.len() * LANES * self.dimensions.terms
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let d = self.dimensions;
        let blocks = d.blocks * left / parts;
        if blocks == 0 {
            return Err(self);
        }
        let (a, later_a) = self.a.split_at(blocks * d.rows * d.terms);
        let (b, later_b) = self.b.split_at(blocks * d.terms * d.columns);
        let (c, later_c) = self.c.split_at_mut(blocks * d.rows * d.columns);
        let first = Multiply {
            dimensions: SampleProduct { blocks, ..d },
            a,
            b,
            c,
            ..self
        };
        let rest = Multiply {
            dimensions: SampleProduct {
                blocks: d.blocks - blocks,
                ..d
            },
            a: later_a,
            b: later_b,
            c: later_c,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

/// Columns whose sums are kept in registers at a time.
const TILE: usize = 4;

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let d = self.dimensions;
        let [row_step, a_step] = d.steps_a();
        let [b_step, column_step] = d.steps_b();
        let blocks = self.c.chunks_exact_mut(d.rows * d.columns);
        for (block, c) in blocks.enumerate() {
            let a = &self.a[block * d.rows * d.terms..][..d.rows * d.terms];
            let b = &self.b[block * d.terms * d.columns..][..d.terms * d.columns];
            for (row, c) in c.chunks_exact_mut(d.columns).enumerate() {
                for (tile, c) in c.chunks_mut(TILE).enumerate() {
                    let mut sums = [s.splat(0.0); TILE];
                    for term in 0..d.terms {
                        let a = s.load(&a[row * row_step + term * a_step]);
                        for (j, sum) in sums.iter_mut().enumerate().take(c.len()) {
                            let column = tile * TILE + j;
                            let b = s.load(&b[term * b_step + column * column_step]);
                            *sum = s.fma(a, b, *sum);
                        }
                    }
                    for (sum, c) in sums.iter().zip(c) {
                        s.store(*sum, c);
                    }
                }
            }
        }
    }
}
