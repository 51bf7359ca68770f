//! Layer normalisation and its gradient: see
//! [`Normalisations::layer_normalise`](crate::backend::Normalisations::layer_normalise).

use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::super::sums::{Lanes, Terms, pixels};
use crate::backend::NormDims;

/// Mean and r of a pixel, for 16 samples.
type Statistics = [Block; 2];

/// The forward pass: reads x, and writes y and the statistics (two blocks per pixel).
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub dimensions: NormDims,
    pub epsilon: f32,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
}

impl Kernel for Spread<'_, Forward<'_>, 1, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            read: [x],
            written: [statistics, y],
            ..
        } = self;
        let (statistics, _) = statistics.as_chunks_mut();
        let gamma = kernel.gamma;
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let (n, epsilon) = (s.splat(gamma.len() as f32), s.splat(kernel.epsilon));
        let rows = x.chunks_exact(gamma.len());
        let results = y.chunks_exact_mut(gamma.len());
        let all = rows.zip(results).zip(statistics);
        for (number, ((x, y), [kept_mean, kept_inverse])) in all.enumerate() {
            let mut sum = zero;
            for x in x {
                sum = s.add(sum, s.load(x));
            }
            let mean = s.div(sum, n);
            let mut squares = zero;
            for x in x {
                let d = s.sub(s.load(x), mean);
                squares = s.fma(d, d, squares);
            }
            let inverse = s.div(one, s.sqrt(s.add(s.div(squares, n), epsilon)));
            s.store(mean, kept_mean);
            s.store(inverse, kept_inverse);
            let present = s.load(&kernel.dimensions.present(first + number));
            for ((x, y), (gamma, beta)) in x.iter().zip(y).zip(gamma.iter().zip(kernel.beta)) {
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                let value = s.fma(unit, s.splat(*gamma), s.splat(*beta));
                s.store(s.if_less(zero, present, value, zero), y);
            }
        }
    }
}

/// dβ = Σ dy and dγ = Σ dy·x̂.
#[derive(Clone, Copy)]
pub struct Gradients<'a> {
    pub dimensions: NormDims,
    pub statistics: &'a [Statistics],
    pub x: &'a [Block],
    pub dy: &'a [Block],
}

impl Terms for Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let channels = self.dimensions.channels;
        let x = pixels::<P>(self.x, pixel, channels, first, lanes.len());
        let dy = pixels::<P>(self.dy, pixel, channels, first, lanes.len());
        for (channel, [beta, gamma]) in lanes.iter_mut().enumerate() {
            let (mut sum, mut product) = (s.load(beta), s.load(gamma));
            for p in 0..P {
                let [mean, inverse] = &self.statistics[pixel + p];
                let d = s.sub(s.load(&x[p][channel]), s.load(mean));
                let dy = s.load(&dy[p][channel]);
                sum = s.add(sum, dy);
                product = s.fma(dy, s.mul(d, s.load(inverse)), product);
            }
            s.store(sum, beta);
            s.store(product, gamma);
        }
    }
}

/// The backward pass: reads the statistics and x, and overwrites dy with dx.
#[derive(Clone, Copy)]
pub struct Backward<'a> {
    pub dimensions: NormDims,
    pub gamma: &'a [f32],
}

impl Kernel for Spread<'_, Backward<'_>, 2, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            read: [statistics, x],
            written: [dy],
            ..
        } = self;
        let (statistics, _): (&[Statistics], _) = statistics.as_chunks();
        let gamma = kernel.gamma;
        let zero = s.splat(0.0);
        let n = s.splat(gamma.len() as f32);
        let rows = x.chunks_exact(gamma.len());
        let gradients = dy.chunks_exact_mut(gamma.len());
        let all = rows.zip(gradients).zip(statistics);
        for (number, ((x, dy), [mean, inverse])) in all.enumerate() {
            let (mean, inverse) = (s.load(mean), s.load(inverse));
            let (mut sum, mut product) = (zero, zero);
            for ((x, dy), gamma) in x.iter().zip(dy.iter()).zip(gamma) {
                let g = s.mul(s.load(dy), s.splat(*gamma));
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                sum = s.add(sum, g);
                product = s.fma(g, unit, product);
            }
            let average = s.div(sum, n);
            let slope = s.sub(zero, s.div(product, n));
            let present = s.load(&kernel.dimensions.present(first + number));
            for ((x, dy), gamma) in x.iter().zip(dy).zip(gamma) {
                let g = s.mul(s.load(dy), s.splat(*gamma));
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                let dx = s.mul(inverse, s.fma(unit, slope, s.sub(g, average)));
                s.store(s.if_less(zero, present, dx, zero), dy);
            }
        }
    }
}
