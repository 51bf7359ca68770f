//! Softmax over rows, and products of two activations.

use super::simd::{Kernel, Simd};
use super::spread::Spread;
use super::{Cpu, Floats, math};
use crate::backend::attention::{check_rows, check_sample_product, check_softmax};
use crate::backend::{Attention, NormDims, SampleProduct};
use crate::error::Result;
use crate::shape::LANES;

impl Attention for Cpu {
    fn softmax(&self, dimensions: NormDims, x: &mut Floats) -> Result<()> {
        check_softmax(self, dimensions, None, x)?;
        self.rows(dimensions, None, x);
        Ok(())
    }

    fn softmax_backward(&self, dimensions: NormDims, y: &Floats, dy: &mut Floats) -> Result<()> {
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
        self.threads.run(Spread {
            set: self.set,
            kernel: Multiply(dimensions),
            first: 0,
            count: dimensions.blocks,
            work: dimensions.rows * dimensions.columns * dimensions.terms * LANES,
            read: [a.as_blocks(), b.as_blocks()],
            written: [c.as_mut_blocks()],
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
    /// Softmax of x in place or, given softmax's output y, its gradient in place of x (then dy).
    fn rows(&self, dimensions: NormDims, y: Option<&Floats>, x: &mut Floats) {
        if dimensions.channels > 0 {
            let read = [y.map_or(&[][..], Floats::as_blocks)];
            let written = [x.as_mut_blocks()];
            let mut job = Spread::pixels(self.set, dimensions, Softmax(dimensions), read, written);
            // An exponential costs about as much as moving ten elements.
            job.work *= 10;
            self.threads.run(job);
        }
    }
}

/// Softmax of x in place or, if its output y is given, the gradient.
#[derive(Clone, Copy)]
struct Softmax(NormDims);

impl Kernel for Spread<'_, Softmax, 1, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Softmax(dimensions),
            first,
            read: [y],
            written: [x],
            ..
        } = self;
        let zero = s.splat(0.0);
        let channels = dimensions.channels;
        for (number, row) in x.chunks_exact_mut(channels).enumerate() {
            let present = s.load(&dimensions.present(first + number));
            if let Some(y) = y.get(number * channels..(number + 1) * channels) {
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

/// The products of blocks of samples: reads a and b, writes c.
#[derive(Clone, Copy)]
struct Multiply(SampleProduct);

/// Columns whose sums are kept in registers together.
const TILE: usize = 4;

impl Kernel for Spread<'_, Multiply, 2, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Multiply(d),
            read: [all_a, all_b],
            written: [c],
            ..
        } = self;
        let [row_step, a_step] = d.steps_a();
        let [b_step, column_step] = d.steps_b();
        let blocks = c.chunks_exact_mut(d.rows * d.columns);
        for (block, c) in blocks.enumerate() {
            let a = &all_a[block * d.rows * d.terms..][..d.rows * d.terms];
            let b = &all_b[block * d.terms * d.columns..][..d.terms * d.columns];
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
