//! Normalisation with given statistics, and its gradient: see
//! [`Normalisations::normalise`](crate::backend::Normalisations::normalise) and
//! [`Normalisations::normalise_backward`](crate::backend::Normalisations::normalise_backward).

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::sums::{Lanes, Terms, load_some, of_channels, over_pixels, pixels, store_some};
use crate::backend::Normalisation;
use crate::shape::LANES;

/// y of pixels `first..`, counted through all blocks.
pub struct Forward<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub relu: bool,
    pub mean: &'a [f32],
    /// γ·r.
    pub scale: &'a [f32],
    pub beta: &'a [f32],
    pub x: &'a [Block],
    pub residual: Option<&'a [Block]>,
    pub first: usize,
    pub y: &'a mut [Block],
}

impl Job for Forward<'_> {
    fn work(&self) -> usize {
        self.y.len() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let channels = self.dimensions.channels;
        let pixels = self.y.len() / channels * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let (x, later_x) = self.x.split_at(pixels * channels);
        let (y, later_y) = self.y.split_at_mut(pixels * channels);
        let residuals = self.residual.map(|r| r.split_at(pixels * channels));
        let first = Forward {
            x,
            y,
            residual: residuals.map(|r| r.0),
            ..self
        };
        let rest = Forward {
            x: later_x,
            y: later_y,
            residual: residuals.map(|r| r.1),
            first: self.first + pixels,
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
        match (self.relu, self.residual) {
            (false, None) => self.pixels::<S, false>(s, &[]),
            (true, None) => self.pixels::<S, true>(s, &[]),
            (false, Some(residual)) => self.pixels::<S, false>(s, residual),
            (true, Some(residual)) => self.pixels::<S, true>(s, residual),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn pixels<S: Simd, const RELU: bool>(self, s: S, residual: &[Block]) {
        let zero = s.splat(0.0);
        let channels = self.dimensions.channels;
        let pixels = self.y.chunks_exact_mut(channels);
        for (number, (y, x)) in pixels.zip(self.x.chunks_exact(channels)).enumerate() {
            let residual = residual.get(number * channels..(number + 1) * channels);
            let present = s.load(&self.dimensions.present(self.first + number));
            let parameters = self.mean.iter().zip(self.scale).zip(self.beta);
            for (channel, ((y, x), ((mean, scale), beta))) in
                y.iter_mut().zip(x).zip(parameters).enumerate()
            {
                let centred = s.sub(s.load(x), s.splat(*mean));
                let mut value = s.fma(centred, s.splat(*scale), s.splat(*beta));
                if let Some(residual) = residual {
                    value = s.add(value, s.load(&residual[channel]));
                }
                if RELU {
                    value = s.if_less(value, zero, zero, s.add(value, zero));
                }
                s.store(s.if_less(zero, present, value, zero), y);
            }
        }
    }
}

/// Σ dŷ and Σ dŷ·(x − μ) for channels `first..first + dgamma.len()`.
pub struct Sums<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub mean: &'a [f32],
    pub inverse_deviation: &'a [f32],
    pub x: &'a [Block],
    /// The forward pass's output, if ReLU was fused into it.
    pub y: Option<&'a [Block]>,
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

impl Sums<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize, const RELU: bool>(
        &self,
        s: S,
        pixel: usize,
        y: &[Block],
        lanes: &mut [Lanes],
    ) {
        let zero = s.splat(0.0);
        let of = |blocks| {
            let channels = self.dimensions.channels;
            pixels::<P>(blocks, pixel, channels, self.first, lanes.len())
        };
        let (x, dy, y) = (of(self.x), of(self.dy), of(y));
        let means = &self.mean[self.first..];
        for (channel, (mean, [beta, gamma])) in means.iter().zip(lanes).enumerate() {
            let mean = s.splat(*mean);
            let (mut sum, mut product) = (s.load(beta), s.load(gamma));
            for p in 0..P {
                let mut dy = s.load(&dy[p][channel]);
                if RELU {
                    dy = s.if_less(zero, s.load(&y[p][channel]), dy, zero);
                }
                sum = s.add(sum, dy);
                product = s.fma(dy, s.sub(s.load(&x[p][channel]), mean), product);
            }
            s.store(sum, beta);
            s.store(product, gamma);
        }
    }
}

impl Terms for Sums<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, lanes: &mut [Lanes]) {
        match self.y {
            Some(y) => self.add::<S, P, true>(s, pixel, y, lanes),
            None => self.add::<S, P, false>(s, pixel, self.dy, lanes),
        }
    }
}

