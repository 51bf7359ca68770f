//! Sums over the numbers of a buffer.

use super::simd::{Block, Kernel, Simd};
use super::{Cpu, Floats};
use crate::backend::{Reductions, check, summation};
use crate::error::Result;
use crate::shape::LANES;

impl Reductions for Cpu {
    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        sum.as_mut_slice()[0] = self.set.run(AbsoluteSum { x: x.as_blocks() });
        Ok(())
    }
}

/// Σ|x| in the shape of [`summation`].
pub struct AbsoluteSum<'a> {
    pub x: &'a [Block],
}

impl Kernel for AbsoluteSum<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let magnitude = s.splat_bits(0x7fff_ffff);
        let mut total = s.splat(0.0);
        for chunk in self.x.chunks(summation::CHUNK) {
            let mut sum = s.splat(0.0);
            for x in chunk {
                sum = s.add(sum, s.and(s.load(x), magnitude));
            }
            total = s.add(total, sum);
        }
        let mut lanes = [0.0; LANES];
        s.store(total, &mut lanes);
        summation::lanes(lanes)
    }
}
