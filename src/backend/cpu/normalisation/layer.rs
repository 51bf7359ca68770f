//! Layer normalisation and its gradient: see
//! [`Normalisations::layer_normalise`](crate::backend::Normalisations::layer_normalise).

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::sums::{Lanes, Terms, of_channels, over_pixels, pixels, store_some};
use crate::backend::Normalisation;
use crate::shape::LANES;

/// Mean and r of a pixel of 16 samples.
type Statistics = [Block; 2];

/// y of pixels `first..`, counted through all blocks, and their statistics.
pub struct Forward<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub epsilon: f32,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub x: &'a [Block],
    pub first: usize,
    pub statistics: &'a mut [Statistics],
    pub y: &'a mut [Block],
}

impl Job for Forward<'_> {
    fn work(&self) -> usize {
        self.y.len() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let pixels = self.statistics.len() * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let at = pixels * self.dimensions.channels;
        let (x, later_x) = self.x.split_at(at);
        let (statistics, later_statistics) = self.statistics.split_at_mut(pixels);
        let (y, later_y) = self.y.split_at_mut(at);
        let first = Forward {
            x,
            statistics,
            y,
            ..self
        };
        let rest = Forward {
            x: later_x,
            first: self.first + pixels,
            statistics: later_statistics,
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

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let (n, epsilon) = (s.splat(self.gamma.len() as f32), s.splat(self.epsilon));
        let rows = self.x.chunks_exact(self.gamma.len());
        let results = self.y.chunks_exact_mut(self.gamma.len());
        let all = rows.zip(results).zip(self.statistics);
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
            let present = s.load(&self.dimensions.present(self.first + number));
            for ((x, y), (gamma, beta)) in x.iter().zip(y).zip(self.gamma.iter().zip(self.beta)) {
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                let value = s.fma(unit, s.splat(*gamma), s.splat(*beta));
                s.store(s.if_less(zero, present, value, zero), y);
            }
        }
    }
}

/// dγ and dβ of channels `first..first + dgamma.len()`.
pub struct Sums<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub statistics: &'a [Statistics],
    pub x: &'a [Block],
    pub dy: &'a [Block],
    pub first: usize,
    pub dgamma: &'a mut [f32],
    pub dbeta: &'a mut [f32],
}

impl Job for Sums<'_> {
    fn work(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels * self.dgamma.len()
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let channels = self.dgamma.len() * left / parts;
        if channels == 0 {
            return Err(self);
        }
        let (dgamma, later_dgamma) = self.dgamma.split_at_mut(channels);
        let (dbeta, later_dbeta) = self.dbeta.split_at_mut(channels);
        let first = Sums {
            dgamma,
            dbeta,
            ..self
        };
        let rest = Sums {
            first: self.first + channels,
            dgamma: later_dgamma,
            dbeta: later_dbeta,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        scratch::with(4 * self.dgamma.len(), |lanes| {
            let (lanes, _) = lanes.as_chunks_mut();
            let set = self.set;
            set.run(Reduce {
                operands: self,
                lanes,
            });
        });
    }
}

struct Reduce<'a> {
    operands: Sums<'a>,
    lanes: &'a mut [Lanes],
}

impl Terms for Sums<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, lanes: &mut [Lanes]) {
        let channels = self.dimensions.channels;
        let x = pixels::<P>(self.x, pixel, channels, self.first, lanes.len());
        let dy = pixels::<P>(self.dy, pixel, channels, self.first, lanes.len());
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

impl Kernel for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let sums = over_pixels(
            s,
            &self.operands,
            self.operands.statistics.len(),
            self.lanes,
        );
        let dgamma = self.operands.dgamma.chunks_mut(LANES);
        let dbeta = self.operands.dbeta.chunks_mut(LANES);
        for ((sums, dgamma), dbeta) in sums.chunks(LANES).zip(dgamma).zip(dbeta) {
            let [beta, gamma] = of_channels(s, sums);
            store_some(s, beta, dbeta);
            store_some(s, gamma, dgamma);
        }
    }
}

/// dx of pixels `first..`, in the place of dy.
pub struct Backward<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub statistics: &'a [Statistics],
    pub gamma: &'a [f32],
    pub x: &'a [Block],
    pub first: usize,
    pub dy: &'a mut [Block],
}

impl Job for Backward<'_> {
    fn work(&self) -> usize {
        self.dy.len() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let pixels = self.statistics.len() * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let at = pixels * self.dimensions.channels;
        let (x, later_x) = self.x.split_at(at);
        let (statistics, later_statistics) = self.statistics.split_at(pixels);
        let (dy, later_dy) = self.dy.split_at_mut(at);
        let first = Backward {
            statistics,
            x,
            dy,
            ..self
        };
        let rest = Backward {
            statistics: later_statistics,
            x: later_x,
            first: self.first + pixels,
            dy: later_dy,
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
        let zero = s.splat(0.0);
        let n = s.splat(self.gamma.len() as f32);
        let rows = self.x.chunks_exact(self.gamma.len());
        let gradients = self.dy.chunks_exact_mut(self.gamma.len());
        let all = rows.zip(gradients).zip(self.statistics);
        for (number, ((x, dy), [mean, inverse])) in all.enumerate() {
            let (mean, inverse) = (s.load(mean), s.load(inverse));
            let (mut sum, mut product) = (zero, zero);
            for ((x, dy), gamma) in x.iter().zip(dy.iter()).zip(self.gamma) {
                let g = s.mul(s.load(dy), s.splat(*gamma));
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                sum = s.add(sum, g);
                product = s.fma(g, unit, product);
            }
            let average = s.div(sum, n);
            let slope = s.sub(zero, s.div(product, n));
            let present = s.load(&self.dimensions.present(self.first + number));
            for ((x, dy), gamma) in x.iter().zip(dy).zip(self.gamma) {
                let g = s.mul(s.load(dy), s.splat(*gamma));
                let unit = s.mul(s.sub(s.load(x), mean), inverse);
                let dx = s.mul(inverse, s.fma(unit, slope, s.sub(g, average)));
                s.store(s.if_less(zero, present, dx, zero), dy);
            }
        }
    }
}
