//! Sums over the numbers of a buffer, and statistics of neurons.

use super::normalisation::sums::{Lanes, Terms, of_channels, over_pixels, pixels, store_some};
use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use super::{Cpu, Floats, scratch};
use crate::backend::reductions::check_neuron_statistics;
use crate::backend::{Normalisation, Reductions, check, summation};
use crate::error::Result;
use crate::shape::LANES;

impl Reductions for Cpu {
    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        sum.as_mut_slice()[0] = self.set.run(AbsoluteSum { x: x.as_blocks() });
        Ok(())
    }

    fn neuron_statistics(
        &self,
        dimensions: Normalisation,
        x: &Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check_neuron_statistics(self, dimensions, x, statistics)?;
        let channels = dimensions.channels;
        let (means, spreads) = statistics.as_mut_slice().split_at_mut(2 * channels);
        let (mean, magnitude) = means.split_at_mut(channels);
        let (deviation, active) = spreads.split_at_mut(channels);
        self.threads.run(Neurons {
            set: self.set,
            dimensions,
            x: x.as_blocks(),
            first: 0,
            results: [mean, magnitude, deviation, active],
        });
        Ok(())
    }
}

/// The statistics of channels `first..`, as many as there is room for.
struct Neurons<'a> {
    set: InstructionSet,
    dimensions: Normalisation,
    x: &'a [Block],
    first: usize,
    results: [&'a mut [f32]; 4],
}

impl Job for Neurons<'_> {
    fn work(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels * self.results[0].len()
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let channels = self.results[0].len() * left / parts;
        if channels == 0 {
            return Err(self);
        }
        let [a, b, c, d] = self.results.map(|result| result.split_at_mut(channels));
        let first = Neurons {
            results: [a.0, b.0, c.0, d.0],
            ..self
        };
        let rest = Neurons {
            first: self.first + channels,
            results: [a.1, b.1, c.1, d.1],
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        scratch::with(4 * self.results[0].len(), |lanes| {
            let (lanes, _) = lanes.as_chunks_mut();
            let set = self.set;
            set.run(Estimate {
                operands: self,
                lanes,
            });
        });
    }
}

struct Estimate<'a> {
    operands: Neurons<'a>,
    lanes: &'a mut [Lanes],
}

/// Σ x and Σ|x| of channels `first..` or, with their means, Σ (x − mean)² without the padding and the count of
/// x > 0.
struct Moments<'a> {
    dimensions: Normalisation,
    x: &'a [Block],
    first: usize,
    means: Option<&'a [f32]>,
}

impl Terms for Moments<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, lanes: &mut [Lanes]) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let sign = s.splat_bits(0x7fff_ffff);
        let x = pixels::<P>(
            self.x,
            pixel,
            self.dimensions.channels,
            self.first,
            lanes.len(),
        );
        let present: [_; P] = core::array::from_fn(|p| s.load(&self.dimensions.present(pixel + p)));
        for (channel, [first, second]) in lanes.iter_mut().enumerate() {
            let (mut a, mut b) = (s.load(first), s.load(second));
            for p in 0..P {
                let x = s.load(&x[p][channel]);
                match self.means {
                    None => {
                        a = s.add(a, x);
                        b = s.add(b, s.and(x, sign));
                    }
                    Some(means) => {
                        let d = s.sub(x, s.splat(means[channel]));
                        let d = s.if_less(zero, present[p], d, zero);
                        a = s.fma(d, d, a);
                        b = s.add(b, s.if_less(zero, x, one, zero));
                    }
                }
            }
            s.store(a, first);
            s.store(b, second);
        }
    }
}

impl Kernel for Estimate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Neurons {
            dimensions,
            x,
            first,
            results: [mean, magnitude, deviation, active],
            ..
        } = self.operands;
        let pixels = dimensions.samples.div_ceil(LANES) * dimensions.pixels;
        let n = s.splat((dimensions.samples * dimensions.pixels) as f32);
        let mut moments = Moments {
            dimensions,
            x,
            first,
            means: None,
        };
        let sums = over_pixels(s, &moments, pixels, self.lanes).chunks(LANES);
        let results = mean.chunks_mut(LANES).zip(magnitude.chunks_mut(LANES));
        for (sums, (mean, magnitude)) in sums.zip(results) {
            let [total, magnitudes] = of_channels(s, sums);
            store_some(s, s.div(total, n), mean);
            store_some(s, s.div(magnitudes, n), magnitude);
        }
        moments.means = Some(mean);
        let sums = over_pixels(s, &moments, pixels, self.lanes).chunks(LANES);
        let results = deviation.chunks_mut(LANES).zip(active.chunks_mut(LANES));
        for (sums, (deviation, active)) in sums.zip(results) {
            let [squares, count] = of_channels(s, sums);
            store_some(s, s.sqrt(s.div(squares, n)), deviation);
            store_some(s, s.div(count, n), active);
        }
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
