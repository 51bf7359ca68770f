//! Sums over the elements of a buffer, and statistics of neurons.

use super::simd::{Block, Kernel, Simd};
use super::sums::{ChannelSums, Lanes, Terms, pixels};
use super::{Cpu, Floats};
use crate::backend::reductions::check_neuron_statistics;
use crate::backend::{NormDims, Reductions, check, summation};
use crate::error::Result;
use crate::shape::LANES;

impl Reductions for Cpu {
    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        sum.as_mut_slice()[0] = self.set.run(VectorSum::<false> { x: x.as_blocks() });
        Ok(())
    }

    fn squared_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "squared sum", "sum", sum)?;
        sum.as_mut_slice()[0] = self.set.run(VectorSum::<true> { x: x.as_blocks() });
        Ok(())
    }

    fn neuron_statistics(
        &self,
        dimensions: NormDims,
        x: &Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check_neuron_statistics(self, dimensions, x, statistics)?;
        let channels = dimensions.channels;
        let (means, spreads) = statistics.as_mut_slice().split_at_mut(2 * channels);
        let (mean, magnitude) = means.split_at_mut(channels);
        let (deviation, active) = spreads.split_at_mut(channels);
        let mut terms = Moments {
            dimensions,
            x: x.as_blocks(),
            means: None,
        };
        let results = [&mut *mean, magnitude].map(Some);
        self.threads
            .run(ChannelSums::new(self.set, dimensions, terms, results));
        terms.means = Some(mean);
        let results = [deviation, active].map(Some);
        self.threads
            .run(ChannelSums::new(self.set, dimensions, terms, results));
        Ok(())
    }
}

/// Σ x/n and Σ|x|/n or, given the means, √(Σ (x − mean)²/n) without the padding lanes and the fraction of x > 0.
#[derive(Clone, Copy)]
struct Moments<'a> {
    dimensions: NormDims,
    x: &'a [Block],
    means: Option<&'a [f32]>,
}

impl Terms for Moments<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let sign = s.splat_bits(0x7fff_ffff);
        let x = pixels::<P>(self.x, pixel, self.dimensions.channels, first, lanes.len());
        let present: [_; P] = core::array::from_fn(|p| s.load(&self.dimensions.present(pixel + p)));
        for (channel, [sum, other]) in lanes.iter_mut().enumerate() {
            let (mut a, mut b) = (s.load(sum), s.load(other));
            for p in 0..P {
                let x = s.load(&x[p][channel]);
                match self.means {
                    None => {
                        a = s.add(a, x);
                        b = s.add(b, s.and(x, sign));
                    }
                    Some(means) => {
                        let d = s.sub(x, s.splat(means[first + channel]));
                        let d = s.if_less(zero, present[p], d, zero);
                        a = s.fma(d, d, a);
                        b = s.add(b, s.if_less(zero, x, one, zero));
                    }
                }
            }
            s.store(a, sum);
            s.store(b, other);
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, _channel: usize, sums: [S::Vector; 2]) -> [S::Vector; 2] {
        let n = s.splat((self.dimensions.samples * self.dimensions.pixels) as f32);
        let [first, second] = sums;
        let (first, second) = (s.div(first, n), s.div(second, n));
        match self.means {
            None => [first, second],
            Some(_) => [s.sqrt(first), second],
        }
    }
}

/// Σ|x|, or Σ fl(x²) if `SQUARED`, in the order of [`summation`].
pub struct VectorSum<'a, const SQUARED: bool> {
    pub x: &'a [Block],
}

impl<const SQUARED: bool> Kernel for VectorSum<'_, SQUARED> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let magnitude = s.splat_bits(0x7fff_ffff);
        let mut total = s.splat(0.0);
        for chunk in self.x.chunks(summation::CHUNK) {
            let mut sum = s.splat(0.0);
            for x in chunk {
                let x = s.load(x);
                let term = match SQUARED {
                    true => s.mul(x, x),
                    false => s.and(x, magnitude),
                };
                sum = s.add(sum, term);
            }
            total = s.add(total, sum);
        }
        let mut lanes = [0.0; LANES];
        s.store(total, &mut lanes);
        summation::lanes(lanes)
    }
}
