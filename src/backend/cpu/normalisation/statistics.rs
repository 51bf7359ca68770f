//! The statistics of batch normalisation: see
//! [`Normalisations::batch_statistics`](crate::backend::Normalisations::batch_statistics) for the formula.

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::sums::{Lanes, Terms, load_some, of_channels, over_pixels, pixels, store_some};
use super::super::threads::{Job, MOVED};
use crate::backend::{BatchNormConfig, NormDims};
use crate::shape::LANES;

/// Computes the statistics of channels `first..first + mean.len()`.
pub struct Statistics<'a> {
    pub set: InstructionSet,
    pub dimensions: NormDims,
    pub settings: BatchNormConfig,
    pub x: &'a [Block],
    pub first: usize,
    pub mean: &'a mut [f32],
    pub inverse_deviation: &'a mut [f32],
    pub running_mean: &'a mut [f32],
    pub running_variance: &'a mut [f32],
}

impl Job for Statistics<'_> {
    fn work(&self) -> usize {
        let NormDims {
            samples, pixels, ..
        } = self.dimensions;
        samples * pixels * self.mean.len() * MOVED
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let channels = self.mean.len() * left / parts;
        if channels == 0 {
            return Err(self);
        }
        let (mean, later_mean) = self.mean.split_at_mut(channels);
        let (inverse_deviation, later_deviation) = self.inverse_deviation.split_at_mut(channels);
        let (running_mean, later_running_mean) = self.running_mean.split_at_mut(channels);
        let (running_variance, later_variance) = self.running_variance.split_at_mut(channels);
        let first = Statistics {
            mean,
            inverse_deviation,
            running_mean,
            running_variance,
            ..self
        };
        let rest = Statistics {
            first: self.first + channels,
            mean: later_mean,
            inverse_deviation: later_deviation,
            running_mean: later_running_mean,
            running_variance: later_variance,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        let channels = self.mean.len();
        // Two vectors per channel in each of two sets of lanes, and the shifts.
        scratch::with(4 * channels + channels.div_ceil(LANES), |scratch| {
            let (lanes, shift) = scratch.split_at_mut(4 * channels);
            let (lanes, _) = lanes.as_chunks_mut();
            let set = self.set;
            set.run(Estimate {
                operands: self,
                lanes,
                shift: &mut shift.as_flattened_mut()[..channels],
            });
        });
    }
}

/// The kernel, with memory for its sums.
struct Estimate<'a> {
    operands: Statistics<'a>,
    lanes: &'a mut [Lanes],
    shift: &'a mut [f32],
}

/// Σ x.
struct Sum<'a> {
    x: &'a [Block],
    channels: usize,
}

impl Terms for Sum<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let x = pixels::<P>(self.x, pixel, self.channels, first, lanes.len());
        for (channel, [sum, _]) in lanes.iter_mut().enumerate() {
            let mut total = s.load(sum);
            for x in x {
                total = s.add(total, s.load(&x[channel]));
            }
            s.store(total, sum);
        }
    }
}

/// Prefetch distance in pixels. A few adjacent pixels are too short for the processor to detect a
/// stream.
const AHEAD: usize = 8;

/// Σ (x − K) and Σ (x − K)², without the padding lanes.
struct Moments<'a> {
    x: &'a [Block],
    dimensions: NormDims,
    shift: &'a [f32],
}

impl Terms for Moments<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let zero = s.splat(0.0);
        let channels = self.dimensions.channels;
        let ahead = self.x.get((pixel + AHEAD) * channels..);
        let ahead = ahead.into_iter().flatten().take(P * channels);
        ahead.for_each(|x| s.prefetch(x));
        let x = pixels::<P>(self.x, pixel, channels, first, lanes.len());
        let present: [_; P] = core::array::from_fn(|p| s.load(&self.dimensions.present(pixel + p)));
        for (channel, (shift, [sum, square])) in self.shift.iter().zip(lanes).enumerate() {
            let shift = s.splat(*shift);
            let (mut total, mut squares) = (s.load(sum), s.load(square));
            for p in 0..P {
                let d = s.sub(s.load(&x[p][channel]), shift);
                let d = s.if_less(zero, present[p], d, zero);
                total = s.add(total, d);
                squares = s.fma(d, d, squares);
            }
            s.store(total, sum);
            s.store(squares, square);
        }
    }
}

impl Kernel for Estimate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Statistics {
            dimensions,
            settings,
            x,
            first,
            ..
        } = self.operands;
        let sum = Sum {
            x,
            channels: dimensions.channels,
        };
        let [start, counted] = dimensions.first_chunk();
        let sums = over_pixels(s, &sum, start, first, self.lanes);
        for (sums, shift) in sums.chunks(LANES).zip(self.shift.chunks_mut(LANES)) {
            let [sum, _] = of_channels(s, sums);
            store_some(s, s.div(sum, s.splat(counted as f32)), shift);
        }
        let moments = Moments {
            x,
            dimensions,
            shift: self.shift,
        };
        let sums = over_pixels(s, &moments, dimensions.all_pixels(), first, self.lanes);
        let count = dimensions.samples * dimensions.pixels;
        let (n, others) = (s.splat(count as f32), s.splat((count - 1) as f32));
        let (epsilon, one) = (s.splat(settings.epsilon), s.splat(1.0));
        let keep = s.splat(1.0 - settings.momentum);
        let momentum = s.splat(settings.momentum);
        let outputs = (self.operands.mean.chunks_mut(LANES))
            .zip(self.operands.inverse_deviation.chunks_mut(LANES))
            .zip(self.operands.running_mean.chunks_mut(LANES))
            .zip(self.operands.running_variance.chunks_mut(LANES));
        let inputs = sums.chunks(LANES).zip(self.shift.chunks(LANES));
        for ((sums, shift), (((mean, inverse), running_mean), running_variance)) in
            inputs.zip(outputs)
        {
            let [d, v] = of_channels(s, sums);
            let offset = s.div(d, n);
            let average = s.add(load_some(s, shift), offset);
            let squares = s.sub(v, s.mul(d, offset));
            let squares = s.if_less(squares, s.splat(0.0), s.splat(0.0), squares);
            let root = s.sqrt(s.add(s.div(squares, n), epsilon));
            store_some(s, average, mean);
            store_some(s, s.div(one, root), inverse);
            let old = s.mul(keep, load_some(s, running_mean));
            store_some(s, s.fma(momentum, average, old), running_mean);
            let old = s.mul(keep, load_some(s, running_variance));
            let unbiased = s.div(squares, others);
            store_some(s, s.fma(momentum, unbiased, old), running_variance);
        }
    }
}

/// Computes 1/√(variance + ε) from the running variances.
pub struct Running<'a> {
    pub epsilon: f32,
    pub variance: &'a [f32],
    pub inverse_deviation: &'a mut [f32],
}

impl Kernel for Running<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pairs = self.variance.chunks(LANES);
        for (variance, inverse) in pairs.zip(self.inverse_deviation.chunks_mut(LANES)) {
            let root = s.sqrt(s.add(load_some(s, variance), s.splat(self.epsilon)));
            store_some(s, s.div(s.splat(1.0), root), inverse);
        }
    }
}