impl Kernel for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let dimensions = self.operands.dimensions;
        let pixels = dimensions.samples.div_ceil(LANES) * dimensions.pixels;
        let sums = over_pixels(s, &self.operands, pixels, self.lanes).chunks(LANES);
        let inverse = self.operands.inverse_deviation[self.operands.first..].chunks(LANES);
        let dgamma = self.operands.dgamma.chunks_mut(LANES);
        let dbeta = self.operands.dbeta.chunks_mut(LANES);
        for (((sums, inverse), dgamma), dbeta) in sums.zip(inverse).zip(dgamma).zip(dbeta) {
            let [beta, gamma] = of_channels(s, sums);
            store_some(s, beta, dbeta);
            store_some(s, s.mul(gamma, load_some(s, inverse)), dgamma);
        }
    }
}

/// μ, a, b and c of a channel's dx = a·(dŷ − b − (x − μ)·c).
pub type Channel = [f32; 4];

/// dx of pixels `first..`, in the place of dy, and the residual's gradient.
pub struct Backward<'a> {
    pub set: InstructionSet,
    pub dimensions: Normalisation,
    pub channels: &'a [Channel],
    pub x: &'a [Block],
    pub y: Option<&'a [Block]>,
    pub first: usize,
    pub dy: &'a mut [Block],
    pub residual: Option<&'a mut [Block]>,
}

impl Job for Backward<'_> {
    fn work(&self) -> usize {
        self.dy.len() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let channels = self.dimensions.channels;
        let pixels = self.dy.len() / channels * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let middle = pixels * channels;
        let (x, later_x) = self.x.split_at(middle);
        let (dy, later_dy) = self.dy.split_at_mut(middle);
        let y = self.y.map(|y| y.split_at(middle));
        let (residual, later_residual) = self.residual.map(|r| r.split_at_mut(middle)).unzip();
        let first = Backward {
            x,
            y: y.map(|y| y.0),
            dy,
            residual,
            ..self
        };
        let rest = Backward {
            x: later_x,
            y: y.map(|y| y.1),
            dy: later_dy,
            residual: later_residual,
            first: self.first + pixels,
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
    fn run<S: Simd>(mut self, s: S) {
        let zero = s.splat(0.0);
        let width = self.dimensions.channels;
        let pixels = self.dy.chunks_exact_mut(width);
        for (number, (dy, x)) in pixels.zip(self.x.chunks_exact(width)).enumerate() {
            let range = number * width..(number + 1) * width;
            let y = self.y.map(|y| &y[range.clone()]);
            let mut residual = self.residual.as_mut().map(|r| &mut r[range]);
            let present = s.load(&self.dimensions.present(self.first + number));
            for (channel, ((dy, x), constants)) in
                dy.iter_mut().zip(x).zip(self.channels).enumerate()
            {
                let mut gradient = s.load(dy);
                if let Some(y) = y {
                    gradient = s.if_less(zero, s.load(&y[channel]), gradient, zero);
                }
                if let Some(residual) = &mut residual {
                    s.store(gradient, &mut residual[channel]);
                }
                let [mean, a, b, c] = constants.map(|constant| s.splat(constant));
                let against = s.sub(mean, s.load(x));
                let dx = s.mul(a, s.fma(against, c, s.sub(gradient, b)));
                s.store(s.if_less(zero, present, dx, zero), dy);
            }
        }
    }
}
