//! Normalisation with given statistics, and its gradient: see
//! [`Normalisations::normalize`](crate::backend::Normalisations::normalize) and
//! [`Normalisations::normalize_backward`](crate::backend::Normalisations::normalize_backward).

use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::super::sums::{Lanes, Terms, load_some, pixels};
use crate::backend::NormDims;

/// The forward pass: reads x and the residual if present, and writes y.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub dimensions: NormDims,
    pub relu: bool,
    pub mean: &'a [f32],
    /// γ·r.
    pub scale: &'a [f32],
    pub beta: &'a [f32],
}

impl Kernel for Spread<'_, Forward<'_>, 2, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.kernel.relu {
            normalize::<S, true>(s, self);
        } else {
            normalize::<S, false>(s, self);
        }
    }
}

#[inline(always)]
fn normalize<S: Simd, const RELU: bool>(s: S, pixels: Spread<'_, Forward<'_>, 2, 1>) {
    let Spread {
        kernel,
        first,
        read: [x, residual],
        written: [y],
        ..
    } = pixels;
    let zero = s.splat(0.0);
    let channels = kernel.dimensions.channels;
    let pixels = y.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
    for (number, (y, x)) in pixels.enumerate() {
        let residual = residual.get(number * channels..(number + 1) * channels);
        let present = s.load(&kernel.dimensions.present(first + number));
        let parameters = kernel.mean.iter().zip(kernel.scale).zip(kernel.beta);
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

/// Σ dŷ and r·Σ dŷ·(x − μ).
#[derive(Clone, Copy)]
pub struct Gradients<'a> {
    pub dimensions: NormDims,
    pub mean: &'a [f32],
    pub inverse_deviation: &'a [f32],
    pub x: &'a [Block],
    pub relu: Mask<'a>,
    pub dy: &'a [Block],
}

/// Where the output of the ReLU is positive.
#[derive(Clone, Copy)]
pub enum Mask<'a> {
    /// There was no ReLU.
    Everywhere,
    /// γ·r and β, from which the output is computed again.
    Recomputed { scale: &'a [f32], beta: &'a [f32] },
    /// The output.
    Output(&'a [Block]),
}

/// The kinds of [`Mask`].
const EVERYWHERE: u8 = 0;
const RECOMPUTED: u8 = 1;
const OUTPUT: u8 = 2;

impl Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize, const MASK: u8>(
        &self,
        s: S,
        pixel: usize,
        first: usize,
        [scale, shift]: [&[f32]; 2],
        y: &[Block],
        lanes: &mut [Lanes],
    ) {
        let zero = s.splat(0.0);
        let of = |blocks| {
            let channels = self.dimensions.channels;
            pixels::<P>(blocks, pixel, channels, first, lanes.len())
        };
        let (x, dy, y) = (of(self.x), of(self.dy), of(y));
        let parameters = self.mean[first..]
            .iter()
            .zip(&scale[first..])
            .zip(&shift[first..]);
        for (channel, (((mean, scale), shift), [beta, gamma])) in parameters.zip(lanes).enumerate()
        {
            let [mean, scale, shift] = [*mean, *scale, *shift].map(|constant| s.splat(constant));
            let (mut sum, mut product) = (s.load(beta), s.load(gamma));
            for p in 0..P {
                let mut dy = s.load(&dy[p][channel]);
                let centred = s.sub(s.load(&x[p][channel]), mean);
                if MASK == RECOMPUTED {
                    dy = s.if_less(zero, s.fma(centred, scale, shift), dy, zero);
                } else if MASK == OUTPUT {
                    dy = s.if_less(zero, s.load(&y[p][channel]), dy, zero);
                }
                sum = s.add(sum, dy);
                product = s.fma(dy, centred, product);
            }
            s.store(sum, beta);
            s.store(product, gamma);
        }
    }
}

impl Terms for Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let none = [self.mean; 2];
        match self.relu {
            Mask::Everywhere => self.add::<S, P, EVERYWHERE>(s, pixel, first, none, self.dy, lanes),
            Mask::Recomputed { scale, beta } => {
                self.add::<S, P, RECOMPUTED>(s, pixel, first, [scale, beta], self.dy, lanes)
            }
            Mask::Output(y) => self.add::<S, P, OUTPUT>(s, pixel, first, none, y, lanes),
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, channel: usize, sums: [S::Vector; 2]) -> [S::Vector; 2] {
        let [beta, gamma] = sums;
        let inverse = load_some(s, &self.inverse_deviation[channel..]);
        [beta, s.mul(gamma, inverse)]
    }
}

/// μ, a, b and c of a channel's dx = a·(dŷ − b − (x − μ)·c), and β.
pub type Channel = [f32; 5];

/// The backward pass: reads x and, for the mask of the output, y; overwrites dy with dx, and writes the residual's gradient if
/// requested.
#[derive(Clone, Copy)]
pub struct Backward<'a> {
    pub dimensions: NormDims,
    pub channels: &'a [Channel],
    /// Whether the mask is computed again.
    pub recompute: bool,
}

impl Kernel for Spread<'_, Backward<'_>, 2, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.kernel.recompute {
            gradient::<S, true>(s, self);
        } else {
            gradient::<S, false>(s, self);
        }
    }
}

#[inline(always)]
fn gradient<S: Simd, const RECOMPUTE: bool>(s: S, pixels: Spread<'_, Backward<'_>, 2, 2>) {
    let Spread {
        kernel,
        first,
        read: [x, y],
        written: [dy, residual],
        ..
    } = pixels;
    let zero = s.splat(0.0);
    let width = kernel.dimensions.channels;
    let pixels = dy.chunks_exact_mut(width).zip(x.chunks_exact(width));
    for (number, (dy, x)) in pixels.enumerate() {
        let range = number * width..(number + 1) * width;
        let y = y.get(range.clone());
        let mut residual = residual.get_mut(range);
        let present = s.load(&kernel.dimensions.present(first + number));
        for (channel, ((dy, x), constants)) in dy.iter_mut().zip(x).zip(kernel.channels).enumerate()
        {
            let [mean, a, b, c, beta] = constants.map(|constant| s.splat(constant));
            let (x, mut gradient) = (s.load(x), s.load(dy));
            if RECOMPUTE {
                let y = s.fma(s.sub(x, mean), a, beta);
                gradient = s.if_less(zero, y, gradient, zero);
            } else if let Some(y) = y {
                gradient = s.if_less(zero, s.load(&y[channel]), gradient, zero);
            }
            if let Some(residual) = &mut residual {
                s.store(gradient, &mut residual[channel]);
            }
            let against = s.sub(mean, x);
            let dx = s.mul(a, s.fma(against, c, s.sub(gradient, b)));
            s.store(s.if_less(zero, present, dx, zero), dy);
        }
    }
}
